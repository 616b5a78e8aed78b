"""Signals: what passes from one peer to another, is not numbered and is forgotten.

The rules of `decide.py` for offer, answer, ICE candidate and typing. A peer owns its media path in a mesh; what the
server can do, and does here, is refuse to negotiate it.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from axenix.errors import Refused
from axenix.room.commands import Answer, CandidateInit, Ice, Offer, Type
from axenix.room.events import Passed
from axenix.room.permits import Case, audible, visible
from axenix.room.sdp import sends, spelled_out
from axenix.room.state import silence


class Relayed(Struct):
    """A signal as its receiver gets it: built from this list of fields, never copied from what came in."""

    type: str
    from_: int = field(name="from")
    sdp: str | UnsetType = UNSET
    candidate: str | CandidateInit | None | UnsetType = UNSET
    sdpMid: str | None | UnsetType = UNSET
    sdpMLineIndex: int | None | UnsetType = UNSET
    usernameFragment: str | None | UnsetType = UNSET
    restart: bool | UnsetType = UNSET


class Typing(Struct, tag_field="type", tag="chat.typing"):
    user_id: int
    is_typing: bool


def describe(case: Case, command: Offer | Answer) -> list[Passed]:
    """Whoever is silenced may negotiate to receive, not to send."""
    sdp, hidden = command.sdp, case.member.admin_video_off
    silenced = silence(case.room, case.member)
    if hidden and sends(sdp, "video"):
        visible(case)
    if silenced and sends(sdp, "audio"):
        audible(case)
    if hidden or silenced:
        sdp = spelled_out(sdp)  # browsers read some descriptions differently; in this form they all stay quiet
    tag = "offer" if type(command) is Offer else "answer"
    return [reach(case, command.to, Relayed(tag, case.who.user_id, sdp, restart=command.restart))]


def candidate(case: Case, command: Ice) -> list[Passed]:
    return [reach(case, command.to, Relayed(
        "ice", case.who.user_id, UNSET, command.candidate, command.sdpMid, command.sdpMLineIndex,
        command.usernameFragment, command.restart,
    ))]


def reach(case: Case, to: int, message: Relayed) -> Passed:
    if to == case.who.user_id or to not in case.room.presence.sockets:
        raise Refused("peer_not_found")  # and not a word on whether that user exists
    return Passed(to, message)


def typing(case: Case, command: Type) -> list[Passed]:
    return [Passed(None, Typing(case.who.user_id, command.is_typing))]
