"""What requests are answered with, one struct an answer. From these the documents are made, so they cannot be wrong.

Knows shapes only. Snapshots and events have theirs in `room/`, users in `store/people.py`; bodies of requests stand
beside the handlers that read them.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from axenix.room.events import AnyEvent, ChatPosted, Role, SealedChatPosted
from axenix.room.state import Snapshot, Status
from axenix.store.people import User


class Done(Struct):
    ok: bool = True


class Erased(Struct):
    complete: bool
    """False: what lies unused in the file is overwritten at the next start."""
    ok: bool = True


class Dossier(Struct):
    """All that there is of one person."""

    user: dict[str, Any]
    rooms: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    recordings: list[dict[str, Any]]


class Readiness(Struct):
    ok: bool = True
    checks: dict[str, str] = {}
    """accepting, writing, reading, disk: each "ok" or what is wrong with it; also beside a refusal, with `ok` false."""


class Refusal(Struct):
    """Every answer that is a no."""

    detail: str
    """For people; it may change."""
    reason: str
    """For programs; it does not."""
    retry_after: float | UnsetType = UNSET
    """Seconds, where waiting helps; also as the header Retry-After."""


# ---- people ---------------------------------------------------------------------------------------------------------


class Pass(Struct, kw_only=True):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds; ask for a new one at half of it."""
    user_id: int


class GuestPass(Pass, kw_only=True):
    user: User


class UserPass(Pass, kw_only=True):
    """A new user, and beside its fields the token."""

    id: int
    nickname: str
    avatar_url: str | None
    public_key_pem: str | None


class AvatarShown(Struct):
    avatar_url: str


class DeviceKeyKept(Struct):
    user_id: int
    x25519_b64: str | None


# ---- rooms ----------------------------------------------------------------------------------------------------------


class RoomShown(Struct, kw_only=True):
    id: int
    slug: str
    title: str
    topic: str
    is_private: bool
    is_locked: bool
    recording_active: bool
    created_by: int
    created_at: str
    online_count: int
    cover_url: str | None
    invite_key: str | None | UnsetType = UNSET
    """For moderators only; null when there is none."""
    invite_url: str | UnsetType = UNSET
    """For moderators only."""


class PrivateRoom(Struct):
    """All that strangers see of a private room."""

    slug: str
    is_private: Literal[True] = True


class RoomPage(Struct):
    items: list[RoomShown]
    next_cursor: str | None
    """Give it back as `cursor`; null at the end."""


class Existence(Struct):
    exists: bool


class Settings(Struct):
    topic: str
    is_locked: bool
    mute_all: bool
    recording_active: bool


class CoverShown(Struct):
    cover_url: str


# ---- members --------------------------------------------------------------------------------------------------------


class ParticipantShown(Struct, kw_only=True):
    user_id: int
    nickname: str
    avatar_url: str | None
    role: Role
    status: Status
    is_online: bool
    last_seen: str | None
    """null: an owner who has never come in."""
    mic_muted: bool
    cam_off: bool
    hand_raised: bool
    admin_muted: bool
    admin_video_off: bool
    can_speak: bool


class ParticipantList(Struct):
    participants: list[ParticipantShown]


class ActedUpon(Struct):
    user_id: int


class RoleGiven(Struct):
    user_id: int
    role: Role


class Muted(Struct):
    user_id: int
    admin_muted: bool
    mic_muted: bool


class VideoOff(Struct):
    user_id: int
    admin_video_off: bool
    cam_off: bool


class Speech(Struct):
    user_id: int
    can_speak: bool


class Ban(Struct):
    user_id: int
    nickname: str
    by_user: int | None
    reason: str | None
    until: str | None


class BanList(Struct):
    items: list[Ban]


class Deed(Struct):
    """A line of the moderation log: an event by the name of what was done."""

    seq: int
    action: str
    by_user: int | None
    user_id: int | None
    reason: str | None
    created_at: str


class DeedList(Struct):
    items: list[Deed]


# ---- history --------------------------------------------------------------------------------------------------------


class ChatPage(Struct):
    items: list[ChatPosted | SealedChatPosted]


class EventPage(Struct):
    """Events exactly as they were sent live."""

    items: list[AnyEvent]
    next_seq: int
    floor_seq: int
    epoch: str
    has_more: bool


class Fresh(Struct):
    """Forget what you have; here is the room as it stands."""

    reason: Literal["truncated", "epoch", "ahead"]
    snapshot: Snapshot
    next_seq: int
    floor_seq: int
    epoch: str


class Reset(Struct):
    reset: Fresh
