"""The sockets of a room: who hears, in what order, and who is too slow to.

Each event comes here encoded and framed once. All that one commit made durable is joined and handed to each peer as one
write. Nobody is awaited; whoever falls behind is closed with 4008. Knows bytes and peers, nothing of rooms or aiohttp.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any, Callable, Protocol, Sequence

from msgspec import Struct

from axenix.errors import Close, Refused
from axenix.tally import Tally

STUCK_SECONDS = 5.0
CATCHING_UP_BEHIND = 4 * 2**20
"""Bytes, pages and signals, that may wait for a peer that is not live yet."""


class Peer(Protocol):
    """One socket."""

    number: int
    user_id: int
    written: int
    """Bytes handed over by `write` since the beginning."""
    tell: Callable[[bytes], None]
    """The same as `write` without counting: what all peers hear is counted once for all of them."""
    on_behind: Callable[[], None]
    """Called when more waits for the kernel than may wait."""

    def write(self, data: bytes) -> None:
        """Never waits, never raises; a dead socket swallows it."""

    def backlog(self) -> int:
        """Bytes handed over that the kernel has not taken yet."""

    def close(self, code: int) -> None:
        """Says goodbye, and makes sure that it goes: returns at once."""

    async def drained(self) -> None:
        """Until little is left to send. Raises ConnectionError when the socket is gone or does not take anything."""


class Whisper(Struct, frozen=True):
    """Frames for one peer alone: acks and errors."""

    peer: Peer
    frame: bytes


class Reply(Struct, frozen=True):
    """The answer to somebody who awaits it."""

    future: asyncio.Future[Any]
    value: Any
    refused: Exception | None = None
    looked: bool = False
    """Only a view was wanted."""

    def give(self) -> None:
        if self.future.done():
            return  # the asker has gone
        if self.refused is not None:
            self.future.set_exception(self.refused)
        else:
            self.future.set_result(self.value)


Step = bytes | Whisper | Reply | Callable[[], None]


class Audience:
    def __init__(self, tally: Tally | None = None) -> None:
        self.tally = tally or Tally()
        self._told = 0
        """Bytes handed to all who are live."""
        self._behind: list[Peer] = []
        """Found to be too slow while everyone was being told."""
        self._live: dict[int, Peer] = {}
        self._catching_up: dict[int, Peer] = {}
        self._held: dict[int, list[bytes]] = {}
        """connection number: whispers that wait until their peer has caught up"""
        self._marks: dict[int, deque[tuple[float, int]]] = {}
        """connection number: (time, bytes written by then) while something is unsent"""

    def __len__(self) -> int:
        return len(self._live) + len(self._catching_up)

    def of(self, user_id: int) -> Peer | None:
        return self._live.get(user_id) or self._catching_up.get(user_id)

    def peers(self) -> list[Peer]:
        return [*self._live.values(), *self._catching_up.values()]

    # ---- telling ----

    def tell(self, script: Sequence[Step]) -> None:
        """Play a script in order: frames to everyone, whispers to one, comings and goings in between."""
        frames: list[bytes] = []
        whispers: dict[Peer, list[bytes]] = {}
        replies: list[Reply] = []
        for step in script:
            if isinstance(step, bytes):
                frames.append(step)
            elif isinstance(step, Whisper):
                whispers.setdefault(step.peer, []).append(step.frame)
            elif isinstance(step, Reply):
                replies.append(step)
            else:
                self._send(frames, whispers)
                frames, whispers = [], {}
                step()
        self._send(frames, whispers)
        for reply in replies:
            reply.give()

    def _send(self, frames: list[bytes], whispers: dict[Peer, list[bytes]]) -> None:
        if frames:
            shared = b"".join(frames)
            self._told += len(shared)
            self.tally.deliveries += len(frames) * len(self._live)
            for peer in self._live.values():
                if peer in whispers:
                    whispered = b"".join(whispers.pop(peer))
                    peer.tell(shared + whispered)  # one system call for both
                    peer.written += len(whispered)
                else:
                    peer.tell(shared)
            if self._behind:
                self._part_the_slow()
        for peer, own in whispers.items():
            self.whisper(peer, b"".join(own))

    def _fell_behind(self, peer: Peer) -> None:
        """Those who are catching up have a pace of their own."""
        if self._live.get(peer.user_id) is peer:
            self._behind.append(peer)  # and not parted here: the live ones may just be being gone through

    def _part_the_slow(self) -> None:
        while self._behind:
            self.part(self._behind.pop(), Close.TOO_SLOW)

    def whisper(self, peer: Peer, data: bytes) -> None:
        """To one peer; held back while it catches up, so that an ack never overtakes its event."""
        if peer.number in self._held:
            self._held[peer.number].append(data)
        else:
            peer.write(data)

    def pass_on(self, to: int | None, frame: bytes, sender: Peer) -> None:
        """A signal: to one peer, or to all but the sender. Raises Refused("peer_not_found")."""
        if to is None:
            for peer in self._live.values():
                if peer is not sender:
                    peer.write(frame)
            for peer in [each for each in self._catching_up.values() if each is not sender]:
                self._pass(peer, frame)
        elif found := self._live.get(to):
            found.write(frame)
        elif found := self._catching_up.get(to):
            self._pass(found, frame)
        else:
            raise Refused("peer_not_found")

    def _pass(self, peer: Peer, frame: bytes) -> None:
        """To one who is catching up, and not watched otherwise: pages come only as fast as they are read."""
        if peer.backlog() > CATCHING_UP_BEHIND:
            self.part(peer, Close.TOO_SLOW)
        else:
            peer.write(frame)

    # ---- coming and going ----

    def admit(self, peer: Peer, *, live: bool) -> None:
        """From here on the peer hears the room: at once, or as soon as it has caught up."""
        former = self.of(peer.user_id)
        if former is not None:
            self.part(former, Close.REPLACED)
        peer.on_behind = partial(self._fell_behind, peer)
        if live:
            self._live[peer.user_id] = peer
        else:
            self._catching_up[peer.user_id] = peer
            self._held[peer.number] = []

    def caught_up(self, peer: Peer) -> bool:
        """Join the live ones; False when the peer has gone meanwhile."""
        if self._catching_up.get(peer.user_id) is not peer:
            return False
        del self._catching_up[peer.user_id]
        self._live[peer.user_id] = peer
        self._marks.pop(peer.number, None)  # which did not count what all have been told
        peer.write(b"".join(self._held.pop(peer.number)))
        return True

    def part(self, peer: Peer, code: int) -> None:
        """The peer hears nothing more."""
        self.forget(peer)
        if code == Close.TOO_SLOW:
            self.tally.evictions += 1
        peer.close(code)

    def forget(self, peer: Peer) -> None:
        for group in (self._live, self._catching_up):
            if group.get(peer.user_id) is peer:
                del group[peer.user_id]
        self._held.pop(peer.number, None)
        self._marks.pop(peer.number, None)

    def disperse(self, code: int) -> None:
        for peer in self.peers():
            self.part(peer, code)

    # ---- the slow ----

    def sweep(self, now: float) -> None:
        """Close every peer that is too far behind, or whose oldest unsent byte is older than five seconds."""
        self._part_the_slow()
        for peer in self.peers():
            backlog = peer.backlog()
            if not backlog:
                self._marks.pop(peer.number, None)
                continue
            written = peer.written + (self._told if peer.user_id in self._live else 0)
            marks = self._marks.setdefault(peer.number, deque())
            while marks and marks[0][1] <= written - backlog:
                marks.popleft()
            marks.append((now, written))
            if now - marks[0][0] >= STUCK_SECONDS:
                self.part(peer, Close.TOO_SLOW)
