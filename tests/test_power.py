"""Power is lost at any moment: what was acked is there, the rest by whole commits or not at all.

The store's own statements, pragmas, batches and checkpoints run on a disk that forgets (forgetful.py). More seeds:
`AXENIX_POWER_SEEDS=10000 python -m pytest tests/test_power.py`.
"""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from forgetful import Tale, lose_power, told
from store_kit import chat, deletion, event, opened

from axenix.lines import Checkpoint, Line, Writing, tombstone
from axenix.store.connection import WRITER, apply_pragmas
from axenix.store.folder import DATABASE
from axenix.store.journal import Batch, Held
from axenix.store.schema import make_or_examine
from axenix.store.wal import cut, move
from axenix.store.writer import commit

SEEDS = int(os.environ.get("AXENIX_POWER_SEEDS", "1500"))
SEEDS_A_TALE = 50
COMMITS = 30
SECRET = "what nobody may read again %d."

Seen = list[dict[tuple[int, int], bytes]]
"""After each commit, from none on: all lines by room and seq."""


async def blank(folder: Path) -> tuple[Path, list[int]]:
    async with opened(folder) as store:
        rooms = [await store.room(slug) for slug in ("one", "two")]
    return folder / DATABASE, rooms


def lines_in(db: Any) -> dict[tuple[int, int], bytes]:
    rows = db.execute("SELECT room, seq, body FROM lines").fetchall()
    return {(room, seq): bytes(body) for room, seq, body in rows}


def some_lines(held: Held, chance: random.Random) -> list[Line]:
    first = held.head + 1
    lines = [chat(seq, SECRET % seq) if chance.random() < 0.6 else event(seq)
             for seq in range(first, first + chance.choice((1, 1, 3, 20)))]
    if held.head and chance.random() < 0.2:
        lines.append(deletion(first + len(lines), of=chance.randint(1, held.head)))
    return lines


def batch(rooms: dict[int, Held], chance: random.Random) -> Batch:
    made = Batch(lambda: None, None)
    for room, held in rooms.items():
        if chance.random() < 0.7:
            writing = Writing(some_lines(held, chance))
            if chance.random() < 0.1:
                writing = Writing(writing.lines, checkpoint=Checkpoint(held.head, chance.randbytes(9000), 0, False))
            made.add(room, held, writing, cast(Any, None))
    return made


def run(path: Path, rooms: list[int], chance: random.Random, pragmas: dict[str, object]) -> tuple[Tale, Seen]:
    """As store/writer.py does it: commit, wipe what was deleted, ack; now and then a checkpoint."""
    with told(path) as (likeness, raw, tale):
        db = cast(sqlite3.Connection, likeness)
        raw.create_scalar_function("tombstone", tombstone, 1, deterministic=True)
        apply_pragmas(pragmas, db)
        held = {room: Held(room, 1, is_void=False) for room in rooms}
        seen = [lines_in(db)]
        for number in range(1, COMMITS + 1):
            job = batch(held, chance)
            commit([job], db)
            if job.leaves_traces:
                cut(db)
            seen.append(lines_in(db))
            tale.ack(number)
            if chance.random() < 0.15:
                chance.choice((move, cut))(db)
        deeds = list(tale.deeds)  # closing is no part of it
    return Tale(tale.images, deeds), seen


def is_lost(path: Path, tale: Tale, seen: Seen, chance: random.Random) -> bool:
    """Power is lost once, and the folder opened again as the server opens it."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    files, acked = lose_power(tale, chance.randint(0, len(tale.deeds)), chance)
    for name, image in files.items():
        if not name.endswith("-shm"):
            (path.parent / name).write_bytes(image)
    make_or_examine(path)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        apply_pragmas(WRITER | {"synchronous": "OFF"}, db)  # no second loss: let it be quick
        there = lines_in(db)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        cut(db)
    finally:
        db.close()
    assert there in seen, "half of a commit"
    assert_erased(path, there)
    return there not in seen[acked:]


def assert_erased(path: Path, there: dict[tuple[int, int], bytes]) -> None:
    """What a line does not say any more, no byte of the file says."""
    bytes_of_file = path.read_bytes()
    said = sum(b"nobody may read again" in body for body in there.values())
    assert bytes_of_file.count(b"nobody may read again") == said, "a deleted text is still in the file"


async def losses(folder: Path, pragmas: dict[str, object], seeds: range) -> list[int]:
    lost = []
    for first in range(seeds.start, seeds.stop, SEEDS_A_TALE):
        home = folder / str(first)
        home.mkdir()
        path, rooms = await blank(home)
        tale, seen = run(path, rooms, random.Random(first), pragmas)
        for seed in range(first, min(first + SEEDS_A_TALE, seeds.stop)):
            try:
                if is_lost(path, tale, seen, random.Random(seed)):
                    lost.append(seed)
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
    return lost


@pytest.mark.timeout(3600)
async def test_a_power_loss_takes_nothing_that_was_acked(tmp_path: Path) -> None:
    assert await losses(tmp_path, WRITER, range(SEEDS)) == []


async def test_the_same_test_finds_what_is_lost_when_commits_are_not_synced(tmp_path: Path) -> None:
    assert await losses(tmp_path, WRITER | {"synchronous": "NORMAL"}, range(SEEDS_A_TALE)) != []
