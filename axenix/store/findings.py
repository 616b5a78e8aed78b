"""What is wrong with a data folder or a backup, in sentences. Changes nothing, and disturbs no running server.

Three kinds: a damaged file, a history that does not hold together, and files that are missing, other than they should
be, or known to nobody.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from axenix.errors import Refused
from axenix.lines import Card, read_line
from axenix.room.fold import apply
from axenix.room.state import Law, Recording, Room, found, freeze, thaw
from axenix.store.archive import Named, Shelf, lines, named, reading, shelves
from axenix.store.files import RECORDS, folder_of, sha256_of
from axenix.store.partials import ABOUT, Partial
from axenix.store.schema import APPLICATION, MIGRATIONS

MOMENT = 1.0
"""After which what a running server was just about to do has been done."""


def findings(folder: Path, *, hashes: bool = True) -> list[str]:
    """Everything that is wrong. Raises CannotStart where there is no database at all."""
    with reading(folder) as db:
        try:
            if flaws := [*damage(db)]:
                return flaws
            for shelf in shelves(db):
                flaws += history(db, shelf)
            flaws += strays(db)
        except (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError) as error:
            return [f"The database is damaged: {error}."]
    return flaws + (files(folder, hashes) if not flaws else [])


# ---- the database ----------------------------------------------------------------------------------------------------


def damage(db: sqlite3.Connection) -> Iterator[str]:
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if application != APPLICATION:
        yield "The database is none of Axenix Conference."
    elif not 1 <= version <= len(MIGRATIONS):
        yield f"The database is of version {version}, and this program knows 1 to {len(MIGRATIONS)}."
    else:
        for flaw, in db.execute("PRAGMA integrity_check(20)").fetchall():
            if flaw != "ok":
                yield f"The database is damaged: {' '.join(flaw.split())}."
        for table, row, other, _ in db.execute("PRAGMA foreign_key_check").fetchall():
            yield f"Row {row} of {table} names a row of {other} that is not there."


def strays(db: sqlite3.Connection) -> Iterator[str]:
    """Lines of rooms that are not there, except of those that are just being deleted."""
    for table in ("events", "chat", "snapshots"):
        rows = db.execute(f"SELECT DISTINCT room FROM {table} WHERE room IS NOT NULL AND room NOT IN"
                          " (SELECT id FROM rooms UNION SELECT room FROM erased)").fetchall()
        for room, in rows:
            yield f"Table {table} has lines of room number {room}, which is not there."


# ---- a room's history ------------------------------------------------------------------------------------------------


def history(db: sqlite3.Connection, shelf: Shelf) -> list[str]:
    if shelf.frozen is None or shelf.frozen_seq is None:
        return [f"Room {shelf.slug} has no snapshot."]
    try:
        kept = thaw(shelf.frozen, Law())
        flaws = [*gaps(db, shelf)]
        if kept.seq != shelf.frozen_seq:
            flaws.append(f"Room {shelf.slug}: the snapshot says it is of {kept.seq}, its row says {shelf.frozen_seq}.")
        if not flaws:
            room = as_told(db, shelf, kept, flaws)
            flaws += listed(db, shelf, room)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:  # what the fold says of a history that cannot be
        flaws = [f"Room {shelf.slug}: its history cannot be folded: {error!r}."]
    return flaws


def gaps(db: sqlite3.Connection, shelf: Shelf) -> Iterator[str]:
    """Chat is kept for ever and may stand alone below where retention has deleted."""
    last = None
    for line in lines(db, shelf.id):
        expected = shelf.purged if last is None or last < shelf.purged else last + 1
        if line.seq != expected and line.seq >= shelf.purged:
            yield f"Room {shelf.slug}: where event {expected} should stand there is event {line.seq}."
            return
        last = line.seq
    assert shelf.frozen_seq is not None
    if shelf.frozen_seq > (last or 0):
        yield f"Room {shelf.slug}: the snapshot is of event {shelf.frozen_seq}, and history ends at {last or 0}."


def as_told(db: sqlite3.Connection, shelf: Shelf, kept: Room, flaws: list[str]) -> Room:
    """The room as history tells it. Where all of history is there, it must lead to the snapshot."""
    is_whole = shelf.purged == 1
    room = before_everything(kept, shelf) if is_whole else thaw(freeze(kept), Law())
    if is_whole and not kept.seq and marked(room) != marked(kept):
        flaws.append(f"Room {shelf.slug}: the snapshot is not how a room begins.")
    for line in lines(db, shelf.id, room.seq):
        apply(room, read_line(line))
        if is_whole and room.seq == kept.seq and marked(room) != marked(kept):
            flaws.append(f"Room {shelf.slug}: events 1 to {kept.seq} do not lead to the snapshot.")
    return room


def before_everything(kept: Room, shelf: Shelf) -> Room:
    """What the room began with is not written down, but what no event has changed is still so."""
    owner = kept.members[shelf.created_by]
    return found(
        kept.slug, kept.title, (owner.user_id, owner.nickname, owner.avatar_url), kept.epoch, topic=kept.topic,
        is_private=kept.is_private, invite_key=kept.invite_key,
    )


def marked(room: Room) -> bytes:
    """For comparison: the marks of the chat rate depend on how the server was configured."""
    members = {number: msgspec.structs.replace(each, chat_marks=[]) for number, each in room.members.items()}
    return freeze(msgspec.structs.replace(room, members=members))


def listed(db: sqlite3.Connection, shelf: Shelf, room: Room) -> Iterator[str]:
    """What the list of rooms says is what the room says."""
    names = Card.__struct_fields__
    row = db.execute(f"SELECT epoch, {', '.join(names)} FROM rooms WHERE id = ?", (shelf.id,)).fetchone()
    for name, value in zip(("epoch", *names), row, strict=True):
        if value != getattr(room, name):
            yield f"Room {shelf.slug}: its {name} is {getattr(room, name)!r}, and the list says {value!r}."


# ---- files -----------------------------------------------------------------------------------------------------------


def files(folder: Path, hashes: bool) -> list[str]:
    """Beside a running server only what is still so a moment later is wrong."""
    flaws = look(folder, hashes)
    if flaws:
        time.sleep(MOMENT)
        again = set(look(folder, hashes))
        flaws = [each for each in flaws if each in again]
    return flaws


def look(folder: Path, hashes: bool) -> list[str]:
    there = {path.relative_to(folder) for path in (folder / "static").rglob("*") if path.is_file()}
    unfinished = {RECORDS / folder_of(each.slug) / each.name for each in uploads(folder) if each.name}
    with reading(folder) as db:
        wanted = named(db)
    flaws = [f"The file {path} is missing." for path in wanted.paths() if not (folder / path).is_file()]
    flaws += [f"The file {path} is known to nobody." for path in sorted(there - set(wanted.paths()) - unfinished)]
    return flaws + [*altered(folder, wanted, hashes)]


def uploads(folder: Path) -> Iterator[Partial]:
    """What is complete and in its place, and about to become a recording."""
    for path in (folder / "uploads").glob(f"*{ABOUT}"):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Partial)
        except (OSError, msgspec.DecodeError):
            continue  # it has gone meanwhile, or the next start takes it away


def altered(folder: Path, wanted: Named, hashes: bool) -> Iterator[str]:
    for path, recording in wanted.records.items():
        try:
            if flaw := difference(folder / path, recording, hashes):
                yield f"The file {path} {flaw}."
        except FileNotFoundError:
            continue  # said already
        except (OSError, Refused):
            yield f"The file {path} cannot be read."


def difference(path: Path, recording: Recording, hashes: bool) -> str | None:
    size = path.stat().st_size
    if size != recording.size:
        return f"has {size} bytes, and should have {recording.size}"
    if hashes and sha256_of(path) != recording.sha256:
        return "is not what was uploaded: its SHA-256 is another"
    return None
