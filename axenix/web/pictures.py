"""What covers and avatars have in common: a form with a picture in, a file of our own making with its address out."""

from __future__ import annotations

import secrets
from pathlib import Path

from aiohttp import web

from axenix.media_types import is_picture
from axenix.store.files import at_the_disk, put, remove, settle
from axenix.store.people import Person
from axenix.web.house import house_of
from axenix.web.uploads import Terms, form

BYTES = 5 * 2**20


async def take_picture(request: web.Request, person: Person, folder: Path, longest: int) -> Path:
    """The picture of the request, in this folder. Whoever asks for it removes it if nobody comes to know it."""
    house = house_of(request)
    place = folder / f"{secrets.token_hex(16)}.webp"
    async with form(request, person, Terms(BYTES, is_picture)) as arrived:
        target = arrived.draft.path.with_suffix(".webp.draft")
        try:
            await house.pictures.convert(arrived.draft.path, target, longest)
            await at_the_disk(settle, target)
            await at_the_disk(put, target, place)
        finally:
            await at_the_disk(remove, target)
    return place


async def remove_old(folder: Path, url: str | None) -> None:
    """The picture that this address was of."""
    if url:
        await at_the_disk(remove, folder / url.rpartition("/")[2])
