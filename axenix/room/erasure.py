"""Somebody is erased: what that means for a room. Rules of `decide.py`.

History stays dense, and whose message or measure it was stays known by number; the name, the texts and the keys go.
Rooms stay, also those that the person owns: they belong to everyone in them, and the owner is nobody any more.
"""

from __future__ import annotations

from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.keys import rotate_without
from axenix.room.permits import Case
from axenix.room.text import NOBODY


def forget(case: Case, command: c.Forget) -> list[e.Event | e.Notice]:
    user_id = command.user_id
    member = case.room.members.get(user_id)
    if member is None:
        return []
    facts: list[e.Event | e.Notice] = []
    if (member.nickname, member.avatar_url) != (NOBODY, None):
        facts.append(e.MemberUpdated(user_id=user_id, nickname=NOBODY, avatar_url=None))
    if member.role == "admin":
        facts.append(e.RoleChanged(user_id=user_id, role="guest", by_user=user_id))
    if member.inside:
        facts += [e.MemberLeft(user_id=user_id), *rotate_without(case, user_id)]
    return [*facts, e.MemberForgotten(user_id)]


def delete_texts(case: Case, command: c.DeleteTexts) -> list[e.Event]:
    return [e.ChatDeleted(id=each, by_user=command.author) for each in command.ids if each not in case.room.deleted]
