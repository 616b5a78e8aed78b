"""All of a data folder in another one, as it was at one moment, made beside the server that goes on writing.

The database by VACUUM INTO, from one transaction of a connection that only reads: a copy without free pages, so that no
deleted text is in it. Files never change once they have their names, so they are linked, or else copied: first those
that are there, then the database, then those that have come meanwhile. What the copy does not name goes again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from axenix.errors import CannotStart
from axenix.store.archive import named, reading
from axenix.store.connection import COMMON, apply_pragmas
from axenix.store.findings import findings
from axenix.store.folder import DATABASE, SECRET, flush, publish
from axenix.store.restore import mark
from axenix.store.schema import migrate

TRIES = 5
"""A file may be deleted between the database's moment and the file's turn; then the moment is taken again."""
UNFINISHED = ".unfinished-"
"""In the name of a backup that is being made, or was when its maker was killed."""


class Made(NamedTuple):
    rooms: int
    files: int
    size: int
    """Bytes of the database and the files."""
    flaws: list[str]
    """What is wrong with the folder itself, and hence with its copy."""


def back_up(folder: Path, place: Path, *, link: bool = True) -> Made:
    """`place` is there only when it is whole. Raises CannotStart, having left nothing, when there is no backup."""
    must_be_free(folder, place)
    draft = place.with_name(f"{place.name}{UNFINISHED}{secrets.token_hex(4)}")
    try:
        draft.mkdir(mode=0o700, parents=True)
        made = fill(folder, draft, link)
        sync(draft)
        settle(draft, place)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise CannotStart(f"there is no backup: {error}") from None
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return made


def must_be_free(folder: Path, place: Path) -> None:
    if place.resolve().is_relative_to(folder.resolve()):
        raise CannotStart(f"{place} is inside the data folder; choose a place outside")
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise CannotStart(f"{place} is there already; a backup goes into a folder that is not there yet, or is empty")
    if place.is_mount():
        raise CannotStart(f"{place} is where a disk is mounted; name a folder inside, such as {place / 'axenix'}")


def fill(folder: Path, draft: Path, link: bool) -> Made:
    take = linked if link else copied
    bring(folder, draft, everything(folder), take)
    for _ in range(TRIES):
        copy_database(folder, draft)
        with reading(draft) as db:
            wanted, rooms = named(db).paths(), db.execute("SELECT count(*) FROM rooms").fetchone()[0]
        if not (missing := bring(folder, draft, wanted, take)) or not deleted_since(folder, missing):
            break
    for path in set(everything(draft)) - set(wanted):
        (draft / path).unlink()
    with suppress(FileNotFoundError):  # the secret may be in the environment
        copied(folder / SECRET, draft / SECRET)
    flaws = findings(draft)
    if [each for each in flaws if not each.startswith("The file ")]:
        raise CannotStart("there is no backup: its copy of the database is not sound. " + " ".join(flaws))
    for traces in ("-wal", "-shm"):  # of reading it; all that was written is in the database itself
        draft.joinpath(DATABASE + traces).unlink(missing_ok=True)
    there = [draft / DATABASE, *(draft / path for path in everything(draft))]
    return Made(rooms, len(there) - 1, sum(path.stat().st_size for path in there), flaws)


# ---- the database ----------------------------------------------------------------------------------------------------


def copy_database(folder: Path, draft: Path) -> None:
    copy = draft / DATABASE
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite accepts an empty file
    with reading(folder) as db:
        db.execute("COMMIT")  # VACUUM has a transaction of its own
        db.execute("PRAGMA query_only=OFF").fetchall()  # the connection stays read-only; the copy is what it writes
        db.execute("VACUUM INTO ?", (str(copy),))
    db = sqlite3.connect(copy, isolation_level=None)
    try:
        apply_pragmas(COMMON | {"journal_mode": "WAL", "secure_delete": "ON"}, db)
        migrate(db)
        mark(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.close()


# ---- the files -------------------------------------------------------------------------------------------------------


def everything(folder: Path) -> list[Path]:
    """What has its place, below the data folder."""
    return sorted(path.relative_to(folder) for path in (folder / "static").rglob("*") if path.is_file())


def bring(folder: Path, draft: Path, paths: list[Path], take: Callable[[Path, Path], None]) -> list[Path]:
    """Those that are not there yet; answers with the ones that could not be found."""
    missing = []
    for path in paths:
        if not (draft / path).exists():
            (draft / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                take(folder / path, draft / path)
            except FileNotFoundError:
                missing.append(path)
    return missing


def deleted_since(folder: Path, missing: list[Path]) -> bool:
    with reading(folder) as db:
        return not set(missing) <= set(named(db).paths())


def linked(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one that has no links
        copied(source, target)


def copied(source: Path, target: Path) -> None:
    with open(source, "rb") as file, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


# ---- on the disk -----------------------------------------------------------------------------------------------------


def sync(draft: Path) -> None:
    for path in [*draft.rglob("*"), draft]:
        flush(path)


def settle(draft: Path, place: Path) -> None:
    """The last step: from now on it has its name, also after a power cut."""
    with suppress(FileNotFoundError):
        place.rmdir()  # empty, or else this fails
    publish(draft, place)
