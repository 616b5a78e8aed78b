"""What the first start from a backup does: time has gone back, and everybody must be able to know.

Clients may hold events that this database has never seen, and their numbers will be given again; so each room gets a
new epoch. People may hold tokens for numbers of users that this database has never given; so numbers go on far beyond.
"""

from __future__ import annotations

import secrets
import sqlite3

from axenix.lines import of_another_epoch

RESTORED = "restored"
"""The mark that every backup carries."""
FAR = 10**9
"""More users than a server gets between a backup and the day on which it is needed."""


def mark(db: sqlite3.Connection) -> None:
    db.execute("REPLACE INTO marks (name) VALUES (?)", (RESTORED,))


def begin_anew(db: sqlite3.Connection) -> None:
    """All of it in one transaction with the mark's end, or nothing; without a mark nothing."""
    if not db.execute("SELECT 1 FROM marks WHERE name = ?", (RESTORED,)).fetchone():
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for room, in db.execute("SELECT id FROM rooms").fetchall():
            renew(db, room, secrets.token_hex(16))
        db.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'people'", (FAR,))
        db.execute("DELETE FROM marks WHERE name = ?", (RESTORED,))
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def renew(db: sqlite3.Connection, room: int, epoch: str) -> None:
    """The epoch stands in the list of rooms, and in the room itself."""
    frozen = db.execute("SELECT frozen FROM snapshots WHERE room = ?", (room,)).fetchone()[0]
    db.execute("UPDATE snapshots SET frozen = ? WHERE room = ?", (of_another_epoch(frozen, epoch), room))
    db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (epoch, room))
