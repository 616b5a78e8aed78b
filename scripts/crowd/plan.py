"""What a crowd is to do, and the processes that do it. The parent shows how far they are and adds up their figures."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from crowd.dialects import Seat
from crowd.figures import Figures, curve
from crowd.hall import Hall
from crowd.seats import arrange, share
from crowd.servers import Scales, Server

Weight = dict[str, dict[str, float]]
Progress = Callable[[str, float, int], None]
"""What is going on, how much of it is done (0 to 1), and how many deliveries there have been."""


@dataclass(frozen=True)
class Plan:
    rooms: int = 1
    peers: int = 100
    talkers: int = 20
    rate: float = 0.0
    """Messages a second of each talker; 0: as fast as they come back."""
    window: int = 1
    """Then: how many a talker has under way."""
    signals: float = 0.0
    """Signals a second of each pair."""
    churn: float = 0.0
    """Peers that leave and come back, a second."""
    duration: float = 10.0
    warm_up: float = 1.0
    size: int = 80
    """Characters of a message."""
    processes: int = 1
    core: int | None = None
    at_once: int = 100
    """Peers that may be on their way in."""
    only_joins: bool = False


def start_traffic(hall: Hall, plan: Plan) -> None:
    """Everything that goes by the clock."""
    if plan.rate:
        for talker in hall.talkers:
            hall.every(1 / plan.rate, partial(hall.say, talker))
    if plan.signals:
        for peer in hall.peers:
            if peer.seat.partner is not None:
                hall.every(2 / plan.signals, partial(hall.signal, peer))
    if plan.churn:
        hall.every(plan.processes / plan.churn, hall.churn)


def work(pipe: Connection, address: tuple[str, int], dialect: str, seats: list[Seat], plan: Plan) -> None:
    """One process of the crowd."""
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    hall = Hall(address, dialect, seats, plan.size, 0 if plan.rate else plan.window)
    hall.only_joins = plan.only_joins
    hall.enter(hall.peers, plan.at_once)
    pipe.send("inside")
    pipe.recv()
    start_traffic(hall, plan)
    hall.run(plan.warm_up)
    pipe.send("measuring")
    figures = hall.measure(lambda: hall.run(plan.duration, pipe.send))
    pipe.send("measured")
    if not plan.churn:
        hall.settle()
    hall.close()
    pipe.send(figures)


def carry_out(server: Server, dialect: str, plan: Plan, progress: Progress) -> dict[str, Any]:
    """The whole crowd: comes in, talks, is measured, and goes. Answers with the summary."""
    progress("making users and rooms", 0.0, 0)
    before = server.memory_mb() if server.pid else 0.0
    seats = arrange(server.address, dialect, plan.rooms, plan.peers, plan.talkers, plan.signals > 0)
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    for part in share(seats, plan.processes):
        here, there = context.Pipe()
        arguments = there, server.address, dialect, part, plan
        context.Process(target=work, args=arguments, daemon=True).start()
        there.close()
        pipes.append(here)
    progress("coming in", 0.0, 0)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    total, weight = _gather(pipes, plan, progress, partial(Scales, server, before, len(seats)) if server.pid else None)
    if weight and weight["server"]["cpu_percent"]:
        weight["server"]["deliveries_per_cpu_second"] = round(total.rate / weight["server"]["cpu_percent"] * 100)
    return total.summary() | {"over_time": total.over_time, "percentiles": curve(total.latencies)} | weight


def _gather(
    pipes: list[Connection], plan: Plan, progress: Progress, begin_to_weigh: Callable[[], Scales] | None,
) -> tuple[Figures, Weight]:
    total, weight, began = Figures(), Weight(), time.monotonic()
    scales: Scales | None = None
    heard: dict[Connection, int] = {pipe: 0 for pipe in pipes}
    open_pipes = list(pipes)
    while open_pipes:
        for pipe in wait(open_pipes, 0.5):
            assert isinstance(pipe, Connection)
            said = pipe.recv()
            if isinstance(said, Figures):
                total.add(said)
                open_pipes.remove(pipe)
            elif isinstance(said, int):
                heard[pipe] = said
            elif said == "measuring":
                scales = scales or (begin_to_weigh and begin_to_weigh())
            elif scales is not None and not weight:
                weight = {"server": scales.weigh()}
        done = (time.monotonic() - began) / (plan.duration + plan.warm_up)
        progress("talking", min(1.0, done), sum(heard.values()))
    return total, weight
