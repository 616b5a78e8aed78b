"""The page itself: one document for every address that people open, and its files, packed for the way."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parents[2] / "static"

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".json": "application/json",
}
"""Named here, because Windows may have been taught that scripts are plain text, which browsers then refuse to run."""

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
FILES = 512
"""So many files are kept in memory, which is all that there are."""

routes = web.RouteTableDef()


@dataclass(frozen=True)
class Packed:
    """A file as it was at some time. Each form has a tag of its own, as a cache on the way may have either."""

    plain: bytes
    small: bytes
    tag: str


@routes.get("/")
@routes.get("/r/{slug}")
async def page(request: web.Request) -> web.StreamResponse:
    return await sent(request, STATIC / "index.html", {
        "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    })


@routes.get("/static/{path:.+}")
async def file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["path"]
    path = (STATIC / name).resolve() if "\0" not in name else STATIC
    if not path.is_relative_to(STATIC.resolve()) or not os.path.isfile(path):  # which takes names that are too long
        raise web.HTTPNotFound
    return await sent(request, path, {})


async def sent(request: web.Request, path: Path, more: dict[str, str]) -> web.Response:
    packed = await asyncio.to_thread(packed_now, path)
    return handed(request, packed, TYPES.get(path.suffix, "application/octet-stream"), more)


def handed(request: web.Request, packed: Packed, kind: str, more: dict[str, str]) -> web.Response:
    """As the client can take it; or nothing, where it has it already."""
    zipped = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    tag = f'"{packed.tag}-gzip"' if zipped else f'"{packed.tag}"'
    headers = {**HEADERS, **more, "ETag": tag, "Vary": "Accept-Encoding"}
    if any(known.value == tag[1:-1] for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = kind
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=packed.small if zipped else packed.plain, headers=headers)


def accepts_gzip(header: str) -> bool:
    """Whether `gzip` stands there, and not with a weight of nothing."""
    for part in header.lower().split(","):
        coding, _, weight = (piece.strip() for piece in part.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def packed_now(path: Path) -> Packed:
    """The file as it is on the disk: whoever works on the page sees every change at once."""
    now = path.stat()
    return pack(path, now.st_mtime_ns, now.st_size)


@lru_cache(FILES)
def pack(path: Path, _changed: int, _size: int) -> Packed:
    return packed_of(path.read_bytes())


def packed_of(plain: bytes) -> Packed:
    return Packed(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:24])
