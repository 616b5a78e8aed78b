"""The door of every request: who is asking, what the body holds, and the one place where errors become answers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from axenix import tokens
from axenix.errors import Refused
from axenix.room.commands import MAX_ID
from axenix.room.text import SLUG
from axenix.store.people import Person
from axenix.web.accounts import ID, REASON, USER, method_of, route_of
from axenix.web.addresses import client_address, throttle_key
from axenix.web.foreign import TOKEN, must_be_good_here
from axenix.web.house import house_of
from axenix.web.origins import allow_origin
from axenix.web.visas import foreigner

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T", bound=msgspec.Struct)

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

READING = {"GET", "HEAD", "OPTIONS"}
BODY_SECONDS = 20.0
"""What a JSON body may take to come."""
# ---- answers --------------------------------------------------------------------------------------------------------


def answer(body: Any, status: int = 200) -> web.Response:
    """JSON from a struct, a dict, or bytes that are JSON already."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return web.Response(body=data, status=status, content_type="application/json")


def refusal(refused: Refused, **more: object) -> web.Response:
    response = answer({**refused.body(), **more}, refused.status)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(refused.retry_after)))
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.status == 426:
        response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response


@web.middleware
async def errors_become_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPSuccessful:
        raise
    except Exception as error:
        response = answer_to(request, error)
    if not response.prepared:
        for name, value in SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
        allow_origin(request, response)
    return response


def answer_to(request: web.Request, error: Exception) -> web.Response:
    match error:
        case Refused():
            return note(request, error.reason, refusal(error))
        case web.HTTPRequestEntityTooLarge():
            return note(request, "too_large", refusal(Refused("too_large")))
        case web.HTTPMethodNotAllowed(allowed_methods=allowed) if allowed != {"OPTIONS"}:
            response = plain(request, error)
            response.headers["Allow"] = error.headers["Allow"]
            return response
        case web.HTTPMethodNotAllowed():  # only the preflight of CORS answers here, as it does everywhere
            return plain(request, web.HTTPNotFound())
        case web.HTTPException():
            return plain(request, error)
        case ConnectionError():  # the client has gone, and nobody hears this
            return web.Response(status=400)
    log.error("%s %s failed", method_of(request), route_of(request), exc_info=error)
    fault = {"detail": "A fault of the server; it has been logged.", "reason": "internal"}
    return note(request, "internal", answer({**fault, "request_id": request.get(ID)}, 500))


def note(request: web.Request, reason: str, response: web.Response) -> web.Response:
    request[REASON] = reason
    house_of(request).tally.refusals[reason] += 1
    return response


