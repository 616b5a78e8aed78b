"""Who there is: nicknames, avatars and public keys, by number. Knows neither tokens nor rooms."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from axenix.errors import Refused
from axenix.room.text import NOBODY
from axenix.store.database import Database

KEPT = 10_000
"""People in memory: every request asks for one."""
CHANGEABLE = ("nickname", "avatar_url", "public_key_pem", "device_key")
COLUMNS = "id, nickname, avatar_url, public_key_pem, device_key, erased"

GOING, GONE = 1, 2
"""How far somebody is erased: rooms still have something of them; only unused bytes of the database may have. Then, 3,
nothing has: see compaction.py. Everybody else is 0."""


class User(Struct, frozen=True):
    """A person as everybody may see it."""

    id: int
    nickname: str
    avatar_url: str | None = None
    public_key_pem: str | None = None


class Person(User, frozen=True):
    device_key: str | None = None
    """X25519, base64; shown to those who are in a room together."""
    erased: int = 0

    def shown(self) -> User:
        return User(self.id, self.nickname, self.avatar_url, self.public_key_pem)


class People:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, Person] = {}
        """The latest asked for at the end."""
        self._changes = 0

    async def create(self, nickname: str, public_key_pem: str | None = None) -> Person:
        def work(db: sqlite3.Connection) -> Person:
            return one(db, f"INSERT INTO people (nickname, public_key_pem) VALUES (?, ?) RETURNING {COLUMNS}",
                       (nickname, public_key_pem))
        return self._remember(await self._database.write(work))

    async def find(self, number: int) -> Person | None:
        person = self._known.get(number)
        if person is not None:
            return self._remember(person)
        changes = self._changes
        row = await self._database.read(
            lambda db: db.execute(f"SELECT {COLUMNS} FROM people WHERE id = ?", (number,)).fetchone())
        if row is None:
            return None
        person = Person(*row)
        return self._remember(person) if changes == self._changes else person  # which may be out of date by now

    async def update(self, number: int, **changes: str | None) -> Person:
        """Change what is named, of `CHANGEABLE`. Raises Refused("user_not_found")."""
        what = ", ".join(f"{name} = :{name}" for name in CHANGEABLE if name in changes) or "id = id"

        def work(db: sqlite3.Connection) -> Person:
            which = f"WHERE id = :id AND NOT erased RETURNING {COLUMNS}"
            return one(db, f"UPDATE people SET {what} {which}", changes | {"id": number})
        return await self._change(work)

    async def erase(self, number: int) -> Person:
        """Nobody, and no token is theirs any more. What rooms have of them is for others to take away."""
        def work(db: sqlite3.Connection) -> Person:
            what = "nickname = ?, avatar_url = NULL, public_key_pem = NULL, device_key = NULL"
            how_far = f"erased = max(erased, {GOING})"
            return one(db, f"UPDATE people SET {what}, {how_far} WHERE id = ? RETURNING {COLUMNS}", (NOBODY, number))
        return await self._change(work, leaves_traces=True)

    async def is_gone(self, number: int) -> None:
        """No room has anything of this person any more."""
        def work(db: sqlite3.Connection) -> Person:
            return one(db, f"UPDATE people SET erased = {GONE} WHERE id = ? RETURNING {COLUMNS}", (number,))
        await self._change(work)

    async def going(self) -> list[int]:
        """Those whose erasure was begun, and perhaps interrupted."""
        return await self._database.read(lambda db: [number for number, in db.execute(
            "SELECT id FROM people WHERE erased = ? AND erased > 0", (GOING,)).fetchall()])

    async def _change(self, work: Callable[[sqlite3.Connection], Person], leaves_traces: bool = False) -> Person:
        done = self._database.write(work, leaves_traces)
        done.add_done_callback(self._replace)
        return await asyncio.shield(done)  # if the asker goes away, memory must still hear of it

    async def avatars(self) -> set[str]:
        """The addresses of all avatars there are."""
        return await self._database.read(lambda db: {url for url, in db.execute(
            "SELECT avatar_url FROM people WHERE avatar_url IS NOT NULL").fetchall()})

    def _replace(self, done: asyncio.Future[Person]) -> None:
        self._changes += 1
        if done.exception() is None:
            self._remember(done.result())

    def _remember(self, person: Person) -> Person:
        self._known.pop(person.id, None)
        self._known[person.id] = person
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return person


def one(db: sqlite3.Connection, statement: str, values: Any) -> Person:
    rows = db.execute(statement, values).fetchall()
    if not rows:
        raise Refused("user_not_found")
    return Person(*rows[0])
