"""Measures this server and what people use instead of it, side by side: python scripts/bench.py [cases] [options]

Each server runs on one core and the load on another; the servers take turns, and what is shown are medians. The rivals
are installed into `.venv/bench` when they are first wanted; they need Node.js and npm, and a C compiler for the slow
disk. Meant for a machine that does nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
import urllib.request
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from crowd.cases import CASES, GROWTH, OURS, Case, Summary, catch_up, history
from crowd.console import Bar, cores, start
from crowd.plan import Plan, carry_out
from crowd.report import chart, cost_table, markdown, say_case
from crowd.servers import BENCH, KINDS, RIVALS, Server, running

STORIES = ("catch-up", "history", "start", "growth")
FIRST_CASES = (*CASES, "catch-up", "history", "start")

Runs = dict[str, list[Summary]]


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0],
                                     epilog=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("cases", nargs="*", help=f"{', '.join([*CASES, *STORIES])}; all but growth if none is named")
    parser.add_argument("--servers", nargs="+", choices=list(KINDS), default=list(KINDS), help="only these")
    parser.add_argument("--runs", type=int, default=5, help="of each server in each case (5)")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of each run (5)")
    parser.add_argument("--events", type=int, default=1_000_000, help="stored for the case history (1000000)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="draw it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every run")
    chosen = parser.parse_args(arguments)
    chosen.cases = chosen.cases or list(FIRST_CASES)
    if unknown := set(chosen.cases) - {*CASES, *STORIES}:
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    return chosen


class Bench:
    def __init__(self, chosen: argparse.Namespace) -> None:
        self._chosen = chosen
        self._server_core, self._load_core = cores()
        self._bar = Bar()

    def case(self, case: Case) -> Runs:
        """Every server in turn, again and again, so that a bad minute of the machine hits them all."""
        plan = replace(case.plan, core=self._load_core, duration=min(case.plan.duration, self._chosen.duration))
        environment = {"LD_PRELOAD": str(slow_disk())} if case.slow_disk else {}
        runs: Runs = {}
        for number in range(self._chosen.runs):
            for kind in case.servers:
                if kind in self._chosen.servers:
                    runs.setdefault(kind, []).append(self.once(kind, plan, environment))
        return runs

    def once(self, kind: str, plan: Plan, environment: dict[str, str]) -> Summary:
        with running(kind, self._server_core, environment) as server:
            summary = carry_out(server, KINDS[kind].dialect, plan, partial(self._show, kind))
        self._bar.end()
        return {name: value for name, value in summary.items() if name not in ("over_time", "percentiles")}

    def story(self, name: str) -> Runs:
        if name == "growth":
            return {words: self.case(Case(words, plan, servers=OURS))["axenix"] for words, plan in GROWTH.items()}
        runs = 1 if name == "history" else self._chosen.runs
        return {"axenix": [getattr(self, name)() for _ in range(runs)]}

    def catch_up(self) -> Summary:
        with running("axenix", self._server_core) as server:
            return catch_up(server, self._load_core)

    def history(self) -> Summary:
        with running("axenix", self._server_core) as server:
            return history(server, self._load_core, self._chosen.events)

    def start(self) -> Summary:
        """From nothing to the first answer."""
        began = time.monotonic()
        with running("axenix", self._server_core) as server:
            answered(server)
            return {"start_seconds": round(time.monotonic() - began, 3), "errors": {}}

    def _show(self, kind: str, what: str, done: float, deliveries: int) -> None:
        self._bar(f"{kind}: {what}", done, deliveries)


def answered(server: Server) -> None:
    with urllib.request.urlopen(f"{server.url}/livez", timeout=10) as response:
        response.read()


def slow_disk() -> Path:
    """The library that makes every fsync slower."""
    library = BENCH / "slow_fsync.so"
    BENCH.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, RIVALS / "slow_fsync.c", "-ldl"], check=True)
    return library


def median(runs: list[Summary]) -> Summary:
    """Of each figure by itself, whatever it is nested in."""
    found: Summary = {}
    for name, value in runs[0].items():
        same = [run[name] for run in runs if name in run]
        if name == "errors":
            found[name] = {what: count for each in same for what, count in each.items()}
        elif isinstance(value, dict):
            found[name] = median(same) if value else {}
        else:
            found[name] = statistics.median(same)
    return found


def main(arguments: list[str]) -> int:
    chosen = options(arguments)
    bench, all_runs, medians = Bench(chosen), dict[str, Runs](), dict[str, dict[str, Any]]()
    for name in chosen.cases:
        all_runs[name] = bench.case(CASES[name]) if name in CASES else bench.story(name.replace("-", "_"))
        medians[name] = {kind: median(runs) for kind, runs in all_runs[name].items()}
        print(say_case(name, medians[name]), flush=True)
    table = markdown(medians) + (cost_table(medians["growth"]) if "growth" in medians else "")
    print(table)
    if chosen.markdown:
        chosen.markdown.write_text(table, encoding="utf-8")
    if chosen.json:
        chosen.json.write_text(json.dumps(all_runs, indent=1), encoding="utf-8")
    if chosen.chart:
        chart(chosen.chart, medians)
    return int(any(each["errors"] for case in medians.values() for each in case.values()))


if __name__ == "__main__":
    start(main)
