"""A crowd that is cut off at once, by the network or by the server's death, and comes back at once, without any jitter.

Each of them is level again in time, and has heard everything once and in order, while others go on talking.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from crowd.dialects import Seat
from crowd.seats import arrange
from harness import ServerProcess

from soaking.plugs import Address, Plug, close, enter, listen
from soaking.subject import stumbles, subject
from soaking.weight import many_descriptors

IN_A_ROOM = 50
BEFORE, AWAY = 20, 600
"""Lines in each room before the cut, and during it: more than rooms keep in memory."""
BACK_SECONDS = 10.0
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: the end is a reset, not a goodbye."""


class Ear:
    """One of the crowd: what it has heard, through all its sockets."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.plug: Plug | None = None
        self.events: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self._read = 0

    def come(self, address: Address) -> Plug:
        self.read()
        if self.plug is not None:
            close([self.plug])
        self.plug, self._read = Plug(address, self.seat, self.last or None), 0
        return self.plug

    def read(self) -> None:
        """What has come since the last look."""
        if self.plug is None:
            return
        fresh, self._read = self.plug.texts[self._read:], len(self.plug.texts)
        for heard in fresh:
            frame = orjson.loads(heard.payload)
            if frame["type"] == "sync.batch":
                self.events += frame["items"]
            elif frame["type"] in ("sync.reset", "error"):
                self.faults.append(f"{self.seat.user_id} was told {frame}")
            elif "created_at" in frame:
                self.events.append(frame)

    @property
    def last(self) -> int:
        self.read()
        return int(self.events[-1]["seq"]) if self.events else 0

    def check(self, truth: list[dict[str, Any]]) -> list[str]:
        """`truth`: what one heard who was there all the time."""
        seqs = [event["seq"] for event in self.events]
        if seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            return [*self.faults, f"{self.seat.user_id} missed something or heard it twice"]
        first = truth[0]["seq"]
        if any(event != truth[event["seq"] - first] for event in self.events if event["seq"] >= first):
            return [*self.faults, f"{self.seat.user_id} heard something else than others"]
        return self.faults


class Room:
    def __init__(self, seats: list[Seat]) -> None:
        self.talker, *self.crowd = [Ear(seat) for seat in seats]
        self.said = 0

    def say(self, lines: int) -> None:
        assert self.talker.plug is not None
        for _ in range(lines):
            self.said += 1
            self.talker.plug.say(b'{"type":"chat.message","text":"line %d"}' % self.said)

    def is_level(self) -> bool:
        return all(each.last >= self.talker.last for each in self.crowd)

    def everyone(self) -> list[Ear]:
        return [self.talker, *self.crowd]


def come(address: Address, ears: Iterable[Ear], at_once: int) -> None:
    waiting = list(ears)
    while waiting:
        group, waiting = [each.come(address) for each in waiting[:at_once]], waiting[at_once:]
        if not listen(group, lambda: all(plug.is_inside for plug in group), 60):
            raise TimeoutError(f"only {sum(plug.is_inside for plug in group)} of {len(group)} came in")


def hear(rooms: list[Room], seconds: float) -> bool:
    """Until everyone has heard all that has been said; says whether that was so in time."""
    plugs = [each.plug for room in rooms for each in room.everyone() if each.plug is not None]

    def enough() -> bool:
        return all(lines_of(room.talker) == room.said and room.is_level() for room in rooms)

    return listen(plugs, enough, seconds)


def lines_of(ear: Ear) -> int:
    """The number of the last line heard."""
    ear.read()
    return next((int(event["text"][5:]) for event in reversed(ear.events) if event["type"] == "chat.message"), 0)


def cut(ears: Iterable[Ear]) -> None:
    for each in ears:
        assert each.plug is not None
        each.plug.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    close([each.plug for each in ears if each.plug is not None])


async def run(folder: Path, clients: int, say: Callable[[str], None]) -> list[str]:
    """Says what is wrong."""
    many_descriptors()
    async with subject(folder / "data") as server:
        address, count = ("127.0.0.1", server.port), max(1, clients // IN_A_ROOM)
        seats = arrange(address, "axenix", count, IN_A_ROOM + 1, 0, False)
        rooms = [Room(seats[at:at + IN_A_ROOM + 1]) for at in range(0, len(seats), IN_A_ROOM + 1)]
        crowd = [each for room in rooms for each in room.crowd]
        come(address, (room.talker for room in rooms), 100)
        come(address, crowd, 100)
        talk(rooms, BEFORE)
        faults = [] if hear(rooms, 30) else ["not everyone heard what was said before the cut"]
        cut(crowd)
        for _ in range(AWAY // 10):
            talk(rooms, 10)
        faults += back_in_time(rooms, crowd, address, "the network", say)
        await die(server, rooms, address)
        faults += back_in_time(rooms, crowd, address, "the server", say)
        for room in rooms:
            faults += [fault for each in room.everyone() for fault in each.check(room.talker.events)]
        close(each.plug for room in rooms for each in room.everyone() if each.plug is not None)
        return faults + stumbles(server)


async def die(server: ServerProcess, rooms: list[Room], address: Address) -> None:
    """In the middle of what is being said; those who talk are the first to be back."""
    ears = [each for room in rooms for each in room.everyone()]
    talk(rooms, AWAY)
    plugs = [each.plug for each in ears if each.plug]
    listen(plugs, lambda: any(lines_of(room.talker) == room.said for room in rooms), 5)
    await server.restart()
    listen(plugs, lambda: all(each.plug and each.plug.is_gone for each in ears), 10)
    come(address, (room.talker for room in rooms), 100)
    talk(rooms, AWAY)


def talk(rooms: list[Room], lines: int) -> None:
    for room in rooms:
        room.say(lines)


def back_in_time(rooms: list[Room], crowd: list[Ear], address: Address, what: str,
                 say: Callable[[str], None]) -> list[str]:
    began = time.monotonic()
    try:
        come(address, crowd, len(crowd))
    except TimeoutError as error:
        return [f"{what}: {error}"]
    inside = time.monotonic() - began
    talk(rooms, 5)
    is_level, seconds = hear(rooms, 30), time.monotonic() - began
    say(f"cut off by {what}: {len(crowd)} inside after {inside:.2f} s, and level after {seconds:.2f} s")
    if not is_level:
        behind = sum(not room.is_level() for room in rooms)
        return [f"cut off by {what}: in {behind} rooms not everyone is level"]
    return [] if seconds < BACK_SECONDS else [f"cut off by {what}: back after {seconds:.1f} s"]


def fill(address: Address, events: int, at_once: int = 1000) -> Seat:
    """A room in which so much has happened; says who was there, as the only one."""
    [seat] = arrange(address, "axenix", 1, 1, 0, False)
    [plug] = enter(address, [seat])
    for _ in range(0, events, at_once):
        plug.texts.clear()
        plug.say(*[b'{"type":"chat.message","text":"it has been said before, and is said again"}'] * at_once)
        if not listen([plug], lambda: len(plug.texts) >= at_once or plug.is_gone, 30) or plug.is_gone:
            raise TimeoutError("what was said is not heard")
    close([plug])
    return seat
