"""Every way the server says no: reason codes, HTTP statuses and close codes, in one place.

Knows nothing of HTTP or sockets beyond their numbers. The protocol document lists the same codes, and a test
fails when the two differ.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Reason(NamedTuple):
    status: int
    """The HTTP status a REST answer carries."""
    detail: str
    """What people read when the place that refused has nothing more exact to say."""


REASONS: dict[str, Reason] = {
    "bad_json": Reason(400, "The body is not valid JSON in UTF-8."),
    "bad_multipart": Reason(400, "The body is not a complete multipart/form-data form."),
    "invalid_token": Reason(401, "The token is missing, expired or not one of ours; ask for a new one."),
    "forbidden": Reason(403, "Your role does not allow this."),
    "actor_mismatch": Reason(403, "The user named in the request is not the token's subject."),
    "not_a_member": Reason(403, "Only members may do this; join the room first."),
    "not_inside": Reason(403, "Only those inside the room may do this; join it first."),
    "banned": Reason(403, "You are banned from this room."),
    "room_locked": Reason(403, "The room is locked; ask a moderator to unlock it."),
    "invite_required_or_invalid": Reason(403, "This room is private: a valid invite key is needed."),
    "muted_by_admin": Reason(403, "A moderator has muted you."),
    "mute_all": Reason(403, "Everyone is muted; ask a moderator for the right to speak."),
    "video_off_by_admin": Reason(403, "A moderator has turned your video off."),
    "forbidden_words": Reason(403, "The message contains words that are not allowed here."),
    "room_not_found": Reason(404, "There is no such room."),
    "user_not_found": Reason(404, "There is no such user."),
    "member_not_found": Reason(404, "There is no such member in this room."),
    "message_not_found": Reason(404, "There is no such message in this room."),
    "recording_not_found": Reason(404, "There is no such recording in this room."),
    "cover_not_found": Reason(404, "This room has no cover."),
    "key_not_found": Reason(404, "There is no such key."),
    "peer_not_found": Reason(404, "There is no such peer in this room now."),
    "slug_taken": Reason(409, "A room with this address exists; choose another."),
    "epoch_conflict": Reason(409, "The key epoch has moved on; read the present one and try again."),
    "stale_epoch": Reason(409, "The message names a key epoch that is no longer valid."),
    "offset_conflict": Reason(409, "The upload stands elsewhere; ask where, and go on from there."),
    "tus_version": Reason(412, "Uploads in pieces speak tus 1.0.0 here: send the header Tus-Resumable."),
    "too_large": Reason(413, "The body is larger than allowed."),
    "quota_exceeded": Reason(413, "The quota is used up; delete something first."),
    "unsupported_media_type": Reason(415, "This type of content is not accepted here."),
    "bad_payload": Reason(422, "The request is not of the documented shape."),
    "empty_message": Reason(422, "The message has no text."),
    "message_too_long": Reason(422, "The message is too long."),
    "empty_ciphertext": Reason(422, "The message has no ciphertext."),
    "missing_to": Reason(422, "A signal needs the user id of its receiver in `to`."),
    "unknown_message_type": Reason(422, "There is no message of this type."),
    "bad_public_key": Reason(422, "The key is not an RSA public key of 2048 to 4096 bits with e = 65537."),
    "member_set_mismatch": Reason(422, "The shares are not for exactly those inside who have a device key."),
    "checksum_mismatch": Reason(460, "The body is not what its checksum says; send it again."),
    "upgrade_required": Reason(426, "This address speaks WebSocket, and the request came without `Upgrade: websocket`. "
                                    "If a proxy stands in front of the server, let it pass Upgrade and Connection on."),
    "rate_limited": Reason(429, "Too many requests; wait a little."),
    "too_many_attempts": Reason(429, "Too many wrong attempts; wait before the next."),
    "draining": Reason(503, "The server is about to restart; try again in a few seconds."),
    "storage_unavailable": Reason(503, "The storage does not answer; try again soon."),
    "overloaded": Reason(503, "The server has too much to do; try again soon."),
    "storage_full": Reason(507, "The server's disk is full; reading still works."),
}

PASSING = {"draining", "overloaded", "storage_unavailable", "storage_full", "rate_limited"}
"""Refusals that pass by themselves: a socket refused for one of them closes with 1013, not 1008."""


class Refused(Exception):
    """Somebody asked for something and does not get it. Told to the asker alone; leaves no trace in the room."""

    def __init__(self, reason: str, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status, default = REASONS[reason]
        self.detail = detail or default
        self.retry_after = retry_after

    def body(self) -> dict[str, object]:
        """The shape shared by REST answers and error frames."""
        body: dict[str, object] = {"detail": self.detail, "reason": self.reason}
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


class Fenced(Exception):
    """Another actor has claimed this room since; the one that hears this must end without a word."""


class CannotStart(Exception):
    """The process must not start, or not go on: one line that says why, and the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Close(IntEnum):
    """WebSocket close codes (RFC 6455 section 7.4) that the server sends."""

    NORMAL = 1000
    REFUSED = 1008
    INTERNAL = 1011
    RESTART = 1012
    TRY_LATER = 1013
    TOKEN_EXPIRED = 4001
    KICKED = 4005
    REPLACED = 4006
    ROOM_DELETED = 4007
    TOO_SLOW = 4008
    FLOODING = 4009
    START_OVER = 4010

    @classmethod
    def for_refusal(cls, reason: str) -> Close:
        return cls.TRY_LATER if reason in PASSING else cls.REFUSED


ENDS_THE_STAY = frozenset({1000, 1001, 4001, 4005, 4007, 4009})
"""After these the member has left; after any other end the connection is lost and the grace begins."""
