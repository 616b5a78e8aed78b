"""What a crowd has measured: merged from all its processes, and put into words. Knows numbers only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from crowd.stream import SLICE, UNIT

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass
class Figures:
    seconds: float = 0.0
    joined: int = 0
    joining_seconds: float = 0.0
    join_times: list[float] = field(default_factory=list)
    said: int = 0
    deliveries: int = 0
    signals: int = 0
    latencies: Counter[int] = field(default_factory=Counter)
    signal_latencies: Counter[int] = field(default_factory=Counter)
    slices: Counter[int] = field(default_factory=Counter)
    """Deliveries in each quarter of a second."""
    errors: Counter[str] = field(default_factory=Counter)
    extra: dict[str, float] = field(default_factory=dict)
    """What only some cases measure."""

    def add(self, other: Figures) -> None:
        """Another process, at the same time."""
        self.seconds = max(self.seconds, other.seconds)
        self.joining_seconds = max(self.joining_seconds, other.joining_seconds)
        for name in ("joined", "said", "deliveries", "signals", "join_times", "latencies", "signal_latencies",
                     "slices", "errors"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, value in other.extra.items():
            self.extra[name] = max(value, self.extra.get(name, value))

    @property
    def rate(self) -> float:
        return self.deliveries / self.seconds if self.seconds else 0.0

    @property
    def over_time(self) -> list[float]:
        """Deliveries a second, a point for each slice of the time."""
        points = int(self.seconds * 1e9 // SLICE)
        return [self.slices[point] * 1e9 / SLICE for point in range(points)]

    def summary(self) -> dict[str, Any]:
        joins_a_second = self.joined / self.joining_seconds if self.joining_seconds else 0.0
        return {
            "seconds": round(self.seconds, 3), "joined": self.joined, "joins_per_second": round(joins_a_second),
            "joining_seconds": round(self.joining_seconds, 3),
            "join_ms": spread([round(each * 1e9) >> UNIT for each in self.join_times]),
            "said_per_second": round(self.said / self.seconds) if self.seconds else 0,
            "deliveries": self.deliveries, "deliveries_per_second": round(self.rate),
            "latency_ms": spread(self.latencies),
            "signals_per_second": round(self.signals / self.seconds) if self.seconds else 0,
            "signal_latency_ms": spread(self.signal_latencies),
            "errors": dict(self.errors), **{name: round(value, 3) for name, value in self.extra.items()},
        }


def spread(units: Counter[int] | list[int]) -> dict[str, float]:
    """Percentiles in milliseconds; empty when nothing was measured."""
    counted = sorted(Counter(units).items())
    if not counted:
        return {}
    found = {f"p{percent:g}": milliseconds(at(counted, percent)) for percent in PERCENTILES}
    return found | {"max": milliseconds(counted[-1][0])}


def curve(units: Counter[int]) -> list[tuple[float, float]]:
    """(percent, milliseconds), closer and closer to 100."""
    counted = sorted(units.items())
    percents = [100 - 100 * 10 ** (-step / 10) for step in range(41)]
    return [(percent, milliseconds(at(counted, percent))) for percent in percents] if counted else []


def at(counted: list[tuple[int, int]], percent: float) -> int:
    """The value that this share of all does not exceed."""
    rank, seen = sum(count for _, count in counted) * percent / 100, 0
    for value, count in counted:
        seen += count
        if seen >= rank:
            return value
    return counted[-1][0]


def milliseconds(units: int) -> float:
    return round(((units << UNIT) + (1 << UNIT - 1)) / 1e6, 3)


def in_words(summary: dict[str, Any]) -> str:
    lines = [f"inside         {summary['joined']:,} peers, {summary['joins_per_second']:,} joins/s"
             + percentiles(summary["join_ms"])]
    if summary["deliveries"]:
        lines += [f"said           {summary['said_per_second']:,}/s",
                  f"delivered      {summary['deliveries_per_second']:,}/s ({summary['deliveries']:,} in "
                  f"{summary['seconds']:.1f} s), all dense and in order" * (not summary["errors"])
                  or f"delivered      {summary['deliveries_per_second']:,}/s",
                  f"latency       {percentiles(summary['latency_ms'])}"]
    if summary["signals_per_second"]:
        lines += [f"signals        {summary['signals_per_second']:,}/s{percentiles(summary['signal_latency_ms'])}"]
    server = summary.get("server")
    if server:
        lines.append(f"server         {server['cpu_percent']:.0f} % of a core, {server['memory_mb']:.1f} MB"
                     f" (at most {server['peak_mb']:.1f} MB)")
    if summary.get("load_cpu_percent", 0) > 90:
        lines.append(f"the load itself took {summary['load_cpu_percent']:.0f} % of a core: try more --processes")
    lines += [f"error          {count:,} × {text}" for text, count in summary["errors"].items()]
    return "\n".join(lines)


def percentiles(found: dict[str, float]) -> str:
    return "".join(f"  {name} {value:.2f}" for name, value in found.items()) + " ms" * bool(found)
