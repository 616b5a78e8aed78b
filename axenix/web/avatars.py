"""Avatars: the picture of a person."""

from __future__ import annotations

from aiohttp import web

from axenix.errors import Refused
from axenix.store.files import at_the_disk, remove
from axenix.web.guard import answer, user
from axenix.web.house import house_of
from axenix.web.pictures import remove_old, take_picture
from axenix.web.shapes import AvatarShown
from axenix.web.users import oneself

routes = web.RouteTableDef()

LONGEST = 512


@routes.post("/api/users/{id}/avatar")
async def upload(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    oneself(request, person)
    place = await take_picture(request, person, house.files.avatars, LONGEST)
    url = f"/static/avatars/{place.name}"
    async with house.turn(f"avatar of {person.id}"):
        before = await house.people.find(person.id)
        try:
            changed = await house.people.update(person.id, avatar_url=url)
        except Refused:
            await at_the_disk(remove, place)
            raise
        house.show(changed)
        await remove_old(house.files.avatars, before.avatar_url if before else None)
    return answer(AvatarShown(url))
