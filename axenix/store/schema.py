"""The tables, version by version, and whether a file is a database of ours that can be trusted.

Everything here is synchronous and works on a plain connection; who calls it, and in which thread, is not its concern.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from axenix.errors import CannotStart
from axenix.store.connection import WRITER, apply_pragmas, read_only
from axenix.store.folder import new_file, publish
from axenix.store.trouble import DAMAGED, code_of

APPLICATION = 0x41786E78
"""`Axnx` in the file's header: this database is ours."""

SMALL = 128 << 20
"""Bytes that are checked for damage before the start (about 0.15 s); a bigger file is checked while the server runs."""

LOGGED = b"\x02\x02"
"""In bytes 18 and 19 of the header: both sides must know the write-ahead log. SQLite opens others read-only."""

NEEDED = (3, 37)
"""The SQLite that brought STRICT tables."""

PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
}
"""What keeps a database from being opened without being the database's fault."""

VERSION_1 = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    nickname TEXT NOT NULL,
    avatar_url TEXT,
    public_key_pem TEXT
) STRICT;

CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, unlike the slug
    slug TEXT NOT NULL UNIQUE,
    created_by INTEGER NOT NULL REFERENCES people (id),
    created_at TEXT NOT NULL,
    epoch TEXT NOT NULL,
    title TEXT NOT NULL,
    topic TEXT NOT NULL,
    is_private INTEGER NOT NULL,
    is_locked INTEGER NOT NULL,
    recording_active INTEGER NOT NULL,
    cover_url TEXT,
    invite_key TEXT,
    invite_hash BLOB UNIQUE,               -- looked up by this, so that time tells nothing of the key
    floor INTEGER NOT NULL DEFAULT 1,      -- sync begins here
    purged INTEGER NOT NULL DEFAULT 1,     -- retention has deleted up to here, and never beyond the floor
    awake INTEGER NOT NULL DEFAULT 0       -- something has happened since it last went to sleep
) STRICT;
CREATE INDEX rooms_public ON rooms (id) WHERE is_private = 0;
CREATE INDEX rooms_by_owner ON rooms (created_by);
CREATE INDEX rooms_awake ON rooms (id) WHERE awake = 1;
CREATE INDEX rooms_to_purge ON rooms (id) WHERE purged < floor;

CREATE TABLE snapshots (
    room INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    frozen BLOB NOT NULL
) STRICT;

-- What happened in a room is in two tables, by what becomes of it later.

