"""What is measured, case by case: those that are one plan and a figure, and those that have a story of their own."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from crowd.hall import Hall
from crowd.plan import Plan
from crowd.seats import Rest, arrange
from crowd.servers import Server

ALL = ("axenix", "sketch", "socketify", "ws", "socket.io", "starlette")
OURS = ("axenix",)
DURABLE = ("axenix", "sketch")
STAYERS, ABSENT, MISSED = 100, 500, 2000
TIMES = 40
PAGE = 50

Summary = dict[str, Any]


@dataclass(frozen=True)
class Case:
    words: str
    plan: Plan
    figure: tuple[str, ...] = ("deliveries_per_second",)
    """Where in the summary the figure is that the chart shows."""
    unit: str = "deliveries/s"
    servers: tuple[str, ...] = ALL
    slow_disk: bool = False


WINDOW = 8
TALK = Plan(peers=10, talkers=10, window=WINDOW)
FAN_OUT = Plan(peers=100, talkers=20, window=WINDOW)
ROOMS = Plan(rooms=200, peers=5, talkers=1, window=WINDOW)
MUCH = replace(FAN_OUT, window=64)
WAITING = "each waiting for its last message"
LATENCY = ("latency_ms", "p99")
CASES = {
    "talk": Case("10 in a room, all talking", TALK),
    "talk-1": Case(WAITING, replace(TALK, window=1)),
    "fan-out": Case("100 in a room, 20 talking", FAN_OUT),
    "fan-out-1": Case(WAITING, replace(FAN_OUT, window=1)),
    "rooms": Case("200 rooms of 5, one talking in each", ROOMS),
    "rooms-1": Case(WAITING, replace(ROOMS, window=1)),
    "hall": Case("2000 in a room, one talking, 20/s", Plan(peers=2000, talkers=1, rate=20), LATENCY, "ms, p99"),
    "signals": Case("500 pairs, 20 000 offers, answers and candidates a second",
                    Plan(rooms=500, peers=2, talkers=0, signals=40), ("signal_latency_ms", "p99"), "ms, p99", OURS),
    "join-storm": Case("1000 join one room at once",
                       Plan(peers=1000, talkers=0, duration=0.5, warm_up=0, at_once=1000, only_joins=True),
                       ("joining_seconds",), "s", OURS),
    "idle": Case("5000 connected, in 50 rooms, nothing said", Plan(rooms=50, peers=100, talkers=0),
                 ("server", "kb_per_peer"), "KB a connection", OURS),
    "fan-out-64": Case("each with 64 under way: nobody waits for the disk", MUCH, servers=DURABLE),
    "slow-disk": Case("fan-out-64 with 5 ms more for every fsync", MUCH, servers=DURABLE, slow_disk=True),
}
GROWTH = {
    **{f"{peers} peers": Plan(peers=peers, talkers=min(20, peers), window=WINDOW) for peers in (2, 10, 50, 200, 500)},
    **{f"{talkers} talkers": Plan(talkers=talkers, window=WINDOW) for talkers in (1, 5, 20, 100)},
    **{f"{rooms} rooms": Plan(rooms=rooms, peers=5, talkers=1) for rooms in (1, 10, 100, 400)},
    **{f"{size} characters": Plan(size=size, window=WINDOW) for size in (20, 200, 1000, 4000)},
}


def in_child(work: Callable[[], Summary], core: int | None) -> Summary:
    """In a process of its own, on the load's core."""
    def go(there: Connection) -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})
        there.send(work())

    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    context.Process(target=go, args=(there,), daemon=True).start()
    there.close()
    summary: Summary = here.recv()
    return summary


def say_and_wait(hall: Hall, times: int, burst: int = 250) -> None:
    """The talker says so many things, and hears them all."""
    talker = hall.talkers[0]
    until = talker.index + times
    while (left := until - talker.index) > 0:
        talker.heard = 0
        hall.say(talker, min(burst, left))
        while talker.heard < min(burst, left):
            hall.turn(1.0)


def catch_up(server: Server, core: int | None, absent: int = ABSENT, missed: int = MISSED) -> Summary:
    """Many lose their connection, miss much, and come back at once, while the talk goes on among the others."""
    seats = arrange(server.address, "axenix", 1, STAYERS + absent, 1, False)

    def work() -> Summary:
        hall = Hall(server.address, "axenix", seats, 80, 0)
        hall.enter(hall.peers)
        gone = hall.peers[STAYERS:]
        for peer in gone:
            hall.shut(peer)
        say_and_wait(hall, missed)
        hall.every(0.05, partial(hall.say, hall.talkers[0]))
        hall.figures.join_times.clear()
        took: list[float] = []
        figures = hall.measure(lambda: took.append(hall.enter(gone, absent, resuming=True)))
        hall.settle()
        hall.close()
        figures.extra["level_after_seconds"] = took[0]
        return figures.summary()

    return in_child(work, core)


def history(server: Server, core: int | None, most: int) -> Summary:
    """What joining, the first page of chat and a page of sync cost, by how much has been said before. In ms."""
    sizes = (10, 1000, most)
    halls = [Hall(server.address, "axenix", arrange(server.address, "axenix", 1, 2, 1, False), 80, 0) for _ in sizes]

    def work() -> Summary:
        for hall, size in zip(halls, sizes):
            hall.enter(hall.talkers)
            say_and_wait(hall, size - 1, 2000)
        found: dict[str, list[float]] = {}
        for _ in range(TIMES):
            for hall, size in zip(halls, sizes):
                for what, took in visit(hall, Rest(server.address)).items():
                    found.setdefault(f"{what} at {size}", []).append(took)
        errors = sum((hall.figures.errors for hall in halls[1:]), halls[0].figures.errors)
        return {"errors": dict(errors)} | {what: round(1000 * statistics.median(all_)) / 1000
                                           for what, all_ in found.items()}

    return in_child(work, core)


def visit(hall: Hall, rest: Rest) -> dict[str, float]:
    """One comes in, reads the last page, and leaves. Milliseconds."""
    visitor = hall.peers[-1]
    took = {"join": 1000 * hall.enter([visitor])}
    room, token, last = visitor.seat.room, visitor.seat.token, visitor.last_seq
    for what, path in (("chat", f"/api/chat/{room}?limit={PAGE}"),
                       ("sync", f"/api/sync/{room}?after_seq={max(0, last - PAGE)}&limit={PAGE}")):
        began = time.monotonic()
        rest.ask("GET", path, token=token)
        took[what] = 1000 * (time.monotonic() - began)
    visitor.leave()
    hall.turn(0.02)
    hall.shut(visitor)
    return took
