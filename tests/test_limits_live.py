"""Limits and deadlines, on servers that have them: rates, floods, addresses, tokens that run out, slow peers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from harness import RATES_OFF, until
from living import Party, Wire, asked, elsewhere, party_at, refused

from axenix.app import make_app
from axenix.client import Api
from axenix.config import Config
from axenix.store import writer
from axenix.store.database import Database
from axenix.web.handshake import switch_protocols
from axenix.web.house import AT_THE_DOOR
from axenix.written import Bucket


@asynccontextmanager
async def party_inside(folder: Path, config: Config) -> AsyncIterator[Party]:
    """A party inside this process, where its constants can be changed."""
    database = await Database.open(folder / "data", on_fatal=lambda message, code: None)
    runner = web.AppRunner(make_app(config, database), handle_signals=False, access_log=None, shutdown_timeout=1)
    async with AsyncExitStack() as cleaning:
        cleaning.push_async_callback(database.close)
        await runner.setup()
        cleaning.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = await cleaning.enter_async_context(aiohttp.ClientSession())
        yield await Party(Api(f"http://127.0.0.1:{runner.addresses[0][1]}", session), cleaning).begin()


async def flood(wire: Wire, count: int, text: str) -> list[str]:
    """Says it so often, and answers with the types of all that comes until it stops or closes."""
    for _ in range(count):
        try:
            await wire.ws.send_str(text)
        except ConnectionError:
            break
    frames, _ = await wire.end()
    return [frame["type"] for frame in frames]


# ---- rates -----------------------------------------------------------------------------------------------------------


async def test_five_chat_messages_in_ten_seconds_and_no_more_by_any_way(tmp_path: Path) -> None:
    async with party_at(tmp_path) as (server, party):
        path, gus = f"/api/chat/{party.slug}", await party.come(party.gus)
        first = await party.gus.post(path, text="1", cid="c1")
        for n in range(4):
            assert (await gus.ask("chat.message", text="2"))[-1]["type"] == "ack"
        error = (await gus.ask("chat.message", text="too much"))[-1]
        assert error["reason"] == "rate_limited" and 0 < error["retry_after"] <= 10
        answer = await asked(party.gus, "POST", path, {"text": "too much"})
        assert answer.reason == (429, "rate_limited") and 0 < answer.body["retry_after"] <= 10
        assert await gus.refusal("chat.message.enc", algo="A", ciphertext_b64="AAAA") == "rate_limited"
        assert (await party.gus.post(path, text="1", cid="c1")) == first, "a repeat costs nothing"
        await gus.vanish()
        await server.restart()
        gus = await party.come(party.gus)
        assert await gus.refusal("chat.message", text="and now?") == "rate_limited", "nor does coming back help"
        await party.gus.post(f"/api/participants/{party.slug}/leave")
        await party.enter(party.gus)
        assert await refused(party.gus.post(path, text="or now?")) == (429, "rate_limited")
        await party.enter(party.ada)
        assert (await party.ada.post(path, text="others may"))["text"] == "others may"
        other = await party.gus.create_room()
        await party.gus.post(f"/api/participants/{other['slug']}/join")
        assert await party.gus.post(f"/api/chat/{other['slug']}", text="and elsewhere")


async def test_whoever_waits_as_long_as_told_may_speak_again(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_CHAT_RATE="2/1") as (_, party):
        gus = await party.come(party.gus)
        for n in range(2):
            await gus.ask("chat.message", text="hi")
        error = (await gus.ask("chat.message", text="hi"))[-1]
        await asyncio.sleep(error["retry_after"])
        assert (await gus.ask("chat.message", text="hi"))[-1]["type"] == "ack"


async def test_a_flood_is_refused_beyond_its_burst_and_then_ends_the_stay(tmp_path: Path) -> None:
    async with party_at(tmp_path) as (_, party):
        olga, gus, ada = await party.come(party.olga), await party.come(party.gus), await party.come(party.ada)
        for wire, text, count, a_second, burst in ((gus, '{"type":"ping"}', 2000, 50, 100),
                                                   (ada, '{"type":"chat.typing","is_typing":true}', 5000, 200, 1000)):
            began = time.monotonic()
            frames = await flood(wire, count, text)
            passing = burst + a_second * (time.monotonic() - began) + 1
            assert wire.ws.close_code == 4009 and frames.count("error") == 200
            heard = [await olga.hear()]
            while heard[-1]["type"] != "member.left":
                heard.append(await olga.hear())
            passed = frames.count("pong") + [frame["type"] for frame in heard].count("chat.typing")
            assert burst <= passed <= passing


async def test_signals_are_counted_apart_from_everything_else(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_MESSAGE_RATE="1/3", AXENIX_SIGNAL_RATE="1/5") as (_, party):
        ada, gus = await party.come(party.ada), await party.come(party.gus)
        for _ in range(3):
            assert (await gus.ask("ping"))[-1]["type"] == "ack"
        error = (await gus.ask("ping"))[-1]
        assert error["reason"] == "rate_limited" and 0 < error["retry_after"] <= 1
        for _ in range(5):
            await gus.say("ice", to=party.ada.id, candidate="c")
            assert (await ada.hear())["type"] == "ice"
        assert await gus.refusal("ice", to=party.ada.id, candidate="c") == "rate_limited"
        assert (await ada.ask("ping"))[0]["type"] == "pong", "others are not meant"


@pytest.mark.alone
async def test_others_keep_their_pace_while_somebody_floods(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_CHAT_RATE="0") as (_, party):
        ada, gus = await party.come(party.ada), await party.come(party.gus)
        flooding = asyncio.create_task(flood(gus, 5000, '{"type":"chat.message","text":"flood"}'))
        waits = []
        for _ in range(20):
            began = time.monotonic()
            assert (await ada.ask("ping"))[-1]["type"] == "ack"
            waits.append(time.monotonic() - began)
        await flooding
        assert sorted(waits)[10] < 0.5 and gus.ws.close_code == 4009


async def test_a_request_that_changes_something_counts_once(tmp_path: Path) -> None:
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data", message_rate=Bucket(0.001, 6))) as party:
        ann = await party.api.guest("Ann")
        state = f"/api/state/{(await ann.create_room())['slug']}"
        for path, value in (("set_topic", "tea"), ("set_lock", True), ("set_mute_all", True), ("set_lock", False)):
            await ann.post(f"{state}/{path}", **{"topic" if path == "set_topic" else "value": value})
        await ann.post(f"{state}/set_topic", topic="cake")
        assert await refused(ann.post(f"{state}/set_topic", topic="too much")) == (429, "rate_limited")


# ---- addresses, rooms, origins ---------------------------------------------------------------------------------------


STRICT = {"AXENIX_TRUSTED_PROXIES": "127.0.0.1", "AXENIX_GUEST_RATE": "3", "AXENIX_CONNECTIONS_PER_ADDRESS": "2",
          "AXENIX_ROOMS_PER_USER": "2", "AXENIX_ALLOWED_ORIGINS": "https://meet.example",
          "AXENIX_PUBLIC_URL": "https://rooms.example/base", "AXENIX_STUN_URLS": "stun:s.example:3478",
          "AXENIX_TURN_URLS": "turn:t.example:3478,turns:t.example:5349", "AXENIX_TURN_SECRET": "shared"}


async def test_the_operators_limits_and_addresses_hold(tmp_path: Path) -> None:
    async with party_at(tmp_path, **STRICT) as (_, party):
        await guests_are_counted(party)
        await connections_are_counted(party)
        await rooms_are_counted(party)
        await turn_is_for_those_with_a_token(party)
        await only_the_named_origins_may(party)
        assert party.room["invite_url"].startswith("https://rooms.example/base/")


async def guests_are_counted(party: Party) -> None:
    there = elsewhere()
    for _ in range(3):
        assert (await asked(party.api, "POST", "/api/auth/guest", {}, headers=there)).status == 201
    for path, body in (("/api/auth/guest", {}), ("/api/users", {"nickname": "Bob"})):
        answer = await asked(party.api, "POST", path, body, headers=there)
        assert answer.reason == (429, "rate_limited") and 0 < answer.body["retry_after"] <= 60
    assert (await asked(party.gus, "POST", "/api/auth/guest", {}, headers=there)).status == 201, "nobody new"
    assert (await asked(party.api, "POST", "/api/auth/guest", {}, headers=elsewhere())).status == 201


async def connections_are_counted(party: Party) -> None:
    there = elsewhere()
    first, second = [await party.dial(who, token=who.token, headers=there) for who in (party.olga, party.ada)]
    [error], code = await (await party.dial(party.gus, token=party.gus.token, headers=there)).end()
    assert (error["reason"], code) == ("rate_limited", 1013)
    assert (await (await party.dial(party.gus, token=party.gus.token, headers=elsewhere())).hear())["type"] == "joined"
    await first.ws.close()
    async with asyncio.timeout(5):  # the server may hear of it a moment later
        while (await (await party.dial(party.olga, token=party.olga.token, headers=there)).hear())["type"] != "joined":
            pass
    await second.ws.close()


async def rooms_are_counted(party: Party) -> None:
    slug = (await party.gus.create_room())["slug"]
    many = await asyncio.gather(*(asked(party.gus, "POST", "/api/rooms", {}) for _ in range(20)))
    assert sorted(each.status for each in many) == [201] + [413] * 19
    assert await refused(party.gus.create_room()) in ((429, "rate_limited"), (413, "quota_exceeded"))
    await party.gus.call("DELETE", f"/api/rooms/{slug}")
    await party.gus.create_room()


async def turn_is_for_those_with_a_token(party: Party) -> None:
    stun = {"urls": ["stun:s.example:3478"]}
    assert (await party.api.get("/api/rtc/config"))["iceServers"] == [stun]
    answer = await party.gus.get("/api/rtc/config")
    given, turn = answer["iceServers"]
    assert given == stun and turn["urls"] == ["turn:t.example:3478", "turns:t.example:5349"]
    expires, _, who = turn["username"].partition(":")
    assert abs(int(expires) - time.time() - answer["ttl"]) < 30 and who == str(party.gus.id)
    digest = hmac.digest(b"shared", turn["username"].encode(), hashlib.sha1)
    assert turn["credential"] == base64.b64encode(digest).decode()


async def only_the_named_origins_may(party: Party) -> None:
    for origin, allowed in (("https://meet.example", True), ("https://rooms.example", True), (party.api.base_url, True),
                            ("https://evil.example", False), ("https://meet.example.evil", False), ("null", False)):
        headers = {"Origin": origin} | elsewhere()
        answer = await asked(party.gus, "GET", f"/api/state/{party.slug}", headers=headers)
        assert (answer.headers.get("Access-Control-Allow-Origin") in (origin, "*")) is allowed, origin
        if allowed:
            wire = await party.dial(party.gus, token=party.gus.token, headers=headers)
            assert (await wire.hear())["type"] == "joined"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await party.dial(party.gus, token=party.gus.token, headers=headers)


async def test_one_user_has_so_many_sockets_at_once_and_changes_so_much_and_no_more(tmp_path: Path) -> None:
    limits = {"AXENIX_CONNECTIONS_PER_USER": "2", "AXENIX_CONNECTIONS_PER_ADDRESS": "20", "AXENIX_MESSAGE_RATE": "1/9"}
    async with party_at(tmp_path, **limits) as (_, party):
        slugs = [(await party.olga.create_room())["slug"] for _ in range(3)]
        first, _ = [await party.come(party.gus, slug, invite_key=None) for slug in slugs[:2]]
        [error], code = await (await party.dial(party.gus, slugs[2], token=party.gus.token)).end()
        assert (error["reason"], code) == ("rate_limited", 1013)
        await party.come(party.ada, slugs[2], invite_key=None)
        await first.close()
        for _ in range(40):  # those who have gone do not count, neither as sockets nor as what they were before
            await (await party.come(party.gus, slugs[2], invite_key=None)).close()
        answers = [await asked(party.gus, "PATCH", f"/api/users/{party.gus.id}", {"nickname": "G"}) for _ in range(12)]
        assert answers[-1].reason == (429, "rate_limited") and 0 < answers[-1].body["retry_after"] <= 1
        assert 7 <= [answer.status for answer in answers].count(200) <= 10
        assert (await asked(party.gus, "GET", f"/api/users/{party.gus.id}")).status == 200
        assert (await asked(party.ada, "PATCH", f"/api/users/{party.ada.id}", {"nickname": "A"})).status == 200


# ---- deadlines -------------------------------------------------------------------------------------------------------


async def test_a_token_that_runs_out_closes_with_4001_and_opens_nothing_more(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_TOKEN_TTL="3", **RATES_OFF) as (_, party):
        gus = await party.come(party.gus)
        assert (await party.gus.post("/api/auth/guest"))["expires_in"] == 3
        await asyncio.sleep(1.2)
        await party.olga.renew()
        olga = await party.come(party.olga)
        frames, code = await gus.end()
        assert (frames, code) == ([], 4001)
        assert (await olga.hear()).items() >= {"type": "member.left", "user_id": party.gus.id}.items()
        assert await refused(party.gus.get(f"/api/state/{party.slug}")) == (401, "invalid_token")
        [error], code = await (await party.dial(party.gus, token=party.gus.token)).end()
        assert (error["reason"], code) == ("invalid_token", 1008)


@pytest.mark.alone
async def test_while_the_server_drains_nobody_comes_in_and_everyone_is_told_to_come_back(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        olga, stuck = await party.come(party.olga), await party.come(party.gus)
        stuck.freeze()  # it will not answer the goodbye
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert (await olga.end())[1] == 1012 and time.monotonic() - began < 2
        for method, path in (("GET", "/readyz"), ("POST", f"/api/participants/{party.slug}/join")):
            assert (await asked(party.ada, method, path)).reason == (503, "draining")
        told = (await asked(party.ada, "GET", "/readyz")).body
        assert (told["ok"], told["checks"]["accepting"], told["checks"]["reading"]) == (False, "draining", "ok")
        assert (await asked(party.api, "GET", "/livez")).status == 200
        [error], code = await (await party.dial(party.ada, token=party.ada.token)).end()
        assert (error["reason"], code) == ("draining", 1013)
        assert await server.ended() == 0 and time.monotonic() - began < 5


@pytest.mark.alone
async def test_who_does_not_read_is_closed_and_gone_in_a_second_and_others_hear_everything(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (_, party):
        ada, gus = await party.come(party.ada), await party.come(party.gus)
        after, heard = gus.greeting[2]["next_seq"] - 1, [{"type": "ack"}]
        gus.freeze()
        while heard[-1]["type"] != "error":  # which says that there is nobody any more to pass a signal on to
            assert len(heard) < 1000, "8 MB, and nobody has noticed"
            await asyncio.gather(*(party.olga.post(f"/api/chat/{party.slug}", text="щ" * 4000) for _ in range(20)))
            heard += await ada.ask("ice", to=party.gus.id, candidate="c")
        began = time.monotonic()
        while (await party.members())[party.gus.id]["status"] == "active":
            assert time.monotonic() - began < 1.25
            await asyncio.sleep(0.05)
        end = (await party.olga.post(f"/api/chat/{party.slug}", text="the end"))["seq"]
        heard.append(await ada.hear())
        everything = list(range(after + 1, end + 1))
        assert [frame["seq"] for frame in heard if "seq" in frame] == everything
        gus = await party.come(party.gus, after_seq=after)
        assert gus.greeting[0]["resumed"] is True
        seqs: list[int] = []
        while not seqs or seqs[-1] < end:
            seqs += [item["seq"] for item in (await gus.hear())["items"]]
        assert seqs == everything


async def test_a_crowd_waits_before_its_handshakes_and_not_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it costs those inside the least: 500 who came back at once had kept them waiting for 40 ms."""
    go_on, shaken, commit = threading.Event(), 0, writer.commit

    def stalls(group: list[writer.Job], db: sqlite3.Connection) -> int:
        go_on.wait(20)
        return commit(group, db)

    def counted(*args: Any) -> Any:
        nonlocal shaken
        shaken += 1
        return switch_protocols(*args)

    async with party_inside(tmp_path, Config()) as party:
        people = [await party.api.guest(f"N{n}") for n in range(20)]
        monkeypatch.setattr(writer, "commit", stalls)
        monkeypatch.setattr("axenix.web.ws.switch_protocols", counted)
        coming = [asyncio.create_task(party.come(person)) for person in people]
        await until(lambda: shaken == AT_THE_DOOR)
        await asyncio.sleep(0.2)
        assert shaken == AT_THE_DOOR < len(people)
        go_on.set()
        for wire in await asyncio.gather(*coming):
            assert wire.greeting[0]["type"] == "joined"


