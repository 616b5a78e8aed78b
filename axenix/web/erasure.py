"""A person's data: out, or gone.

Whoever is erased is nobody at once: tokens and links are worth nothing from then on. Then the rooms follow, one by one,
and at last the unused bytes of the database. How far it has come stands in the database, so a crash forgets nothing.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from aiohttp import web

from axenix.errors import Close, Refused
from axenix.room.commands import DeleteTexts, Forget
from axenix.room.permits import Who
from axenix.room.state import Room
from axenix.store.dossier import Trace, export, rewrite, traces
from axenix.store.files import at_the_disk, remove
from axenix.store.people import GOING
from axenix.web.guard import answer, user
from axenix.web.house import House, house_of
from axenix.web.pieces import forget_all
from axenix.web.recordings import forget as forget_recording
from axenix.web.shapes import Erased

routes = web.RouteTableDef()
log = logging.getLogger(__name__)

SERVER = Who(0)
EVERYTHING = "looking through all of history"
AT_ONCE = 200
"""Messages deleted, or lines changed, in one commit."""
ROUNDS = 5
"""What was under way when the person was erased may have written something since; then it is looked for again."""
AGAIN = 15.0
"""Seconds until what could not be done is tried again."""


@routes.get("/api/users/me/export")
async def read(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    async with house.turn(f"export of {person.id}"), house.turn(EVERYTHING):  # in the queue of all, each stands once
        return answer(await house.database.aside(partial(export, user_id=person.id)))


@routes.delete("/api/users/me")
async def delete(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    return answer(Erased(await asyncio.shield(erase(house, person.id))))


async def go_on(house: House) -> None:
    """What an earlier process has begun, and whatever has to wait for its time."""
    while True:
        try:
            for number in await house.people.going():
                await erase(house, number)
            await house.database.compact()
        except (Refused, OSError) as error:
            log.warning("somebody is not erased yet, and will be: %s", error)
        await asyncio.sleep(AGAIN)


async def erase(house: House, user_id: int) -> bool:
    """False: something is left, and goes later. Raises Refused when it could not even begin."""
    async with house.turn(f"avatar of {user_id}"):
        before = await house.people.find(user_id)
        await house.people.erase(user_id)
        if before and before.avatar_url:
            await at_the_disk(remove, house.files.avatars / before.avatar_url.rpartition("/")[2])
    async with house.turn(EVERYTHING):
        person = await house.people.find(user_id)
        try:
            if person is not None and person.erased == GOING:
                await out_of_everything(house, user_id)
                await house.people.is_gone(user_id)
            return await house.database.compact()
        except (Refused, OSError) as error:
            log.warning("user %s is not erased everywhere yet, and will be: %s", user_id, error)
            return False


async def out_of_everything(house: House, user_id: int) -> None:
    for socket in list(house.sockets):
        if socket.user_id == user_id:
            socket.close(Close.TOKEN_EXPIRED)
    await forget_all(house, lambda upload: upload.user_id == user_id)
    for number in range(ROUNDS):
        found: list[Trace] = await house.database.aside(partial(traces, user_id=user_id))
        found = [trace for trace in found if not number or trace.texts or trace.lines]
        if not found:
            return
        for trace in found:
            await out_of_room(house, trace, user_id)
    raise Refused("storage_unavailable", f"User {user_id} cannot be erased: something new is written all the time.")


async def out_of_room(house: House, trace: Trace, user_id: int) -> None:
    try:
        actor = await house.rooms.open(trace.slug)
        if actor.number != trace.room:
            return  # it has been deleted meanwhile, and made again
        for start in range(0, len(trace.texts), AT_ONCE):
            texts = DeleteTexts(user_id, trace.texts[start:start + AT_ONCE])
            await house.rooms.ask(trace.slug, SERVER, texts)
        for number in await house.rooms.read(trace.slug, partial(uploaded_by, user_id)):
            await forget_recording(house, trace.slug, SERVER, number)
        await house.rooms.ask(trace.slug, SERVER, Forget(user_id))
        for start in range(0, len(trace.lines), AT_ONCE):
            lines = trace.lines[start:start + AT_ONCE]
            await house.database.write(partial(rewrite, trace.room, lines), leaves_traces=True)
        await (await house.rooms.open(trace.slug)).forget_history()
    except Refused as refused:
        if refused.reason != "room_not_found":
            raise


def uploaded_by(user_id: int, room: Room) -> list[Any]:
    return [each.id for each in room.recordings.values() if each.uploader_user_id == user_id]
