"""A room and its members, and what may be seen of them.

`Room` is the fold of its events (see `fold.py`, the only writer). `Presence` is the part that does not outlive the
process: who is connected, and who has just been lost. Here are data and questions; nothing changes anything.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from axenix.room.events import KeyMode, Participant, Role
from axenix.room.moment import Moment

Status = Literal["active", "lost", "left", "banned"]
RANK: dict[Role, int] = {"guest": 0, "admin": 1, "owner": 2}
CIDS_KEPT = 1000
DELETED_KEPT = 100
EPOCH_RATE = 100, 600.0
"""At most so many key epochs in so many seconds, a member: the room remembers each of them for good."""
BEAT_SECONDS = 45.0
"""A member present by REST alone is lost after this long without a heartbeat."""


class Law(Struct, frozen=True):
    """What the operator decides for all rooms."""

    chat_rate: tuple[int, float] | None = None
    """At most so many messages in so many seconds, a member; None is off."""
    banned_words: tuple[str, ...] = ()
    grace: float = 10.0
    """Seconds that a lost member stays."""


class Member(Participant, kw_only=True):
    """Everyone who was ever let in, and the owner. The membership outlives the stay."""

    inside: bool = False
    expelled: bool = False
    """Kicked, and not come back since: a stranger."""
    last_seen: str | None = None
    ban_until: str | None = None
    ban_by: int | None = None
    ban_reason: str | None = None
    cids: dict[str, int] = field(default_factory=dict)
    """The last cids of this member's chat, oldest first, with the seq each one made."""
    shares: dict[int, int] = field(default_factory=dict)
    """key epoch: the seq of the line that holds this member's wrap"""
    chat_marks: list[str] = field(default_factory=list)
    """When the last few messages were posted: what the chat rate counts."""
    epoch_marks: list[str] = field(default_factory=list)
    """When this member began the last key epochs: what `EPOCH_RATE` counts."""

    def banned(self, now: Moment) -> bool:
        return self.ban_until is not None and self.ban_until > now.iso


class Presence(Struct):
    """How those inside are here. Each of them is in exactly one of the three; each is in order of time."""

    sockets: dict[int, int] = field(default_factory=dict)
    """user id: connection number"""
    heard: dict[int, float] = field(default_factory=dict)
    """user id: monotonic time of the last REST heartbeat"""
    lost: dict[int, float] = field(default_factory=dict)
    """user id: monotonic time at which the connection was lost"""
    device_keys: dict[int, str] = field(default_factory=dict)
    """user id: X25519 public key, base64; of those inside who have one"""


class About(Struct):
    """What a recording is, to everybody who may know of it."""

    id: int
    title: str
    duration_sec: float
    size: int
    mime: str
    sha256: str
    uploader_user_id: int
    created_at: str
    expires_at: str | None


class Recording(About):
    name: str
    """Of its file."""


class KeyState(Struct):
    """The present key epoch; its number is the room's `key_epoch`."""

    mode: KeyMode | None = None
    holders: dict[int, str] = field(default_factory=dict)
    """user id: the device key that the share was wrapped for; empty where the server made the key"""
    stale_at: str | None = None
    """Somebody who knows the key has gone; from then on it is refused."""


class Room(Struct, kw_only=True):
    slug: str
    title: str
    created_by: int
    epoch: str
    topic: str = ""
    is_private: bool = False
    invite_key: str | None = None
    is_locked: bool = False
    mute_all: bool = False
    recording_active: bool = False
    cover_url: str | None = None
    key_epoch: int = 0
    key: KeyState = field(default_factory=KeyState)
    key_ids: dict[int, int] = field(default_factory=dict)
    """key epoch: the seq of the `key.changed` that began it"""
    recordings: dict[int, Recording] = field(default_factory=dict)
    """By id, oldest first."""
    deleted: list[int] = field(default_factory=list)
    """The messages deleted last, so that two who delete one at the same time make one event."""
    hands_up: list[int] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    """In the order of their last joining."""
    seq: int = 0
    presence: Presence = field(default_factory=Presence)
    law: Law = field(default_factory=Law)


class Snapshot(Struct, tag_field="type", tag="state.snapshot"):
    """The room as its members see it, complete: snapshot(S) + events(S+1 … T) = snapshot(T)."""

    topic: str
    title: str
    is_locked: bool
    mute_all: bool
    recording_active: bool
    hands_up: list[int]
    cover_url: str | None
    key_epoch: int
    participants: list[Participant]
    seq: int
    epoch: str


def found(slug: str, title: str, owner: tuple[int, str, str | None], epoch: str, **given: Any) -> Room:
    """A room before its first event. Its owner (id, nickname, avatar URL) is a member already, though not inside."""
    user_id, nickname, avatar_url = owner
    member = Member(user_id=user_id, nickname=nickname, avatar_url=avatar_url, role="owner")
    return Room(slug=slug, title=title, created_by=user_id, epoch=epoch, members={user_id: member}, **given)


def freeze(room: Room) -> bytes:
    """The room for the journal, without what does not outlive the process."""
    return msgspec.json.encode(msgspec.structs.replace(room, presence=Presence(), law=Law()))


_decoder = msgspec.json.Decoder(Room)


def thaw(frozen: bytes, law: Law) -> Room:
    room = _decoder.decode(frozen)
    room.law = law
    return room


def snapshot(room: Room) -> Snapshot:
    return Snapshot(
        topic=room.topic, title=room.title, is_locked=room.is_locked, mute_all=room.mute_all,
        recording_active=room.recording_active, hands_up=list(room.hands_up), cover_url=room.cover_url,
        key_epoch=room.key_epoch, participants=[_shown(m) for m in room.members.values() if m.inside],
        seq=room.seq, epoch=room.epoch,
    )


def _shown(m: Member) -> Participant:
    return Participant(
        user_id=m.user_id, nickname=m.nickname, avatar_url=m.avatar_url, role=m.role, mic_muted=m.mic_muted,
        cam_off=m.cam_off, admin_muted=m.admin_muted, admin_video_off=m.admin_video_off, can_speak=m.can_speak,
    )


def silence(room: Room, member: Member) -> str | None:
    """The reason why this member may not be heard, if there is one."""
    if member.admin_muted:
        return "muted_by_admin"
    if room.mute_all and member.role == "guest" and not member.can_speak:
        return "mute_all"
    return None


def present(room: Room, user_id: int) -> bool:
    """Inside and not lost."""
    return user_id in room.presence.sockets or user_id in room.presence.heard


def key_owners(room: Room) -> set[int]:
    """Those inside who can be given a share."""
    return {user_id for user_id in room.presence.device_keys if present(room, user_id)}


def online_count(room: Room) -> int:
    return len(room.presence.sockets) + len(room.presence.heard)


def status(room: Room, member: Member, now: Moment) -> Status:
    if member.inside:
        return "active" if present(room, member.user_id) else "lost"
    return "banned" if member.banned(now) else "left"


def next_deadline(room: Room) -> float | None:
    """The monotonic time at which somebody's grace or heartbeat runs out."""
    lost, heard = room.presence.lost, room.presence.heard
    if not lost and not heard:  # most of the time
        return None
    graces = [when + room.law.grace for when in first_of(lost)]
    return min([*graces, *(when + BEAT_SECONDS for when in first_of(heard))])


def first_of(times: dict[int, float]) -> list[float]:
    return [next(iter(times.values()))] if times else []
