"""Catching up by request: pages of a room's history, or a reset where it cannot be continued."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from axenix import wire
from axenix.actor import RoomActor
from axenix.catchup import Hole, read_page
from axenix.lines import Journal
from axenix.room.commands import MAX_ID
from axenix.room.resume import lost_track
from axenix.room.state import Room, snapshot
from axenix.web.chat import readable
from axenix.web.guard import answer, number, slug_of, user
from axenix.web.house import house_of

routes = web.RouteTableDef()

PAGE, MOST = 200, 1000


async def page_or_reset(
    journal: Journal, actor: RoomActor, after_seq: int, limit: int, epoch: str | None
) -> bytes | Callable[[Room], bytes]:
    """The JSON of a page; or, where the client has lost track, what makes the JSON of a reset of the room."""
    horizon = actor.horizon()
    reason = lost_track(horizon, after_seq, epoch)
    if reason is None:
        try:
            page, _ = await read_page(journal, actor.number, horizon, after_seq, limit)
            return page
        except Hole:
            reason = "truncated"

    def view(room: Room) -> bytes:
        seen = wire.encode(snapshot(room))
        return wire.reset(reason, seen, room.seq + 1, horizon.floor, room.epoch)

    return view


@routes.get("/api/sync/{slug}")
async def sync(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await readable(house, slug, person.id)
    after, limit = number(request, "after_seq", 0, 0, MAX_ID), number(request, "limit", PAGE, 1, MOST)
    actor = await house.rooms.open(slug)
    page = await page_or_reset(house.journal, actor, after, limit, request.query.get("epoch"))
    if isinstance(page, bytes):
        return answer(page)
    return answer(b'{"reset":' + await house.rooms.read(slug, page) + b"}")
