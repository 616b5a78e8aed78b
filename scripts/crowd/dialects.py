"""How each server is spoken to: its paths, its greeting, its frames. Knows texts, not sockets.

Every server here says the same about a message (seq, author, room, text, time), so that all pay for the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from crowd.frames import client_frame

SEQ = re.compile(rb'"seq":(\d+)')
NEXT = re.compile(rb'"next_seq":(\d+)')
NO_EVENT = re.compile(
    rb'(?:42\["message",)?\{"type":"(?:joined|state\.snapshot|sync\.|ack|error|pong|offer|answer|ice|chat\.typing|'
    rb'welcome)|(?!42|\{)')


@dataclass(frozen=True)
class Seat:
    """One peer of a room, and how it gets in."""

    room: str
    user_id: int
    token: str = ""
    talks: bool = False
    partner: int | None = None
    """The user with whom it exchanges signals."""


class Listener(Protocol):
    """What a dialect may do with the peer that heard something."""

    seat: Seat

    def answer(self, frame: bytes) -> None:
        """Send this."""

    def greeted(self, next_seq: int) -> None:
        """The peer is inside, and hears every event from this one on."""

    def snapshot(self, payload: bytes) -> None:
        """The state of the room as the server has shown it."""

    def page(self, payload: bytes) -> None:
        """Events that it missed."""

    def signalled(self, payload: bytes) -> None:
        """Something from its partner."""

    def complain(self, what: str) -> None:
        """This should not have happened."""


class Plain:
    """The rivals and the sketch: JSON texts, `welcome` as greeting."""

    prefix, suffix = b"", b""

    def way(self, seat: Seat, after: int | None) -> tuple[str, dict[str, str]]:
        """Path and headers of the upgrade."""
        return f"/{seat.room}?user={seat.user_id}", {}

    def say(self, text: bytes) -> bytes:
        return client_frame(self.prefix + b'{"type":"chat.message","text":"' + text + b'"}' + self.suffix)

    def signal(self, kind: bytes, to: int, body: bytes) -> bytes:
        field = b"candidate" if kind == b"ice" else b"sdp"
        return client_frame(b'{"type":"%b","to":%d,"%b":"%b"}' % (kind, to, field, body))

    def seq_of(self, payload: bytes) -> int | None:
        """None: it is no event."""
        if NO_EVENT.match(payload):
            return None
        found = SEQ.search(payload)
        return int(found[1]) if found else None

    def hear(self, peer: Listener, payload: bytes) -> None:
        """What is no event."""
        if payload.startswith(b'{"type":"welcome"'):
            peer.greeted(number(NEXT, payload))
        elif payload.startswith((b'{"type":"ice"', b'{"type":"offer"', b'{"type":"answer"')):
            peer.signalled(payload)
        else:
            peer.complain(f"heard {payload[:200].decode(errors='replace')}")


class Axenix(Plain):
    """Tokens, a snapshot, and pages of what was missed."""

    def way(self, seat: Seat, after: int | None) -> tuple[str, dict[str, str]]:
        query = "" if after is None else "?" + urlencode({"after_seq": after})
        return f"/ws/rooms/{seat.room}{query}", {"Authorization": f"Bearer {seat.token}"}

    def hear(self, peer: Listener, payload: bytes) -> None:
        if payload.startswith(b'{"type":"state.snapshot"'):
            peer.snapshot(payload)
        elif payload.startswith(b'{"type":"sync.info"'):
            peer.greeted(number(NEXT, payload))
        elif payload.startswith(b'{"type":"sync.batch"'):
            peer.page(payload)
        elif not payload.startswith((b'{"type":"joined"', b'{"type":"ack"', b'{"type":"pong"')):
            super().hear(peer, payload)


class SocketIO(Plain):
    """Socket.IO 4 over Engine.IO 4 over nothing but a WebSocket."""

    prefix, suffix = b'42["message",', b"]"

    def way(self, seat: Seat, after: int | None) -> tuple[str, dict[str, str]]:
        return f"/socket.io/?EIO=4&transport=websocket&room={seat.room}&user={seat.user_id}", {}

    def hear(self, peer: Listener, payload: bytes) -> None:
        if payload == b"2":
            peer.answer(client_frame(b"3"))
        elif payload.startswith(b"0{"):
            peer.answer(client_frame(b"40"))
        elif not payload.startswith(b"40{"):
            super().hear(peer, payload.removeprefix(self.prefix).removesuffix(self.suffix))


def number(pattern: re.Pattern[bytes], payload: bytes) -> int:
    found = pattern.search(payload)
    assert found is not None, payload
    return int(found[1])


DIALECTS: dict[str, Plain] = {"axenix": Axenix(), "plain": Plain(), "socket.io": SocketIO()}
