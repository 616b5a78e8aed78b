"""All that a database has of one person: to be handed out, or to be found before it is erased.

Read from outside at one moment, as archive.py does it; changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from axenix.errors import Refused
from axenix.lines import Kind, Line, nameless, read_line, write_line
from axenix.room.state import Member, Room
from axenix.store.archive import Shelf, folded, lines, shelves
from axenix.store.files import RECORDS, folder_of

TOLD = "(instr({0}, :me_and) OR instr({0}, :me_end) OR instr({0}, :mine_and) OR instr({0}, :mine_end))"
"""In JSON that we have written, these bytes name this person and cannot be in a text, where quotes are escaped."""
EVENTS = f"""
SELECT seq, kind, body, aside FROM events WHERE room = :room AND ({TOLD.format("body")}
    OR instr(coalesce(aside, x''), :keys)) ORDER BY seq
"""
TEXTS = f"""
SELECT seq FROM chat WHERE room = :room AND {TOLD.format("body")} AND NOT instr(body, CAST('"deleted":true' AS BLOB))
ORDER BY seq
"""
MENTIONED = f"""
SELECT room FROM chat WHERE room IS NOT NULL AND {TOLD.format("body")}
UNION SELECT room FROM events WHERE {TOLD.format("body")} OR instr(coalesce(aside, x''), :keys)
UNION SELECT room FROM snapshots WHERE {TOLD.format("frozen")}
UNION SELECT id FROM rooms WHERE created_by = :user
"""


class Trace(NamedTuple):
    """What a room's history still has of somebody who is to be erased."""

    room: int
    slug: str
    texts: list[int]
    """Messages, by seq."""
    lines: list[Line]
    """As they are to be from now on."""


def values(user_id: int) -> dict[str, Any]:
    me, mine = b'"user_id":%d' % user_id, b'"uploader_user_id":%d' % user_id
    return {"me_and": me + b",", "me_end": me + b"}", "mine_and": mine + b",", "mine_end": mine + b"}",
            "keys": b'"%d":' % user_id, "user": user_id}


def mentioned(db: sqlite3.Connection, user_id: int) -> list[Shelf]:
    """The rooms that know this person."""
    rooms = {room for room, in db.execute(MENTIONED, values(user_id)).fetchall()}
    return [shelf for shelf in shelves(db) if shelf.id in rooms]


def traces(db: sqlite3.Connection, user_id: int) -> list[Trace]:
    found = []
    for shelf in mentioned(db, user_id):
        asked = values(user_id) | {"room": shelf.id}
        texts = [seq for seq, in db.execute(TEXTS, asked).fetchall()]
        told = [Line(seq, Kind(kind), body, aside) for seq, kind, body, aside in db.execute(EVENTS, asked).fetchall()]
        rewritten = [write_line(nameless(read_line(line), user_id)) for line in told]
        changed = [new for old, new in zip(told, rewritten, strict=True)
                   if (old.body, old.aside) != (new.body, new.aside)]
        found.append(Trace(shelf.id, shelf.slug, texts, changed))
    return found


def rewrite(room: int, lines: list[Line], db: sqlite3.Connection) -> None:
    """To be called by the one who writes."""
    db.executemany("UPDATE events SET body = ?, aside = ? WHERE room = ? AND seq = ?",
                   [(line.body, line.aside, room, line.seq) for line in lines])


# ---- handed out ------------------------------------------------------------------------------------------------------


def export(db: sqlite3.Connection, user_id: int) -> dict[str, Any]:
    """Everything, as JSON can say it. Raises Refused("user_not_found")."""
    names = ("id", "nickname", "avatar_url", "public_key_pem", "device_key")
    columns = {row[1] for row in db.execute("PRAGMA table_info(people)").fetchall()}  # it may be older than we are
    wanted = [name for name in names if name in columns]
    row = db.execute(f"SELECT {', '.join(wanted)} FROM people WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise Refused("user_not_found")
    told: dict[str, Any] = {"user": dict(zip(wanted, row, strict=True)), "rooms": [], "messages": [], "recordings": []}
    for shelf in mentioned(db, user_id):
        room = folded(db, shelf)
        if user_id in room.members:
            told["rooms"].append(membership(room, room.members[user_id]))
        told["messages"] += messages(db, shelf, user_id)
        told["recordings"] += recordings(room, user_id)
    return told


def membership(room: Room, member: Member) -> dict[str, Any]:
    ban = {"until": member.ban_until, "by_user": member.ban_by, "reason": member.ban_reason}
    return {
        "slug": room.slug, "title": room.title, "is_owner": room.created_by == member.user_id, "role": member.role,
        "nickname": member.nickname, "is_inside": member.inside, "is_expelled": member.expelled,
        "last_seen": member.last_seen, "admin_muted": member.admin_muted, "admin_video_off": member.admin_video_off,
        "can_speak": member.can_speak, "ban": ban if member.ban_until else None,
    }


def messages(db: sqlite3.Connection, shelf: Shelf, user_id: int) -> Iterator[dict[str, Any]]:
    """As they stand in history: sealed ones as ciphertext, deleted ones without text."""
    for line in lines(db, shelf.id):
        if line.kind is Kind.CHAT:
            message = orjson.loads(line.body)
            if message["user_id"] == user_id:
                yield message | {"room_slug": shelf.slug}


def recordings(room: Room, user_id: int) -> Iterator[dict[str, Any]]:
    for each in room.recordings.values():
        if each.uploader_user_id == user_id:
            yield {
                "room_slug": room.slug, "id": each.id, "title": each.title, "duration_sec": each.duration_sec,
                "size": each.size, "mime": each.mime, "sha256": each.sha256, "created_at": each.created_at,
                "expires_at": each.expires_at, "file": (RECORDS / folder_of(room.slug) / each.name).as_posix(),
            }
