"""Is the process alive; may it be sent people. The first never depends on storage, the second does."""

from __future__ import annotations

import asyncio

from aiohttp import web

from axenix.errors import Refused
from axenix.store.files import FLOOR
from axenix.web.guard import answer, note, refusal
from axenix.web.house import House, house_of
from axenix.web.shapes import Done, Readiness

routes = web.RouteTableDef()

LEAST = 16 << 20
"""Bytes on the disk without which the database cannot go on for long; uploads stop much earlier (`FLOOR`)."""
PATIENCE = 1.0
"""Seconds in which the database has to read something."""
GOOD, LOW = "ok", "low: uploads are refused"


@routes.get("/livez")
async def alive(request: web.Request) -> web.Response:
    return answer(Done())


@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    """What is wrong, each thing by the reason code with which people are refused because of it."""
    house = house_of(request)
    reading, disk = await asyncio.gather(state_of_reading(house), state_of_disk(house))
    checks = {
        "accepting": "draining" if house.rooms.draining else GOOD, "writing": house.journal.refusal or GOOD,
        "reading": reading, "disk": disk,
    }
    wrong = [reason for reason in checks.values() if reason not in (GOOD, LOW)]
    if not wrong:
        return answer(Readiness(checks=checks))
    refused = Refused(wrong[0])
    return note(request, refused.reason, refusal(refused, ok=False, checks=checks))


async def state_of_reading(house: House) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await house.catalogue.count()
    except Refused as refused:
        return refused.reason
    except TimeoutError:
        return "storage_unavailable"
    return GOOD


async def state_of_disk(house: House) -> str:
    try:
        seen = await house.disk.look()
    except OSError:
        seen = None
    if seen is None:
        return "storage_unavailable"
    if seen.free_bytes < LEAST:
        return "storage_full"
    return LOW if seen.free_bytes < FLOOR else GOOD
