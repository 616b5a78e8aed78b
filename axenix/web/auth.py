"""Guests come in with a nickname and get a token; whoever has one gets a fresh one for the same user."""

from __future__ import annotations

import time
from typing import TypedDict

from aiohttp import web
from msgspec import Struct

from axenix import tokens
from axenix.errors import Refused
from axenix.room.text import clean_name
from axenix.store.people import Person
from axenix.web.foreign import shown_by
from axenix.web.guard import address, answer, body, must_be, whoever
from axenix.web.house import House, house_of
from axenix.web.shapes import GuestPass

routes = web.RouteTableDef()


class Guest(Struct):
    nickname: str | None = None


@routes.post("/api/auth/guest")
async def guest(request: web.Request) -> web.Response:
    house = house_of(request)
    person = await whoever(request)
    wanted = await body(request, Guest, person, own_user_id=True)
    if "user_id" in request.query:
        must_be(person, request.query["user_id"])
    if (token := shown_by(request)) is not None and token.is_foreign:
        raise Refused("forbidden", "Your site issues your tokens; ask it for a new one.")
    if person is None:
        person = await welcome(request, "Guest" if wanted.nickname is None else wanted.nickname)
    return answer(GuestPass(user_id=person.id, user=person.shown(), **signed(house, person)), 201)


async def welcome(request: web.Request, nickname: str, public_key_pem: str | None = None) -> Person:
    """A new user, unless too many come from this address."""
    house = house_of(request)
    nickname = clean_name(nickname, 80, "nickname")
    if house.new_guests is not None and (wait := house.new_guests[address(request)].take(time.monotonic())):
        raise Refused("rate_limited", "Too many new guests from this address.", retry_after=round(wait, 1))
    return await house.people.create(nickname, public_key_pem)


class Signed(TypedDict):
    access_token: str
    expires_in: int


def signed(house: House, person: Person) -> Signed:
    ttl = house.config.token_ttl
    return {"access_token": tokens.issue(house.secret, person.id, time.time(), ttl), "expires_in": ttl}
