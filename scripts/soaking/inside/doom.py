"""A server that kills itself at a named point of its code, as a crash would: DOOM is `module:function:when:7`.

At the seventh call, that is: `before` it, `after` it, `during` it (a moment after it has begun, from another thread),
or in the `middle`: of a batch, between two of its statements; of a migration, between its first one and its commit.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import axenix.scribe
from axenix.store import database, journal, partials, schema

axenix.scribe.CHECKPOINT_EVERY = 50  # often enough to be hit
MOMENT = 0.003
MIGRATION = "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT; SELECT die(); CREATE INDEX later_id ON later (id)"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_soon() -> None:
    time.sleep(random.uniform(0, MOMENT))
    die()


def doom(where: str, name: str, when: str, count: int) -> None:
    owner: Any = importlib.import_module(where)
    *path, name = name.split(".")
    for each in path:
        owner = getattr(owner, each)
    setattr(owner, name, doomed(getattr(owner, name), when, count))


def doomed(original: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    calls = itertools.count(1)

    @functools.wraps(original)
    def call(*args: Any, **named: Any) -> Any:
        is_last = next(calls) >= count
        if is_last and when == "before":
            die()
        if is_last and when == "during":
            threading.Thread(target=die_soon, daemon=True).start()
        answer = original(*args, **named)
        if is_last and when == "after":
            die()
        return answer

    return call


class Deadly(list[Any]):
    """Statements, after the first of which there are no more."""

    def __iter__(self) -> Iterator[Any]:
        yield self[0]
        die()


def doom_a_batch(count: int) -> None:
    original, calls = journal.Batch.write, itertools.count(1)

    def write(self: journal.Batch, db: sqlite3.Connection) -> None:
        if len(self._others) > 1 and next(calls) >= count:
            self._others = Deadly(self._others)
        original(self, db)

    journal.Batch.write = write  # type: ignore[method-assign]


def doom_a_recording(count: int) -> None:
    """It is one, and the upload that it came from does not know it yet."""
    original, calls = partials.Partials.save, itertools.count(1)

    def save(self: partials.Partials, partial: partials.Partial) -> None:
        if partial.done and next(calls) >= count:
            die()
        original(self, partial)

    partials.Partials.save = save  # type: ignore[method-assign]


def doom_a_migration() -> None:
    """One that does not exist yet."""
    original = schema.migrate

    def migrate(db: sqlite3.Connection) -> None:
        db.create_function("die", 0, die)
        original(db)

    schema.MIGRATIONS = (*schema.MIGRATIONS, MIGRATION)  # type: ignore[assignment]
    for module in (schema, database):
        setattr(module, "migrate", migrate)


match os.environ["DOOM"].split(":"):
    case ["batch", _, "middle", number]:
        doom_a_batch(int(number))
    case ["recorded", _, "before", number]:
        doom_a_recording(int(number))
    case ["migration", *_]:
        doom_a_migration()
    case [module, function, when, number]:
        doom(module, function, when, int(number))
