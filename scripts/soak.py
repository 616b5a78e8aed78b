"""Long runs that look for what short tests miss, each with a progress line, a verdict and an exit code: 0 is good.

    python scripts/soak.py life --minutes 120         mixed life; does anything grow, or get slower?
    python scripts/soak.py cycles --times 10000       coming and going leaves nothing behind
    python scripts/soak.py kills --times 200          SIGKILL under load, at random and at named points
    python scripts/soak.py cut --clients 1000         all cut off at once, and back at once
    python scripts/soak.py fuzz --messages 1000000    messages and bodies that are nearly right

The tests run the same code with smaller numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MOST = 20
"""Faults that are told of one by one."""
ROOT = Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]  # the server process of the tests, and the client

from crowd.console import start  # noqa: E402


def options(arguments: list[str]) -> argparse.Namespace:
    about, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("cycles", help="connect, join and leave; then look what is left")
    one.add_argument("--times", type=int, default=10_000)
    one = kinds.add_parser("kills", help="SIGKILL under load: nothing acked or shown is lost, doubled or renumbered")
    one.add_argument("--times", type=int, default=200)
    one.add_argument("--seed", type=int, default=1)
    one = kinds.add_parser("cut", help="a crowd cut off at once is back and level within ten seconds")
    one.add_argument("--clients", type=int, default=1000)
    one = kinds.add_parser("fuzz", help="messages and bodies nearly right: no 5xx, no traceback, no connection lost")
    one.add_argument("--messages", type=int, default=1_000_000)
    one.add_argument("--requests", type=int, default=100_000)
    one.add_argument("--seed", type=int, default=1)
    one = kinds.add_parser("life", help="mixed life, and whether memory, tasks, descriptors or the p99 grow")
    one.add_argument("--minutes", type=float, default=120.0)
    return parser.parse_args(arguments)


def teller() -> Callable[[str], None]:
    began = time.monotonic()
    return lambda line: print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)


def main(arguments: list[str]) -> int:
    chosen, say = options(arguments), teller()
    with tempfile.TemporaryDirectory(prefix="axenix-soak-") as folder:
        faults = asyncio.run(run(chosen, Path(folder), say))
    for fault in faults[:MOST]:
        say(f"BAD: {fault}")
    if len(faults) > MOST:
        say(f"BAD: and {len(faults) - MOST} more")
    say("verdict: bad" if faults else "verdict: good")
    return 1 if faults else 0


async def run(chosen: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> list[str]:
    from soaking import cut, cycles, fuzz, kills, life

    match chosen.kind:
        case "cycles":
            return await cycles.run(folder, chosen.times, say)
        case "cut":
            return await cut.run(folder, chosen.clients, say)
        case "fuzz":
            return await fuzz.run(folder, chosen.messages, chosen.requests, chosen.seed, say)
        case "life":
            return await life.run(folder, chosen.minutes, say)
        case _:
            return await kills.run(folder, chosen.times, say, chosen.seed)


if __name__ == "__main__":
    start(main)
