"""A person's data: out, all of it; and gone, all of it, while others go on talking."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from harness import RATES_OFF, ServerProcess
from living import Party, Wire, asked, party_at
from sealing import Device
from store_kit import opened
from test_backup import axenix
from test_limits_live import party_inside
from uploading import picture, send, webm

from axenix.client import Frame, Person
from axenix.config import Config
from axenix.lines import Kind, Line, write_line
from axenix.room.events import Entry, MemberJoined
from axenix.room.text import NOBODY
from axenix.store import database
from axenix.store.dossier import rewrite, traces
from axenix.store.findings import findings

NAME = "Wilhelmina Quackenbush"
SAID = "a sentence that nobody else would say"
LINES = 250
PEM = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo
4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u
+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyeh
kd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ
0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdg
cKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbc
mwIDAQAB
-----END PUBLIC KEY-----
"""


async def moved_in(party: Party) -> tuple[Person, Wire, Device]:
    """Somebody who has left traces everywhere: messages, keys, a picture, recordings, an office, a room of her own."""
    mina = await party.newcomer(NAME)
    await mina.call("PATCH", f"/api/users/{mina.id}", {"public_key_pem": PEM})
    await party.olga.moderate(party.slug, "promote_admin", mina.id)
    device = Device(mina)
    await mina.call("PUT", "/api/users/me/device_key", {"x25519_b64": device.x25519_b64})
    wire = await party.come(mina)
    for number in range(LINES):
        await wire.say("chat.message", text=f"{SAID}, number {number}")
    await wire.until("chat.message", text=f"{SAID}, number {LINES - 1}")
    await device.begin_epoch(party.slug, 1)
    assert (await send(mina, f"/api/users/{mina.id}/avatar", picture())).status == 200
    added = await send(mina, f"/api/recordings/{party.slug}/upload", webm(), title=f"{NAME} sings", duration_sec="1")
    assert added.status == 201
    own = await mina.create_room(title="Her own")
    await party.olga.post(f"/api/participants/{own['slug']}/join")
    return mina, wire, device


def remains(folder: Path, *words: str) -> list[str]:
    return [f"{word} in {path.name}" for path in folder.rglob("*") if path.is_file()
            for word in words if word.encode() in path.read_bytes()]


async def gone_from(folder: Path, *words: str) -> None:
    """Soon, if somebody was just reading the log."""
    for _ in range(50):
        if not remains(folder, *words):
            return
        await asyncio.sleep(0.1)
    assert not remains(folder, *words)


# ---- gone ------------------------------------------------------------------------------------------------------------


