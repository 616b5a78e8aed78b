"""What happened in a room, one struct an event, as it stands on the wire and in the journal.

An event has a `seq`, is told to everyone inside and is never changed; notices and signals are told and forgotten.
Knows shapes only; what an event does to the room is in `fold.py`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

Role = Literal["owner", "admin", "guest"]
KeyMode = Literal["server", "e2e"]


class Event(Struct, tag_field="type", kw_only=True):
    seq: int = 0
    """1, 2, 3, … without holes, a room."""
    created_at: str = ""
    """ISO 8601, UTC, milliseconds."""

    def stamp(self, seq: int, created_at: str) -> None:
        self.seq, self.created_at = seq, created_at


class Participant(Struct, kw_only=True):
    """A member as the snapshot shows it."""

    user_id: int
    nickname: str
    avatar_url: str | None
    role: Role
    mic_muted: bool = True
    cam_off: bool = True
    admin_muted: bool = False
    admin_video_off: bool = False
    can_speak: bool = False


class MemberJoined(Event, tag="member.joined"):
    user_id: int
    nickname: str
    avatar_url: str | None
    role: Role
    status: str = "active"
    is_online: bool = True
    last_seen: str = ""
    mic_muted: bool = True
    cam_off: bool = True
    hand_raised: bool = False
    admin_muted: bool = False
    admin_video_off: bool = False
    can_speak: bool = False

    def stamp(self, seq: int, created_at: str) -> None:
        self.seq, self.created_at, self.last_seen = seq, created_at, created_at


class MemberLeft(Event, tag="member.left"):
    user_id: int


class MemberKicked(Event, tag="member.kicked"):
    user_id: int
    by_user: int
    reason: str | None


class MemberUnbanned(Event, tag="member.unbanned"):
    user_id: int
    by_user: int


class MemberUpdated(Event, tag="member.updated"):
    user_id: int
    nickname: str
    avatar_url: str | None


class RoleChanged(Event, tag="role.changed"):
    user_id: int
    role: Role
    by_user: int


class MediaUpdated(Event, tag="media.updated"):
    user_id: int
    mic_muted: bool
    cam_off: bool


class MediaForced(Event, tag="media.forced"):
    user_id: int
    admin_muted: bool
    by_user: int
    reason: str | None


class VideoForced(Event, tag="media.video_forced"):
    user_id: int
    admin_video_off: bool
    by_user: int
    reason: str | None


class SpeakChanged(Event, tag="speak.changed"):
    user_id: int
    can_speak: bool
    by_user: int


class HandRaised(Event, tag="hand.raised"):
    user_id: int
    hands_up: list[int]


class HandLowered(Event, tag="hand.lowered"):
    user_id: int
    hands_up: list[int]
    by_user: int


class ChatPosted(Event, tag="chat.message", kw_only=True):
    id: int = 0
    """The same number as `seq`."""
    user_id: int
    room_slug: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    """True in history once the text is gone."""

    def stamp(self, seq: int, created_at: str) -> None:
        self.seq, self.id, self.created_at = seq, seq, created_at


class SealedChatPosted(ChatPosted, tag="chat.message.enc", kw_only=True):
    algo: str | UnsetType = UNSET
    ciphertext_b64: str | UnsetType = UNSET
    key_epoch: int | None | UnsetType = UNSET


class ChatDeleted(Event, tag="chat.deleted"):
    id: int
    by_user: int


class StateChanged(Event, tag="state.changed"):
    topic: str
    is_locked: bool
    mute_all: bool
    recording_active: bool
    by_user: int


class RoomUpdated(Event, tag="room.updated"):
    title: str
    is_private: bool
    by_user: int


class RecordingStarted(Event, tag="record.started"):
    by_user: int
    recording_active: bool = True


class RecordingStopped(Event, tag="record.stopped"):
    by_user: int
    recording_active: bool = False


class CoverChanged(Event, tag="cover.changed"):
    cover_url: str | None
    by_user: int


class RecordingAdded(Event, tag="recording.added", kw_only=True):
    id: int = 0
    """The same number as `seq`."""
    title: str
    duration_sec: float
    size: int
    mime: str
    sha256: str
    uploader_user_id: int
    expires_at: str | None

    def stamp(self, seq: int, created_at: str) -> None:
        self.seq, self.id, self.created_at = seq, seq, created_at


class RecordingDeleted(Event, tag="recording.deleted"):
    id: int
    by_user: int | None
    """null: its time to live is over."""


class KeyChanged(Event, tag="key.changed"):
    key_epoch: int
    mode: KeyMode
    by_user: int


class KeyShared(Event, tag="key.shared"):
    key_epoch: int
    user_ids: list[int]


class KeyRotateRequired(Event, tag="key.rotate_required"):
    key_epoch: int
    stale_at: str
    """From then on messages that name this epoch are refused."""


AnyEvent = (
    MemberJoined | MemberLeft | MemberKicked | MemberUnbanned | MemberUpdated | RoleChanged | MediaUpdated | MediaForced
    | VideoForced | SpeakChanged | HandRaised | HandLowered | ChatPosted | SealedChatPosted | ChatDeleted | StateChanged
    | RoomUpdated | RecordingStarted | RecordingStopped | CoverChanged | RecordingAdded | RecordingDeleted | KeyChanged
    | KeyShared | KeyRotateRequired
)

CHAT = (ChatPosted, SealedChatPosted)
MODERATION = (
    MemberKicked, MemberUnbanned, RoleChanged, MediaForced, VideoForced, SpeakChanged, ChatDeleted, StateChanged,
    RoomUpdated, RecordingStarted, RecordingStopped,
)
KEYS = (KeyChanged, KeyShared)


class Aside(Struct, omit_defaults=True):
    """What the journal keeps beside an event and nobody is told."""

    cid: str | None = None
    until: str | None = None
    """The end of a ban."""
    invite_key: str | None = None
    name: str | None = None
    """The file of a recording."""
    shares: dict[int, str] = {}
    """The wrapped room key, by user id."""
    holders: dict[int, str] = {}
    """The device key that each was wrapped for; empty where the server made the room key."""


class Entry(Struct, frozen=True):
    """An event with its aside: one line of the journal."""

    event: Event
    aside: Aside | None = None


# ---- told and forgotten ---------------------------------------------------------------------------------------------


class SocketOpened(Struct):
    """A member is present by this connection; an older one of the same member is replaced."""

    user_id: int
    connection: int


class BeatHeard(Struct):
    user_id: int
    at: float


class ConnectionLost(Struct):
    """The member stays for the grace; the room hears nothing."""

    user_id: int
    at: float


class DeviceKeyShown(Struct):
    """What room keys are wrapped with for this member."""

    user_id: int
    x25519_b64: str | None


class MemberForgotten(Struct):
    """This member's keys and titles have gone from history; told to nobody, and a room folded anew is the same."""

    user_id: int


class Passed(Struct, frozen=True):
    """A signal on its way: to one peer, or (to = None) to all others."""

    to: int | None
    message: Struct


Notice = SocketOpened | BeatHeard | ConnectionLost | DeviceKeyShown | MemberForgotten
Fact = Entry | Notice | Passed
