"""Whom people of another site are here: its id for them, and the person it was given. Knows no tokens.

Nothing is kept in memory: who is erased, or renamed by hand, is so at the next request.
"""

from __future__ import annotations

import sqlite3

from axenix.store.database import Database


class Foreigners:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_or_make(self, subject: str, name: str | None) -> tuple[int, str | None]:
        """The person's number, and the site's name for them if that has changed since it was applied."""
        found = await self._database.read(lambda db: look(db, subject))
        if found is None:  # by now somebody else may have made it
            found = await self._database.write(lambda db: look(db, subject) or make(db, subject, name))
        number, known = found
        return number, name if name is not None and name != known else None

    async def applied(self, subject: str, name: str) -> None:
        """The person has this name now; one chosen here is not overwritten until the site changes its own."""
        await self._database.write(
            lambda db: db.execute("UPDATE foreigners SET name = ? WHERE subject = ?", (name, subject)).rowcount)


def look(db: sqlite3.Connection, subject: str) -> tuple[int, str | None] | None:
    row: tuple[int, str | None] | None = db.execute(
        "SELECT person, name FROM foreigners WHERE subject = ?", (subject,)).fetchone()
    return row


def make(db: sqlite3.Connection, subject: str, name: str | None) -> tuple[int, str | None]:
    person = db.execute("INSERT INTO people (nickname) VALUES (?)", (name or "Guest",)).lastrowid
    assert person is not None
    db.execute("INSERT INTO foreigners (subject, person, name) VALUES (?, ?, ?)", (subject, person, name))
    return person, name
