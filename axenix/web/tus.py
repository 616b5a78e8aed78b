"""Uploads that survive the network: tus 1.0 (https://tus.io/protocols/resumable-upload), for recordings.

Core, creation (also with content, also before the length is known), termination, checksum, expiration and
concatenation: the requests. What becomes of their bytes is the business of pieces.py and joining.py.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import wraps

from aiohttp import web

from axenix.errors import Refused
from axenix.store.files import at_the_disk
from axenix.store.partials import KEPT_SECONDS, Partial, new_id
from axenix.store.people import Person
from axenix.web import recordings
from axenix.web.chat import readable
from axenix.web.guard import Handler, answer_to, slug_of, user
from axenix.web.house import House, house_of
from axenix.web.origins import own_address, preflight
from axenix.web.joining import FINAL, join, name_of, parts_of
from axenix.web.pieces import alone, finish, forget, receive
from axenix.web.tus_headers import CHECKSUMS, VERSION, metadata, number
from axenix.web.uploads import too_large

routes = web.RouteTableDef()

ALL = "/api/recordings/{slug}/tus"
ONE = ALL + "/{upload_id}"
STREAM = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation"
UNFINISHED = 20
"""Uploads of one person that wait to be gone on with."""


def tus(handler: Handler) -> Handler:
    """Every answer, refusals too, names the version."""
    @wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Exception as error:
            response = answer_to(request, error)
        response.headers["Tus-Resumable"] = VERSION
        if response.status == 412:
            response.headers["Tus-Version"] = VERSION
        return response
    return answering


# ---- the requests ---------------------------------------------------------------------------------------------------


@routes.options(ALL)
@routes.options(ONE)
async def able(request: web.Request) -> web.StreamResponse:
    response = await preflight(request)
    response.headers.update({
        "Tus-Resumable": VERSION, "Tus-Version": VERSION, "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    })
    limit = recordings.limit(house_of(request))
    if limit is not None:
        response.headers["Tus-Max-Size"] = str(limit)
    return response


@routes.post(ALL)
@tus
async def create(request: web.Request) -> web.StreamResponse:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    room, recorded = await recordings.standing_and_size(house, slug, person)
    must_speak_tus(request)
    if request.headers.get("Upload-Concat", "").startswith(FINAL):
        return await conclude(request, room, person)
    partial = described(request, slug, room, person, announced(request))
    length, limit = partial.length or 0, recordings.limit(house)
    if limit is not None and length > limit:
        raise too_large(limit)
    recordings.must_fit(house, slug, room, recorded, length)
    await at_the_disk(house.files.must_fit, length)
    async with house.turn(f"uploads of {person.id}"):  # or of many at once each would count none of the others
        if sum(each.user_id == person.id and not each.done for each in house.partials.all()) >= UNFINISHED:
            raise Refused("quota_exceeded", f"At most {UNFINISHED} unfinished uploads of one person; give some up.")
        await at_the_disk(house.partials.add, partial)
    if request.headers.get("Content-Type") == STREAM:
        await receive(request, house, person, partial)
    return told(partial, 201, {"Location": place(request, partial)})


async def conclude(request: web.Request, room: int, person: Person) -> web.StreamResponse:
    """Parts that have come become one recording."""
    house, slug = house_of(request), slug_of(request)
    names = parts_of(request.headers["Upload-Concat"], slug)
    whole = described(request, slug, room, person, 0)
    whole.id = name_of(whole, names)
    whole = await join(house, person, whole, names)
    return told(whole, 201, {"Location": place(request, whole)})


@routes.head(ONE)
@tus
async def look(request: web.Request) -> web.StreamResponse:
    house, person, partial = await own(request)
    async with alone(house, partial):  # whoever asks for the offset has given up an older request
        await finish(house, person, partial)
    length = {"Upload-Defer-Length": "1"} if partial.length is None else {"Upload-Length": str(partial.length)}
    said = {"Upload-Metadata": partial.metadata, "Upload-Concat": partial.concat}
    return told(partial, 200, length | {"Cache-Control": "no-store"} | {key: said[key] for key in said if said[key]})


@routes.patch(ONE)
@tus
async def go_on(request: web.Request) -> web.StreamResponse:
    house, person, partial = await own(request)
    if request.headers.get("Content-Type") != STREAM:
        raise Refused("unsupported_media_type", f"A PATCH has the Content-Type {STREAM}.")
    if partial.concat.startswith(FINAL):
        raise Refused("forbidden", "This upload was joined from others; nothing is added to it.")
    length = number(request, "Upload-Length") if "Upload-Length" in request.headers else None
    await receive(request, house, person, partial, number(request, "Upload-Offset"), length)
    return told(partial, 204)


@routes.delete(ONE)
@tus
async def terminate(request: web.Request) -> web.StreamResponse:
    """What has become a recording already stays one."""
    house, _, partial = await own(request)
    async with alone(house, partial):
        await forget(house, partial)
    return web.Response(status=204)


def must_speak_tus(request: web.Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Refused("tus_version")


def announced(request: web.Request) -> int | None:
    """How long it is going to be; None: that will be said later."""
    if "Upload-Defer-Length" in request.headers:
        if request.headers["Upload-Defer-Length"] != "1" or "Upload-Length" in request.headers:
            raise Refused("bad_payload", "Upload-Defer-Length is 1, and stands instead of Upload-Length.")
        return None
    length = number(request, "Upload-Length")
    if length == 0:
        raise Refused("unsupported_media_type", "There is no empty recording.")
    return length


def described(request: web.Request, slug: str, room: int, person: Person, length: int | None) -> Partial:
    raw, concat = request.headers.get("Upload-Metadata", ""), request.headers.get("Upload-Concat", "")
    if concat not in ("", "partial") and not concat.startswith(FINAL):
        raise Refused("bad_payload", "Upload-Concat is `partial`, or `final;` and the uploads to join.")
    said = metadata(raw)
    return Partial(
        id=new_id(), room=room, slug=slug, user_id=person.id, length=length, metadata=raw, concat=concat,
        title=recordings.title_from(said.get("title") or said.get("filename")),
        duration_sec=recordings.duration_from(said.get("duration_sec")), expires=time.time() + KEPT_SECONDS)


def place(request: web.Request, partial: Partial) -> str:
    """Pages find it from where they are, whatever proxies stand between; other programs want the whole address."""
    path = f"/api/recordings/{partial.slug}/tus/{partial.id}"
    if "Origin" in request.headers:
        return path
    return own_address(request) + path


async def own(request: web.Request) -> tuple[House, Person, Partial]:
    """The upload, for the member whose it is."""
    person, house, slug = await user(request), house_of(request), slug_of(request)
    room = await readable(house, slug, person.id)
    partial = house.partials.find(request.match_info["upload_id"])
    if partial is None or (partial.room, partial.user_id) != (room, person.id) or partial.expires <= time.time():
        raise Refused("recording_not_found", "There is no such upload.")
    must_speak_tus(request)
    return house, person, partial


def told(partial: Partial, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers={
        "Upload-Offset": str(partial.offset), "Upload-Expires": formatdate(partial.expires, usegmt=True),
    } | (headers or {}))
