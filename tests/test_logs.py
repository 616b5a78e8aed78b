"""The log: one line an event, for people and for programs, which request it belongs to, and nothing that is secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess
from living import asked, party_at
from test_limits_live import party_inside

from axenix.config import Config
from axenix.logs import ASKED, Asked, Behind, Log, tell

log = logging.getLogger("axenix.test")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +axenix[\w.]*: .+")
MADE = re.compile("[0-9a-f]{16}")


def events(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


async def said(server: ServerProcess, count: int, **fields: object) -> list[dict[str, object]]:
    """The lines with these fields, as soon as there are so many."""
    async with asyncio.timeout(10):
        while len(found := [each for each in events(server.stderr) if each.items() >= fields.items()]) < count:
            await asyncio.sleep(0.01)
    return found


def written(format: str, level: str = "debug") -> list[str]:
    """Some lines, as they are written."""
    stream = io.StringIO()
    with Log(format, level, stream):
        tell(log, logging.INFO, "it happened", room="tea", user=None, note='two "words"\nERROR', ms=1.5)
        log.warning("a line\nand %s", "another")
        try:
            raise ValueError("no good\nat all")
        except ValueError:
            log.exception("a fault")
    return stream.getvalue().splitlines()


# ---- lines -----------------------------------------------------------------------------------------------------------


def test_for_people_an_event_is_a_line_that_nobody_can_make_look_like_two() -> None:
    first, second, third, *trace = written("text")
    assert LINE.fullmatch(first) and first.endswith(r'it happened room=tea note="two \"words\"\nERROR" ms=1.5')
    assert LINE.fullmatch(second) and second.endswith(r"a line\nand another")
    assert LINE.fullmatch(third) and " ERROR " in third and trace[0].startswith("Traceback")


def test_for_programs_an_event_is_an_object_on_one_line_with_its_trace() -> None:
    first, second, third = events(written("json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(first.pop("time")))
    assert first == {"level": "info", "logger": "axenix.test", "event": "it happened", "room": "tea",
                     "note": 'two "words"\nERROR', "ms": 1.5}
    assert second["event"] == "a line\nand another"
    assert str(third["trace"]).startswith("Traceback") and "no good" in str(third["trace"])


def test_less_than_the_level_is_not_said() -> None:
    assert [line["level"] for line in events(written("json", "warning"))] == ["warning", "error"]


def test_a_line_belongs_to_its_request_for_as_long_as_that_lasts() -> None:
    stream, asked_for = io.StringIO(), Asked("r-1")
    with Log("json", "info", stream):
        mark = ASKED.set(asked_for)
        log.info("during")
        asked_for.is_over = True
        log.info("after")
        ASKED.reset(mark)
    assert [line.get("request") for line in events(stream.getvalue().splitlines())] == ["r-1", None]


def test_nobody_waits_for_a_terminal_that_is_stopped_and_what_is_lost_is_counted() -> None:
    class Stopped(io.StringIO):
        def write(self, text: str) -> int:
            go_on.wait(10)
            return super().write(text)

    go_on, stream = threading.Event(), Stopped()
    with Log("text", "info", stream):
        (behind,) = [each for each in logging.getLogger().handlers if isinstance(each, Behind)]
        began = time.monotonic()
        for _ in range(12_000):
            log.info("again")
        assert time.monotonic() - began < 5
        assert 1998 <= behind.lost <= 2000
        go_on.set()
    assert len(stream.getvalue().splitlines()) + behind.lost == 12_000


# ---- a server --------------------------------------------------------------------------------------------------------


async def test_whoever_comes_goes_changes_something_or_is_refused_leaves_a_line(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_LOG_FORMAT="json", **RATES_OFF) as (server, party):
        gus, place = await party.come(party.gus), {"room": party.slug, "user": party.gus.id}
        headers = {"X-Request-Id": "my-request_1"}
        path = f"/api/state/{party.slug}/set_lock?token=hidden"
        answer = await asked(party.gus, "POST", path, {"value": True}, headers=headers)
        assert answer.headers["X-Request-Id"] == "my-request_1"
        await party.gus.get(f"/api/state/{party.slug}")
        await asked(party.api, "GET", "/secret/way?token=hidden")
        [error], _ = await (await party.dial(party.api, token="hidden")).end()
        await gus.say("leave")
        await gus.end()
        [came] = await said(server, 1, event="socket joined", **place)
        [left] = await said(server, 1, event="socket left", **place)
        assert left["socket"] == came["socket"] and left["code"] == 1000 and 0 <= float(str(left["seconds"])) < 60
        [line] = await said(server, 1, request="my-request_1")
        assert 0 <= float(str(line.pop("ms"))) < 10_000 and line.pop("time")
        assert line == {"level": "info", "logger": "axenix.requests", "event": "request", "method": "POST",
                        "route": "/api/state/{slug}/set_lock", "status": 403, "user": party.gus.id,
                        "reason": "forbidden", "request": "my-request_1"}
        assert await said(server, 1, event="request", status=404, route="none", reason="not_found")
        assert await said(server, 1, event="socket refused", reason="invalid_token")
        assert not [line for line in events(server.stderr) if line.get("method") == "GET" and line["status"] == 200]
        assert not [line for line in server.stderr if "hidden" in line or "secret" in line]
        ids = [str(line["request"]) for line in events(server.stderr) if line["event"] == "request"]
        assert len(set(ids)) == len(ids) and all(MADE.fullmatch(each) for each in ids if each != "my-request_1")


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "a.b", "ä", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.x"])
async def test_an_id_that_is_not_sane_is_replaced(given: str, tmp_path: Path) -> None:
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
        answer = await asked(party.api, "GET", "/livez", headers={"X-Request-Id": given})
        assert MADE.fullmatch(answer.headers["X-Request-Id"])
        socket = await party.dial(party.api, headers={"X-Request-Id": "from-the-socket"})
        assert socket.ws._response.headers["X-Request-Id"] == "from-the-socket"


async def test_a_fault_has_the_same_id_in_its_answer_and_in_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(self: object) -> set[str]:
        raise RuntimeError("a fault on purpose")

    stream = io.StringIO()
    with Log("json", "info", stream):
        async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
            monkeypatch.setattr("axenix.web.health.state_of_reading", breaks)
            async with party.api.session.get(party.api.base_url + "/readyz?token=hidden") as response:
                status, body, said = response.status, await response.json(), response.headers["X-Request-Id"]
    assert status == 500 and body["request_id"] == said
    fault, line = [each for each in events(stream.getvalue().splitlines())
                   if each.get("request") == said]
    assert fault["event"] == "GET /readyz failed" and "a fault on purpose" in str(fault["trace"])
    assert (line["status"], line["reason"]) == (500, "internal") and "hidden" not in stream.getvalue()


async def test_what_goes_on_by_itself_does_not_stop_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(house: object, now: float) -> list[str]:
        raise RuntimeError("a fault on purpose")

    monkeypatch.setattr("axenix.web.keeper.rooms_with_expired", breaks)
    stream = io.StringIO()
    with Log("json", "info", stream):
        async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")):
            pass
    (line,) = [each for each in events(stream.getvalue().splitlines()) if each["level"] == "error"]
    assert line["event"] == "keep has stopped, until the server is started again"
    assert "a fault on purpose" in str(line["trace"])


@pytest.mark.alone
@pytest.mark.skipif(sys.platform == "win32", reason="pipes of this size are Linux's and macOS's")
async def test_a_server_whose_log_nobody_reads_goes_on_and_ends_in_time(tmp_path: Path) -> None:
    """64 KiB go into the pipe, and then nothing more."""
    read, write = os.pipe()
    environment = {**os.environ, **RATES_OFF, "AXENIX_LOG_LEVEL": "debug", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "axenix", "--port", "0", "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=write, text=True)
    try:
        assert process.stdout is not None
        url = (await asyncio.to_thread(process.stdout.readline)).split()[-1]

        async with aiohttp.ClientSession() as session:
            for _ in range(1000):
                async with session.get(f"{url}/livez") as response:
                    assert response.status == 200
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0 and time.monotonic() - began < 4
    finally:
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()
        os.close(read)
        os.close(write)
