"""The long runs of scripts/soak.py, made short; and that each of them sees what it is to see.

Long: `python scripts/soak.py cycles --times 10000`, and the others that its --help lists.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import RATES_OFF, ServerProcess
from soaking import cut, cycles, kills, life
from soaking.plugs import close, enter
from soaking.verdict import Sample, judge

TRIES = 3
"""The quickest counts: a shared machine may stall, which says nothing about the server."""
HERE = Path(__file__).resolve().parent


@pytest.mark.alone
async def test_after_hundreds_of_cycles_of_connect_join_and_leave_the_server_holds_what_it_held_before(
    tmp_path: Path
) -> None:
    assert await cycles.run(tmp_path, 400, print) == []


@pytest.mark.parametrize("leak", ["task", "descriptor", "memory"])
async def test_the_cycles_find_what_is_left_behind(
    leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAK", leak)
    [fault] = await cycles.run(tmp_path, 200, print, "leaks", path=HERE)
    assert leak in fault


async def test_twenty_kills_at_the_worst_of_moments_lose_double_and_renumber_nothing(tmp_path: Path) -> None:
    assert await kills.run(tmp_path, 20, print) == []


@pytest.mark.alone
async def test_with_a_hundred_thousand_events_stored_the_server_is_back_within_a_second_of_being_killed(
    tmp_path: Path
) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        seat = cut.fill(("127.0.0.1", server.port), 100_000)
        took = []
        for _ in range(TRIES):
            await server.kill()
            began = time.monotonic()
            await server.start()
            close(enter(("127.0.0.1", server.port), [seat], after=99_900))
            took.append(time.monotonic() - began)
        print(f"back after {min(took):.2f} s")
        assert min(took) < 1, took


@pytest.mark.alone
async def test_a_thousand_who_are_cut_off_at_once_are_back_within_ten_seconds_with_nothing_missing(
    tmp_path: Path
) -> None:
    assert await cut.run(tmp_path, 1000, print) == []


def samples(**grown: float) -> list[Sample]:
    """An hour, in which what is named grows by so much, evenly, and everything sways a little."""
    flat = {"memory_mb": 60.0, "tasks": 40, "descriptors": 50, "threads": 12, "p99_ms": 5.0}
    return [Sample(at=30.0 * n, **{name: value * (1.1 if n % 7 == 0 else 1) + grown.get(name, 0.0) * n / 120
                                   for name, value in flat.items()}) for n in range(120)]  # type: ignore[arg-type]


def test_what_sways_is_good_and_what_grows_or_slows_down_is_bad() -> None:
    assert judge(samples()) == []
    for name, words in (("memory_mb", "memory"), ("tasks", "tasks"), ("descriptors", "descriptors"),
                        ("threads", "threads"), ("p99_ms", "p99")):
        [fault] = judge(samples(**{name: 400.0}))
        assert words in fault
    assert "too few" in judge(samples()[:3])[0]
    full_once = [*samples()[:40], *(each._replace(memory_mb=90.0) for each in samples()[40:])]
    assert judge(full_once) == [], "caches fill, and that is that"


async def test_mixed_life_gets_a_good_verdict(tmp_path: Path) -> None:
    faults = await life.run(tmp_path, 0.1, print)
    assert [fault for fault in faults if "p99" not in fault] == [], "a shared machine may stall"


async def test_mixed_life_with_a_leak_gets_a_bad_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "task")
    faults = await life.run(tmp_path, 0.1, print, "leaks", path=HERE)
    assert any("tasks more" in fault for fault in faults)
