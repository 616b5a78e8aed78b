"""Is the process alive; may it be sent people. The first never depends on storage, the second does."""

from __future__ import annotations

from aiohttp import web

from axenix.errors import Refused
from axenix.web.guard import answer
from axenix.web.house import house_of
from axenix.web.shapes import Done

routes = web.RouteTableDef()


@routes.get("/livez")
async def alive(request: web.Request) -> web.Response:
    return answer(Done())


@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    house = house_of(request)
    if house.rooms.draining:
        raise Refused("draining")
    if house.journal.refusal:
        raise Refused(house.journal.refusal)
    return answer(Done())