def plain(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp says by itself, in the shape of all refusals: there is no such path, or no such method there."""
    reason = error.reason.lower().replace(" ", "_")
    response = answer({"detail": error.reason, "reason": reason}, error.status)
    return note(request, reason, response) if error.status >= 400 else response


# ---- who ------------------------------------------------------------------------------------------------------------


def address(request: web.Request) -> str:
    """What counts as one sender when attempts are counted."""
    proxies = house_of(request).config.trusted_proxies
    forwarded = ", ".join(request.headers.getall("X-Forwarded-For", []))
    if forwarded and not proxies:
        hint(request)
    return throttle_key(client_address(request.remote, forwarded, proxies))


def hint(request: web.Request) -> None:
    """A proxy on this machine that nobody has named: all people would count as one."""
    house = house_of(request)
    if not house.hinted and request.remote in ("127.0.0.1", "::1"):
        house.hinted = True
        log.warning("requests come through a proxy at %s whose X-Forwarded-For is not believed; if it is yours, set "
                    "AXENIX_TRUSTED_PROXIES=%s", request.remote, request.remote)


def bearer(request: web.Request) -> str | None:
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    return raw.strip() if scheme.lower() == "bearer" else None


async def whoever(request: web.Request) -> Person | None:
    """The user that the token names, or None where there is no token. Raises Refused("invalid_token")."""
    person = None
    if "Authorization" in request.headers:
        person, _ = await known(request, bearer(request) or "")
        not_too_often(request, person)
    must_be_named(request, person)
    return person


def not_too_often(request: web.Request, person: Person) -> None:
    changes = house_of(request).changes
    if changes is not None and request.method not in READING:
        if wait := changes[str(person.id)].take(time.monotonic()):
            raise Refused("rate_limited", retry_after=round(wait, 3))


def must_be_named(request: web.Request, person: Person | None) -> None:
    for name in ("actor_user_id", "uploader_user_id"):
        if name in request.query:
            must_be(person, request.query[name])


async def known(request: web.Request, raw: str) -> tuple[Person, tokens.Token]:
    house = house_of(request)
    try:
        token = tokens.verify(house.secret, raw, time.time())
    except Refused:
        if house.site is None:
            raise
        token = await foreigner(house, house.site, raw)
    must_be_good_here(request, token)
    person = await house.people.find(token.user_id)
    if person is None or person.erased:
        raise Refused("invalid_token", "The token's user is not known here; ask for a new one.")
    request[TOKEN] = token
    request[USER] = person.id
    return person, token


async def user(request: web.Request) -> Person:
    person = await whoever(request)
    if person is None:
        raise Refused("invalid_token")
    return person


def must_be(person: Person | None, claimed: object) -> None:
    """Ids of the asker in a request are accepted for compatibility, and must be the token's own."""
    if person is None or isinstance(claimed, bool) or str(claimed) != str(person.id):
        raise Refused("actor_mismatch")


# ---- what -----------------------------------------------------------------------------------------------------------


class Claims(msgspec.Struct):
    """Where older clients say who they are."""

    actor_user_id: Any = None
    uploader_user_id: Any = None
    user_id: Any = None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


async def body(request: web.Request, kind: type[T], person: Person | None, *, own_user_id: bool = False) -> T:
    """The JSON body as this struct; an empty one is {}. Raises Refused."""
    raw = await _raw(request)
    try:
        claims = _decoder(Claims).decode(raw)
        found: T = _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise Refused("bad_payload", str(error).replace("$.", "")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_json") from None
    claimed = [claims.actor_user_id, claims.uploader_user_id, claims.user_id if own_user_id else None]
    for claim in claimed:
        if claim is not None:
            must_be(person, claim)
    return found


async def _raw(request: web.Request) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused("unsupported_media_type", "Send the body without Content-Encoding.")
    try:
        charset = (request.charset or "utf-8").lower().replace("_", "-")
        if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise Refused("unsupported_media_type", "JSON is UTF-8.")
        async with asyncio.timeout(BODY_SECONDS):
            return (await request.read()).strip() or b"{}"
    except TimeoutError:
        raise Refused("bad_json", f"The body did not arrive within {BODY_SECONDS:g} s.") from None
    except (web.RequestPayloadError, ValueError) as error:
        log.debug("%s: a body that cannot be read: %s", route_of(request), type(error).__name__)
        raise Refused("bad_json") from None


def number(request: web.Request, name: str, default: int | None, least: int, most: int) -> int:
    """A query parameter, clamped. Raises Refused("bad_payload") for what is no number."""
    raw = request.query.get(name)
    if raw is None:
        if default is None:
            raise Refused("bad_payload", f"`{name}` is needed.")
        return default
    if not re.fullmatch("[0-9]{1,30}", raw, re.ASCII):
        raise Refused("bad_payload", f"`{name}` must be a whole number.")
    return min(most, max(least, int(raw)))


def path_id(request: web.Request, name: str, missing: str) -> int:
    """An id in the path; what cannot be one is not found."""
    raw = request.match_info[name]
    if not re.fullmatch("[1-9][0-9]{0,15}", raw, re.ASCII) or int(raw) > MAX_ID:
        raise Refused(missing)
    return int(raw)


def slug_of(request: web.Request) -> str:
    slug = request.match_info["slug"]
    if not SLUG.match(slug):
        raise Refused("room_not_found")
    return slug
