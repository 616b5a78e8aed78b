"""One peer that reads nothing costs the others nothing, and is soon gone with all that it held."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import pytest
from crowd.dialects import Seat
from crowd.seats import arrange
from harness import RATES_OFF, ServerProcess
from soaking.plugs import Plug, close, enter, listen
from soaking.weight import weigh

PEERS, WINDOWS = 50, 3
PACE, SLICE, CALM = 0.02, 0.2, 1.5
"""Seconds between two lines; of which a p99 is taken; and of a window without anyone who is stuck."""
TEXT = "😀" * 3950
NOISE = 0.0005
"""Seconds by which the same differs from one run to the next."""


class Window(NamedTuple):
    p99s: list[float]
    """Seconds until 99 of 100 have heard a line, slice by slice: other programs disturb some of them."""
    work: float
    """Processor seconds of the server for a line."""
    took: float


def talk(server: ServerProcess, plugs: list[Plug], seconds: float, until: int | None = None) -> Window:
    """The first says a line every PACE, until the time is up or the server has no more than so many descriptors."""
    for plug in plugs:
        plug.texts.clear()
    began, worked, said = time.monotonic(), work_of(server.pid), 0
    while (now := time.monotonic()) - began < seconds and (until is None or weigh(server.pid).descriptors > until):
        line = {"type": "chat.message", "text": f"{now} {TEXT}"}
        plugs[0].say(json.dumps(line, ensure_ascii=False).encode())
        said += 1
        listen(plugs, lambda: time.monotonic() - now >= PACE, PACE)
    took = time.monotonic() - began
    assert listen(plugs, lambda: all(len(latencies(plug)) == said for plug in plugs), 5), "everyone hears everything"
    return Window(p99s_of(plugs[1:], round(SLICE / PACE)), (work_of(server.pid) - worked) / said, took)


def p99s_of(plugs: list[Plug], lines: int) -> list[float]:
    heard = [latencies(plug) for plug in plugs]
    slices = [sorted(latency for each in heard for latency in each[at:at + lines])
              for at in range(0, len(heard[0]) - lines, lines)]
    return [each[len(each) * 99 // 100] for each in slices]


def quieter(windows: Iterable[list[float]]) -> float:
    """A quarter of all slices are no slower than this."""
    return quantiles([p99 for p99s in windows for p99 in p99s], n=4)[0]


def work_of(pid: int) -> float:
    """Processor seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def latencies(plug: Plug) -> list[float]:
    return [at - float(payload.partition(b'"text":"')[2].partition(b" ")[0])
            for at, payload in plug.texts if payload.startswith(b'{"type":"chat.message"')]


def with_one_stuck(server: ServerProcess, plugs: list[Plug], seat: Seat) -> Window:
    """From the moment in which it stops to read until its descriptor is free; the slices from when it is really behind.

    What the kernels on both sides take for it costs nothing, and lasts for a second or more.
    """
    without = weigh(server.pid)
    [stuck] = enter(("127.0.0.1", server.port), [seat], buffer=65536)
    assert weigh(server.pid).descriptors == without.descriptors + 1
    window = talk(server, plugs, 8, without.descriptors)
    assert weigh(server.pid).descriptors == without.descriptors and window.took < 6
    close([stuck])
    return window._replace(p99s=window.p99s[len(window.p99s) // 2:])


@pytest.mark.alone
@pytest.mark.timeout(60)
async def test_one_stuck_of_fifty_slows_nobody_and_is_gone_within_six_seconds(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        address = "127.0.0.1", server.port
        *others, last = arrange(address, "axenix", 1, PEERS, 1, False)
        plugs = enter(address, others)
        talk(server, plugs, 0.5)
        calm, stuck, memory = list[Window](), list[Window](), list[float]()
        for _ in range(WINDOWS):
            calm.append(talk(server, plugs, CALM))
            stuck.append(with_one_stuck(server, plugs, last))
            memory.append(weigh(server.pid).memory_mb)
        assert memory[-1] - memory[0] < 8
        slow, usual = (quieter(window.p99s for window in windows) for windows in (stuck, calm))
        dear, cheap = (sum(window.work for window in windows) for windows in (stuck, calm))
        assert slow <= 1.2 * usual + NOISE, (slow, usual)
        assert dear <= 1.2 * cheap, (dear, cheap)
        close(plugs)
