"""Where a request comes from and where it believes to go: pages of other origins (CORS), and our own address."""

from __future__ import annotations

import re

from aiohttp import web

from axenix.errors import Refused
from axenix.web.accounts import ID_HEADER
from axenix.web.addresses import is_among
from axenix.web.house import house_of

HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")

TUS_ASKS = (
    "Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Concat"
)
TUS_TELLS = (
    "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Length, "
    "Upload-Defer-Length, Upload-Offset, Upload-Metadata, Upload-Concat, Upload-Expires"
)
"""Headers that pages of other origins may send, and read, when they upload in pieces."""


def origin_allowed(request: web.Request) -> bool:
    """Browsers say where a page is from; programs say nothing, and show a token anyway."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    allowed = house_of(request).config.allowed_origins
    return "*" in allowed or origin.lower() in allowed or origin.lower() in own_origins(request)


def own_origins(request: web.Request) -> set[str]:
    """With TLS always, since a proxy may have ended it unseen; without only where nothing speaks of TLS."""
    public = re.match("https?://[^/]+", (house_of(request).config.public_url or "").lower())
    here, own = asked_at(request).lower(), {public[0]} if public else set()
    host = here.partition("://")[2]
    if host and not (public and public[0].endswith(f"://{host}")):
        own.add(here)
    return own | ({f"https://{host}"} if host else set())


def allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin_allowed(request):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = f"Retry-After, {ID_HEADER}, {TUS_TELLS}"
        response.headers.add("Vary", "Origin")


async def preflight(request: web.Request) -> web.Response:
    """CORS: may a page of this origin send such a request?"""
    if not origin_allowed(request):
        raise Refused("forbidden", "Pages of this origin may not use this server (AXENIX_ALLOWED_ORIGINS).")
    return web.Response(status=204, headers={
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, HEAD",
        "Access-Control-Allow-Headers": f"Authorization, Content-Type, {ID_HEADER}, {TUS_ASKS}",
        "Access-Control-Max-Age": "600",
    })


def asked_at(request: web.Request) -> str:
    """Our address as the client wrote it, such as https://meet.example; a trusted proxy says what it was. Or ""."""
    scheme, host = request.scheme, request.host
    if is_among(request.remote or "", house_of(request).config.trusted_proxies):
        forwarded = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        scheme = forwarded if forwarded in ("http", "https") else scheme
        host = request.headers.get("X-Forwarded-Host", host).rpartition(",")[2].strip()
    return f"{scheme}://{host}" if HOST.fullmatch(host) else ""


def own_address(request: web.Request) -> str:
    """Under which people reach this server, as far as the options or the request tell."""
    return house_of(request).config.public_url or asked_at(request)
