"""One fake peer: its socket, and what it makes of what it hears. Knows no other peer; the stream compares them."""

from __future__ import annotations

import re
import socket
import time
from typing import Protocol

from crowd.dialects import NEXT, SEQ, Plain, Seat, number
from crowd.frames import CLOSE, PING, PONG, TEXT, after_handshake, client_frame, close_code, frame_at, handshake
from crowd.stream import UNIT, Stream

SENT = re.compile(rb"sent:(\d+)\.(\d+)")
"""In a signal: when, and its number between these two."""
PAGES = 64


class World(Protocol):
    """What a peer tells the crowd that it belongs to."""

    dialect: Plain
    pages: dict[bytes, tuple[int, int]]

    def entered(self, peer: Peer) -> None: ...

    def signalled(self, peer: Peer, units: int) -> None: ...

    def saw(self, peer: Peer, snapshot: bytes) -> None: ...

    def blocked(self, peer: Peer) -> None: ...

    def error(self, what: str) -> None: ...


class Peer:
    __slots__ = ("world", "seat", "stream", "plug", "rest", "index", "after", "began", "live", "greeting", "heard",
                 "unsent", "left", "signals_said", "signals_heard", "shown")

    def __init__(self, world: World, seat: Seat, stream: Stream) -> None:
        self.world, self.seat, self.stream = world, seat, stream
        self.plug: socket.socket | None = None
        self.index = self.heard = self.signals_said = self.signals_heard = self.shown = 0
        """index: of the next event; heard: how many messages of its own have come back."""
        self.after: int | None = None
        self.live = self.greeting = self.left = False
        self.rest = self.unsent = b""
        self.began = 0

    # ---- coming and going ----

    def connect(self, address: tuple[str, int], after: int | None = None) -> socket.socket:
        self.plug = plug = socket.socket()
        plug.setblocking(False)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began, self.after, self.rest = time.monotonic_ns(), after, b""
        self.live, self.greeting, self.left = False, True, False
        self.heard = self.signals_said = self.signals_heard = 0
        path, headers = self.world.dialect.way(self.seat, after)
        self.unsent = handshake(f"{address[0]}:{address[1]}", path, headers)
        plug.connect_ex(address)
        return plug

    def send(self, data: bytes) -> None:
        """What the kernel does not take now goes as soon as it does."""
        self.unsent += data
        self.flush()
        if self.unsent and self.plug is not None:
            self.world.blocked(self)

    def flush(self) -> None:
        if self.unsent and self.plug is not None:
            try:
                self.unsent = self.unsent[self.plug.send(self.unsent):]
            except BlockingIOError:
                pass

    def leave(self) -> None:
        """As one who goes for good; then the end of the connection is no surprise."""
        self.left = True
        self.send(client_frame((1000).to_bytes(2), CLOSE))

    @property
    def last_seq(self) -> int:
        return (self.stream.base or 0) + self.index - 1

    # ---- hearing ----

    def feed(self, chunk: bytes, now: int) -> None:
        """Everything that has come in; the usual case, an event that others know, costs one comparison."""
        if self.rest:
            chunk, self.rest = self.rest + chunk, b""
        if self.live and 0 <= self.index < len(self.stream):
            index, size = self.stream.match(chunk, self.index)
            if size:
                self.advance(index, now)
                if size == len(chunk):
                    return
                chunk = chunk[size:]
        self.rest = self.read(chunk, now)

    def advance(self, index: int, now: int) -> None:
        self.stream.log.extend((now, self.index, index))
        self.stream.delivered += index - self.index
        if self.seat.talks:
            self.heard += self.stream.authors[self.index:index].count(self.seat.user_id)
        self.index = index

    def read(self, chunk: bytes, now: int) -> bytes:
        """Frame by frame; returns what is not complete yet."""
        if self.greeting:
            rest = after_handshake(chunk)
            if rest is None:
                return chunk
            chunk, self.greeting = rest, False
        at = 0
        while found := frame_at(chunk, at):
            payload = chunk[found.start:found.end]
            if found.opcode == TEXT:
                self.understand(chunk[at:found.end], payload, now)
            elif found.opcode == PING:
                self.send(client_frame(payload, PONG))
            elif found.opcode == CLOSE and not self.left:
                self.complain(f"closed with {close_code(payload)}")
            at = found.end
        return chunk[at:]

    def understand(self, frame: bytes, payload: bytes, now: int) -> None:
        seq = self.world.dialect.seq_of(payload)
        if seq is None:
            return self.world.dialect.hear(self, payload)
        if not self.live:
            return self.complain(f"event {seq} before the greeting")
        stream, index = self.stream, self.stream.index_of(seq)
        if index != self.index:
            self.complain(f"gap: expected seq {self.last_seq + 1}, heard {seq}")
            self.index = index
        if index < 0:
            self.index += 1  # before all that anybody here has kept
            return
        if not stream.is_known(index):
            stream.extend(index, frame, payload)
        elif stream.data[stream.ends[index]:stream.ends[index + 1]] != frame:
            self.complain(f"seq {seq} is not what others heard")
        self.advance(index + 1, now)

    # ---- what the dialect understood ----

    def answer(self, frame: bytes) -> None:
        self.send(frame)

    def greeted(self, next_seq: int) -> None:
        if self.shown and self.shown + 1 != next_seq:
            self.complain(f"the snapshot is of {self.shown}, and the next seq {next_seq}")
        if self.after is None:
            self.enter(next_seq)

    def enter(self, next_seq: int) -> None:
        self.index, self.live = self.stream.index_of(next_seq), True
        self.world.entered(self)

    def snapshot(self, payload: bytes) -> None:
        self.shown = number(SEQ, payload[payload.rindex(b'"seq":'):])
        self.world.saw(self, payload)

    def page(self, payload: bytes) -> None:
        """Dense, from the seq after the last on. Many peers are sent the same page, and one is looked through."""
        pages = self.world.pages
        if payload not in pages:
            if len(pages) >= PAGES:
                pages.clear()
            items, tail = payload[:payload.rindex(b"]")], payload[payload.rindex(b"]"):]
            seqs = [int(seq) for seq in SEQ.findall(items)]
            upto = number(NEXT, tail)
            if seqs and seqs != list(range(seqs[0], upto)):
                self.complain(f"a page of {seqs[0]} to {upto - 1} has holes")
            pages[payload] = (seqs[0] if seqs else upto), upto
        first, upto = pages[payload]
        if self.after is not None and first != self.after + 1:
            self.complain(f"gap: a page begins at {first}, after {self.after}")
        self.after = upto - 1
        if payload.endswith(b'"has_more":false}'):
            self.enter(upto)

    def signalled(self, payload: bytes) -> None:
        sent = SENT.search(payload)
        if sent is None or int(sent[2]) != self.signals_heard:
            self.complain(f"signal {self.signals_heard} is missing")
        if sent is not None:
            self.signals_heard = int(sent[2]) + 1
            self.world.signalled(self, (time.monotonic_ns() - int(sent[1])) >> UNIT)

    def complain(self, what: str) -> None:
        self.world.error(what)
