"""What every request leaves behind: an id that is in its answer and in all its lines, and one line when it is over.

Says the route, never the path or the query: those hold tokens, keys and whatever else people type.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from axenix.logs import ASKED, Asked, tell

log = logging.getLogger("axenix.requests")

ID_HEADER = "X-Request-Id"
SANE = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Too short for a token, and without the dots of one."""
LOOKS = {"GET", "HEAD", "OPTIONS"}
METHODS = LOOKS | {"POST", "PUT", "PATCH", "DELETE"}
USER, REASON = web.RequestKey("user", int), web.RequestKey("reason", str)
ID = web.RequestKey("id", str)


@web.middleware
async def accounted(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    began, given, status = time.perf_counter(), request.headers.get(ID_HEADER, ""), 500
    asked = Asked(given if SANE.fullmatch(given) else secrets.token_hex(8))
    request[ID] = asked.id
    ASKED.set(asked)
    try:
        response = await handler(request)
        status = response.status
        if not response.prepared:
            response.headers[ID_HEADER] = asked.id
        return response
    finally:
        write_down(request, status, time.perf_counter() - began)
        asked.is_over = True


def write_down(request: web.Request, status: int, seconds: float) -> None:
    """Those who only look, and may, are many: their lines are there for whoever asks for them (debug)."""
    quiet = request.method in LOOKS and status < 400
    tell(log, logging.DEBUG if quiet else logging.INFO, "request", method=method_of(request), route=route_of(request),
         status=status, ms=round(seconds * 1000, 1), user=request.get(USER), reason=request.get(REASON))


def method_of(request: web.Request) -> str:
    return request.method if request.method in METHODS else "other"


def route_of(request: web.Request) -> str:
    """`/api/rooms/{slug}`; an address that we do not have may be anything."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical
