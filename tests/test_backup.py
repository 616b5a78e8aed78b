"""Backups: made beside a server that goes on working, complete, read again, and never half of one that looks whole."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from harness import RATES_OFF, ROOT, ServerProcess
from living import party_at
from uploading import picture, send, webm
from windows import Windows, lines_are

from axenix.client import Api, Connection, Person
from axenix.errors import CannotStart
from axenix.room.state import freeze
from axenix.store import backup, findings
from axenix.store.archive import folded, lines, reading, shelves

RESTORED_IDS = 10**9


async def axenix(*argv: object) -> tuple[int, str, str]:
    """A command of the command line: its exit code, and what it has said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "axenix", *map(str, argv), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, complained = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode(), complained.decode()


def texts(folder: Path, slug: str) -> dict[int, bytes]:
    """The chat of a room in this folder, by seq; the history that it stands in has no hole."""
    with reading(folder) as db:
        shelf = next(each for each in shelves(db) if each.slug == slug)
        kept = list(lines(db, shelf.id))
    assert [line.seq for line in kept] == list(range(1, len(kept) + 1))
    return {line.seq: line.body for line in kept if line.kind == 1}


# ---- beside a server that works --------------------------------------------------------------------------------------


async def test_a_backup_under_load_has_all_that_was_acked_before_and_clients_are_told_of_its_epoch(
    tmp_path: Path, session: aiohttp.ClientSession,
) -> None:
    place = tmp_path / "backups" / "monday"
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        api = Api(server.url, session)
        people = [await api.guest(f"Person {n}") for n in range(5)]
        slug = (await people[0].create_room(title="Busy"))["slug"]
        calls = [await person.join(slug) for person in people]
        acked: dict[int, str] = {}
        talking = [asyncio.create_task(talk(call, acked)) for call in calls]
        sending = asyncio.create_task(upload_again_and_again(people[0], slug))
        await asyncio.sleep(0.5)
        before = dict(acked)
        code, said, complained = await axenix("backup", place, "--data-dir", server.data_dir)
        assert (code, complained) == (0, ""), complained
        during = len(acked) - len(before)
        for task in (*talking, sending):
            task.cancel()
        await asyncio.gather(*talking, sending, return_exceptions=True)
        latecomer = await api.guest("Late")
        first, last = calls[0], calls[1].last_seq
        await server.kill()

        assert len(before) > 100 and during > 100, "the server was busy, before and during the backup"
        kept = texts(place, slug)
        assert before.keys() <= kept.keys() and all(text.encode() in kept[seq] for seq, text in before.items())
        assert (await axenix("check", place))[:2] == (0, f"{place}: nothing is wrong\n")
        assert place.stat().st_mode & 0o777 == 0o700 and os.listdir(place.parent) == ["monday"]

        shutil.rmtree(server.data_dir)
        place.rename(server.data_dir)
        await server.start()
        told = await people[1].join(slug, after_seq=last, epoch=first.epoch)
        reset = await told.next("sync.reset")
        assert reset["reason"] == "epoch" and re.fullmatch("[0-9a-f]{32}", reset["epoch"])
        assert reset["epoch"] != first.epoch and told.snapshot["epoch"] == reset["epoch"] == told.info["epoch"]
        assert reset["snapshot"]["seq"] <= last
        assert await told.chat("and on it goes") == told.last_seq
        page = await people[1].get(f"/api/sync/{slug}", after_seq=1, epoch=first.epoch)
        assert page["reset"]["reason"] == "epoch"
        await must_be_nobody(latecomer, server)
        await told.close()
        assert (await axenix("check", "--data-dir", server.data_dir))[0] == 0
        await server.restart()
        assert (await people[1].join(slug)).epoch == reset["epoch"], "the mark is gone with the first start"


async def talk(call: Connection, acked: dict[int, str]) -> None:
    for number in range(100_000):
        text = f"{call.person.id} says {number}"
        acked[await call.chat(text)] = text


async def upload_again_and_again(who: Person, slug: str) -> None:
    """Recordings come and go: some of them are named by the copy, and some are not."""
    while True:
        added = await send(who, f"/api/recordings/{slug}/upload", webm(3_000_000), title="A talk", duration_sec="1")
        assert added.status == 201
        await asyncio.sleep(0.05)
        await who.call("DELETE", f"/api/recordings/{slug}/{added.body['id']}")


async def must_be_nobody(person: Person, server: ServerProcess) -> None:
    """Whoever came after the backup is unknown, and nobody who comes now gets the same number."""
    api = Api(server.url, person.session)
    with pytest.raises(Exception, match="invalid_token"):
        await Person(api, person.id, person.token).get(f"/api/users/{person.id}")
    assert (await api.guest("New")).id > RESTORED_IDS


