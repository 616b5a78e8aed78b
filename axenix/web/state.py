"""The room's state: the snapshot, and the three things that moderators set."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from axenix.room import permits as p
from axenix.room.commands import SetState
from axenix.room.state import Room, Snapshot, snapshot
from axenix.rooms import clock
from axenix.store.people import Person
from axenix.web.guard import answer, body, slug_of, user
from axenix.web.house import house_of
from axenix.web.shapes import Settings

routes = web.RouteTableDef()


class Topic(Struct):
    topic: str


class Value(Struct):
    value: bool


@routes.get("/api/state/{slug}")
async def read(request: web.Request) -> web.Response:
    person = await user(request)

    def view(room: Room) -> Snapshot:
        p.standing(room, person.id, clock())
        return snapshot(room)

    return answer(await house_of(request).rooms.read(slug_of(request), view))


@routes.post("/api/state/{slug}/set_topic")
async def set_topic(request: web.Request) -> web.Response:
    person = await user(request)
    wanted = await body(request, Topic, person)
    return await change(request, person, SetState(topic=wanted.topic))


@routes.post("/api/state/{slug}/set_lock")
async def set_lock(request: web.Request) -> web.Response:
    person = await user(request)
    wanted = await body(request, Value, person)
    return await change(request, person, SetState(is_locked=wanted.value))


@routes.post("/api/state/{slug}/set_mute_all")
async def set_mute_all(request: web.Request) -> web.Response:
    person = await user(request)
    wanted = await body(request, Value, person)
    return await change(request, person, SetState(mute_all=wanted.value))


async def change(request: web.Request, person: Person, command: SetState) -> web.Response:
    def view(room: Room) -> Settings:
        return Settings(room.topic, room.is_locked, room.mute_all, room.recording_active)

    return answer(await house_of(request).rooms.ask(slug_of(request), p.Who(person.id), command, view))
