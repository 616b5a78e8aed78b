"""Who is in a room; and coming, staying and going without a socket."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from axenix.errors import Refused
from axenix.room import permits as p
from axenix.room.commands import Beat, Join, Leave
from axenix.room.moment import Moment, iso
from axenix.room.state import Member, Room, present, status
from axenix.rooms import clock
from axenix.store.people import Person
from axenix.web.device_keys import show_latest
from axenix.web.guard import answer, body, must_be, slug_of, user
from axenix.web.house import house_of
from axenix.web.rooms import guessed_wrong, joining, no_more_guesses
from axenix.web.shapes import ParticipantList, ParticipantShown

routes = web.RouteTableDef()

STATUSES = {"active", "lost", "left", "banned"}


class Entrance(Struct):
    invite_key: Annotated[str, Meta(max_length=128)] | None = None


class Nothing(Struct):
    pass


def participant(room: Room, member: Member, now: Moment) -> ParticipantShown:
    state = status(room, member, now)
    return ParticipantShown(
        user_id=member.user_id, nickname=member.nickname, avatar_url=member.avatar_url, role=member.role,
        status=state, is_online=state == "active", last_seen=last_seen(room, member, now),
        mic_muted=member.mic_muted, cam_off=member.cam_off, hand_raised=member.user_id in room.hands_up,
        admin_muted=member.admin_muted, admin_video_off=member.admin_video_off, can_speak=member.can_speak,
    )


def last_seen(room: Room, member: Member, now: Moment) -> str | None:
    if present(room, member.user_id):
        return now.iso
    lost = room.presence.lost.get(member.user_id)
    return member.last_seen if lost is None else iso(now.ms - int((now.mono - lost) * 1000))


@routes.get("/api/participants/{slug}")
async def everyone(request: web.Request) -> web.Response:
    person = await asker(request)
    wanted = set(filter(None, (request.query.get("status") or "active,lost").split(",")))
    if not wanted <= STATUSES:
        raise Refused("bad_payload", f"`status` is one or more of {', '.join(sorted(STATUSES))}.")

    def view(room: Room) -> list[ParticipantShown]:
        now = clock()
        p.standing(room, person.id, now)
        shown = [participant(room, member, now) for member in room.members.values()]
        return [each for each in shown if each.status in wanted]

    return answer(ParticipantList(await house_of(request).rooms.read(slug_of(request), view)))


@routes.post("/api/participants/{slug}/join")
async def join(request: web.Request) -> web.Response:
    person = await asker(request)
    entrance = await body(request, Entrance, person, own_user_id=True)
    if house_of(request).rooms.draining:
        raise Refused("draining")
    if entrance.invite_key is not None:
        no_more_guesses(request)
    try:
        command = joining(request, person, entrance.invite_key)
        joined = await act(request, person, command)
    except Refused as refused:
        if refused.reason == "invite_required_or_invalid" and entrance.invite_key is not None:
            guessed_wrong(request)
        raise
    await show_latest(house_of(request), slug_of(request), person)
    return joined


@routes.post("/api/participants/{slug}/heartbeat")
async def heartbeat(request: web.Request) -> web.Response:
    person = await asker(request)
    await body(request, Nothing, person, own_user_id=True)
    heard = await act(request, person, Beat(person.device_key))
    await show_latest(house_of(request), slug_of(request), person)
    return heard


@routes.post("/api/participants/{slug}/leave")
async def leave(request: web.Request) -> web.Response:
    person = await asker(request)
    await body(request, Nothing, person, own_user_id=True)
    return await act(request, person, Leave())


async def asker(request: web.Request) -> Person:
    person = await user(request)
    if "user_id" in request.query:
        must_be(person, request.query["user_id"])
    return person


async def act(request: web.Request, person: Person, command: Join | Beat | Leave) -> web.Response:
    def view(room: Room) -> ParticipantShown:
        return participant(room, room.members[person.id], clock())

    return answer(await house_of(request).rooms.ask(slug_of(request), p.Who(person.id), command, view))
