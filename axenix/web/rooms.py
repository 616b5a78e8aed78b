"""Rooms: made, listed, looked at, changed and deleted."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta, Struct

from axenix.errors import Refused
from axenix.lines import Card
from axenix.room import permits as p
from axenix.room.commands import Join, UpdateRoom
from axenix.room.state import Room, found, freeze, online_count
from axenix.room.text import SLUG, clean_name, slug_from_title
from axenix.rooms import clock
from axenix.scribe import card_of
from axenix.store.catalogue import Listed
from axenix.store.files import at_the_disk
from axenix.store.people import Person
from axenix.web.foreign import is_vouched_for, role_of
from axenix.web.guard import address, answer, body, number, slug_of, user, whoever
from axenix.web.house import House, house_of
from axenix.web.origins import own_address
from axenix.web.pieces import forget_all
from axenix.web.shapes import Done, Existence, PrivateRoom, RoomPage, RoomShown

routes = web.RouteTableDef()

InviteKey = Annotated[str, Meta(min_length=16, max_length=128)]


class NewRoom(Struct):
    title: str | None = None
    slug: str | None = None
    is_private: bool | None = None
    invite_key: InviteKey | None = None
    create_invite: bool = False
    topic: str | None = None


class Changes(Struct):
    title: str | None = None
    is_private: bool | None = None
    new_invite_key: bool = False


class Invitation(Struct):
    invite_key: Annotated[str, Meta(max_length=128)]


def new_key() -> str:
    return secrets.token_urlsafe(24)


@routes.post("/api/rooms")
async def create(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    wanted = await body(request, NewRoom, person)
    limit, room = house.config.rooms_per_user, founded(wanted, person)
    async with house.turn(f"rooms of {person.id}"):  # or of many at once each would count none of the others
        if limit and await house.catalogue.count_of(person.id) >= limit:
            raise Refused("quota_exceeded", f"At most {limit} rooms a user (AXENIX_ROOMS_PER_USER); delete one first.")
        room_id = await house.catalogue.create(
            room.slug, person.id, clock().iso, room.epoch, card_of(room), freeze(room))
    listed = await house.catalogue.find(room.slug)
    if listed is None or listed.id != room_id:
        raise Refused("room_not_found")  # deleted again already
    return answer(await seen_by(house, request, listed, person), 201)


def founded(wanted: NewRoom, person: Person) -> Room:
    title = clean_name(wanted.title or "", 200, "title", least=0)
    slug = wanted.slug
    if slug is None:
        slug = slug_from_title(title, secrets.token_hex(4))
    elif not SLUG.match(slug):
        raise Refused("bad_payload", "`slug` has 1 to 64 of a-z, 0-9 and inner hyphens.")
    key = wanted.invite_key or (new_key() if wanted.create_invite else None)
    return found(
        slug, title or slug, (person.id, person.nickname, person.avatar_url), secrets.token_hex(16),
        topic=clean_name(wanted.topic or "", 200, "topic", least=0),
        is_private=bool(wanted.is_private or wanted.invite_key), invite_key=key,
    )


@routes.get("/api/rooms")
async def public(request: web.Request) -> web.Response:
    await whoever(request)
    house = house_of(request)
    limit = number(request, "limit", 50, 1, 100)
    before = number(request, "cursor", 0, 0, 2**53)
    listed = await house.catalogue.public(limit, before or None)
    items = [shown(each, each, house.rooms.online_count(each.slug)) for each in listed]
    cursor = str(listed[-1].id) if len(listed) == limit else None
    return answer(RoomPage(items, cursor))


@routes.get("/api/rooms/{slug}")
async def read(request: web.Request) -> web.Response:
    person, house = await whoever(request), house_of(request)
    listed = await listed_of(house, slug_of(request))
    return answer(await seen_by(house, request, listed, person, invited=is_vouched_for(request)))


@routes.get("/api/rooms/{slug}/exists")
async def exists(request: web.Request) -> web.Response:
    await whoever(request)
    house, slug = house_of(request), request.match_info["slug"]
    return answer(Existence(bool(SLUG.match(slug)) and await house.catalogue.find(slug) is not None))


@routes.post("/api/rooms/join/by-invite")
async def by_invite(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    invitation = await body(request, Invitation, person)
    no_more_guesses(request)
    listed = await house.catalogue.by_invite(invitation.invite_key)
    if listed is None:
        guessed_wrong(request)
        raise Refused("invite_required_or_invalid")
    return answer(await seen_by(house, request, listed, person, invited=True))


def joining(request: web.Request, person: Person, invite_key: str | None) -> Join:
    """The command to let this person in, with what another site says of them."""
    return Join(
        person.nickname, person.avatar_url, invite_key, person.device_key, is_vouched_for(request), role_of(request))


def no_more_guesses(request: web.Request) -> None:
    if wait := house_of(request).wrong_invites[address(request)].wait(time.monotonic()):
        raise Refused("too_many_attempts", retry_after=round(wait, 1))


def guessed_wrong(request: web.Request) -> None:
    house_of(request).wrong_invites[address(request)].add(time.monotonic())


@routes.patch("/api/rooms/{slug}")
async def update(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    wanted = await body(request, Changes, person)
    listed = await listed_of(house, slug)
    command = UpdateRoom(wanted.title, wanted.is_private, new_key() if wanted.new_invite_key else None)
    view = room_view(request, listed, person)
    return answer(await house.rooms.ask(slug, p.Who(person.id), command, view))


@routes.delete("/api/rooms/{slug}")
async def delete(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await house.rooms.read(slug, lambda room: p.owner(p.Case(room, p.Who(person.id), clock())))
    async with house.turn(f"cover of {slug}"):
        listed = await listed_of(house, slug)
        await house.rooms.delete(slug)
        await at_the_disk(house.files.forget_room, slug, listed.cover_url)
    await forget_all(house, lambda upload: upload.room == listed.id)
    return answer(Done())


# ---- what is shown --------------------------------------------------------------------------------------------------


async def listed_of(house: House, slug: str) -> Listed:
    listed = await house.catalogue.find(slug)
    if listed is None:
        raise Refused("room_not_found")
    return listed


async def seen_by(
    house: House, request: web.Request, listed: Listed, person: Person | None, invited: bool = False
) -> Any:
    return await house.rooms.read(listed.slug, room_view(request, listed, person, invited))


def room_view(request: web.Request, listed: Listed, person: Person | None, invited: bool = False) -> Any:
    """What this person sees of a room: strangers to a private one see that it exists, moderators its invite key."""
    def view(room: Room) -> RoomShown | PrivateRoom:
        try:
            member = p.standing(room, person.id, clock()) if person else None
        except Refused:
            member = None
        if room.is_private and member is None and not invited:
            return PrivateRoom(room.slug)
        seen = shown(listed, card_of(room), online_count(room))
        if member is not None and member.role != "guest":
            seen.invite_key, seen.invite_url = room.invite_key, invite_url(request, room)
        return seen
    return view


def shown(listed: Listed, card: Card | Listed, online: int) -> RoomShown:
    return RoomShown(
        id=listed.id, slug=listed.slug, title=card.title, topic=card.topic, is_private=card.is_private,
        is_locked=card.is_locked, recording_active=card.recording_active, created_by=listed.created_by,
        created_at=listed.created_at, online_count=online, cover_url=card.cover_url,
    )


def invite_url(request: web.Request, room: Room) -> str:
    """The key goes into the fragment, which browsers send to nobody."""
    return f"{own_address(request)}/r/{room.slug}" + (f"#invite={room.invite_key}" if room.invite_key else "")
