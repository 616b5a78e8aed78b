"""Files whose time is over: recordings past their end, uploads that nobody goes on with, what a crash left behind.

A recording's name begins with its end, so the folders tell which rooms to ask; only those are opened.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time

from axenix.errors import Refused
from axenix.room.permits import Who
from axenix.room.state import Room
from axenix.rooms import clock
from axenix.store.files import Leftover, at_the_disk, names, remove
from axenix.web.house import House
from axenix.web.pieces import forget_all
from axenix.web.recordings import forget, names_in

log = logging.getLogger(__name__)

EVERY = 15.0
SERVER = Who(0)


async def keep(house: House, leftover: Leftover) -> None:
    try:
        await away_with(house, leftover)
    except (Refused, OSError) as error:
        log.warning("what a crash may have left stays until the next start: %s", error)
    while True:
        try:
            for slug in await at_the_disk(rooms_with_expired, house, time.time()):
                await expire(house, slug)
            await forget_all(house, lambda upload: upload.expires <= time.time())
            house.tally.sweeps["files"] += 1
        except OSError as error:
            log.warning("what is past its end stays for now: %s", error)
        await asyncio.sleep(EVERY)


# ---- what is past its end -------------------------------------------------------------------------------------------


def rooms_with_expired(house: House, now: float) -> list[str]:
    folders = list(house.files.rooms())
    return [slug for slug, folder in folders if any(0 < end(name) <= now for name in names(folder))]


def end(name: str) -> float:
    """Seconds since the epoch; 0: never."""
    found = re.match("([0-9]{15})-", name, re.ASCII)
    return int(found[1]) / 1000 if found else 0.0


async def expire(house: House, slug: str) -> None:
    def view(room: Room) -> list[int]:
        now = clock().iso
        return [each.id for each in room.recordings.values() if each.expires_at is not None and each.expires_at <= now]

    try:
        for rec_id in await house.rooms.read(slug, view):
            await forget(house, slug, SERVER, rec_id)
    except Refused as refused:
        log.debug("recordings of %s stay for now: %s", slug, refused.reason)


# ---- what nobody knows of -------------------------------------------------------------------------------------------


async def away_with(house: House, leftover: Leftover) -> None:
    """Of what was there at the start, that which no person, room or upload names."""
    people, rooms = await house.people.avatars(), await house.catalogue.covers()
    for folder, found, known in (
        (house.files.avatars, leftover.avatars, people), (house.files.covers, leftover.covers, rooms),
    ):
        for name in found - {url.rpartition("/")[2] for url in known}:
            await at_the_disk(remove, folder / name)
    unfinished = {partial.name for partial in house.partials.all() if not partial.done}
    for slug, found in leftover.records.items():
        for name in found - unfinished - await names_in(house, slug):
            await at_the_disk(house.files.remove_record, slug, name)
