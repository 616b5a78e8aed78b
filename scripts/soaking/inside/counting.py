"""A server that tells at /counts what its process holds: tasks, and objects that belong to sockets and rooms.

SOAK_IDLE is how long a room stays awake without people, in seconds.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter

from aiohttp import web

import axenix.app
import axenix.rooms
from axenix.actor import RoomActor
from axenix.config import Config
from axenix.store.database import Database
from axenix.web.house import house_of
from axenix.web.socket import Socket
from axenix.web.ws import Stay

KINDS = (Socket, Stay, RoomActor)
make_app = axenix.app.make_app


async def counts(request: web.Request) -> web.Response:
    """With `?all` also the objects, for which everything there is must be looked at: not while latency is measured."""
    house = house_of(request)
    found = {"tasks": len(asyncio.all_tasks()), "awake": len(house.rooms.awake()), "inside": len(house.sockets)}
    if "all" in request.query:
        gc.collect()
        alive = Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, KINDS))
        found |= {kind.__name__: alive[kind.__name__] for kind in KINDS}
        found |= {"claims": len(house.journal._held), "addresses": len(house.sockets_by_address)}
    return web.json_response(found)


def counted(config: Config, database: Database) -> web.Application:
    app = make_app(config, database)
    app.router.add_get("/counts", counts)
    return app


axenix.app.make_app = counted
if "SOAK_IDLE" in os.environ:
    axenix.rooms.IDLE_SECONDS = axenix.rooms.SWEEP_SECONDS = float(os.environ["SOAK_IDLE"])
