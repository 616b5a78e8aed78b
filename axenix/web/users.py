"""People: a nickname and a public key."""

from __future__ import annotations

import asyncio

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from axenix.errors import Refused
from axenix.room.text import clean_name
from axenix.room_keys import check_public_key
from axenix.store.people import Person
from axenix.web.auth import signed, welcome
from axenix.web.guard import answer, body, path_id, user, whoever
from axenix.web.house import house_of
from axenix.web.shapes import UserPass

routes = web.RouteTableDef()


class NewUser(Struct):
    nickname: str
    public_key_pem: str | None = None


class Profile(Struct):
    nickname: str | None = None
    public_key_pem: str | None | UnsetType = UNSET
    """null takes the key away."""


@routes.post("/api/users")
async def create(request: web.Request) -> web.Response:
    wanted = await body(request, NewUser, await whoever(request))
    key = await checked(wanted.public_key_pem)
    person = await welcome(request, wanted.nickname, key)
    return answer(UserPass(
        id=person.id, nickname=person.nickname, avatar_url=person.avatar_url, public_key_pem=person.public_key_pem,
        user_id=person.id, **signed(house_of(request), person)), 201)


@routes.get("/api/users/me")
async def me(request: web.Request) -> web.Response:
    return answer((await user(request)).shown())


@routes.get("/api/users/{id}")
async def read(request: web.Request) -> web.Response:
    await user(request)
    person = await house_of(request).people.find(path_id(request, "id", "user_not_found"))
    if person is None:
        raise Refused("user_not_found")
    return answer(person.shown())


@routes.patch("/api/users/me")
@routes.patch("/api/users/{id}")
async def update(request: web.Request) -> web.Response:
    person = await user(request)
    if "id" in request.match_info:
        oneself(request, person)
    wanted = await body(request, Profile, person)
    changes: dict[str, str | None] = {}
    if wanted.nickname is not None:
        changes["nickname"] = clean_name(wanted.nickname, 80, "nickname")
    if wanted.public_key_pem is not UNSET:
        changes["public_key_pem"] = await checked(wanted.public_key_pem)
    house = house_of(request)
    changed = await house.people.update(person.id, **changes)
    house.show(changed)
    return answer(changed.shown())


def oneself(request: web.Request, person: Person) -> None:
    if path_id(request, "id", "user_not_found") != person.id:
        raise Refused("forbidden", "Only the user may change this profile.")


async def checked(pem: str | None) -> str | None:
    """Parsing a key takes its time, and not the event loop's."""
    return None if pem is None else await asyncio.to_thread(check_public_key, pem)