async def test_whoever_is_erased_is_gone_from_every_file_and_from_everybodys_eyes(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        mina, wire, device = await moved_in(party)
        olga = await party.come(party.olga)
        link = (await mina.get(f"/api/recordings/{party.slug}"))["items"][0]["file_url"]
        assert remains(server.data_dir, NAME) and remains(server.data_dir, SAID)
        code, said, complained = await axenix("erase-user", mina.id, "--data-dir", server.data_dir)
        assert (code, said, complained) == (0, f"user {mina.id} is erased\n", "")
        await gone_from(server.data_dir, NAME, SAID, device.x25519_b64, PEM.splitlines()[1])
        assert not list((server.data_dir / "static" / "avatars").iterdir())
        assert not list((server.data_dir / "static" / "records").rglob("*.webm"))

        told, = await party.all_heard(olga)
        seen = [(each["type"], each.get("nickname")) for each in told]
        assert seen.count(("chat.deleted", None)) == LINES and ("recording.deleted", None) in seen
        assert ("member.updated", NOBODY) in seen and ("member.left", None) in seen
        assert [each["seq"] for each in told] == list(range(told[0]["seq"], told[0]["seq"] + len(told)))
        assert (await wire.end())[1] == 4001
        assert (await asked(mina, "GET", f"/api/users/{mina.id}")).reason == (401, "invalid_token")
        assert (await asked(party.api, "GET", link)).reason == (401, "invalid_token")
        await all_is_dense_and_nobodys(party, mina.id)

        await server.restart()
        await all_is_dense_and_nobodys(party, mina.id)
        assert await axenix("erase-user", mina.id, "--data-dir", server.data_dir) == (
            0, f"user {mina.id} is erased already\n", "")
        assert (await axenix("erase-user", 999, "--data-dir", server.data_dir))[::2] == (
            1, "axenix: user 999 is not erased: There is no such user.\n")
        assert await server.terminate() == 0 and findings(server.data_dir) == []
        assert not remains(server.data_dir, NAME, SAID, device.x25519_b64)
        assert not (server.data_dir / "address").exists()


async def all_is_dense_and_nobodys(party: Party, user_id: int) -> None:
    """History from its beginning has every number once; whose it was is a number and no name."""
    items: list[Frame] = []
    while (page := await party.olga.get(f"/api/sync/{party.slug}", after_seq=len(items), limit=1000))["items"]:
        items += page["items"]
    assert [each["seq"] for each in items] == list(range(1, len(items) + 1))
    hers = [each for each in items if each["type"] == "chat.message" and each["user_id"] == user_id]
    assert len(hers) == LINES and all(each["deleted"] and "text" not in each for each in hers)
    assert {each["nickname"] for each in items if each["type"].startswith("member.") and "nickname" in each
            and each["user_id"] == user_id} == {NOBODY}
    member = (await party.members())[user_id]
    shown = [member[name] for name in ("nickname", "avatar_url", "role", "status")]
    assert shown == [NOBODY, None, "guest", "left"]
    profile = await party.olga.get(f"/api/users/{user_id}")
    assert profile == {"id": user_id, "nickname": NOBODY, "avatar_url": None, "public_key_pem": None}
    own = next(room for room in (await party.olga.get("/api/rooms"))["items"] if room["title"] == "Her own")
    members = (await party.olga.get(f"/api/participants/{own['slug']}", status="left"))["participants"]
    assert [(each["nickname"], each["role"]) for each in members] == [(NOBODY, "owner")]


async def test_an_erasure_that_a_kill_interrupts_is_finished_by_the_next_start(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        mina, _, device = await moved_in(party)
        olga = await party.come(party.olga)
        asking = asyncio.create_task(mina.call("DELETE", "/api/users/me"))
        await olga.until("chat.deleted")
        await server.kill()
        await asyncio.gather(asking, return_exceptions=True)
        await server.start()
        await finished(server, mina.id)
        await gone_from(server.data_dir, NAME, SAID, device.x25519_b64)
        await all_is_dense_and_nobodys(party, mina.id)


async def finished(server: ServerProcess, user_id: int) -> None:
    async with asyncio.timeout(30):
        while True:
            db = sqlite3.connect(f"file:{server.data_dir / 'axenix.db'}?mode=ro", uri=True)
            state, = db.execute("SELECT erased FROM people WHERE id = ?", (user_id,)).fetchone()
            db.close()
            if state == 3:
                return
            await asyncio.sleep(0.1)


async def test_where_no_server_runs_the_command_does_it_alone(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        mina, _, device = await moved_in(party)
        assert await server.terminate() == 0
        code, said, complained = await axenix("erase-user", mina.id, "--data-dir", server.data_dir)
        assert (code, said, complained) == (0, f"user {mina.id} is erased\n", "")
        assert not remains(server.data_dir, NAME, SAID, device.x25519_b64) and findings(server.data_dir) == []
        await server.start()
        await all_is_dense_and_nobodys(party, mina.id)


async def test_memory_keeps_no_name_for_those_who_come_back_just_after_an_erasure(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (_, party):
        state = (await party.come(party.olga)).greeting[1]
        mina = await party.newcomer(NAME)
        assert (await mina.call("DELETE", "/api/users/me")) == {"ok": True, "complete": True}
        back = await party.come(party.ada, after_seq=state["seq"], epoch=state["epoch"])
        page = await back.until("sync.batch")
        told = [each["nickname"] for each in page["items"] if each.get("user_id") == mina.id and "nickname" in each]
        assert told == [NOBODY, NOBODY] and NAME not in str(back.greeting)


async def test_a_profile_that_changes_while_its_owner_is_erased_stays_nobodys(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        person = await store.people.create(NAME)
        await store.people.erase(person.id)
        with pytest.raises(Exception, match="user_not_found"):
            await store.people.update(person.id, nickname=NAME)
        found = await store.people.find(person.id)
        assert found is not None and found.nickname == NOBODY and found.erased == 1


# ---- the last traces -------------------------------------------------------------------------------------------------


async def test_names_are_gone_from_unused_bytes_too_at_once_or_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of many rooms grow between each other, and so move from page to page."""
    async with opened(tmp_path) as store:
        first, second = [await store.people.create(f"{NAME} {n}" + f", {NAME}" * 2) for n in "AB"]
        rooms, chance = [await store.room(f"room-{n}", frozen=b'{"a":1}') for n in range(200)], random.Random(3)
        for seq in range(1, 21):
            lines = [(room, seq, joined(seq, chance.choice([first, second]))) for room in chance.sample(rooms, 200)]
            await store.database.write(lambda db: db.executemany(
                "INSERT INTO lines (room, seq, kind, body, aside) VALUES (?, ?, 0, ?, NULL)", lines))
        for person, is_small in ((first, True), (second, False)):
            monkeypatch.setattr(database, "SMALL", 1 << 30 if is_small else 0)
            await store.people.erase(person.id)
            found = await store.database.aside(lambda db: traces(db, person.id))
            await store.database.write(
                lambda db: [rewrite(trace.room, trace.lines, db) for trace in found], leaves_traces=True)
            await store.people.is_gone(person.id)
            assert await store.database.compact() is is_small
            if is_small:
                await gone_from(tmp_path, f"{NAME} A")
                assert await store.database.compact(), "nothing is left to do"
        assert await store.sql("SELECT id, erased FROM people WHERE erased") == [(first.id, 3), (second.id, 2)]
    async with opened(tmp_path) as store:
        await gone_from(tmp_path, NAME)
        assert await store.sql("SELECT erased FROM people WHERE erased") == [(3,), (3,)]
        assert await store.sql("SELECT count(*) FROM events") == [(200 * 20,)]


def joined(seq: int, person: Any) -> bytes:
    event = MemberJoined(user_id=person.id, nickname=person.nickname, avatar_url=None, role="guest")
    event.stamp(seq, "2026-11-22T16:30:00.123Z")
    line = write_line(Entry(event))
    assert isinstance(line, Line) and line.kind is Kind.EVENT
    return line.body


async def test_the_database_is_not_written_anew_more_often_than_once_a_minute(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        done = []
        for _ in range(2):
            person = await store.people.create(NAME)
            await store.people.erase(person.id)
            await store.people.is_gone(person.id)
            done.append(await store.database.compact())
        assert done == [True, False]


# ---- out -------------------------------------------------------------------------------------------------------------


async def test_an_export_is_complete_and_the_same_by_rest_and_by_the_command(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        mina, wire, device = await moved_in(party)
        await wire.ask("chat.message.enc", algo="x", ciphertext_b64="c2VhbGVk", key_epoch=1)
        elsewhere = await party.olga.create_room(title="Where she is not wanted")
        await mina.post(f"/api/participants/{elsewhere['slug']}/join")
        await party.olga.moderate(elsewhere["slug"], "kick", mina.id, ban_sec=3600, reason="sings")
        first = (await mina.get(f"/api/chat/{party.slug}", limit=200))["items"][0]
        await mina.call("DELETE", f"/api/chat/{party.slug}/{first['id']}")

        place = tmp_path / "mina.json"
        code, said, complained = await axenix("export", mina.id, place, "--data-dir", server.data_dir)
        assert (code, said, complained) == (0, "", "") and place.stat().st_mode & 0o777 == 0o600
        told = orjson.loads(place.read_bytes())
        by_rest = await mina.get("/api/users/me/export")
        assert by_rest == told
        assert told["user"] == {
            "id": mina.id, "nickname": NAME, "avatar_url": told["user"]["avatar_url"], "public_key_pem": PEM,
            "device_key": device.x25519_b64}
        assert (server.data_dir / told["user"]["avatar_url"].lstrip("/")).is_file()
        rooms = {each["title"]: each for each in told["rooms"]}
        assert rooms.keys() == {"Party", "Her own", "Where she is not wanted"}
        assert [title for title in rooms if rooms[title]["is_owner"]] == ["Her own"]
        assert rooms["Party"]["role"] == "admin" and rooms["Party"]["is_inside"]
        assert rooms["Where she is not wanted"]["ban"]["reason"] == "sings"
        texts = [each.get("text") for each in told["messages"] if each["type"] == "chat.message"]
        assert [text for text in texts if text] == [
            f"{SAID}, number {n}" for n in range(LINES) if n != int(first["text"].rpartition(" ")[2])]
        assert texts.count(None) == 1 and [each["ciphertext_b64"] for each in told["messages"][-1:]] == ["c2VhbGVk"]
        assert all(each["created_at"] and each["room_slug"] == party.slug for each in told["messages"])
        recording, = told["recordings"]
        assert recording["title"] == f"{NAME} sings" and (server.data_dir / recording["file"]).is_file()

        assert (await axenix("export", mina.id, place, "--data-dir", server.data_dir))[0] == 1, "nothing is overwritten"
        assert (await axenix("export", mina.id, "-", "--data-dir", server.data_dir))[1].encode() == place.read_bytes()
        assert (await axenix("export", 999, "-", "--data-dir", server.data_dir)) == (
            1, "", "axenix: there is no user 999\n")
        assert (await axenix("export", "me", "-"))[0] == 2
        assert (await asked(party.api, "GET", "/api/users/me/export")).reason == (401, "invalid_token")
        assert (await asked(party.api, "DELETE", "/api/users/me")).reason == (401, "invalid_token")


async def test_the_address_is_for_our_eyes_only_and_goes_with_the_server(server: ServerProcess) -> None:
    path = server.data_dir / "address"
    assert path.read_text() == server.url and path.stat().st_mode & 0o777 == 0o600
    await server.terminate()
    assert not path.exists() and "address" not in os.listdir(server.data_dir)


async def test_whoever_asks_for_many_exports_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[int] = []

    def slow(db: sqlite3.Connection, user_id: int) -> dict[str, int]:
        served.append(user_id)
        time.sleep(0.1)
        return {}

    monkeypatch.setattr("axenix.web.erasure.export", slow)
    async with party_inside(tmp_path, Config(data_dir=tmp_path / "data")) as party:
        greedy = asyncio.gather(*(party.olga.get("/api/users/me/export") for _ in range(4)))
        await asyncio.sleep(0.05)
        await party.gus.get("/api/users/me/export")
        await greedy
        assert served == [party.olga.id, party.gus.id, *[party.olga.id] * 3]
