"""The data folder and its database: owned by one process, opened only when sound, written as a whole or not at all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import aiosqlite
import pytest
from harness import until
from store_kit import Store, commits_in_log, full, opened, some, stalled

from axenix.errors import CannotStart, Refused
from axenix.store import database as database_module
from axenix.store import schema, wal, writer
from axenix.store.connection import connect, in_thread
from axenix.store.folder import load_or_make_secret

ROOT = Path(__file__).parents[1]
POSIX = os.name == "posix"


async def open_and_close(folder: Path) -> None:
    async with opened(folder):
        pass


# ---- the folder -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not POSIX, reason="modes are POSIX's")
async def test_what_a_new_folder_holds_is_for_the_servers_eyes_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    async with opened(folder) as store:
        assert len(store.database.secret) >= 32
        modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}
    assert modes == {
        "data": 0o700, "lock": 0o600, "jwt-secret": 0o600, "axenix.db": 0o600, "axenix.db-wal": 0o600,
        "axenix.db-shm": 0o600,
    }


async def test_closing_leaves_one_file_with_everything_in_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        person = await store.people.create("Ann")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["axenix.db", "lock"]
    async with opened(tmp_path) as store:
        assert await store.people.find(person.id) == person


async def test_the_secret_is_made_once(tmp_path: Path) -> None:
    first = load_or_make_secret(tmp_path)
    assert len(first) >= 32 and load_or_make_secret(tmp_path) == first


async def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_text("x" * 31 + "\n")
    with pytest.raises(CannotStart, match="shorter than 32 bytes") as refused:
        load_or_make_secret(tmp_path)
    assert refused.value.exit_code == 1


async def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="cannot be used") as refused:
        await open_and_close(tmp_path / "file" / "data")
    assert refused.value.exit_code == 1


SECOND = """
import asyncio, sys
from pathlib import Path
from axenix.errors import CannotStart
from axenix.store.database import Database

async def main():
    try:
        database = await Database.open(Path(sys.argv[1]), print)
    except CannotStart as error:
        print(error)
        sys.exit(error.exit_code)
    await database.close()

