"""What load.py and bench.py share with the terminal and the machine: a progress bar, a Python, two cores."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import _setup

WIDTH = 30
NEEDED = "aiohttp", "aiosqlite", "msgspec", "uvloop", "PIL"


class Bar:
    """How far it is, on a terminal's last line."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = time.monotonic(), 0

    def __call__(self, what: str, done: float, deliveries: int) -> None:
        now, (then, before) = time.monotonic(), self._last
        rate = (deliveries - before) / max(1e-3, now - then)
        if now - then >= 0.2:
            self._last = now, deliveries
        if self._shown:
            full = round(done * WIDTH)
            print(f"\r\x1b[K[{'█' * full}{' ' * (WIDTH - full)}] {what}  {rate:,.0f} deliveries/s",
                  end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def start(main: Callable[[list[str]], int]) -> NoReturn:
    """The program, in a Python that has what the server needs: this one, or the one in `.venv`."""
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        _setup.prepare("requirements.txt")
        os.execv(_setup.PYTHON, [str(_setup.PYTHON), *sys.argv])
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")


def cores() -> tuple[int | None, int | None]:
    """One core for the server and another for the load, where there are two."""
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else (None, None)
