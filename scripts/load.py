"""Fills a server with fake peers, measures what it delivers, and checks that each of them hears everything, in order.

    python scripts/load.py --serve --peers 100 --talkers 20
    python scripts/load.py --url http://127.0.0.1:8088 --rooms 50 --peers 5 --talkers 1 --rate 2 --churn 5

Without --rate every talker says its next message as soon as its last has come back, so that the server works as fast
as it can. A server under --url must have its rates off: AXENIX_CHAT_RATE=0 and the like. The exit code is 1 if any
peer missed, doubled or disordered anything.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

from crowd.console import Bar, cores, start
from crowd.figures import in_words
from crowd.plan import Plan, carry_out
from crowd.servers import KINDS, Server, running
from crowd.stream import SLICE

NUMBERS: list[tuple[str, type, Any, str]] = [
    ("rooms", int, 1, "rooms"),
    ("peers", int, 100, "peers in each room"),
    ("talkers", int, 20, "how many of these talk"),
    ("rate", float, 0.0, "messages a second of each talker; 0: as fast as they come back"),
    ("window", int, 1, "without a rate: messages that a talker has under way"),
    ("size", int, 80, "characters of a message"),
    ("signals", float, 0.0, "offers, answers and candidates a second, of each two peers of a room"),
    ("churn", float, 0.0, "peers a second that leave and return, half of them resuming; who talks stays"),
    ("duration", float, 10.0, "seconds that are measured"),
    ("warm_up", float, 1.0, "seconds before"),
    ("processes", int, 1, "processes that the peers are shared out to"),
    ("at_once", int, 100, "peers of a process that may be on their way in"),
]


def options(arguments: list[str]) -> argparse.Namespace:
    about, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="a server that runs already, http://host:port")
    where.add_argument("--serve", nargs="?", const="axenix", choices=list(KINDS), help="start this one (axenix)")
    parser.add_argument("--dialect", default="axenix", choices=["axenix", "plain", "socket.io"], help="what it speaks")
    parser.add_argument("--pid", type=int, default=0, help="its process, to weigh it too; --serve knows")
    for name, kind, default, words in NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=f"{words} ({default:g})")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    chosen = options(arguments)
    plan = {each.name: getattr(chosen, each.name) for each in fields(Plan) if hasattr(chosen, each.name)}
    bar = Bar()
    with ExitStack() as stack:
        if chosen.serve:
            core, plan["core"] = cores()
            server = stack.enter_context(running(chosen.serve, core))
            dialect = KINDS[chosen.serve].dialect
        else:
            server, dialect = Server("unknown", chosen.url.rstrip("/"), chosen.pid), chosen.dialect
        summary = carry_out(server, dialect, Plan(**plan), bar)
    bar.end()
    if chosen.plot:
        draw(chosen.plot, chosen, summary)
    print(json.dumps(summary, indent=1) if chosen.json else in_words(summary))
    return 1 if summary["errors"] else 0


def draw(path: Path, chosen: argparse.Namespace, summary: dict[str, Any]) -> None:
    from crowd.picture import load_plot

    title = f"{chosen.rooms} rooms of {chosen.peers} peers, {chosen.talkers} talking in each"
    load_plot(path, title, summary["over_time"], SLICE / 1e9, summary["percentiles"])


if __name__ == "__main__":
    start(main)
