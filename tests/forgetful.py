"""A disk that forgets at a power loss whatever was not synced, by an SQLite VFS that writes down all that is written.

One run leaves a tale: writes, truncations, syncs and acks, in order. From it any number of power losses are told: at
any point, with any part of the unsynced writes on the disk, in any order, the last ones torn between sectors.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Deed:
    kind: str
    """write, truncate, sync, or ack."""
    file: str = ""
    at: int = 0
    content: bytes = b""


@dataclass
class Tale:
    images: dict[str, bytes]
    """The files as they were, all of them synced, when the tale began."""
    deeds: list[Deed] = field(default_factory=list)

    def ack(self, number: int) -> None:
        self.deeds.append(Deed("ack", at=number))


class ForgetfulFile(apsw.VFSFile):
    def __init__(self, inherit: str, name: Any, flags: list[int], tale: Tale) -> None:
        super().__init__(inherit, name, flags)
        self._file = os.path.basename(name.filename() if isinstance(name, apsw.URIFilename) else name or "")
        self._tale = tale

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._tale.deeds.append(Deed("write", self._file, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._tale.deeds.append(Deed("truncate", self._file, size))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._tale.deeds.append(Deed("sync", self._file))


class ForgetfulDisk(apsw.VFS):
    def __init__(self, tale: Tale) -> None:
        self._inherited, self._tale = apsw.vfs_names()[0], tale
        super().__init__("forgetful", self._inherited)

    def xOpen(self, name: Any, flags: list[int]) -> ForgetfulFile:
        return ForgetfulFile(self._inherited, name, flags, self._tale)


class Likeness:
    """An apsw connection with as much of the face of sqlite3's as the store's writing asks for."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def execute(self, statement: str, values: Any = ()) -> Rows:
        return Rows(list(self._db.execute(statement, values)))

    @property
    def total_changes(self) -> int:
        return self._db.total_changes()

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction


class Rows:
    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def fetchall(self) -> list[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None


@contextmanager
def told(path: Path) -> Iterator[tuple[Likeness, apsw.Connection, Tale]]:
    """The database at `path` is opened on a forgetful disk; nothing else may have it open."""
    tale = Tale({each.name: each.read_bytes() for each in path.parent.glob(path.name + "*")})
    disk = ForgetfulDisk(tale)
    db = apsw.Connection(str(path), vfs="forgetful")
    try:
        yield Likeness(db), db, tale
    finally:
        db.close()
        disk.unregister()


def lose_power(tale: Tale, end: int, chance: random.Random) -> tuple[dict[str, bytes], int]:
    """What is on the disk when power is lost before deed `end`, and the last ack by then."""
    files = {name: bytearray(image) for name, image in tale.images.items()}
    waiting: dict[str, list[Deed]] = {}
    acked = 0
    for deed in tale.deeds[:end]:
        if deed.kind == "ack":
            acked = deed.at
        elif deed.kind == "sync":
            for each in waiting.pop(deed.file, []):
                put(files.setdefault(deed.file, bytearray()), each)
        else:
            waiting.setdefault(deed.file, []).append(deed)
    for name, deeds in waiting.items():
        if name not in files and chance.random() < 0.5:
            continue  # its entry in the folder was not synced either
        keep = chance.choice((0.0, 0.5, 0.9, 1.0))
        for deed in deeds:
            if chance.random() < keep:
                put(files.setdefault(name, bytearray()), deed if chance.random() < 0.8 else torn(deed, chance))
    return {name: bytes(image) for name, image in files.items()}, acked


def put(image: bytearray, deed: Deed) -> None:
    if deed.kind == "truncate":
        del image[deed.at:]
        return
    image.extend(bytes(max(0, deed.at - len(image))))
    image[deed.at:deed.at + len(deed.content)] = deed.content


def torn(deed: Deed, chance: random.Random) -> Deed:
    """Only the first sectors of it got there."""
    border = (deed.at // SECTOR + chance.randint(0, len(deed.content) // SECTOR + 1)) * SECTOR
    return Deed(deed.kind, deed.file, deed.at, deed.content[:max(0, border - deed.at)])
