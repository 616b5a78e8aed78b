"""Device keys: what a browser shows so that others can wrap room keys for it. The private half never leaves it."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from axenix.room.commands import ShowDeviceKey
from axenix.room.permits import Who
from axenix.room_keys import check_device_key
from axenix.store.people import Person
from axenix.web.guard import answer, body, user
from axenix.web.house import House, house_of
from axenix.web.shapes import DeviceKeyKept

routes = web.RouteTableDef()


class DeviceKey(Struct):
    x25519_b64: str | None
    """null takes the key away."""


@routes.put("/api/users/me/device_key")
async def put(request: web.Request) -> web.Response:
    person, house = await user(request), house_of(request)
    wanted = await body(request, DeviceKey, person)
    key = None if wanted.x25519_b64 is None else check_device_key(wanted.x25519_b64)
    changed = await house.people.update(person.id, device_key=key)
    for actor in house.rooms.with_user(person.id):
        actor.tell(Who(person.id), ShowDeviceKey(changed.device_key))
    return answer(DeviceKeyKept(person.id, changed.device_key))


async def show_latest(house: House, slug: str, joined: Person) -> None:
    """Whoever has just joined a room may have changed the key while the room was being opened, and was not told of."""
    person = await house.people.find(joined.id)
    actor = house.rooms.awake_one(slug)
    if person is not None and actor is not None and person.device_key != joined.device_key:
        actor.tell(Who(person.id), ShowDeviceKey(person.device_key))