async def test_a_peer_that_answers_no_ping_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axenix.web.heartbeat.PING_SECONDS", 0.3)
    monkeypatch.setattr("axenix.web.heartbeat.SILENCE_SECONDS", 0.45)
    async with party_inside(tmp_path, Config()) as party:
        gus = await party.come(party.gus)
        gus.freeze()
        async with asyncio.timeout(5):
            while (await party.members())[party.gus.id]["status"] == "active":
                await asyncio.sleep(0.05)
        assert (await party.members())[party.gus.id]["status"] == "lost"


async def test_who_is_inside_by_rest_must_be_heard_of_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("state", "decide"):
        monkeypatch.setattr(f"axenix.room.{module}.BEAT_SECONDS", 1.0)
    async with party_inside(tmp_path, Config(reconnect_grace=0.5)) as party:
        olga = await party.come(party.olga)
        for _ in range(8):  # longer than the beat and the grace together
            await asyncio.sleep(0.25)
            assert (await party.gus.post(f"/api/participants/{party.slug}/heartbeat"))["status"] == "active"
        assert (await olga.hear()).items() >= {"type": "member.left", "user_id": party.ada.id}.items()
        await asyncio.sleep(1.1)
        assert (await party.members())[party.gus.id]["status"] == "lost"
        assert (await party.gus.post(f"/api/participants/{party.slug}/heartbeat"))["status"] == "active"
        assert (await olga.hear()).items() >= {"type": "member.left", "user_id": party.gus.id}.items()
