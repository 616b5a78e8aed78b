"""Where browsers find each other: STUN for everyone, TURN with credentials that run out for those with a token."""

from __future__ import annotations

import base64
import hmac
import time

from aiohttp import web
from msgspec import UNSET

from axenix.config import Config
from axenix.web.guard import answer, whoever
from axenix.web.house import house_of
from axenix.web.media_shapes import IceServer, RtcConfig

routes = web.RouteTableDef()

TTL = 12 * 3600
"""Seconds that TURN credentials are good for; clients ask again at half of it."""


@routes.get("/api/rtc/config")
async def config(request: web.Request) -> web.Response:
    person, settings = await whoever(request), house_of(request).config
    servers: list[IceServer] = []
    if settings.stun_urls:
        servers.append(IceServer(list(settings.stun_urls)))
    if settings.turn_urls and person is not None:
        servers.append(turn(settings, person.id, time.time()))
    return answer(RtcConfig(servers, TTL, "relay" if settings.ice_policy == "relay" else UNSET))


def turn(settings: Config, user_id: int, now: float) -> IceServer:
    """The TURN REST API's credentials (draft-uberti-behave-turn-rest-00), as coturn's `use-auth-secret` checks them."""
    username = f"{int(now) + TTL}:{user_id}"
    digest = hmac.digest((settings.turn_secret or "").encode(), username.encode(), "sha1")
    return IceServer(list(settings.turn_urls), username, base64.b64encode(digest).decode())
