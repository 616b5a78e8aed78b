"""What a comparison has found, as lines, a table and a chart. Knows figures and Markdown; measures nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crowd.cases import CASES, WINDOW, Summary
from crowd.servers import KINDS

COMPARED = ("talk", "fan-out", "rooms", "talk-1", "fan-out-1", "rooms-1", "hall")
NAMES = {"axenix": "**Axenix Conference**", "sketch": "the sketch of its design",
         "socketify": "uWebSockets (socketify)", "ws": "ws (Node.js)",
         "socket.io": "Socket.IO (Node.js)", "starlette": "FastAPI + SQLite"}
HOW = (f"One core for the server, another for the load; medians. In talk, fan-out and rooms each talker has {WINDOW} "
       "messages under way, with -1 it waits for its last one. A message has 80 characters.")

Medians = dict[str, dict[str, Summary]]


def figure(name: str, summary: Summary) -> float:
    found: Any = summary
    for part in CASES[name].figure:
        found = found.get(part, 0.0)
    return float(found)


def say_case(name: str, of_servers: dict[str, Summary]) -> str:
    """A line for each server."""
    lines = [f"== {name}" + (f": {CASES[name].words}" if name in CASES else "")]
    for kind, summary in of_servers.items():
        parts = [f"{kind:16}"]
        if name in CASES:
            found = figure(name, summary)
            parts.append(f"{found:>12,.{0 if found >= 1000 else 3}f} {CASES[name].unit}")
        if spread := summary.get("latency_ms") or summary.get("signal_latency_ms"):
            parts.append("  ".join(f"{at} {value:.2f}" for at, value in spread.items()) + " ms")
        if "server" in summary:
            server = summary["server"]
            parts.append(f"{server['cpu_percent']:.0f} % of a core (load {summary['load_cpu_percent']:.0f} %)")
            parts.append(f"{server['memory_mb']:.0f} MB")
            if server.get("deliveries_per_cpu_second"):
                parts.append(f"{cost(summary):.2f} µs of the core a delivery")
        elif name not in CASES:
            parts.append(", ".join(f"{what} {value:g}" for what, value in summary.items()
                                   if isinstance(value, (int, float)) and value))
        parts += [f"ERRORS {summary['errors']}"] * bool(summary["errors"])
        lines.append("  ".join(parts))
    return "\n".join(lines)


def cost(summary: Summary) -> float:
    """Microseconds of the server's core for one delivery: what other programs on the machine cannot spoil."""
    return float(1e6 / max(1, summary["server"].get("deliveries_per_cpu_second", 0)))


def markdown(medians: Medians) -> str:
    """The servers by row, the cases that they share by column."""
    cases = [name for name in COMPARED if name in medians]
    if not cases:
        return ""
    kinds = [kind for kind in KINDS if any(kind in medians[name] for name in cases)]
    head = ["", *(f"{name}: {CASES[name].words}" for name in cases), "it stores"]
    rows = [head, ["---"] * len(head)]
    rows += [[NAMES[kind], *(cell(name, medians[name].get(kind)) for name in cases), KINDS[kind].stores]
             for kind in kinds]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + f"\n{HOW}\n"


def cell(name: str, summary: Summary | None) -> str:
    if summary is None:
        return "–"
    p99 = summary["latency_ms"].get("p99", 0.0)
    if CASES[name].figure[-1] == "p99":
        return f"p99 {p99:.1f} ms"
    return f"{round(figure(name, summary), -3):,.0f}/s, p99 {p99:.1f} ms"


def cost_table(growth: dict[str, Summary]) -> str:
    """What a delivery costs, against what grows."""
    rows = ["\n| | deliveries/s | p99 | core | a delivery |\n", "| --- " * 5 + "|\n"]
    for words, summary in growth.items():
        speed, p99 = summary["deliveries_per_second"], summary["latency_ms"].get("p99", 0)
        core = summary["server"]["cpu_percent"]
        rows.append(f"| {words} | {speed:,.0f} | {p99:.1f} ms | {core:.0f} % | {cost(summary):.2f} µs |\n")
    return "".join(rows)


def chart(path: Path, medians: Medians) -> None:
    from crowd.picture import bar_chart

    groups = []
    for name in COMPARED:
        bars = [(kind, figure(name, medians[name][kind])) for kind in KINDS if kind in medians.get(name, {})]
        if bars:
            groups.append((f"{name}: {CASES[name].words} ({CASES[name].unit})", bars))
    bar_chart(path, "One core for the server, one for the load; medians", groups)