asyncio.run(main())
"""


async def test_a_second_process_is_refused_and_the_next_one_is_not(tmp_path: Path) -> None:
    def second() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", SECOND, str(tmp_path)], cwd=ROOT, text=True, capture_output=True)

    async with opened(tmp_path) as store:
        person = await store.people.create("Ann")
        refused = await asyncio.to_thread(second)
        assert refused.returncode == 1 and "in use by another process" in refused.stdout
        assert await store.people.find(person.id)
    assert (await asyncio.to_thread(second)).returncode == 0


WRITING_FOR_EVER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, "tests")
from store_kit import opened, some

async def main():
    async with opened(Path(sys.argv[1])) as store:
        room, claim = await store.claimed()
        seq = 0
        while True:
            await store.journal.append(room, claim.term, some(seq + 1, seq + 3))
            seq += 3
            print(seq, flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_leaves_what_it_said_was_written_and_no_lock(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITING_FOR_EVER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as told:
        heard = [int(told.readline()) for _ in range(50)]
        child.kill()
        heard += [int(line) for line in told.read().split() if line]
    child.wait()
    async with opened(tmp_path) as store:
        claim = await store.journal.claim(1)
        lines = await store.journal.after(1, 0, limit=10_000)
        assert [line.seq for line in lines] == list(range(1, claim.seq + 1)) and claim.seq >= heard[-1] >= 150


# ---- damage: nothing is started, nothing is touched -----------------------------------------------------------------


async def a_database(folder: Path, lines: int = 2000) -> Path:
    async with opened(folder) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, lines))
    return folder / "axenix.db"


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]


def another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE things (name TEXT)")
    db.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    db.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped byte in the name of the format": lambda path: path.write_bytes(flipped(path.read_bytes(), 3)),
    "a flipped byte in the page size": lambda path: path.write_bytes(flipped(path.read_bytes(), 16)),
    "a flipped byte in the format's version": lambda path: path.write_bytes(flipped(path.read_bytes(), 18)),
    "a flipped byte in the head of a page": lambda path: path.write_bytes(flipped(path.read_bytes(), 20 * 4096)),
    "a flipped bit in our own version": lambda path: path.write_bytes(flipped(path.read_bytes(), 60)),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[:path.stat().st_size // 2]),
    "a hundred bytes": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("This is not a database.\n" * 1000),
    "another program's database": another_program,
    "a newer version": newer,
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_or_foreign_database_is_left_alone(damage: str, tmp_path: Path) -> None:
    path = await a_database(tmp_path)
    DAMAGE[damage](path)
    before = path.read_bytes()
    with pytest.raises(CannotStart) as refused:
        await open_and_close(tmp_path)
    assert refused.value.exit_code == 3
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    assert path.read_bytes() == before


async def test_the_log_of_a_newer_database_is_left_alone_too(tmp_path: Path) -> None:
    path = await a_database(tmp_path / "one")
    copy = tmp_path / "two"
    copy.mkdir()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
        db.commit()
        for name in ("axenix.db", "axenix.db-wal"):
            (copy / name).write_bytes((path.parent / name).read_bytes())
    db.close()
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    with pytest.raises(CannotStart, match="is of version") as refused:
        await open_and_close(copy)
    assert refused.value.exit_code == 3
    assert {name: (copy / name).read_bytes() for name in before} == before


async def test_a_database_that_is_missing_beside_its_log_is_not_made_anew(tmp_path: Path) -> None:
    path = await a_database(tmp_path)
    path.rename(path.with_name("axenix.db-wal"))
    with pytest.raises(CannotStart, match="is missing") as refused:
        await open_and_close(tmp_path)
    assert refused.value.exit_code == 3 and not path.exists()


async def test_a_big_database_is_looked_at_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await a_database(tmp_path)
    monkeypatch.setattr(schema, "SMALL", 0)
    async with opened(tmp_path) as store:
        await store.people.create("Ann")
    assert not store.fatal
    path.write_bytes(flipped(path.read_bytes(), 20 * 4096))
    async with opened(tmp_path) as store:
        await until(lambda: store.fatal)
        assert store.fatal[0][1] == 3 and "damaged" in store.fatal[0][0]
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.people.create("Bob")


async def test_closing_does_not_wait_until_a_big_database_has_been_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_database(tmp_path)
    monkeypatch.setattr(schema, "SMALL", 0)
    looking, interrupted = threading.Event(), threading.Event()

    def endless(path: Path, thoroughly: bool, db: sqlite3.Connection) -> None:
        looking.set()
        try:
            db.execute("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        except sqlite3.OperationalError:
            interrupted.set()

    async with asyncio.timeout(10):
        async with opened(tmp_path):
            monkeypatch.setattr(database_module, "examine", endless)
        async with opened(tmp_path):
            await until(looking.is_set)
    assert interrupted.is_set()


async def test_a_failing_disk_is_not_called_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_database(tmp_path)
    monkeypatch.setattr(schema, "examine", lambda *args: fail(sqlite3.SQLITE_CANTOPEN))
    with pytest.raises(CannotStart, match="cannot be opened") as refused:
        await open_and_close(tmp_path)
    assert refused.value.exit_code == 1


# ---- versions -------------------------------------------------------------------------------------------------------


async def test_an_older_database_is_taken_to_todays_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as store:
        person = await store.people.create("Ann")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (id INTEGER PRIMARY KEY)"))
    async with opened(tmp_path) as store:
        assert await store.sql("SELECT count(*) FROM later") == [(0,)]
        assert await store.sql("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
        assert await store.people.find(person.id) == person


async def test_a_step_between_versions_happens_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        person = await store.people.create("Ann")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "DROP TABLE probe; INSERT INTO nowhere VALUES (1)"))
        with pytest.raises(CannotStart, match="no such table: nowhere"):
            await open_and_close(tmp_path)
    async with opened(tmp_path) as store:
        assert await store.sql("SELECT count(*) FROM probe") == [(0,)]
        assert await store.people.find(person.id) == person


# ---- connections ----------------------------------------------------------------------------------------------------


async def test_the_writer_is_set_up_to_lose_nothing_and_to_keep_nothing_deleted(tmp_path: Path) -> None:
    wanted = {
        "journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "wal_autocheckpoint": 0,
        "trusted_schema": 0, "mmap_size": 0, "busy_timeout": 5000, "cell_size_check": 1,
    }
    async with opened(tmp_path) as store:
        found = await store.in_writer(lambda db: [db.execute(f"PRAGMA {name}").fetchone() for name in wanted])
    assert found == [(value,) for value in wanted.values()]


async def test_readers_cannot_write(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for _ in range(database_module.READERS):
            with pytest.raises(Refused, match="storage_unavailable"):
                await store.sql("INSERT INTO people (nickname) VALUES ('Eve')")
    assert not store.fatal


async def test_aiosqlite_still_runs_a_whole_function_in_its_own_thread(tmp_path: Path) -> None:
    async with connect(tmp_path / "any.db") as connection:
        assert isinstance(connection, aiosqlite.Connection)
        kind, thread = await in_thread(connection, lambda db: (type(db), threading.get_ident()))
    assert kind is sqlite3.Connection and thread != threading.get_ident()


async def test_a_cancelled_task_leaves_no_transaction_open(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        begun, go_on = threading.Event(), threading.Event()

        def slowly(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO people (nickname) VALUES ('Ann')")
            begun.set()
            go_on.wait(10)

        async def write() -> None:
            await store.database.write(slowly)

        task = asyncio.create_task(write())
        await until(begun.is_set)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        go_on.set()
        bob = await store.people.create("Bob")
        assert not await store.in_writer(lambda db: db.in_transaction)
        assert await store.sql("SELECT nickname FROM people ORDER BY id") == [("Ann",), (bob.nickname,)]


async def test_reading_after_the_end_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        pass
    for asking in (store.people.find(1), store.people.create("Ann")):
        with pytest.raises(Refused, match="storage_unavailable"):
            await asking


# ---- one commit for all that waits ----------------------------------------------------------------------------------


async def test_all_that_waits_is_written_by_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "MOMENT", 60.0)
    async with opened(tmp_path) as store:
        with stalled(store) as go_on:
            await asyncio.sleep(0)
            asking = [asyncio.ensure_future(store.people.create(f"guest {n}")) for n in range(40)]
            await asyncio.sleep(0.01)
            before = commits_in_log(tmp_path)
            go_on()
            people = await asyncio.gather(*asking)
        assert commits_in_log(tmp_path) == before + 1
        assert [person.id for person in people] == list(range(1, 41))


async def test_an_error_undoes_nothing_but_its_own_call(tmp_path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO people (nickname) VALUES ('half')")
        raise LookupError("the other half")

    async with opened(tmp_path) as store:
        with stalled(store):
            await asyncio.sleep(0)
            ann, failing = asyncio.ensure_future(store.people.create("Ann")), store.database.write(half)
            bob = asyncio.ensure_future(store.people.create("Bob"))
            await asyncio.sleep(0.01)
        with pytest.raises(LookupError, match="the other half"):
            await failing
        await asyncio.gather(ann, bob)
        assert await store.sql("SELECT nickname FROM people ORDER BY id") == [("Ann",), ("Bob",)]
        assert store.database.refusal is None


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with stalled(store) as go_on:
            await asyncio.sleep(0)
            waiting = asyncio.ensure_future(store.people.create("Ann"))
            await asyncio.sleep(0.01)
            closing = asyncio.ensure_future(store.database.close())
            await asyncio.sleep(0.01)
            go_on()
            assert (await waiting).id == 1
            await closing
    async with opened(tmp_path) as store:
        assert await store.people.find(1)


# ---- trouble --------------------------------------------------------------------------------------------------------


def fail(code: int) -> None:
    error = sqlite3.OperationalError("as the test wishes")
    error.sqlite_errorcode = code
    raise error


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PROBE_SECONDS", 0.02)


async def people_until_refused(store: Store) -> Refused:
    for n in range(10_000):
        try:
            await store.people.create(f"{n} " + "x" * 500)
        except Refused as refused:
            return refused
    raise AssertionError("nothing was refused")


async def test_a_full_disk_refuses_writing_and_nothing_else_and_passes_by_itself(
    tmp_path: Path, quick_probes: None
) -> None:
    async with opened(tmp_path) as store:
        await store.people.create("Ann")
        async with full(store):
            refused = await people_until_refused(store)
            assert (refused.reason, refused.status) == ("storage_full", 507)
            assert store.database.refusal == "storage_full"
            [(written,)] = await store.sql("SELECT count(*) FROM people")
            await asyncio.sleep(0.1)  # several probes
            with pytest.raises(Refused, match="storage_full"):
                await store.people.create("Bob")
            assert await store.sql("SELECT count(*) FROM people") == [(written,)]
        await until(lambda: store.database.refusal is None)
        assert (await store.people.create("Bob")).id > written
        assert await store.sql("SELECT count(*) FROM probe") == [(0,)]
    assert not store.fatal


async def test_a_lock_held_by_another_program_refuses_writing_until_it_is_gone(
    tmp_path: Path, quick_probes: None
) -> None:
    async with opened(tmp_path) as store:
        await store.in_writer(lambda db: db.execute("PRAGMA busy_timeout=10").fetchall())
        other = sqlite3.connect(tmp_path / "axenix.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.people.create("Ann")
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: store.database.refusal is None)
        assert (await store.people.create("Ann")).id == 1
    assert not store.fatal


async def test_all_that_waits_is_refused_with_the_commit_that_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with stalled(store):
            await asyncio.sleep(0)
            failing = store.database.write(lambda db: fail(sqlite3.SQLITE_NOMEM))
            innocent = asyncio.ensure_future(store.people.create("Ann"))
            await asyncio.sleep(0.01)
        for refused in (failing, innocent):
            with pytest.raises(Refused, match="storage_unavailable"):
                await refused
        assert await store.sql("SELECT count(*) FROM people") == [(0,)]


@pytest.mark.parametrize("code, exit_code", [
    (sqlite3.SQLITE_IOERR_FSYNC, 1), (sqlite3.SQLITE_IOERR_WRITE, 1), (sqlite3.SQLITE_CORRUPT, 3),
    (sqlite3.SQLITE_NOTADB, 3),
])
async def test_after_a_failed_fsync_or_damage_nothing_is_written_any_more(
    tmp_path: Path, code: int, exit_code: int, monkeypatch: pytest.MonkeyPatch, quick_probes: None
) -> None:
    async with opened(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "commit", lambda group, db: fail(code))
            with pytest.raises(Refused, match="storage_unavailable"):
                await store.people.create("Ann")
        await until(lambda: store.fatal)
        assert [told for _, told in store.fatal] == [exit_code]
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.people.create("Bob")
    async with opened(tmp_path) as store:
        assert (await store.people.create("Ann")).id == 1


async def test_no_room_for_the_index_of_the_log_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_probes: None
) -> None:
    async with opened(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(writer, "commit", lambda group, db: fail(sqlite3.SQLITE_IOERR_SHMSIZE))
            with pytest.raises(Refused, match="storage_full"):
                await store.people.create("Ann")
        await until(lambda: store.database.refusal is None)
    assert not store.fatal


async def test_damage_met_while_reading_ends_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.database.read(lambda db: fail(sqlite3.SQLITE_CORRUPT))
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.people.create("Ann")
    assert [code for _, code in store.fatal] == [3]


async def test_a_commit_that_takes_too_long_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "STALLED_SECONDS", 0.05)
    async with opened(tmp_path) as store:
        with stalled(store):
            patient = asyncio.ensure_future(store.people.create("Ann"))
            await until(lambda: store.database.refusal)
            with pytest.raises(Refused, match="storage_unavailable"):
                await store.people.create("Bob")
        assert (await patient).id == 1
        assert store.database.refusal is None
    assert not store.fatal


async def test_a_bug_in_the_writer_ends_the_process_instead_of_leaving_everyone_waiting(tmp_path: Path) -> None:
    class CannotBeSettled(writer.Job):
        def write(self, db: sqlite3.Connection) -> None:
            pass

        def settle(self, refusal: str | None) -> None:
            raise LookupError("nobody is there")

    async with opened(tmp_path) as store:
        store.database.add(CannotBeSettled())
        await until(lambda: store.fatal)
        with pytest.raises(Refused, match="storage_unavailable"):
            await store.people.create("Ann")


# ---- the log --------------------------------------------------------------------------------------------------------


async def test_what_was_committed_moves_into_the_file_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "MOMENT", 0.05)
    async with opened(tmp_path) as store:
        await store.people.create("unmistakable")
        assert b"unmistakable" not in (tmp_path / "axenix.db").read_bytes()
        await until(lambda: b"unmistakable" in (tmp_path / "axenix.db").read_bytes())


async def test_much_is_moved_without_waiting_for_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "MUCH", 10)
    monkeypatch.setattr(wal, "MOMENT", 60.0)
    async with opened(tmp_path) as store:
        for n in range(10):
            await store.people.create(f"unmistakable {n}")
        await until(lambda: b"unmistakable 9" in (tmp_path / "axenix.db").read_bytes())


async def test_on_a_slow_disk_checkpoints_leave_the_commits_nine_tenths_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, moved = wal.move, []

    def slowly(db: sqlite3.Connection) -> wal.Progress:
        moved.append(time.monotonic())
        time.sleep(0.04)
        return real(db)

    monkeypatch.setattr(wal, "MUCH", 1)
    monkeypatch.setattr(wal, "move", slowly)
    async with opened(tmp_path) as store:
        until_then = time.monotonic() + 1.2
        while time.monotonic() < until_then:
            await store.people.create("Ann")
    assert 2 <= len(moved) <= 4
    assert all(later - earlier >= 0.4 for earlier, later in pairwise(moved))


async def test_a_long_log_is_cut_once_nobody_reads_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "LONG", 20)
    monkeypatch.setattr(wal, "MOMENT", 0.02)
    log = tmp_path / "axenix.db-wal"
    async with opened(tmp_path) as store:
        reader = sqlite3.connect(tmp_path / "axenix.db", isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM people").fetchone() == (0,)
        await asyncio.gather(*(store.people.create("x" * 3000) for _ in range(40)))
        await asyncio.sleep(0.2)
        assert log.stat().st_size > 20 * 4096
        reader.close()
        await until(lambda: log.stat().st_size == 0)
