"""The last traces of the erased: copies of rows that SQLite leaves behind in unused bytes when rows move between pages.

Messages never move (see schema.py); names stand in rows that do. Writing the whole database anew is what takes them
away, and nobody can write meanwhile: so it is done at once only where it is quick, and now and then; else at a start.
"""

from __future__ import annotations

import logging
import sqlite3

log = logging.getLogger(__name__)

APART = 60.0
"""Seconds between two of them while the server runs."""
DUE = "SELECT 1 FROM people WHERE erased = 2 AND erased > 0"  # the latter, so that its index is used


def compact(db: sqlite3.Connection) -> None:
    db.execute("VACUUM")
    db.execute("UPDATE people SET erased = 3 WHERE erased = 2")


def compact_if_due(db: sqlite3.Connection) -> None:
    """At the start, however big it is: a copy that does not fit into memory goes into a temporary file."""
    if not db.execute(DUE).fetchone():
        return
    log.info("the database is written anew, because somebody was erased")
    db.execute("PRAGMA temp_store=FILE").fetchall()
    try:
        compact(db)
    finally:
        db.execute("PRAGMA temp_store=MEMORY").fetchall()
