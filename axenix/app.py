"""Everything meets here, and only here: the store, the rooms, the handlers, and how they begin and end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from axenix.config import Config
from axenix.errors import Close
from axenix.room.state import Law
from axenix.rooms import Rooms
from axenix.store.catalogue import Catalogue
from axenix.store.database import Database
from axenix.store.foreign import Foreigners
from axenix.store.journal import SqliteJournal
from axenix.store.outbox import Outbox
from axenix.store.people import People
from axenix.web import auth, avatars, chat, covers, crypto, device_keys, documents, erasure, files, health, heartbeat
from axenix.web import hooks, keeper, metrics, moderation, pages, participants, recordings, rooms, rtc, state, sync, tus
from axenix.web import users, ws
from axenix.web.accounts import accounted
from axenix.web.guard import errors_become_answers
from axenix.web.house import HOUSE, House
from axenix.web.origins import preflight

log = logging.getLogger(__name__)

RESOURCES = (
    auth, users, avatars, erasure, rooms, participants, moderation, state, chat, crypto, device_keys, sync, rtc, covers,
    recordings, tus, ws, health, metrics, files, documents, pages,
)
BODY = 256 * 1024
"""Bytes of a JSON body."""
CLOSING_SECONDS = 2.5
"""How long the end waits for sockets to go. Each cuts itself off after two seconds; none holds up what comes then."""


def make_app(config: Config, database: Database) -> web.Application:
    """The application over an open database; whoever opened it closes it."""
    app = web.Application(middlewares=[accounted, errors_become_answers], client_max_size=BODY)
    for resource in RESOURCES:
        app.add_routes(resource.routes)
    app.router.add_route("OPTIONS", "/api/{path:.*}", preflight)
    app[HOUSE] = furnish(config, database)
    app.cleanup_ctx.append(watch)
    app.on_shutdown.append(drain)
    return app


def furnish(config: Config, database: Database) -> House:
    journal, catalogue = SqliteJournal(database), Catalogue(database)
    law = Law(
        chat_rate=config.chat_rate, banned_words=config.banned_words, grace=config.reconnect_grace,
    )
    return House(
        config=config, secret=config.jwt_secret or database.secret, journal=journal, catalogue=catalogue,
        database=database, people=People(database), foreigners=Foreigners(database),
        outbox=Outbox(database, config.data_dir),
        rooms=Rooms(journal, catalogue, law, retention=config.event_retention, tally=database.tally),
        tally=database.tally,
    )


async def watch(app: web.Application) -> AsyncIterator[None]:
    """What goes on by itself while the server runs."""
    house, open_rooms = app[HOUSE], app[HOUSE].rooms
    leftover = house.files.prepare()
    house.partials.load()
    work = (
        open_rooms.sweep(), open_rooms.wake_the_inhabited(), keeper.keep(house, leftover), heartbeat.beat(house),
        erasure.go_on(house), metrics.feel_lag(house.tally),
    )
    async with hooks.telling(house):
        tasks = [asyncio.create_task(each, name=getattr(each, "__qualname__", None)) for each in work]
        for task in tasks:
            task.add_done_callback(heed)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def heed(task: asyncio.Task[None]) -> None:
    """What should never end has: nobody else would hear of it before the server ends."""
    if not task.cancelled() and (bug := task.exception()) is not None:
        log.error("%s has stopped, until the server is started again", task.get_name(), exc_info=bug)


async def drain(app: web.Application) -> None:
    """Nobody comes in any more; everyone inside is told to come back in a moment (1012); what is decided is kept."""
    house = app[HOUSE]
    house.rooms.drain()
    for socket in list(house.sockets):
        socket.close(Close.RESTART)
    deadline = asyncio.get_running_loop().time() + CLOSING_SECONDS
    while house.sockets and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    await house.journal.flushed()
