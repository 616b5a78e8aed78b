"""A journal in memory that stalls and fails when told to, and peers that remember what they heard."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec.structs import replace

from axenix.actor import RoomActor
from axenix.audience import Peer
from axenix.errors import Fenced, Refused
from axenix.lines import Claim, Journal, Line, Then, Writing, tombstone
from axenix.room import commands as c
from axenix.room.moment import Moment
from axenix.room.permits import Who
from axenix.room.state import Law, found, freeze
from axenix.rooms import Rooms


class MemoryJournal(Journal):
    refusal: str | None = None

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.frozen, self.frozen_seq = freeze(found("stage", "Stage", (1, "Olga", None), "e" * 32)), 0
        self.term = 0
        self.floor = 1
        self.stalled = False
        self.waiting: list[tuple[Then, int, Writing]] = []

    async def claim(self, room: int) -> Claim:
        self.term += 1
        return Claim(self.term, len(self.lines), self.floor, self.frozen, self.frozen_seq)

    async def after(self, room: int, seq: int, *, limit: int, upto: int | None = None) -> list[Line]:
        await asyncio.sleep(0)
        return [line for line in self.lines[seq:][:limit] if upto is None or line.seq <= upto]

    def write(self, room: int, term: int, writing: Writing, then: Then) -> None:
        self.waiting.append((then, term, writing))
        if not self.stalled:
            asyncio.get_running_loop().call_soon(self.commit)

    def release(self, room: int, term: int) -> None:
        """There is nothing here that a claim would hold."""

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for then, term, writing in waiting:
            if term != self.term:
                then(Fenced())
                continue
            for line in writing.lines:
                assert line.seq == len(self.lines) + 1
                if line.redacts:
                    old = self.lines[line.redacts - 1]
                    self.lines[line.redacts - 1] = replace(old, body=tombstone(old.body))
                self.lines.append(line)
            if writing.checkpoint:
                self.frozen, self.frozen_seq = writing.checkpoint.frozen, writing.checkpoint.seq
            then(None)

    def fail(self, reason: str) -> None:
        waiting, self.waiting = self.waiting, []
        for then, _, _ in waiting:
            then(Refused(reason))


class Ear:
    """A peer that writes down what it hears."""

    _numbers = iter(range(1000, 10**9))

    def __init__(self, user_id: int) -> None:
        self.max_behind = 1 << 20
        self.on_behind = lambda: None
        self.number = next(self._numbers)
        self.user_id = user_id
        self.written = 0
        self.stuck = False
        self.unsent = 0
        self.code: int | None = None
        self.raw = b""

    def write(self, data: bytes) -> None:
        self.tell(data)
        self.written += len(data)

    def tell(self, data: bytes) -> None:
        if self.code is None:
            self.raw += data
            self.unsent = self.unsent + len(data) if self.stuck else 0
            if self.unsent > self.max_behind:
                self.on_behind()

    def backlog(self) -> int:
        return self.unsent

    def close(self, code: int) -> None:
        self.code = self.code or code

    async def drained(self) -> None:
        await asyncio.sleep(0)

    def take(self) -> list[dict[str, Any]]:
        """What was heard since the last look."""
        messages, raw = [], self.raw
        self.raw = b""
        while raw:
            size, start = raw[1], 2
            if size == 126:
                size, start = int.from_bytes(raw[2:4]), 4
            elif size == 127:
                size, start = int.from_bytes(raw[2:10]), 10
            messages.append(json.loads(raw[start:start + size]))
            raw = raw[start + size:]
        return messages

    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.take() if "created_at" in message]


class Clock:
    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> Moment:
        mono = asyncio.get_running_loop().time() + self.offset
        return Moment.of(1_790_000_000 + mono, mono)


class Found:
    def __init__(self) -> None:
        self.id = 1


class OneRoom:
    """A catalogue of the stage alone."""

    async def find(self, slug: str) -> Found | None:
        return Found() if slug == "stage" else None

    async def awake(self) -> list[tuple[int, str]]:
        return [(1, "stage")]

    async def erase(self, room: int) -> None:
        return None


class House:
    """The rooms over a journal in memory."""

    def __init__(self, law: Law | None = None, retention: int = 0) -> None:
        self.journal, self.clock = MemoryJournal(), Clock()
        self.rooms = Rooms(
            self.journal, OneRoom(), law or Law(), retention=retention, now=self.clock)

    async def actor(self) -> RoomActor:
        return await self.rooms.open("stage")

    async def enter(self, user_id: int, **resume: Any) -> Ear:
        from axenix.turn import Resume

        ear = Ear(user_id)
        await self.rooms.join("stage", ear, c.Join(f"user {user_id}", None), Resume(**resume) if resume else None)
        return ear

    async def say(self, ear: Peer, command: Any) -> None:
        (await self.actor()).hear(ear, command)

    async def ask(self, user_id: int, command: Any) -> Any:
        return await self.rooms.ask("stage", Who(user_id), command)


async def settle(passes: int = 20) -> None:
    """Let everything that is ready happen, in so many passes of the loop, however slow the machine."""
    for _ in range(passes):
        await asyncio.sleep(0)
