"""/metrics of a server that has lived a little: every figure is there, is right, and names nobody."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import RATES_OFF
from living import Party, asked, party_at
from prometheus_client.parser import text_string_to_metric_families
from test_alerts import ALERTS, DEPLOY, names_of, promtool, questions
from test_limits_live import party_inside
from uploading import picture, send

from axenix.config import Config
from axenix.store import disk, writer

from axenix.web.metrics import FIGURES, markdown_table

__all__ = ["promtool"]  # a fixture

Samples = dict[str, float]


async def text_of(party: Party) -> str:
    answer = await asked(party.api, "GET", "/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=")
    return str(answer.body.decode())


async def figures(party: Party) -> Samples:
    return samples(await text_of(party))


def samples(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def evicted(party: Party) -> None:
    """Gus has not read for so long that he is closed."""
    gus = await party.come(party.gus)
    gus.freeze()
    async with asyncio.timeout(20):
        while not (await figures(party))["axenix_evictions_total"]:
            await asyncio.gather(*(party.olga.post(f"/api/chat/{party.slug}", text="щ" * 4000) for _ in range(20)))


async def test_what_has_happened_is_counted_as_often_as_it_has(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_MAX_BEHIND="65536", **RATES_OFF) as (_, party):
        ada, gus = await party.come(party.ada), await party.come(party.gus)
        before = await figures(party)
        assert before["axenix_rooms_open"] == before["axenix_rooms_stored"] == 1
        assert (before["axenix_members_inside"], before["axenix_sockets_open"]) == (3, 2)
        for n in range(29):
            await gus.say("chat.message", text="some of these share a write")
        await gus.ask("chat.message", text="the thirtieth")
        assert await gus.refusal("state.set", is_locked=True) == "forbidden"
        assert (await asked(party.gus, "POST", f"/api/state/{party.slug}/set_lock", {"value": True})).status == 403
        assert (await asked(party.gus, "GET", "/nowhere")).status == 404
        assert await gus.refusal("ice", to=999, candidate="c") == "peer_not_found"
        assert await gus.refusal("nonsense") == "unknown_message_type"
        assert (await send(party.olga, f"/api/covers/{party.slug}/upload", image := picture())).status == 200
        assert (await send(party.olga, f"/api/covers/{party.slug}/upload", b"no picture" * 10)).status == 415
        await ada.close()
        await gus.say("leave")
        await gus.end()
        after = await settled(party, lambda now: now["axenix_sockets_open"] == 0)
        grown = {name: after[name] - before.get(name, 0) for name in after}
        assert grown["axenix_events_total"] == grown["axenix_commit_events_sum"] == 30 + 1 + 2, "chat, cover, two leave"
        assert grown["axenix_deliveries_total"] == 30 * 2 + 2 + 2 + 1, "who leaves hears of it, too"
        assert grown["axenix_commands_total"] >= 8
        assert grown["axenix_refusals_total{reason=forbidden}"] == 2
        for reason in ("peer_not_found", "unknown_message_type", "not_found", "unsupported_media_type"):
            assert grown[f"axenix_refusals_total{{reason={reason}}}"] == 1, reason
        assert grown["axenix_uploads_total{outcome=done}"] == grown["axenix_uploads_total{outcome=failed}"] == 1
        assert len(image) < grown["axenix_upload_bytes_total"] < len(image) + 2000
        assert grown["axenix_sockets_closed_total{code=1000}"] == 2
        assert 33 >= grown["axenix_commit_seconds_count"] > 0 and grown["axenix_commit_seconds_sum"] < 6


async def settled(party: Party, is_so: Callable[[Samples], bool]) -> Samples:
    async with asyncio.timeout(10):
        while not is_so(now := await figures(party)):
            await asyncio.sleep(0.05)
    return now


async def test_after_some_life_there_is_everything_that_alerts_and_dashboard_ask_for_and_nobody_is_named(
    tmp_path: Path, promtool: str  # noqa: F811
) -> None:
    async with party_at(tmp_path, AXENIX_MAX_BEHIND="4096", **RATES_OFF) as (_, party):
        await party.come(party.olga)
        await evicted(party)
        await settled(party, lambda now: now["axenix_sweeps_total{kind=rooms}"] > 0
                      and now["axenix_loop_lag_seconds_count"] > 0)
        text = await text_of(party)
        checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        found = samples(text)
        assert found["axenix_evictions_total"] == found["axenix_sockets_closed_total{code=4008}"] == 1
        assert found["axenix_storage_answering"] == 1 and found["axenix_storage_refusing"] == 0
        assert found["axenix_storage_wal_bytes"] + found["axenix_storage_database_bytes"] > 100_000
        assert found["axenix_storage_free_bytes"] > 0
        names = {name.partition("{")[0] for name in found}
        wanted = [names_of(expr) for expr in [*questions(), *(rule["expr"] for rule in ALERTS.values())]]
        assert set().union(*wanted) - names == set()
        labels = set(re.findall(r'[{,](\w+)="', text))
        assert labels == {"code", "reason", "outcome", "kind", "le"}
        for n in range(30):
            someone = await party.newcomer(f"Nina {n}")
            await someone.create_room(title="One more")
            await asked(someone, "GET", f"/api/rooms/no-such-room-{n}")
            wire = await party.come(someone)
            await wire.ws.close(code=3000 + n)
        more = await settled(party, lambda now: now["axenix_sockets_closed_total{code=other}"] == 30)
        assert more.keys() == found.keys(), "people and rooms make no series"
        shown = await text_of(party)
        assert not any(word in shown for word in (party.slug, "Nina", "Olga", "no-such-room", "127.0.0.1"))


def test_the_page_for_operators_lists_every_figure() -> None:
    page = (DEPLOY / "METRICS.md").read_text()
    table = re.search("<!-- figures.*?-->\n(.*?)\n<!-- /figures -->", page, re.DOTALL)
    assert table and table[1] == markdown_table()
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


@pytest.mark.alone
async def test_with_a_thousand_rooms_awake_it_takes_a_moment(tmp_path: Path) -> None:
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data", rooms_per_user=0, message_rate=None)) as party:
        async def another() -> None:
            slug = (await party.olga.create_room(title="One of many"))["slug"]
            await party.olga.post(f"/api/participants/{slug}/join")

        for _ in range(20):
            await asyncio.gather(*(another() for _ in range(50)))
        took = []
        for _ in range(5):
            began = time.perf_counter()
            text = await text_of(party)
            took.append(time.perf_counter() - began)
        assert samples(text)["axenix_rooms_open"] == 1001 and samples(text)["axenix_members_inside"] == 1003
        assert min(took) < 0.02, took


# ---- health ----------------------------------------------------------------------------------------------------------


async def health(party: Party) -> tuple[int, dict[str, object]]:
    answer = await asked(party.api, "GET", "/readyz")
    assert (await asked(party.api, "GET", "/livez")).body == {"ok": True}
    assert answer.body["ok"] is (answer.status == 200)
    assert answer.body.get("reason") in (None, *answer.body["checks"].values())
    return answer.status, answer.body["checks"]


GOOD = {"accepting": "ok", "writing": "ok", "reading": "ok", "disk": "ok"}


async def test_a_disk_that_gets_full_is_said_before_and_after_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
        assert await health(party) == (200, GOOD)
        seen, free = disk.Disk._look, 200 << 20
        monkeypatch.setattr(disk.Disk, "_look", lambda self: seen(self)._replace(free_bytes=free))
        assert await health(party) == (200, GOOD | {"disk": "low: uploads are refused"})
        free = 15 << 20
        assert await health(party) == (507, GOOD | {"disk": "storage_full"})
        assert (await figures(party))["axenix_storage_free_bytes"] == 15 << 20


async def test_a_disk_that_hangs_is_said_and_holds_up_neither_life_nor_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 0.1)
    monkeypatch.setattr("axenix.web.health.PATIENCE", 0.1)
    monkeypatch.setattr("axenix.web.metrics.PATIENCE", 0.1)
    monkeypatch.setattr(writer, "STALLED_SECONDS", 0.1)
    go_on, asked_for = threading.Event(), 0
    look, commit = disk.Disk._look, writer.commit

    def hangs(self: disk.Disk) -> disk.Seen:
        nonlocal asked_for
        asked_for += 1
        go_on.wait(10)
        return look(self)

    def stalls(group: list[writer.Job], db: sqlite3.Connection) -> int:
        go_on.wait(10)
        return commit(group, db)

    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
        monkeypatch.setattr(disk.Disk, "_look", hangs)
        monkeypatch.setattr(writer, "commit", stalls)
        patient = asyncio.create_task(party.olga.post(f"/api/chat/{party.slug}", text="at last"))
        await asyncio.sleep(0.2)
        silent = {"writing": "storage_unavailable", "disk": "storage_unavailable"}
        for _ in range(3):
            assert await health(party) == (503, GOOD | silent)
        found = await figures(party)
        assert found["axenix_storage_refusing"] == 1 and found["axenix_storage_answering"] == 0
        assert "axenix_storage_free_bytes" not in found and found["axenix_rooms_open"] == 1
        assert asked_for == 1, "nobody is asked again who has not answered"
        go_on.set()
        await patient
        await settled(party, lambda now: now["axenix_storage_answering"] == 1)
        assert await health(party) == (200, GOOD)


async def test_a_database_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axenix.web.health.PATIENCE", 0.1)
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
        async def never(self: object) -> int:
            await asyncio.sleep(10)
            return 0

        monkeypatch.setattr("axenix.store.catalogue.Catalogue.count", never)
        assert await health(party) == (503, GOOD | {"reading": "storage_unavailable"})
