"""Covers: the picture of a room. The room knows the address, the folder has the file."""

from __future__ import annotations

from aiohttp import web

from axenix.errors import Refused
from axenix.room import permits as p
from axenix.room.commands import ChangeCover
from axenix.room.state import Room
from axenix.rooms import clock
from axenix.store.files import at_the_disk, remove
from axenix.web.guard import answer, slug_of, user, whoever
from axenix.web.house import House, house_of
from axenix.web.pictures import remove_old, take_picture
from axenix.web.shapes import CoverShown, Done

routes = web.RouteTableDef()

LONGEST = 1280


@routes.post("/api/covers/{slug}/upload")
async def upload(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    who = p.Who(person.id)
    await house.rooms.read(slug, lambda room: p.moderator(p.Case(room, who, clock())))  # before the body is read
    place = await take_picture(request, person, house.files.covers, LONGEST)
    url = f"/static/covers/{place.name}"
    try:
        await change(house, slug, who, url)
    except Refused:
        await at_the_disk(remove, place)
        raise
    return answer(CoverShown(url))


@routes.get("/api/covers/{slug}")
async def read(request: web.Request) -> web.Response:
    await whoever(request)
    listed = await house_of(request).catalogue.find(slug_of(request))
    if listed is None:
        raise Refused("room_not_found")
    if listed.cover_url is None:
        raise Refused("cover_not_found")
    return answer(CoverShown(listed.cover_url))


@routes.delete("/api/covers/{slug}")
async def delete(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await change(house, slug, p.Who(person.id), None)
    return answer(Done())


async def change(house: House, slug: str, who: p.Who, url: str | None) -> None:
    """The room first, and then, when nobody is sent there any more, the file of the cover before."""
    def before(room: Room) -> str | None:
        p.moderator(p.Case(room, who, clock()))
        return room.cover_url

    async with house.turn(f"cover of {slug}"):
        old = await house.rooms.read(slug, before)
        if url is None and old is None:
            raise Refused("cover_not_found")
        await house.rooms.ask(slug, who, ChangeCover(url))
        await remove_old(house.files.covers, old)
