"""Who may do what: every endpoint, asked by nobody, a stranger, a former member, a kicked one, guest, admin and owner,
by the owner of another room, and with the owner's token when it has run out or somebody else has signed it.

One row an endpoint, with its column of the contract's table; the rest follows. A route without a row fails.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from living import SECRET, SITE_SECRET, Party, asked, elsewhere
from living import anyone_fixture, shared_server_fixture  # noqa: F401

from axenix import tokens
from axenix.app import make_app
from axenix.client import Api, Person
from axenix.config import Config
from axenix.store.database import Database

NO_GOOD_TOKEN = ("expired", "forged", "unknown")
VOUCHED = ("vouched", "vouched elsewhere")
"""With tokens of another site, for this room and for another; not members."""
STRANGERS = ("stranger", "elsewhere", "banned", "kicked", "vouched")
ASKERS = ("nobody", *NO_GOOD_TOKEN, "stranger", "elsewhere", "banned", "kicked", *VOUCHED, "former", "guest", "admin",
          "owner")
Verdict = tuple[int, str] | int


class Row(NamedTuple):
    method: str
    path: str
    who: str
    allowed: Verdict = 200
    """What those hear who may: a status of success, or the refusal that has nothing to do with who is asking."""
    body: Callable[[World], Any] = lambda world: {}


class World(Party):
    """A room with one of each, and somebody upon whom they act."""

    async def furnish(self, private: bool) -> World:
        await self.begin(is_private=private, create_invite=True)
        former, banned, kicked = [await self.newcomer(name) for name in ("Fay", "Ben", "Kit")]
        elsewhere = await self.api.guest("Otto")
        await elsewhere.create_room(title="His own")
        self.askers: dict[str, Api] = {
            "nobody": self.api, "stranger": await self.api.guest("Sam"), "elsewhere": elsewhere, "former": former,
            "banned": banned, "kicked": kicked, "guest": self.gus, "admin": self.ada, "owner": self.olga,
            **self.with_no_good_token()}
        for name, slug in (("vouched", self.slug), ("vouched elsewhere", "another")):
            claims = {"sub": f"{name} {self.slug}", "exp": time.time() + 600, "room": slug, "role": "admin"}
            self.askers[name] = Person(self.api, 0, jwt.encode(claims, SITE_SECRET))
        await former.post(f"/api/participants/{self.slug}/leave")
        await self.olga.moderate(self.slug, "kick", banned.id)
        await self.olga.moderate(self.slug, "kick", kicked.id, ban_sec=0)
        await self.next_target()
        return self

    def with_no_good_token(self) -> dict[str, Api]:
        """They all say that they are the owner, but one, who is nobody any more."""
        now, key = time.time(), SECRET.encode()
        signed = {
            "expired": tokens.issue(key, self.olga.id, now - 100, 50),
            "forged": tokens.issue(b"another secret, which is long enough for this", self.olga.id, now, 900),
            "unknown": tokens.issue(key, 2**52, now, 900),
        }
        return {name: Person(self.api, self.olga.id, raw) for name, raw in signed.items()}

    async def next_target(self) -> None:
        """What one asker has done must not stand in the way of the next."""
        self.target = await self.newcomer("Tim")
        self.message = await self.target.post(f"/api/chat/{self.slug}", text="delete me")


def target(world: World) -> Any:
    return {"user_id": world.target.id}


def fields(**constant: Any) -> Callable[[World], Any]:
    return lambda world: constant


def invitation(world: World) -> Any:
    return {"invite_key": world.room["invite_key"]}


MODERATION, CRYPTO = "/api/moderation/{slug}/", "/api/crypto/{slug}"
COVERS, RECORDINGS = "/api/covers/{slug}", "/api/recordings/{slug}"
NO_FORM, NO_TUS = (415, "unsupported_media_type"), (412, "tus_version")
NO_COVER, NO_RECORDING = (404, "cover_not_found"), (404, "recording_not_found")
FORBIDDEN, LATER = (403, "forbidden"), (409, "epoch_conflict")
DOCUMENTS = ("/docs", "/docs/socket", "/docs/protocol", "/openapi.json", "/asyncapi.json")
TABLE = [
    Row("POST", "/api/auth/guest", "any", 201),
    Row("POST", "/api/users", "any", 201, fields(nickname="New")),
    Row("GET", "/api/users/me", "user"),
    Row("PATCH", "/api/users/me", "user", 200, fields(nickname="Other")),
    Row("GET", "/api/users/{id}", "user"),
    Row("PATCH", "/api/users/{id}", "self", 200, fields(nickname="Other")),
    Row("POST", "/api/rooms", "user", 201),
    Row("GET", "/api/rooms", "any"),
    Row("GET", "/api/rooms/{slug}", "any"),
    Row("PATCH", "/api/rooms/{slug}", "owner", 200, fields(title="Other")),
    Row("DELETE", "/api/rooms/{slug}", "owner"),
    Row("GET", "/api/rooms/{slug}/exists", "any"),
    Row("POST", "/api/rooms/join/by-invite", "user", 200, invitation),
    Row("GET", "/api/participants/{slug}", "member"),
    Row("POST", "/api/participants/{slug}/join", "whoever is let in"),
    Row("POST", "/api/participants/{slug}/heartbeat", "inside"),
    Row("POST", "/api/participants/{slug}/leave", "inside"),
    Row("POST", MODERATION + "promote_admin", "owner", 200, target),
    Row("POST", MODERATION + "demote_admin", "owner", 200, target),
    Row("POST", MODERATION + "kick", "mod", 200, target),
    Row("POST", MODERATION + "unban", "mod", 200, target),
    Row("GET", MODERATION + "bans", "mod"),
    Row("GET", MODERATION + "log", "mod"),
    Row("POST", MODERATION + "force_mute", "mod", 200, target),
    Row("POST", MODERATION + "force_video", "mod", 200, target),
    Row("POST", MODERATION + "speak", "mod", 200, target),
    Row("GET", "/api/state/{slug}", "member"),
    Row("POST", "/api/state/{slug}/set_topic", "mod", 200, fields(topic="Tea")),
    Row("POST", "/api/state/{slug}/set_lock", "mod", 200, fields(value=False)),
    Row("POST", "/api/state/{slug}/set_mute_all", "mod", 200, fields(value=False)),
    Row("GET", "/api/chat/{slug}", "member"),
    Row("POST", "/api/chat/{slug}", "inside", 201, fields(text="hi")),
    Row("DELETE", "/api/chat/{slug}/{message}", "author or mod"),
    Row("GET", "/api/sync/{slug}", "member"),
    Row("GET", "/api/rtc/config", "any"),
    Row("PUT", "/api/users/me/device_key", "user", 200, fields(x25519_b64="A" * 42 + "E=")),
    Row("GET", "/api/users/me/export", "user"),
    Row("DELETE", "/api/users/me", "user"),
    Row("GET", CRYPTO, "member"),
    Row("POST", CRYPTO + "/init", "mod", 201),
    Row("GET", CRYPTO + "/my_key?key_epoch=9", "member", (404, "key_not_found")),
    Row("POST", CRYPTO + "/epochs", "inside", FORBIDDEN, fields(key_epoch=9, shares=[])),  # nobody has a device key
    Row("POST", CRYPTO + "/epochs/9/shares", "inside", LATER, fields(shares=[])),
    Row("POST", "/api/users/{id}/avatar", "self", NO_FORM),
    Row("POST", COVERS + "/upload", "mod", NO_FORM),
    Row("GET", COVERS, "any", NO_COVER),
    Row("DELETE", COVERS, "mod", NO_COVER),
    Row("POST", RECORDINGS + "/upload", "member", NO_FORM),
    Row("GET", RECORDINGS, "member"),
    Row("DELETE", RECORDINGS + "/999", "member", NO_RECORDING),
    Row("POST", RECORDINGS + "/tus", "member", NO_TUS),
    Row("PATCH", RECORDINGS + "/tus/x", "member", NO_RECORDING),
    Row("DELETE", RECORDINGS + "/tus/x", "member", NO_RECORDING),
    Row("GET", "/static/records/{slug}/x", "member", NO_RECORDING),
    Row("GET", "/livez", "any"),
    Row("GET", "/readyz", "any"),
    *(Row("GET", path, "any") for path in DOCUMENTS),
    Row("GET", "/metrics", "any"),
]
DEAF = {"/livez", "/readyz", "/metrics", *DOCUMENTS}
"""Endpoints that do not look at a token."""
NOT_REST = {
    "GET /ws/rooms/{slug}", "GET /", "GET /r/{slug}", "GET /static/{path}", "GET /static/avatars/{name}",
    "GET /static/covers/{name}", "OPTIONS /api/{path}", "OPTIONS /api/recordings/{slug}/tus",
    "OPTIONS /api/recordings/{slug}/tus/x",
}
"""The socket, which is asked below; the page, its files and pictures, which are the same for everybody; CORS."""


# ---- what the contract says ------------------------------------------------------------------------------------------


def verdict(row: Row, asker: str, private: bool) -> Verdict:
    """The status of success, or the status and reason of the refusal."""
    if asker.startswith("vouched") and must_stay_in_the_room(row, asker):
        return FORBIDDEN
    if row.who == "any" and (asker not in NO_GOOD_TOKEN or row.path in DEAF):
        return row.allowed
    if asker == "nobody" or asker in NO_GOOD_TOKEN:
        return 401, "invalid_token"
    if row.who == "user":
        return row.allowed
    if row.who == "self":
        return 403, "forbidden"
    if row.who == "whoever is let in":
        return entrance(asker, private) or row.allowed
    return closed_to(asker, private) or RANKS[row.who].get(asker, row.allowed)


FOR_THE_PAGE = {"/api/users/me", "/api/users/{id}", "/api/users/{id}/avatar", "/api/users/me/device_key",
                "/api/rtc/config"}


def must_stay_in_the_room(row: Row, asker: str) -> bool:
    """The token of a room is for that room, and for what the page needs there."""
    if (row.path in FOR_THE_PAGE and row.method != "DELETE") or row.path in DEAF:
        return False
    return asker == "vouched elsewhere" or "{slug}" not in row.path


def closed_to(asker: str, private: bool) -> Verdict | None:
    """The kicked and banned are strangers, and what is in a private room is hidden from those."""
    if asker not in STRANGERS:
        return None
    if private:
        return 404, "room_not_found"
    return 403, "banned" if asker == "banned" else "not_a_member"


def entrance(asker: str, private: bool) -> Verdict | None:
    if asker == "banned":
        return 403, "banned"
    needs_key = asker in STRANGERS and asker not in VOUCHED
    return (403, "invite_required_or_invalid") if private and needs_key else None


RANKS: dict[str, dict[str, Verdict]] = {
    "member": {},
    "inside": {"former": (403, "not_inside")},
    "mod": {"former": FORBIDDEN, "guest": FORBIDDEN},
    "author or mod": {"former": FORBIDDEN, "guest": FORBIDDEN},
    "owner": {"former": FORBIDDEN, "guest": FORBIDDEN, "admin": FORBIDDEN},
}

# ---- asking ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def cleaning() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(params=[False, True], ids=["public", "private"])
async def world(request: pytest.FixtureRequest, anyone: Api, cleaning: AsyncExitStack) -> World:
    return await World(anyone, cleaning).furnish(request.param)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
async def test_every_endpoint_answers_each_as_the_contract_says(world: World, row: Row) -> None:
    said, expected = {}, {}
    for name in ASKERS:
        expected[name] = verdict(row, name, world.room["is_private"])
        if (row.body is target or "{message}" in row.path) and not isinstance(expected[name], tuple):
            await world.next_target()
        path = row.path.format(slug=world.slug, id=world.target.id, message=world.message["id"])
        body = None if row.method in ("GET", "DELETE") else row.body(world)
        answer = await asked(world.askers[name], row.method, path, body, headers=elsewhere())
        said[name] = answer.status if answer.status < 400 else answer.reason
    assert said == expected


async def test_the_socket_answers_each_as_the_contract_says(world: World) -> None:
    private, said, expected = world.room["is_private"], {}, {}
    for name in ASKERS:
        asker = world.askers[name]
        wire = await world.dial(asker, token=asker.token or None)
        frame = await wire.hear()
        said[name] = frame["type"] if frame["type"] == "joined" else frame["reason"]
        is_known = name != "nobody" and name not in NO_GOOD_TOKEN
        refusal = entrance(name, private) if is_known else (401, "invalid_token")
        refusal = FORBIDDEN if name == "vouched elsewhere" else refusal
        expected[name] = refusal[1] if isinstance(refusal, tuple) else "joined"
        if refusal:
            assert await wire.end() == ([], 1008)
    assert said == expected


async def test_a_refusal_changes_nothing(world: World) -> None:
    async def whole() -> list[Any]:
        slug = world.slug
        paths = (f"/api/state/{slug}", f"/api/sync/{slug}", f"/api/moderation/{slug}/bans", f"/api/rooms/{slug}",
                 f"/api/users/{world.target.id}")
        return [await world.olga.get(path) for path in paths]

    before, asked_for = await whole(), 0
    for row in TABLE:
        for name in ASKERS:
            if not isinstance(verdict(row, name, world.room["is_private"]), tuple):
                continue
            path = row.path.format(slug=world.slug, id=world.target.id, message=world.message["id"])
            await asked(world.askers[name], row.method, path, row.body(world), headers=elsewhere())
            asked_for += 1
    assert await whole() == before and asked_for > 100


async def test_without_a_good_token_there_is_no_difference_between_rooms_that_exist_and_others(world: World) -> None:
    for row in TABLE:
        if row.who == "any":
            continue
        for asker in (world.api, Person(world.api, 1, "not.a.token")):
            for slug in (world.slug, "nowhere"):
                path = row.path.format(slug=slug, id=world.olga.id, message=1)
                answer = await asked(asker, row.method, path, {"user_id": world.olga.id})
                assert answer.reason == (401, "invalid_token"), row


async def test_in_a_room_that_does_not_exist_nobody_may_do_anything(world: World) -> None:
    for row in TABLE:
        if "{slug}" in row.path and not row.path.endswith("/exists"):
            path = row.path.format(slug="nowhere", message=world.message["id"])
            body = None if row.method in ("GET", "DELETE") else row.body(world)
            assert (await asked(world.olga, row.method, path, body)).reason == (404, "room_not_found"), row


# ---- no route without a row ------------------------------------------------------------------------------------------


def spelled_out(pattern: re.Pattern[str], canonical: str) -> list[str]:
    """`{action:kick|unban}` is two endpoints."""
    paths = [canonical]
    for name, choices in re.findall(r"\(\?P<(\w+)>([\w|]+)\)", pattern.pattern):
        paths = [path.replace(f"{{{name}}}", choice) for path in paths for choice in choices.split("|")]
    return paths


async def test_every_route_of_the_app_has_a_row_and_every_row_a_route(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "data", on_fatal=lambda message, code: None)
    try:
        found: set[str] = set()
        for route in make_app(Config(), database).router.routes():
            assert route.resource is not None
            pattern = route.resource.get_info().get("pattern", re.compile(""))
            if route.method != "HEAD":
                found |= {f"{route.method} {path}" for path in spelled_out(pattern, route.resource.canonical)}
    finally:
        await database.close()
    rows = {f"{row.method} {row.path}".partition("?")[0].replace("{message}", "{id}") for row in TABLE}
    for name, example in (("key_epoch", "9"), ("upload_id", "x"), ("rec_id", "999")):
        found = {route.replace(f"{{{name}}}", example) for route in found}
    found = {route.replace("records/{slug}/{name}", "records/{slug}/x") for route in found}
    assert found == rows | NOT_REST