async def test_a_deleted_text_is_in_no_backup_made_after_its_deletion(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        wire = await party.come(party.gus)
        for number in range(50):
            await wire.say("chat.message", text=f"a regretted sentence, number {number}")
        await wire.until("chat.message", text="a regretted sentence, number 49")
        history = (await party.gus.get(f"/api/chat/{party.slug}", limit=200))["items"]
        for message in history:
            await party.gus.call("DELETE", f"/api/chat/{party.slug}/{message['id']}")
        code, _, complained = await axenix("backup", tmp_path / "copy", "--data-dir", server.data_dir)
        assert (code, complained) == (0, "")
        files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
        assert len(history) == 50 and not any(b"regretted" in path.read_bytes() for path in files)


async def test_a_room_that_is_called_like_a_device_of_windows_is_backed_up_and_exported_whole(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        await party.olga.create_room(slug="con")
        assert (await send(party.olga, "/api/recordings/con/upload", webm(5000))).status == 201
        code, _, complained = await axenix("backup", tmp_path / "copy", "--data-dir", server.data_dir)
        assert (code, complained) == (0, "")
        assert (await axenix("check", "--data-dir", server.data_dir))[0] == 0
        (recording,) = (await party.olga.get("/api/users/me/export"))["recordings"]
        assert (tmp_path / "copy" / recording["file"]).stat().st_size == 5000


# ---- what is not a backup does not look like one ---------------------------------------------------------------------


@pytest.fixture(name="folder", scope="module")
def folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has ended: a room with a history, a cover, an avatar and recordings."""
    return asyncio.run(furnished(tmp_path_factory.mktemp("furnished")))


async def furnished(root: Path) -> Path:
    async with party_at(root, **RATES_OFF) as (server, party):
        wire = await party.come(party.gus)
        for number in range(20):
            await wire.ask("chat.message", text=f"line {number}")
        await party.olga.moderate(party.slug, "force_mute", party.gus.id)
        await party.olga.call("DELETE", f"/api/chat/{party.slug}/{wire.greeting[1]['seq'] + 1}")
        await party.olga.call("PATCH", f"/api/rooms/{party.slug}", {"title": "Another title"})
        await send(party.gus, f"/api/recordings/{party.slug}/upload", webm(), title="Talk", duration_sec="1")
        await send(party.olga, f"/api/covers/{party.slug}/upload", picture())
        await send(party.gus, f"/api/users/{party.gus.id}/avatar", picture())
        await party.olga.create_room(title="Empty")
        assert await server.terminate() == 0
    return root / "data"


class Killed(BaseException):
    """What a kill does to a function: nothing after it runs."""


@pytest.mark.parametrize("step", ["everything", "bring", "copy_database", "mark", "findings", "sync", "settle"])
def test_a_backup_that_is_cut_off_at_any_step_has_not_got_its_name(
    step: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*args: object) -> None:
        raise Killed

    monkeypatch.setattr(backup, step, killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)  # a process that is killed tidies nothing up
    with pytest.raises(Killed):
        backup.back_up(folder, tmp_path / "place")
    assert all(backup.UNFINISHED in each.name for each in tmp_path.iterdir())


async def test_a_killed_backup_leaves_nothing_under_its_name_and_the_next_one_is_made(
    folder: Path, tmp_path: Path,
) -> None:
    data, place = shutil.copytree(folder, tmp_path / "data"), tmp_path / "place"
    big = next((data / "static" / "records").rglob("*.webm"))
    big.write_bytes(os.urandom(1 << 20) * 150)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "axenix", "backup", str(place), "--copy", "--data-dir", str(data), cwd=ROOT)
    async with asyncio.timeout(20):
        while not any(each.stat().st_size > 1 << 20 for each in tmp_path.glob("place.unfinished-*/static/*/*/*")):
            await asyncio.sleep(0.002)
    process.kill()
    await process.wait()
    assert not place.exists() and list(tmp_path.glob("place.unfinished-*"))
    code, _, complained = await axenix("backup", place, "--data-dir", folder)
    assert (code, complained) == (0, "") and not findings.findings(place)


def test_a_backup_goes_nowhere_where_something_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a file").write_text("of somebody")
    for place, why in [(tmp_path / "full", "is there already"), (folder / "inside", "is inside the data folder")]:
        with pytest.raises(CannotStart, match=why):
            backup.back_up(folder, place)
    with pytest.raises(CannotStart, match="there is no database"):
        backup.back_up(tmp_path / "full", tmp_path / "place")
    assert not (tmp_path / "place").exists() and not list(tmp_path.glob("*unfinished*"))


def test_a_file_that_goes_between_the_database_and_its_turn_takes_the_moment_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if a recording had been deleted just after the database had been copied."""
    data, copies = shutil.copytree(folder, tmp_path / "data"), []
    copy_database, avatar = backup.copy_database, next((data / "static" / "avatars").iterdir())
    avatar.unlink()

    def and_then_deleted(source: Path, draft: Path) -> None:
        copy_database(source, draft)
        copies.append(1)
        changed(data, "UPDATE people SET avatar_url = NULL")

    monkeypatch.setattr(backup, "copy_database", and_then_deleted)
    made = backup.back_up(data, tmp_path / "place")
    assert len(copies) == 2 and not made.flaws and not findings.findings(tmp_path / "place")


def test_a_backup_has_no_unused_bytes_and_no_file_that_nobody_knows(folder: Path, tmp_path: Path) -> None:
    data, place = shutil.copytree(folder, tmp_path / "data"), tmp_path / "place"
    (data / "static" / "covers" / "stranger.webp").write_bytes(b"?")
    changed(data, "PRAGMA secure_delete=OFF",
            "INSERT INTO chat (seq, body) VALUES (1, CAST(hex(zeroblob(9000)) || 'said in passing' AS BLOB))",
            "DELETE FROM chat WHERE room IS NULL")
    assert b"said in passing" in (data / "axenix.db").read_bytes()
    assert not backup.back_up(data, place).flaws
    assert b"said in passing" not in (place / "axenix.db").read_bytes()
    assert not list(place.rglob("stranger.webp"))


def test_a_backup_of_a_folder_that_lacks_a_file_is_made_and_says_so(folder: Path, tmp_path: Path) -> None:
    data = shutil.copytree(folder, tmp_path / "data")
    next((data / "static" / "covers").iterdir()).unlink()
    made = backup.back_up(data, tmp_path / "place")
    assert [re.sub("[0-9a-f]{32}", "…", flaw) for flaw in made.flaws] == [
        "The file static/covers/….webp is missing."]
    assert texts(tmp_path / "place", next(each.slug for each in slugs(data)))


def slugs(folder: Path) -> Any:
    with reading(folder) as db:
        return [each for each in shelves(db) if each.frozen_seq or each.slug.startswith("party")]


# ---- check finds what is wrong ---------------------------------------------------------------------------------------


def changed(folder: Path, *statements: str) -> None:
    db = sqlite3.connect(folder / "axenix.db", isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def sql(*statements: str) -> Callable[[Path], None]:
    return lambda folder: changed(folder, *statements)


def on_file(kind: str, what: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda folder: what(next(path for path in (folder / "static" / kind).rglob("*") if path.is_file())) and None


def overwritten(folder: Path) -> None:
    with open(folder / "axenix.db", "r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 4))


def at_rest(folder: Path) -> None:
    """With a snapshot at the end of history, as it is when everybody has gone."""
    with reading(folder) as db:
        shelf = next(each for each in shelves(db) if each.slug.startswith("party"))
        room = folded(db, shelf)
    db = sqlite3.connect(folder / "axenix.db", isolation_level=None)
    db.execute("UPDATE snapshots SET seq = ?, frozen = ? WHERE room = ?", (room.seq, freeze(room), shelf.id))
    db.close()
    assert findings.findings(folder) == []


MUTED = """
UPDATE snapshots SET frozen = CAST(replace(CAST(frozen AS TEXT), '"mute_all":false', '"mute_all":true') AS BLOB)
"""
SOME_CHAT = "(SELECT max(id) - 3 FROM chat)"
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pages of the database are overwritten": (overwritten, r"^The database is damaged: "),
    "an index lacks an entry": (
        sql("PRAGMA writable_schema=ON",
            "UPDATE sqlite_schema SET sql = replace(sql, 'kind = 2', 'kind = 1') WHERE name = 'events_moderation'"),
        r"^The database is damaged: .*events_moderation"),
    "a row names nobody": (sql("PRAGMA foreign_keys=OFF", "UPDATE rooms SET created_by = 99 WHERE slug LIKE 'empty%'"),
                           r"^Row 2 of rooms names a row of people that is not there\."),
    "a version of the future": (sql("PRAGMA user_version=99"), r"^The database is of version 99, "),
    "a message is gone": (sql(f"DELETE FROM chat WHERE id = {SOME_CHAT}"),
                          r"where event \d+ should stand there is event \d+\."),
    "the snapshot is of the future": (sql("UPDATE snapshots SET seq = 1000 WHERE room = 1"),
                                      r"the snapshot is of event 1000, and history ends at \d+\."),
    "the snapshot is older than it says": (sql("UPDATE snapshots SET seq = seq + 1 WHERE room = 1"),
                                           r"the snapshot says it is of \d+, its row says \d+\."),
    "the snapshot is another room": (
        sql(MUTED), r"^Room empty-\w+: the snapshot is not how a room begins\."),
    "history leads elsewhere": (
        lambda folder: (at_rest(folder), changed(folder, MUTED)) and None,
        r"^Room party-\w+: events 1 to \d+ do not lead to the snapshot\."),
    "a snapshot is gone": (sql("DELETE FROM snapshots WHERE room = 2"), r"^Room empty-\w+ has no snapshot\."),
    "an event nobody understands": (sql("UPDATE events SET body = x'7b7d' WHERE seq = 2"), r"history cannot be folded"),
    "an event of somebody unknown": (
        sql("UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '\"user_id\":3', '\"user_id\":33') AS BLOB)"
            " WHERE kind = 2 AND room = 1"), r"history cannot be folded"),
    "the list says another title": (sql("UPDATE rooms SET title = 'A lie' WHERE id = 1"),
                                    r"its title is 'Another title', and the list says 'A lie'\."),
    "the list says another epoch": (sql("UPDATE rooms SET epoch = 'other' WHERE id = 1"), r"its epoch is "),
    "lines of no room": (sql("UPDATE rooms SET id = 77 WHERE id = 2"),
                         r"^Table snapshots has lines of room number 2, which is not there\."),
    "a recording is missing": (on_file("records", Path.unlink), r"^The file static/records/.* is missing\."),
    "a recording is shorter": (on_file("records", lambda path: os.truncate(path, 5)),
                               r"^The file static/records/.* has 5 bytes, and should have 100000\."),
    "a recording is another": (on_file("records", lambda path: path.write_bytes(webm())),
                               r"is not what was uploaded: its SHA-256 is another\."),
    "a cover is missing": (on_file("covers", Path.unlink), r"^The file static/covers/.* is missing\."),
    "an avatar is missing": (on_file("avatars", Path.unlink), r"^The file static/avatars/.* is missing\."),
    "a stranger among the files": (
        on_file("covers", lambda path: path.with_name("stranger.webp").write_bytes(b"?")),
        r"^The file static/covers/stranger\.webp is known to nobody\."),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_check_says_what_is_wrong(what: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MOMENT", 0.01)
    data = shutil.copytree(folder, tmp_path / "data")
    assert findings.findings(data) == []
    harm, sentence = DAMAGE[what]
    harm(data)
    flaws = findings.findings(data)
    assert flaws and any(re.search(sentence, flaw) for flaw in flaws), flaws
    assert all(flaw.endswith(".") for flaw in flaws)


def test_check_ends_with_1_where_something_is_wrong_or_nothing_is_there(folder: Path, tmp_path: Path) -> None:
    data = shutil.copytree(folder, tmp_path / "data")
    on_file("records", Path.unlink)(data)
    for place, out in [(data, r"^The file static/records/.* is missing\.$"), (tmp_path / "nowhere", "^$")]:
        told = subprocess.run([sys.executable, "-m", "axenix", "check", str(place)], cwd=ROOT, capture_output=True,
                              text=True, timeout=30)
        assert told.returncode == 1 and re.search(out, told.stdout.strip()), told
    assert told.stderr.startswith(f"axenix: there is no database {tmp_path / 'nowhere' / 'axenix.db'}")


# ---- in a browser ----------------------------------------------------------------------------------------------------


async def test_the_page_shows_what_the_backup_has_and_goes_on_from_there(
    server: ServerProcess, windows: Windows, tmp_path: Path,
) -> None:
    ann, ben = await windows.person(), await windows.person()
    path = await ann.make_room("Tea")
    await ann.enter(path, "Ann", mic=False, cam=False)
    await ben.enter(path, "Ben", mic=False, cam=False)
    await ann.part("chat").click()
    await ben.say("before")
    await lines_are(ann, ["before"])
    assert (await axenix("backup", tmp_path / "copy", "--data-dir", server.data_dir))[0] == 0
    await ben.say("after")
    await lines_are(ann, ["before", "after"])
    await server.kill()
    shutil.rmtree(server.data_dir)
    (tmp_path / "copy").rename(server.data_dir)
    await server.start()
    for window in (ann, ben):
        await lines_are(window, ["before"], 30)
    await ann.say("and on")
    for window in (ann, ben):
        await lines_are(window, ["before", "and on"])
        window.forgive_the_network()
