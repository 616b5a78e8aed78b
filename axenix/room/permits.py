"""Who may ask: the permission column of RULES, and the same questions for those who only read.

Knows roles, standing and presence. Every function returns quietly or raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from axenix.errors import Refused
from axenix.room.moment import Moment, iso, milliseconds
from axenix.room.state import RANK, Member, Room, present, silence


class Who(Struct, frozen=True, gc=False):
    """A struct, like all that is made for every message: a named tuple takes four times as long to make."""

    user_id: int
    connection: int | None = None
    """The number of the socket it came by; None: by REST, or from the server itself."""


class Case(Struct, frozen=True):
    """One command before the room."""

    room: Room
    who: Who
    now: Moment

    @property
    def member(self) -> Member:
        return self.room.members[self.who.user_id]


def standing(room: Room, user_id: int, now: Moment) -> Member:
    """The membership of one who has joined at some time and is not banned; what others are told depends on the room."""
    member = room.members.get(user_id)
    banned = member is not None and member.banned(now)
    if member is None or member.expelled or banned:
        if room.is_private:
            raise Refused("room_not_found")
        raise Refused("banned" if banned else "not_a_member")
    return member


def anyone(case: Case) -> None:
    pass


def member(case: Case) -> None:
    standing(case.room, case.who.user_id, case.now)


def staying(case: Case) -> None:
    """Inside, or lost and still in the grace."""
    if case.who.connection is not None:
        inside(case)
    elif not standing(case.room, case.who.user_id, case.now).inside:
        raise Refused("not_inside")


def inside(case: Case) -> None:
    room, who, user_id = case.room, case.who, case.who.user_id
    if who.connection is not None:
        if room.presence.sockets.get(user_id) != who.connection:
            raise Refused("not_inside")
    elif standing(room, user_id, case.now) and not present(room, user_id):
        raise Refused("not_inside")


def moderator(case: Case) -> None:
    _ranked(case, "admin")


def owner(case: Case) -> None:
    _ranked(case, "owner")


def _ranked(case: Case, least: str) -> None:
    if case.who.connection is not None:
        inside(case)
    if RANK[standing(case.room, case.who.user_id, case.now).role] < RANK[least]:  # type: ignore[index]
        raise Refused("forbidden", f"Only {'moderators' if least == 'admin' else 'the owner'} may do this.")


def seldom(case: Case, marks: Sequence[str], rate: tuple[int, float], what: str) -> None:
    """So many in so many seconds; the marks say when. Those from the future (a clock set back) do not count."""
    (limit, seconds), now = rate, case.now
    since = iso(now.ms - int(seconds * 1000))
    recent = [mark for mark in marks if since < mark <= now.iso]
    if len(recent) >= limit:
        wait = (milliseconds(recent[-limit]) - now.ms) / 1000 + seconds
        raise Refused("rate_limited", f"At most {limit} {what} in {seconds:g} s.", retry_after=round(wait, 3))


def target(case: Case, user_id: int) -> Member:
    """The member acted upon: known here, and lower in rank than the one who acts."""
    found = case.room.members.get(user_id)
    if found is None:
        raise Refused("member_not_found")
    if RANK[found.role] >= RANK[case.member.role]:
        raise Refused("forbidden", "Nobody acts on an equal or a superior.")
    return found


def audible(case: Case) -> None:
    reason = silence(case.room, case.member)
    if reason:
        raise Refused(reason)


def visible(case: Case) -> None:
    if case.member.admin_video_off:
        raise Refused("video_off_by_admin")
