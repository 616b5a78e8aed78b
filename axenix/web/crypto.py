"""Room keys: made here and wrapped for everyone, or made in a browser and passed on unseen; and each one's own wrap."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web
from msgspec import Struct
from msgspec.structs import asdict

from axenix.errors import Refused
from axenix.lines import read_line
from axenix.room import permits as p
from axenix.room.commands import MAX_ID, DistributeKey, Id, Seq, ShareKey, StartKeyEpoch
from axenix.room.events import Event, KeyChanged
from axenix.room.state import Room, present
from axenix.room_keys import ALGO, WRAPPED_BY, check_share, make_wraps
from axenix.rooms import clock
from axenix.web import media_shapes as shapes
from axenix.web.guard import answer, body, number, path_id, slug_of, user
from axenix.web.house import House, house_of
from axenix.web.participants import Nothing, asker

routes = web.RouteTableDef()


class Share(Struct):
    user_id: Id
    wrapped_key_b64: str


class Shares(Struct):
    shares: list[Share]


class NewEpoch(Struct):
    key_epoch: Seq
    shares: list[Share]


@routes.get("/api/crypto/{slug}")
async def state(request: web.Request) -> web.Response:
    person = await user(request)

    def view(room: Room) -> shapes.KeyStanding:
        member = p.standing(room, person.id, clock())
        stale = room.key.stale_at is not None
        return shapes.KeyStanding(room.key_epoch, room.key.mode, stale, sorted(member.shares), those_here(room))

    return answer(await house_of(request).rooms.read(slug_of(request), view))


def those_here(room: Room) -> list[shapes.KeyHolder]:
    """Whom a new key is for: those among them who have a device key."""
    keys, holders = room.presence.device_keys, room.key.holders
    return [shapes.KeyHolder(user_id, keys.get(user_id), user_id in holders)
            for user_id in room.members if present(room, user_id)]


# ---- the key that the server makes ----------------------------------------------------------------------------------


@routes.post("/api/crypto/{slug}/init")
async def init(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    await body(request, Nothing, person)
    who = p.Who(person.id)

    def before(room: Room) -> tuple[int, list[int]]:
        p.moderator(p.Case(room, who, clock()))
        return room.key_epoch + 1, inside(room)

    def after(room: Room) -> shapes.KeyDistributed:
        skipped = [user_id for user_id in inside(room) if user_id not in room.key.holders]
        present = asdict(named(room, room.key_epoch))
        return shapes.KeyDistributed(**present, distributed=len(room.key.holders), skipped=skipped)

    key_epoch, user_ids = await house.rooms.read(slug, before)
    wraps = await asyncio.to_thread(make_wraps, await rsa_keys(house, user_ids))
    return answer(await house.rooms.ask(slug, who, DistributeKey(key_epoch, wraps), after), 201)


def inside(room: Room) -> list[int]:
    """The lost are inside still: they come back to the key of those who stayed."""
    return [member.user_id for member in room.members.values() if member.inside]


async def rsa_keys(house: House, user_ids: list[int]) -> dict[int, str]:
    people = [await house.people.find(user_id) for user_id in user_ids]
    return {person.id: person.public_key_pem for person in people if person and person.public_key_pem}


# ---- the key that a browser makes -----------------------------------------------------------------------------------


@routes.post("/api/crypto/{slug}/epochs")
async def start(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    wanted = await body(request, NewEpoch, person)
    command = StartKeyEpoch(wanted.key_epoch, by_user(wanted.shares))
    view = partial(named, key_epoch=wanted.key_epoch)
    return answer(await house.rooms.ask(slug, p.Who(person.id), command, view), 201)


@routes.post("/api/crypto/{slug}/epochs/{key_epoch}/shares")
async def share(request: web.Request) -> web.Response:
    person, house, slug = await user(request), house_of(request), slug_of(request)
    key_epoch = path_id(request, "key_epoch", "key_not_found")
    wanted = await body(request, Shares, person)
    command = ShareKey(key_epoch, by_user(wanted.shares))
    view = partial(named, key_epoch=key_epoch)
    return answer(await house.rooms.ask(slug, p.Who(person.id), command, view), 201)


def by_user(shares: list[Share]) -> dict[int, str]:
    wraps = {each.user_id: check_share(each.wrapped_key_b64) for each in shares}
    if len(wraps) != len(shares):
        raise Refused("bad_payload", "`shares` names somebody twice.")
    return wraps


# ---- one's own wrap -------------------------------------------------------------------------------------------------


@routes.get("/api/crypto/{slug}/my_key")
async def my_key(request: web.Request) -> web.Response:
    person, house, slug = await asker(request), house_of(request), slug_of(request)
    wanted = number(request, "key_epoch", -1, 0, MAX_ID)

    def view(room: Room) -> tuple[shapes.KeyNamed, int]:
        member = p.standing(room, person.id, clock())
        key_epoch = room.key_epoch if wanted < 0 else wanted
        if key_epoch not in member.shares:
            raise Refused("key_not_found", "There is no key for you in this key epoch.")
        return named(room, key_epoch), member.shares[key_epoch]

    found, seq = await house.rooms.read(slug, view)
    event, wrapped = await wrap_in(house, slug, seq, person.id)
    mode = event.mode if isinstance(event, KeyChanged) else "e2e"  # only a browser shares a key with newcomers
    return answer(shapes.MyKey(**asdict(found), wrap_algo=WRAPPED_BY[mode], wrapped_key_b64=wrapped))


async def wrap_in(house: House, slug: str, seq: int, user_id: int) -> tuple[Event, str]:
    """What the journal keeps beside the event that brought this user's share."""
    line = await house.journal.line((await house.rooms.open(slug)).number, seq)
    entry = read_line(line) if line else None
    if entry is None or entry.aside is None or user_id not in entry.aside.shares:
        raise Refused("key_not_found")
    return entry.event, entry.aside.shares[user_id]


def named(room: Room, key_epoch: int) -> shapes.KeyNamed:
    return shapes.KeyNamed(room.key_ids[key_epoch], key_epoch, ALGO)
