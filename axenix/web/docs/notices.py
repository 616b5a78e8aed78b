"""What the server says on the socket beside events and signals, for the document; the bytes are written in wire.py."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from axenix.room.events import AnyEvent, Role
from axenix.room.state import Snapshot


class Joined(Struct, tag_field="type", tag="joined"):
    room_slug: str
    user_id: int
    role: Role
    resumed: bool


class SyncInfo(Struct, tag_field="type", tag="sync.info"):
    next_seq: int
    floor_seq: int
    epoch: str


class SyncBatch(Struct, tag_field="type", tag="sync.batch"):
    items: list[AnyEvent]
    next_seq: int
    floor_seq: int
    epoch: str
    has_more: bool


class SyncReset(Struct, tag_field="type", tag="sync.reset"):
    reason: Literal["truncated", "epoch", "ahead"]
    snapshot: Snapshot
    next_seq: int
    floor_seq: int
    epoch: str


class Ack(Struct, tag_field="type", tag="ack"):
    cid: str
    seq: int | UnsetType = UNSET


class Error(Struct, tag_field="type", tag="error"):
    detail: str
    reason: str
    retry_after: float | UnsetType = UNSET
    cid: str | UnsetType = UNSET


class Pong(Struct, tag_field="type", tag="pong"):
    pass


NOTICES: dict[type[Struct], str] = {
    Joined: "You are inside: the first message of all.",
    Snapshot: "The room as it stands.",
    SyncInfo: "How far history reaches, when you come in.",
    SyncBatch: "A page of history.",
    SyncReset: "Forget what you have; here is the room as it stands.",
    Ack: "What carried this `cid` was done; `seq` is the number of its event, if it made one.",
    Error: "What carried this `cid` was refused; without one, the connection.",
    Pong: "The answer to a ping.",
}
