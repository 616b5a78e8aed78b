"""Keeping order: one row an action. What an action means and who may take it stands in the room's RULES."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from aiohttp import web
from msgspec import Struct, convert

from axenix.lines import Line
from axenix.room import commands as c
from axenix.room import permits as p
from axenix.room.state import Room
from axenix.rooms import clock
from axenix.web import shapes
from axenix.web.guard import answer, body, number, slug_of, user
from axenix.web.house import house_of

routes = web.RouteTableDef()


class Named(Struct):
    user_id: c.Id


ACTIONS: dict[str, tuple[type[Any], type[Struct]]] = {
    # action         body              what the answer shows of the member acted upon
    "promote_admin": (Named,           shapes.RoleGiven),
    "demote_admin":  (Named,           shapes.RoleGiven),
    "kick":          (c.Kick,          shapes.ActedUpon),
    "unban":         (c.Unban,         shapes.ActedUpon),
    "force_mute":    (c.ForceMute,     shapes.Muted),
    "force_video":   (c.ForceVideoOff, shapes.VideoOff),
    "speak":         (c.LetSpeak,      shapes.Speech),
}
ROLES: dict[str, Literal["admin", "guest"]] = {"promote_admin": "admin", "demote_admin": "guest"}


@routes.post("/api/moderation/{slug}/{action:" + "|".join(ACTIONS) + "}")
async def act(request: web.Request) -> web.Response:
    person, slug, action = await user(request), slug_of(request), request.match_info["action"]
    shape, shown = ACTIONS[action]
    wanted: Any = await body(request, shape, person)
    command = c.SetRole(wanted.user_id, ROLES[action]) if action in ROLES else wanted

    def view(room: Room) -> Struct:
        return convert(room.members[wanted.user_id], shown, from_attributes=True)

    return answer(await house_of(request).rooms.ask(slug, p.Who(person.id), command, view))


@routes.get("/api/moderation/{slug}/bans")
async def bans(request: web.Request) -> web.Response:
    person = await user(request)

    def view(room: Room) -> list[shapes.Ban]:
        now = clock()
        p.moderator(p.Case(room, p.Who(person.id), now))
        return [
            shapes.Ban(m.user_id, m.nickname, m.ban_by, m.ban_reason, m.ban_until)
            for m in room.members.values() if m.banned(now)
        ]

    return answer(shapes.BanList(await house_of(request).rooms.read(slug_of(request), view)))


@routes.get("/api/moderation/{slug}/log")
async def log(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await house.rooms.read(slug, lambda room: p.moderator(p.Case(room, p.Who(person.id), clock())))
    before, limit = number(request, "before", c.MAX_ID, 0, c.MAX_ID), number(request, "limit", 50, 1, 200)
    lines = await house.journal.moderation((await house.rooms.open(slug)).number, before, limit)
    return answer(shapes.DeedList([deed(line) for line in lines]))


def deed(line: Line) -> shapes.Deed:
    event = orjson.loads(line.body)
    return shapes.Deed(
        seq=line.seq, action=action_of(event), by_user=event.get("by_user"), user_id=event.get("user_id"),
        reason=event.get("reason"), created_at=event["created_at"],
    )


def action_of(event: dict[str, Any]) -> str:
    """The event by the name of the endpoint that makes it."""
    if event["type"] == "role.changed":
        return "promote_admin" if event["role"] == "admin" else "demote_admin"
    return EVENT_ACTIONS[event["type"]]


EVENT_ACTIONS = {
    "member.kicked": "kick", "member.unbanned": "unban", "media.forced": "force_mute",
    "media.video_forced": "force_video", "speak.changed": "speak", "chat.deleted": "delete_message",
    "state.changed": "set_state", "room.updated": "update_room", "record.started": "record_start",
    "record.stopped": "record_stop",
}
