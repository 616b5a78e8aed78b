"""What a room and its journal say to each other: the words that floors 3 and 4 share without importing one another.

Knows the form of what is written down; who writes it, and when, is not its concern.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import NamedTuple, Protocol, Sequence, get_args

from msgspec import UNSET, Struct, json, structs

from axenix.room.events import CHAT, KEYS, MODERATION, AnyEvent, Aside, ChatDeleted, Entry, Event
from axenix.room.events import MemberJoined, MemberUpdated, RecordingAdded
from axenix.room.state import Law, freeze, thaw
from axenix.room.text import NOBODY


class Kind(IntEnum):
    """What a line is kept for beyond sync."""

    EVENT = 0
    CHAT = 1
    MODERATION = 2
    KEY = 3


_KINDS: dict[type[Event], Kind] = dict.fromkeys(get_args(AnyEvent), Kind.EVENT) | {
    event: kind for kind, events in ((Kind.CHAT, CHAT), (Kind.MODERATION, MODERATION), (Kind.KEY, KEYS))
    for event in events
}


class Line(Struct, frozen=True, gc=False):
    """One event as it is kept: its bytes are those that were told, so history reads exactly as sent live."""

    seq: int
    kind: Kind
    body: bytes
    aside: bytes | None = None
    redacts: int | None = None
    """The seq of a chat message whose text must go with the same commit."""


class Card(Struct, frozen=True):
    """What the list of rooms shows of a room; written with the commit that changes it."""

    title: str
    topic: str
    is_private: bool
    is_locked: bool
    recording_active: bool
    cover_url: str | None
    invite_key: str | None


class Checkpoint(NamedTuple):
    """A frozen room at `seq`, so that opening it reads no history before that; `floor` is where sync begins."""

    seq: int
    frozen: bytes
    floor: int
    resting: bool = False
    """Nobody is inside and the actor goes to sleep: a start need not open this room."""


class Writing(Struct, frozen=True):
    """All that one turn of a room wants written, in one commit or not at all. Lines are dense from lines[0].seq on."""

    lines: Sequence[Line]
    card: Card | None = None
    checkpoint: Checkpoint | None = None


class Claim(NamedTuple):
    """A room taken over by a new actor: older claims of it are fenced from now on."""

    term: int
    seq: int
    """Of the last line written."""
    floor: int
    frozen: bytes
    frozen_seq: int


Then = Callable[[Exception | None], None]
"""Told once how it ended: None, and it is durable; or why nothing of it was written."""


class Journal(Protocol):
    """The truth. A room is named by its number; seq is the room's own and never the store's counter."""

    @property
    def refusal(self) -> str | None:
        """With which reason code writes are refused now (`storage_full`, `storage_unavailable`); None: all is well."""

    async def claim(self, room: int) -> Claim:
        """Refused("room_not_found") when it is gone."""

    async def after(self, room: int, seq: int, *, limit: int, upto: int | None = None) -> list[Line]:
        """The lines with seq < theirs <= upto, at most `limit`, in order."""

    def write(self, room: int, term: int, writing: Writing, then: Then) -> None:
        """Commits in call order. `then` hears None, Fenced or Refused(storage_…), and never before this returns."""

    def append(self, room: int, term: int, writing: Writing) -> asyncio.Future[None]:
        """The same for whoever awaits it; a room's turns do not, as a future for each would cost more than its line."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.write(room, term, writing, partial(_resolve, future))
        return future

    def release(self, room: int, term: int) -> None:
        """Whoever claimed the room appends nothing more; what it has appended is kept."""


def _resolve(future: asyncio.Future[None], failure: Exception | None) -> None:
    if future.done():
        return  # whoever appended has gone
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)


_encode = json.Encoder().encode
_event = json.Decoder(AnyEvent)
_aside = json.Decoder(Aside)


def write_line(entry: Entry) -> Line:
    event, aside = entry.event, entry.aside
    redacts = event.id if isinstance(event, ChatDeleted) else None
    return Line(event.seq, _KINDS[type(event)], _encode(event), _encode(aside) if aside else None, redacts)


def read_line(line: Line) -> Entry:
    return Entry(_event.decode(line.body), _aside.decode(line.aside) if line.aside else None)


def tombstone(body: bytes) -> bytes:
    """What is left of a deleted message: its place, its author and its time."""
    message = _event.decode(body)
    for field in ("room_slug", "text", "algo", "ciphertext_b64", "key_epoch"):
        if hasattr(message, field):
            setattr(message, field, UNSET)
    message.deleted = True
    return _encode(message)


def nameless(entry: Entry, user_id: int) -> Entry:
    """What is left of a line of history when this user is erased: the same, without name, picture, title and keys."""
    event, aside = entry.event, entry.aside
    if isinstance(event, MemberJoined | MemberUpdated) and event.user_id == user_id:
        event = structs.replace(event, nickname=NOBODY, avatar_url=None)
    elif isinstance(event, RecordingAdded) and event.uploader_user_id == user_id:
        event = structs.replace(event, title="")
    if aside and user_id in (aside.shares | aside.holders):
        shares, holders = (
            {each: key for each, key in keys.items() if each != user_id} for keys in (aside.shares, aside.holders))
        aside = structs.replace(aside, shares=shares, holders=holders)
    return Entry(event, aside)


def of_another_epoch(frozen: bytes, epoch: str) -> bytes:
    """A frozen room whose history is no continuation of what clients know of it."""
    room = thaw(frozen, Law())
    room.epoch = epoch
    return freeze(room)
