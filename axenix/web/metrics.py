"""What the server tells Prometheus at /metrics: every figure, once, in `FIGURES`.

Figures are read when they are asked for, from what is there or from the tally; nothing here is called while people talk
but the probe of the event loop, twice a second. No label names a room, a person or an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from axenix.errors import REASONS, Close
from axenix.logs import lost_lines
from axenix.store.disk import Seen
from axenix.tally import Buckets, Tally
from axenix.web.health import PATIENCE
from axenix.web.house import House, house_of

routes = web.RouteTableDef()

PROBE_SECONDS = 0.5
GOING, BROKEN = 1001, 1006
"""Close codes that are never the server's own: a page was left, a connection broke."""
CODES = {*map(int, Close), GOING, BROKEN}


class Glance(NamedTuple):
    """What has to be asked of a disk, and stood ready before the figures were put together; None: no answer."""

    house: House
    disk: Seen | None
    rooms: int | None


class Figure(NamedTuple):
    name: str
    kind: type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]
    meaning: str
    read: Callable[[Glance], float | Mapping[str, float] | Buckets | None]
    """None: not known now."""
    label: str | None = None


Count, Level, Spread = CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily


def refusals(glance: Glance) -> dict[str, int]:
    return dict.fromkeys([*REASONS, "internal"], 0) | glance.house.tally.refusals


def closings(glance: Glance) -> dict[str, float]:
    """A client may end its socket with any code it likes; those are counted together."""
    found = {str(code): 0.0 for code in sorted(CODES)} | {"other": 0.0}
    for code, count in glance.house.tally.closings.items():
        found[str(code) if code in CODES else "other"] += count
    return found


def events(glance: Glance) -> float:
    return glance.house.tally.batches.sum


FIGURES = (
    Figure("axenix_rooms_open", Level, "Rooms that are awake.", lambda g: len(g.house.rooms.awake())),
    Figure("axenix_rooms_stored", Level, "Rooms that there are, asleep or awake.", lambda g: g.rooms),
    Figure("axenix_members_inside", Level, "Members inside all rooms, with a socket or by REST.",
           lambda g: sum(actor.online_count for actor in g.house.rooms.awake())),
    Figure("axenix_sockets_open", Level, "WebSockets that are open.", lambda g: len(g.house.sockets)),
    Figure("axenix_sockets_closed", Count, "WebSockets that have ended, by close code; other: one of the client's own.",
           closings, "code"),
    Figure("axenix_evictions", Count, "Sockets closed with 4008 because they read too slowly.",
           lambda g: g.house.tally.evictions),
    Figure("axenix_commands", Count, "Commands and questions that rooms have taken up, signals included.",
           lambda g: g.house.tally.commands),
    Figure("axenix_events", Count, "Events written down.", events),
    Figure("axenix_deliveries", Count, "Events handed to sockets, each once for every socket that heard it live.",
           lambda g: g.house.tally.deliveries),
    Figure("axenix_inbox_depth_max", Level, "Commands that wait in the fullest inbox.",
           lambda g: max((actor.waiting for actor in g.house.rooms.awake()), default=0)),
    Figure("axenix_refusals", Count, "What was refused, by requests and sockets alike, by reason code.",
           refusals, "reason"),
    Figure("axenix_commit_seconds", Spread, "How long a commit took, with its fsync and the wait for its thread.",
           lambda g: g.house.tally.commits),
    Figure("axenix_commit_events", Spread, "Events in a commit.", lambda g: g.house.tally.batches),
    Figure("axenix_loop_lag_seconds", Spread, "By how much the event loop was late, looked at twice a second.",
           lambda g: g.house.tally.lag),
    Figure("axenix_uploads_running", Level, "Uploads that are arriving now.", lambda g: g.house.uploads.running),
    Figure("axenix_uploads", Count, "Uploads, and pieces of them, that have ended: done or failed.",
           lambda g: {"done": 0, "failed": 0} | g.house.tally.uploads, "outcome"),
    Figure("axenix_upload_bytes", Count, "Bytes of uploads that have arrived, kept or not.",
           lambda g: g.house.tally.upload_bytes),
    Figure("axenix_storage_refusing", Level, "1 while nothing can be written, else 0.",
           lambda g: float(g.house.journal.refusal is not None)),
    Figure("axenix_storage_answering", Level, "1 when the disk and the database answered this scrape in time, else 0.",
           lambda g: float(g.disk is not None and g.rooms is not None)),
    Figure("axenix_storage_database_bytes", Level, "Size of the database file.",
           lambda g: g.disk and g.disk.database_bytes),
    Figure("axenix_storage_wal_bytes", Level, "Size of the database's write-ahead log.",
           lambda g: g.disk and g.disk.wal_bytes),
    Figure("axenix_storage_free_bytes", Level, "Room left on the disk of the data folder.",
           lambda g: g.disk and g.disk.free_bytes),
    Figure("axenix_sweeps", Count,
           "Rounds of what tidies up: rooms (slow sockets, idle rooms), files (out of date), database (deleted, old).",
           lambda g: {"rooms": 0, "files": 0, "database": 0} | g.house.tally.sweeps, "kind"),
    Figure("axenix_log_lines_lost", Count, "Lines of the log that nobody read in time.", lambda g: lost_lines()),
    Figure("axenix_draining", Level, "1 while the server is about to end, else 0.",
           lambda g: float(g.house.rooms.draining)),
)


def markdown_table() -> str:
    """The figures as the documentation shows them."""
    rows = ["| name | kind | label | |", "|---|---|---|---|"]
    for each in FIGURES:
        name = f"{each.name}_total" if each.kind is Count else each.name
        kind = {Count: "counter", Level: "gauge", Spread: "histogram"}[each.kind]
        rows.append(f"| `{name}` | {kind} | {f'`{each.label}`' if each.label else ''} | {each.meaning} |")
    return "\n".join(rows)


# ---- the answer ------------------------------------------------------------------------------------------------------


@routes.get("/metrics")
async def show(request: web.Request) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(await glance_at(house_of(request))))
    ProcessCollector(registry=registry)
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


async def glance_at(house: House) -> Glance:
    disk, rooms = await asyncio.gather(house.disk.look(), counted(house), return_exceptions=True)
    return Glance(house, disk if isinstance(disk, Seen) else None, rooms if isinstance(rooms, int) else None)


async def counted(house: House) -> int:
    async with asyncio.timeout(PATIENCE):
        return await house.catalogue.count()


class Figures(Collector):
    def __init__(self, glance: Glance) -> None:
        self._glance = glance

    def collect(self) -> Iterator[Metric]:
        for figure in FIGURES:
            found = figure.read(self._glance)
            if found is not None:
                yield family(figure, found)


def family(figure: Figure, found: float | Mapping[str, float] | Buckets) -> Metric:
    made: Any = figure.kind(figure.name, figure.meaning, labels=[figure.label] if figure.label else None)
    if isinstance(found, Buckets):
        bounds = [*map(str, map(float, found.bounds)), "+Inf"]
        made.add_metric([], list(zip(bounds, accumulate(found.counts))), found.sum)
    elif isinstance(found, Mapping):
        for value, count in found.items():
            made.add_metric([value], count)
    else:
        made.add_metric([], found)
    assert isinstance(made, Metric)
    return made


# ---- the probe -------------------------------------------------------------------------------------------------------


async def feel_lag(tally: Tally) -> None:
    """Whoever sleeps in a busy loop is woken late: by as much as everybody else waits."""
    now = asyncio.get_running_loop().time
    while True:
        due = now() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        tally.lag.add(max(0.0, now() - due))