CREATE TABLE events (                      -- deleted one day, if retention says so
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    body BLOB NOT NULL,
    aside BLOB,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_moderation ON events (room, seq) WHERE kind = 2;

-- Texts must be deletable for good. When SQLite moves a row to another page it leaves a copy behind in the old one,
-- where secure_delete does not reach (19 of 2414 deleted texts were still in the file). So rows here never move: they
-- are only ever appended, by id, and shortened in place; none is deleted. Those of rooms that are gone have room NULL.
CREATE TABLE chat (
    id INTEGER PRIMARY KEY,
    room INTEGER,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    aside BLOB
) STRICT;
CREATE UNIQUE INDEX chat_place ON chat (room, seq) WHERE room IS NOT NULL;

-- Lines of all kinds go in by one statement, which is a transaction by itself: between two statements the writing
-- thread would have to wait for its turn with the event loop. What is written of a room that is gone goes nowhere.
CREATE VIEW lines AS
    SELECT room, seq, kind, body, aside FROM events UNION ALL SELECT room, seq, 1, body, aside FROM chat;
CREATE TRIGGER lines_are_kept_by_kind INSTEAD OF INSERT ON lines
WHEN EXISTS (SELECT 1 FROM rooms WHERE id = new.room)
BEGIN
    INSERT INTO chat (room, seq, body, aside)
        SELECT new.room, new.seq, new.body, new.aside WHERE new.kind = 1;
    INSERT INTO events (room, seq, kind, body, aside)
        SELECT new.room, new.seq, new.kind, new.body, new.aside WHERE new.kind <> 1;
END;

CREATE TABLE erased (room INTEGER PRIMARY KEY) STRICT;  -- rooms that are gone, but not yet every trace of them
CREATE TABLE probe (id INTEGER PRIMARY KEY, filling BLOB) STRICT;
"""

VERSION_2 = "ALTER TABLE people ADD COLUMN device_key TEXT"  # X25519, base64

VERSION_3 = """
ALTER TABLE people ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;  -- see people.py
CREATE INDEX people_erased ON people (erased) WHERE erased > 0;
CREATE TABLE marks (name TEXT PRIMARY KEY) STRICT;                -- what the next start has to do
"""

VERSION_4 = """
CREATE TABLE foreigners (                  -- people of another site, by that site's own ids
    subject TEXT PRIMARY KEY,
    person INTEGER NOT NULL UNIQUE REFERENCES people (id),
    name TEXT                              -- the last one of the site's that was applied
) STRICT;
CREATE TRIGGER the_erased_come_from_nowhere AFTER UPDATE OF erased ON people WHEN new.erased > 0
BEGIN
    DELETE FROM foreigners WHERE person = new.id;
END;
"""

VERSION_5 = """
CREATE TABLE hooked (id INTEGER PRIMARY KEY) STRICT;  -- has a row once a webhook has been in use
CREATE TABLE hooks (                       -- how far it has been told of each room
    room INTEGER PRIMARY KEY,
    delivered INTEGER NOT NULL,
    upto INTEGER,                          -- what is being tried again ends here
    failing_since REAL
) STRICT;
CREATE TABLE dead_letters (                -- ranges of events; the events are where they were
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    why TEXT NOT NULL,
    died_at TEXT NOT NULL,
    replay INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX dead_letters_by_room ON dead_letters (room);
CREATE TRIGGER hooks_end_with_the_room AFTER DELETE ON rooms
BEGIN
    DELETE FROM hooks WHERE room = old.id;
    DELETE FROM dead_letters WHERE room = old.id;
END;
"""

MIGRATIONS = (VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5)
"""Each takes the database one version further, in a transaction of its own. Once released they never change."""


def migrate(db: sqlite3.Connection) -> None:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def make_or_examine(path: Path) -> bool:
    """Leave behind a database that may be opened. False: it is too big to have been looked at thoroughly yet.

    Raises CannotStart, having changed nothing.
    """
    if sqlite3.sqlite_version_info < NEEDED:
        raise CannotStart(f"SQLite {sqlite3.sqlite_version} is too old; {NEEDED[0]}.{NEEDED[1]} is needed")
    if not path.exists():
        if path.with_name(path.name + "-wal").exists():
            raise CannotStart(
                f"{path} is missing, but its log is there: put it back, or move the log away too", DAMAGED)
        make(path)
    with open(path, "rb") as file:  # now, and never while SQLite has it open: closing it would drop SQLite's locks
        if file.read(20)[18:] != LOGGED:
            raise CannotStart(f"the database {path} is damaged: its first bytes are not what they were", DAMAGED)
    is_small = path.stat().st_size <= SMALL
    db = sqlite3.connect(read_only(path), uri=True, isolation_level=None)
    db.text_factory = lambda raw: raw.decode(errors="replace")  # what is damaged may be the name in the complaint
    try:
        examine(path, is_small, db)
    finally:
        db.close()
    return is_small


def make(path: Path) -> None:
    """The file gets its name once it is complete, so that an empty or half-made one is always damage."""
    draft = new_file(path)
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        apply_pragmas(WRITER | {"application_id": APPLICATION}, db)
        migrate(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # closing would do it too, and tell of no failure
    finally:
        db.close()
    publish(draft, path)


def examine(path: Path, thoroughly: bool, db: sqlite3.Connection) -> None:
    """Raises CannotStart unless this is a database that we understand and can trust. Changes nothing."""
    try:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise CannotStart(f"{path} is not a database of Axenix Conference", DAMAGED)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if not 1 <= version <= len(MIGRATIONS):
            raise CannotStart(f"{path} is of version {version}, and this program knows 1 to {len(MIGRATIONS)}: "
                              "start the newer program that wrote it, or put back a copy from before", DAMAGED)
        flaw = db.execute("PRAGMA quick_check(1)").fetchone()[0] if thoroughly else "ok"
    except sqlite3.Error as error:
        if code_of(error) in PASSING:
            raise CannotStart(f"the database {path} cannot be opened: {error}") from None
        flaw = str(error)
    except UnicodeDecodeError:  # Python cannot even read out SQLite's complaint
        flaw = "a name in its list of tables is no text"
    if flaw != "ok":
        raise CannotStart(f"the database {path} is damaged: {' '.join(flaw.split())}", DAMAGED)
