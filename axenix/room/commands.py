"""What can be asked of a room, one struct a message. Decoding is validation: a command that exists is well formed.

The first half comes over the socket, tagged by `type`; the rest from REST bodies and from the server itself. Knows
shapes and sizes; what a command means is in `decide.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_ID = 2**53 - 1
Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Seq = Annotated[int, Meta(ge=0, le=MAX_ID)]
Cid = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Sdp = Annotated[str, Meta(max_length=32 * 1024)]
Short = Annotated[str, Meta(max_length=4096)]
Note = Annotated[str, Meta(max_length=500)]

MAX_CIPHERTEXT = 32 * 1024
"""Bytes of nonce, ciphertext and tag together, before base64."""


class Command(Struct, tag_field="type", kw_only=True):
    """Anything a client may send over its socket."""

    cid: Cid | None = None
    """Chosen by the client, echoed in the ack or the error; on chat a repeat is recognised by it."""


# ---- over the socket ------------------------------------------------------------------------------------------------


class Signal(Command, kw_only=True):
    """Passed on to one peer and forgotten; what is not listed here is dropped."""

    to: Id
    restart: bool | UnsetType = UNSET


class Offer(Signal, tag="offer", kw_only=True):
    sdp: Sdp


class Answer(Signal, tag="answer", kw_only=True):
    sdp: Sdp


class CandidateInit(Struct, frozen=True):
    """RTCIceCandidateInit of W3C WebRTC, section 4.8.2."""

    candidate: Short = ""
    sdpMid: Short | None | UnsetType = UNSET
    sdpMLineIndex: Annotated[int, Meta(ge=0, le=65535)] | None | UnsetType = UNSET
    usernameFragment: Short | None | UnsetType = UNSET


class Ice(Signal, tag="ice", kw_only=True):
    candidate: Short | CandidateInit | None
    """None and the empty string both end a generation of candidates."""
    sdpMid: Short | None | UnsetType = UNSET
    sdpMLineIndex: Annotated[int, Meta(ge=0, le=65535)] | None | UnsetType = UNSET
    usernameFragment: Short | None | UnsetType = UNSET


class Type(Command, tag="chat.typing", kw_only=True):
    is_typing: bool


SIGNALS = {Offer, Answer, Ice, Type}
"""What leaves at once, is not numbered and is forgotten."""


class PostChat(Command, tag="chat.message", kw_only=True):
    text: str


class PostSealedChat(Command, tag="chat.message.enc", kw_only=True):
    """The server cannot read it: base64 of nonce, ciphertext and tag."""

    algo: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[ -~]*\Z")]
    ciphertext_b64: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]*={0,2}\Z")]
    key_epoch: Seq | None = None


class SetMedia(Command, tag="media.self", kw_only=True):
    mic_muted: bool | None = None
    cam_off: bool | None = None


class RaiseHand(Command, tag="hand.raise", kw_only=True):
    pass


class LowerHand(Command, tag="hand.lower", kw_only=True):
    user_id: Id | None = None


class SetState(Command, tag="state.set", kw_only=True):
    topic: str | None = None
    is_locked: bool | None = None
    mute_all: bool | None = None


class StartRecording(Command, tag="record.start", kw_only=True):
    pass


class StopRecording(Command, tag="record.stop", kw_only=True):
    pass


class Subscribe(Command, tag="sync.sub", kw_only=True):
    after_seq: Seq
    limit: Seq | None = None
    epoch: Annotated[str, Meta(max_length=64)] | None = None


class Ping(Command, tag="ping", kw_only=True):
    pass


class Leave(Command, tag="leave", kw_only=True):
    pass


ClientCommand = (
    Offer | Answer | Ice | Type | PostChat | PostSealedChat | SetMedia | RaiseHand | LowerHand
    | SetState | StartRecording | StopRecording | Subscribe | Ping | Leave
)

# ---- from REST bodies -----------------------------------------------------------------------------------------------


class Kick(Struct, frozen=True):
    user_id: Id
    ban_sec: Annotated[int, Meta(ge=0, le=10 * 365 * 86400)] = 86400
    """Seconds; 0: may come back at once."""
    reason: Note | None = None


class Unban(Struct, frozen=True):
    user_id: Id


class ForceMute(Struct, frozen=True):
    user_id: Id
    muted: bool = True
    reason: Note | None = None


class ForceVideoOff(Struct, frozen=True):
    user_id: Id
    video_off: bool = True
    reason: Note | None = None


class LetSpeak(Struct, frozen=True):
    user_id: Id
    can_speak: bool = True


class SetRole(Struct, frozen=True):
    user_id: Id
    role: Literal["admin", "guest"]


class DeleteChat(Struct, frozen=True):
    id: Id
    author: Id
    """Read from history, which does not change; whose message it is decides who may delete it."""


class UpdateRoom(Struct, frozen=True):
    title: str | None = None
    is_private: bool | None = None
    invite_key: str | None = None
    """A fresh key, made by the asker's handler: the room knows no chance."""


class ChangeCover(Struct, frozen=True):
    cover_url: str | None


class AddRecording(Struct, frozen=True):
    """The file is in its place already; `name` is told to nobody."""

    title: str
    duration_sec: float
    size: int
    mime: str
    sha256: str
    name: str
    expires_at: str | None


class DeleteRecording(Struct, frozen=True):
    id: Id


class DistributeKey(Struct, frozen=True):
    """A key that the server made and has forgotten: the wraps, by user id."""

    key_epoch: Seq
    shares: dict[int, str]


class StartKeyEpoch(Struct, frozen=True):
    """A key that a browser made: the wraps for exactly those inside who have a device key, by user id."""

    key_epoch: Seq
    shares: dict[int, str]


class ShareKey(Struct, frozen=True):
    """The present key for newcomers."""

    key_epoch: Seq
    shares: dict[int, str]


# ---- from the server itself -----------------------------------------------------------------------------------------


class Join(Struct, frozen=True):
    nickname: str
    avatar_url: str | None
    invite_key: str | None = None
    device_key: str | None = None
    vouched: bool = False
    """A site that we trust lets this person in: no invite key is needed."""
    role: Literal["guest", "admin"] | None = None
    """What that site makes of this person; None: what they were."""


class Beat(Struct, frozen=True):
    """REST `heartbeat`: keeps one inside for another 45 s."""

    device_key: str | None = None
    """Shown again, for a server that has been restarted since the joining."""


class Disconnect(Struct, frozen=True):
    """A socket has ended, with this close code (1006 when there was none)."""

    code: int


class ShowProfile(Struct, frozen=True):
    """A user's profile has changed."""

    nickname: str
    avatar_url: str | None


class ShowDeviceKey(Struct, frozen=True):
    """A user's device key (X25519, base64) has changed, or gone."""

    x25519_b64: str | None


class Forget(Struct, frozen=True):
    """A person is erased: the stay ends, the name goes, and nothing is wrapped for this user any more."""

    user_id: Id


class DeleteTexts(Struct, frozen=True):
    """The messages of somebody who is erased."""

    author: Id
    ids: list[int]


class Tick(Struct, frozen=True):
    """Time has passed."""
