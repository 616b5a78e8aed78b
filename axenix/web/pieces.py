"""A recording that arrives in pieces: its bytes on their way to the disk, and their end as a recording.

How much of an upload is there is for store/partials.py to know; of tus it knows the checksum and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from axenix import media_types
from axenix.errors import PASSING, Refused
from axenix.room.commands import AddRecording
from axenix.store.files import at_the_disk, put, sha256_of
from axenix.store.partials import KEPT_SECONDS, Partial, Tail
from axenix.store.people import Person
from axenix.web import recordings
from axenix.web.house import House
from axenix.web.tus_headers import checksum
from axenix.web.uploads import Body, BrokenOff, too_large

log = logging.getLogger(__name__)

COMMIT = 8 << 20
"""Bytes that may have to be sent again after a crash."""

# ---- the bytes ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def alone(house: House, partial: Partial, body: Body | None = None) -> AsyncIterator[None]:
    """One request at a time; a newer one takes over from an older, which may be waiting for a network that is gone."""
    bodies = house.uploads.bodies
    if partial.id in bodies:
        bodies[partial.id].stop()
    async with house.partials.turn(partial):
        if house.partials.find(partial.id) is not partial:
            raise Refused("recording_not_found", "There is no such upload.")
        if body is not None:
            bodies[partial.id] = body
        try:
            yield
        finally:
            bodies.pop(partial.id, None)


async def receive(
    request: web.Request, house: House, person: Person, partial: Partial, offset: int = 0, length: int | None = None,
) -> None:
    body, sum_ = Body(request), checksum(request)
    async with alone(house, partial, body):
        if offset != partial.offset:
            raise Refused("offset_conflict", f"The upload stands at {partial.offset}.")
        if length is not None:
            await fix_length(house, partial, length)
        must_hold(house, partial, request.content_length or 0)
        with house.uploads.by(person.id):
            tail = await at_the_disk(Tail, house.partials, partial)
            try:
                await write(Incoming(house, person, partial, tail), body, sum_)
            finally:
                await at_the_disk(tail.close)
        await finish(house, person, partial)


async def fix_length(house: House, partial: Partial, length: int) -> None:
    """Once it is known it stays."""
    if length == partial.length:
        return
    if partial.length is not None or length < max(partial.offset, 1):
        raise Refused("bad_payload", "Upload-Length is said once, and is not less than what has come.")
    limit = recordings.limit(house)
    if limit is not None and length > limit:
        raise too_large(limit)
    partial.length = length
    await at_the_disk(house.partials.save, partial)


def must_hold(house: House, partial: Partial, more: int) -> None:
    """Raises Refused("too_large") when so many bytes more are too many."""
    limit = recordings.limit(house)
    if partial.length is not None and partial.offset + more > partial.length:
        raise Refused("too_large", "That is more than Upload-Length says.")
    if limit is not None and partial.offset + more > limit:
        raise too_large(limit)


class Incoming:
    """One request's bytes on their way to the disk."""

    def __init__(self, house: House, person: Person, partial: Partial, tail: Tail) -> None:
        self._house = house
        self._person = person
        self._partial = partial
        self._tail = tail

    async def take(self, piece: bytes) -> None:
        house, partial, more = self._house, self._partial, self._tail.written + len(piece)
        must_hold(house, partial, more)
        _, recorded = await recordings.standing_and_size(house, partial.slug, self._person)  # as it is by now
        recordings.must_fit(house, partial.slug, partial.room, recorded, more)
        await at_the_disk(house.files.must_fit, len(piece))
        await at_the_disk(self._tail.write, piece)

    async def commit(self, least: int = 1) -> None:
        if self._tail.written >= least:
            self._partial.expires = time.time() + KEPT_SECONDS
            await at_the_disk(self._tail.commit)


async def write(incoming: Incoming, body: Body, sum_: tuple[Any, bytes] | None) -> None:
    """What has a checksum counts when it is whole and right; all else counts as far as it has come."""
    try:
        async for piece in body.pieces():
            await incoming.take(piece)
            if sum_:
                sum_[0].update(piece)
            else:
                await incoming.commit(COMMIT)
    except (BrokenOff, Refused) as error:
        if not sum_:
            await incoming.commit()
        if isinstance(error, Refused):
            raise
        raise Refused("offset_conflict", "The body broke off; ask for the offset, and go on from there.") from None
    if sum_ and sum_[0].digest() != sum_[1]:
        raise Refused("checksum_mismatch")
    await incoming.commit()


# ---- the end --------------------------------------------------------------------------------------------------------


async def finish(house: House, person: Person, partial: Partial) -> None:
    """When all of it is there it becomes a recording. Goes on wherever a crash has interrupted it."""
    if partial.done or partial.is_part:
        return
    try:
        if partial.name is None and not await named(house, partial):
            return
        await become_recording(house, person, partial)
    except Refused as refused:
        if refused.reason not in PASSING:
            await forget(house, partial)
        raise
    partial.done = True
    await at_the_disk(house.partials.save, partial)


async def named(house: House, partial: Partial) -> bool:
    """Whether it is complete; it is looked at as soon as it can be told what it is. Raises Refused."""
    if not partial.is_complete and partial.offset < media_types.HEAD:
        return False
    path = house.partials.bytes_of(partial)
    media = media_types.recording(await at_the_disk(head_of, path))
    if media is None:
        raise Refused("unsupported_media_type")
    if not partial.is_complete:
        return False
    partial.sha256, partial.mime = await at_the_disk(sha256_of, path), media.mime
    partial.name = recordings.new_name(house, media)
    await at_the_disk(house.partials.save, partial)
    return True


def head_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(media_types.HEAD)


async def become_recording(house: House, person: Person, partial: Partial) -> None:
    name, slug = partial.name, partial.slug
    assert name is not None
    place, draft = house.files.record(slug, name), house.partials.bytes_of(partial)
    if draft.exists():
        await at_the_disk(put, draft, place)
    if name not in await recordings.names_in(house, slug):
        await recordings.add(house, slug, person, AddRecording(
            partial.title, partial.duration_sec, partial.offset, partial.mime, partial.sha256, name,
            recordings.end_of(name)))


async def forget(house: House, partial: Partial) -> None:
    """With its file; but not when the room knows that one, which a crash may have kept from being noted here."""
    name = None if partial.done else partial.name
    if name is not None and name in await recordings.names_in(house, partial.slug):
        name = None
    await at_the_disk(house.partials.remove, partial)
    if name is not None:
        await at_the_disk(house.files.remove_record, partial.slug, name)


async def forget_all(house: House, which: Callable[[Partial], bool]) -> None:
    for partial in filter(which, house.partials.all()):
        try:
            async with alone(house, partial):
                await forget(house, partial)
        except Refused as refused:
            log.debug("upload %s has gone by itself: %s", partial.id, refused.reason)
