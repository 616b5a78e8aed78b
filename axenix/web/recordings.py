"""Recordings of a room: uploaded in one piece (tus.py: in many), listed with links that play, deleted."""

from __future__ import annotations

import math
import re
import secrets
import time
from functools import partial

from aiohttp import web

from axenix import media_types
from axenix.errors import Refused
from axenix.links import sign
from axenix.media_types import Media
from axenix.room import permits as p
from axenix.room.commands import AddRecording, DeleteRecording
from axenix.room.moment import iso
from axenix.room.state import About, Recording, Room
from axenix.room.text import clean_name
from axenix.rooms import clock
from axenix.store.files import at_the_disk
from axenix.store.people import Person
from axenix.web.guard import answer, path_id, slug_of, user
from axenix.web.house import House, house_of
from axenix.web.media_shapes import RecordingList, RecordingShown
from axenix.web.shapes import Done
from axenix.web.uploads import Form, Terms, form

routes = web.RouteTableDef()

MIB = 2**20
LONGEST = 10 * 86400.0
"""Seconds that a recording may say it lasts."""
UNTITLED = "Recording"


@routes.post("/api/recordings/{slug}/upload")
async def upload(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    number, recorded = await standing_and_size(house, slug, person)
    fit = partial(must_fit, house, slug, number, recorded)
    async with form(request, person, Terms(limit(house), media_types.recording, slug, fit)) as arrived:
        return answer(await keep(house, slug, person, arrived), 201)


async def keep(house: House, slug: str, person: Person, arrived: Form) -> RecordingShown:
    media, draft = media_types.recording(arrived.head), arrived.draft
    assert media is not None  # the form was checked
    name = new_name(house, media)
    command = AddRecording(
        title_from(arrived.fields.get("title")), duration_from(arrived.fields.get("duration_sec")),
        draft.size, media.mime, draft.hash.hexdigest(), name, end_of(name))
    number, recorded = await standing_and_size(house, slug, person)  # others have been uploading meanwhile
    must_fit(house, slug, number, recorded, 0)
    await at_the_disk(draft.publish, house.files.record(slug, name))
    try:
        return await add(house, slug, person, command)
    except Refused:
        await at_the_disk(house.files.remove_record, slug, name)
        raise


async def add(house: House, slug: str, person: Person, command: AddRecording) -> RecordingShown:
    """The file is in its place; now the room hears of it."""
    def view(room: Room) -> RecordingShown:
        return next(shown(house, slug, each, person) for each in room.recordings.values() if each.name == command.name)

    added: RecordingShown = await house.rooms.ask(slug, p.Who(person.id), command, view)
    return added


@routes.get("/api/recordings/{slug}")
async def everyone(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)

    def view(room: Room) -> list[RecordingShown]:
        p.standing(room, person.id, clock())
        return [shown(house, slug, each, person) for each in reversed(room.recordings.values())]

    return answer(RecordingList(await house.rooms.read(slug, view)))


@routes.delete("/api/recordings/{slug}/{rec_id}")
async def delete(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await forget(house, slug, p.Who(person.id), path_id(request, "rec_id", "recording_not_found"))
    return answer(Done())


async def forget(house: House, slug: str, who: p.Who, rec_id: int) -> None:
    """The room first, and then the file."""
    names: list[str] = await house.rooms.read(
        slug, lambda room: [each.name for each in room.recordings.values() if each.id == rec_id])
    await house.rooms.ask(slug, who, DeleteRecording(rec_id))
    for name in names:
        await at_the_disk(house.files.remove_record, slug, name)


# ---- what is shown --------------------------------------------------------------------------------------------------


def shown(house: House, slug: str, each: Recording, reader: Person) -> RecordingShown:
    url = sign(house.link_key, f"/static/records/{slug}/{each.name}", reader.id, time.time())
    return RecordingShown(file_url=url, **{name: getattr(each, name) for name in About.__struct_fields__})


# ---- what is accepted -----------------------------------------------------------------------------------------------


def limit(house: House) -> int | None:
    return house.config.max_recording_mb * MIB or None


async def standing_and_size(house: House, slug: str, person: Person) -> tuple[int, int]:
    """For a member: the number of the room, and how many bytes its recordings have. Raises Refused."""
    def view(room: Room) -> int:
        p.standing(room, person.id, clock())
        return sum(each.size for each in room.recordings.values())

    recorded = await house.rooms.read(slug, view)
    return (await house.rooms.open(slug)).number, recorded


async def names_in(house: House, slug: str) -> set[str]:
    """The files that this room knows; none where there is no such room."""
    try:
        known: set[str] = await house.rooms.read(slug, lambda room: {each.name for each in room.recordings.values()})
        return known
    except Refused as refused:
        if refused.reason == "room_not_found":
            return set()
        raise


def must_fit(house: House, slug: str, number: int, recorded: int, more: int) -> None:
    """Raises Refused("quota_exceeded"). What is still arriving counts, in one piece or in many."""
    quota = house.config.room_quota_mb * MIB
    used = recorded + house.uploads.arriving(slug) + house.partials.size_of(number)
    if quota and used + more > quota:
        raise Refused("quota_exceeded", "The recordings of this room may take no more space; delete some first.")


def title_from(raw: str | None) -> str:
    return clean_name(raw or "", 200, "title", least=0) or UNTITLED


def duration_from(raw: str | None) -> float:
    if raw is None or not raw.strip():
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,12})?", raw.strip(), re.ASCII):
        duration = float(raw)
        if math.isfinite(duration) and duration <= LONGEST:
            return duration
    raise Refused("bad_payload", "`duration_sec` is a number of seconds.")


def new_name(house: House, media: Media) -> str:
    """A name that nobody guesses and that begins with the recording's end, in milliseconds: see keeper.py."""
    days = house.config.recording_ttl_days
    until = round((time.time() + days * 86400) * 1000) if days else 0
    return f"{until:015d}-{secrets.token_hex(16)}{media.suffix}"


def end_of(name: str) -> str | None:
    """When the recording with this name goes; None: never."""
    until = int(name.partition("-")[0])
    return iso(until) if until else None
