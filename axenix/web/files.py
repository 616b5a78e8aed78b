"""The files of users, served: pictures to everybody, recordings to members, whose standing is asked each time.

Nothing here trusts a name: a recording is looked up in its room, and a picture's name has one possible form.
"""

from __future__ import annotations

import re
import time
import unicodedata
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from axenix.errors import Refused
from axenix.links import check
from axenix.room import permits as p
from axenix.room.state import Recording, Room
from axenix.rooms import clock
from axenix.web.guard import slug_of, user
from axenix.web.house import House, house_of

routes = web.RouteTableDef()

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Whatever a file contains, it is never a page of ours."""


@routes.get("/static/avatars/{name}")
async def avatar(request: web.Request) -> web.StreamResponse:
    return picture(request, house_of(request).files.avatars)


@routes.get("/static/covers/{name}")
async def cover(request: web.Request) -> web.StreamResponse:
    return picture(request, house_of(request).files.covers)


def picture(request: web.Request, folder: Path) -> web.StreamResponse:
    name = request.match_info["name"]
    if not re.fullmatch(r"[0-9a-f]{32}\.webp", name, re.ASCII) or not (folder / name).is_file():
        raise web.HTTPNotFound
    return web.FileResponse(folder / name, headers=SAFE | {
        "Content-Type": "image/webp", "Cache-Control": "public, max-age=31536000, immutable",
    })


@routes.get("/static/records/{slug}/{name}")
async def record(request: web.Request) -> web.StreamResponse:
    house, slug = house_of(request), slug_of(request)
    found = await seen_by(house, slug, await reader(request), request.match_info["name"])
    path = house.files.record(slug, found.name)
    if not path.is_file():
        raise Refused("recording_not_found")
    return web.FileResponse(path, headers=SAFE | {
        "Content-Type": found.mime, "Cache-Control": "private, no-store",
        "Content-Disposition": disposition(found.title + path.suffix),
    })


async def reader(request: web.Request) -> int:
    """By token, or by a link from the list."""
    if "Authorization" in request.headers or "s" not in request.query:
        return (await user(request)).id
    house = house_of(request)
    user_id = check(house.link_key, request.path, request.query, time.time())
    person = await house.people.find(user_id)
    if person is None or person.erased:
        raise Refused("invalid_token")
    return user_id


async def seen_by(house: House, slug: str, user_id: int, name: str) -> Recording:
    def view(room: Room) -> Recording:
        p.standing(room, user_id, clock())
        for each in room.recordings.values():
            if each.name == name:
                return each
        raise Refused("recording_not_found")

    found: Recording = await house.rooms.read(slug, view)
    return found


def disposition(name: str) -> str:
    """RFC 6266: the title as a file's name, once for everybody and once as it is (RFC 8187)."""
    name = re.sub(r'[\\/:*?"<>|%;]', "_", name).lstrip(". ") or "recording"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = plain if plain.partition(".")[0].strip() else f"recording.{plain.rpartition('.')[2]}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
