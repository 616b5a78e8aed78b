"""Several uploads joined into one recording: tus's concatenation.

A recorder needs it, because what stands first in a file (how long it is, where one can jump to) is known last. Copies
what has come; how it comes, and what becomes of the whole, is the business of pieces.py.
"""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack

from axenix.errors import Refused
from axenix.store.files import at_the_disk
from axenix.store.partials import Partial
from axenix.store.people import Person
from axenix.web import recordings
from axenix.web.house import House
from axenix.web.pieces import alone, finish, forget
from axenix.web.uploads import too_large

FINAL = "final;"
PARTS = 8
"""Uploads that one recording may be joined from."""


def parts_of(said: str, slug: str) -> list[str]:
    """The ids in `final;<address> <address>…`."""
    addresses = said.removeprefix(FINAL).split()
    names = [address.rpartition(f"/api/recordings/{slug}/tus/")[2] for address in addresses]
    if not 1 <= len(set(names)) == len(names) <= PARTS:
        raise Refused("bad_payload", f"Upload-Concat names 1 to {PARTS} uploads of this room, each of them once.")
    return names


def name_of(whole: Partial, names: list[str]) -> str:
    """The same parts make the same whole, for whose they are: whoever has not heard the answer asks again."""
    return hashlib.sha256(f"{whole.room} {whole.user_id} {' '.join(names)}".encode()).hexdigest()[:32]


async def join(house: House, person: Person, whole: Partial, names: list[str]) -> Partial:
    """Goes on wherever a crash has interrupted it. The parts are gone afterwards."""
    found = [house.partials.find(name) for name in names]
    parts = [part for part in found if part and (part.room, part.user_id) == (whole.room, person.id) and part.is_part]
    async with house.turn(whole.id):
        known = house.partials.find(whole.id)
        if known is None:
            await at_the_disk(house.partials.add, checked(house, whole, parts, len(names)))
        whole = known or whole
        async with alone(house, whole):
            if not whole.is_complete:
                await copy(house, checked(house, whole, parts, len(names)), parts)
            for part in parts:
                await forget(house, part)
            await finish(house, person, whole)
    return whole


def checked(house: House, whole: Partial, parts: list[Partial], count: int) -> Partial:
    if len(parts) != count:
        raise Refused("recording_not_found", "There is no such upload among your parts.")
    if not all(part.is_complete for part in parts):
        raise Refused("offset_conflict", "A part has not come as a whole.")
    whole.length, limit = sum(part.offset for part in parts), recordings.limit(house)
    if limit is not None and whole.length > limit:
        raise too_large(limit)
    return whole


async def copy(house: House, whole: Partial, parts: list[Partial]) -> None:
    async with AsyncExitStack() as turns:
        for part in sorted(parts, key=lambda each: each.id):  # in one order, lest two of them wait for each other
            await turns.enter_async_context(alone(house, part))
        await at_the_disk(house.files.must_fit, sum(part.offset for part in parts))
        await at_the_disk(house.partials.join, whole, parts)
