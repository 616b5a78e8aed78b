"""Chat by REST: history, which does not change and is read past the room; posting and deleting, which go through it."""

from __future__ import annotations

import orjson
from aiohttp import web
from msgspec import Struct

from axenix.errors import Refused
from axenix.lines import Kind, Line
from axenix.room import permits as p
from axenix.room.commands import MAX_ID, Cid, DeleteChat, PostChat
from axenix.rooms import clock
from axenix.web.guard import answer, body, number, path_id, slug_of, user
from axenix.web.house import House, house_of
from axenix.web.shapes import Done

routes = web.RouteTableDef()


class NewMessage(Struct):
    text: str
    cid: Cid | None = None


@routes.get("/api/chat/{slug}")
async def history(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    room_id = await readable(house, slug, person.id)
    limit, before = number(request, "limit", 50, 1, 200), number(request, "before_id", MAX_ID, 0, MAX_ID)
    lines = await house.journal.chat(room_id, before, limit)
    return answer(b'{"items":[' + b",".join(line.body for line in lines) + b"]}")


async def readable(house: House, slug: str, user_id: int) -> int:
    """The number of a room whose history this user may read."""
    await house.rooms.read(slug, lambda room: p.standing(room, user_id, clock()) and None)
    return (await house.rooms.open(slug)).number


@routes.post("/api/chat/{slug}")
async def post(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    wanted = await body(request, NewMessage, person)
    seq = await house.rooms.ask(slug, p.Who(person.id), PostChat(text=wanted.text, cid=wanted.cid))
    return answer((await message(house, (await house.rooms.open(slug)).number, seq)).body, 201)


@routes.delete("/api/chat/{slug}/{id}")
async def delete(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    room_id = await readable(house, slug, person.id)
    line = await message(house, room_id, path_id(request, "id", "message_not_found"))
    told = orjson.loads(line.body)
    if told.get("deleted"):
        raise Refused("message_not_found")
    await house.rooms.ask(slug, p.Who(person.id), DeleteChat(line.seq, told["user_id"]))
    return answer(Done())


async def message(house: House, room_id: int, seq: int) -> Line:
    line = await house.journal.line(room_id, seq)
    if line is None or line.kind is not Kind.CHAT:
        raise Refused("message_not_found")
    return line
