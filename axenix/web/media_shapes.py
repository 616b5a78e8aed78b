"""More of shapes.py: what requests for recordings, calls and keys are answered with."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from axenix.room.events import KeyMode
from axenix.room.state import About


class RecordingShown(About):
    file_url: str
    """Plays for 12 hours without a token."""


class RecordingList(Struct):
    items: list[RecordingShown]


class IceServer(Struct):
    urls: list[str]
    username: str | UnsetType = UNSET
    credential: str | UnsetType = UNSET


class RtcConfig(Struct):
    iceServers: list[IceServer]
    ttl: int
    """Seconds for which the credentials are good."""
    iceTransportPolicy: Literal["relay"] | UnsetType = UNSET
    """Where the operator wants no direct ways."""


class KeyHolder(Struct):
    user_id: int
    x25519_b64: str | None
    has_share: bool


class KeyStanding(Struct):
    key_epoch: int
    mode: KeyMode | None
    stale: bool
    my_epochs: list[int]
    members: list[KeyHolder]


class KeyNamed(Struct):
    room_key_id: int
    key_epoch: int
    algo: str


class KeyDistributed(KeyNamed):
    distributed: int
    skipped: list[int]
    """User ids of those inside who have no public key."""


class MyKey(KeyNamed):
    wrap_algo: str
    wrapped_key_b64: str
