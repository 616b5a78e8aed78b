"""The contract, chapter on keys: one counter, two modes, everybody's own wrap, and when a key is over."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.exceptions import InvalidTag
from harness import RATES_OFF, ServerProcess
from living import EVENT, USER, Party, Wire, asked, refused
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401
from sealing import Device, RsaKey, b64, open_line, seal_line

from axenix import room_keys
from axenix.app import make_app
from axenix.client import Api, Frame, Person
from axenix.config import Config
from axenix.room.moment import milliseconds
from axenix.store.database import Database
from axenix.web import crypto as crypto_module
from axenix.web import participants as participants_module

RSA = "RSA-OAEP-SHA256"
HPKE = "HPKE-X25519-HKDF-SHA256-AES-256-GCM"
KEY = {"room_key_id", "key_epoch", "algo"}


def crypto(party: Party, what: str = "") -> str:
    return f"/api/crypto/{party.slug}{what}"


async def state(party: Party, who: Person | None = None) -> Frame:
    return await (who or party.olga).get(crypto(party))


async def members(party: Party) -> dict[int, tuple[str | None, bool]]:
    return {each["user_id"]: (each["x25519_b64"], each["has_share"]) for each in (await state(party))["members"]}


async def devices(*people: Person) -> list[Device]:
    """One for each of them, shown to everybody."""
    made = [Device(person) for person in people]
    for device in made:
        await device.show()
    return made


def shares_of(*people: Person) -> list[Frame]:
    """They have the form of shares, and the server can tell no more."""
    return [{"user_id": person.id, "wrapped_key_b64": b64(os.urandom(80))} for person in people]


async def seal(wire: Wire, device: Device, party: Party, key_epoch: int, text: str = "psst") -> list[Frame]:
    return await wire.ask("chat.message.enc", **device.sealed(party.slug, key_epoch, text))


class House(NamedTuple):
    """A server in this very process, whose parts a test may slow down, with a room."""

    olga: Person
    slug: str


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await Database.open(tmp_path / "data", on_fatal=lambda message, code: None)
    try:
        async with TestClient(TestServer(make_app(Config(data_dir=tmp_path / "data"), database))) as client:
            olga = await Api(str(client.make_url("")).rstrip("/"), client.session).guest("Olga")
            yield House(olga, (await olga.create_room())["slug"])
    finally:
        await database.close()


# ---- the key that the server makes -----------------------------------------------------------------------------------


async def test_the_seeds_exchange_works_as_the_seed_writes_it(party: Party) -> None:
    """RSA keys into the profiles, init, my_key, and a message that another member reads."""
    gus, olga = await party.come(party.gus), await party.come(party.olga)
    keys = {person.id: await RsaKey().show(person) for person in (party.olga, party.gus)}
    path = crypto(party, f"/init?actor_user_id={party.olga.id}")
    status, made, _ = await asked(party.olga, "POST", path)
    assert status == 201 and made.keys() == KEY | {"distributed", "skipped"}
    assert (made["key_epoch"], made["algo"]) == (1, "AES-256-GCM")
    assert (made["distributed"], made["skipped"]) == (2, [party.ada.id])
    changed = await gus.until("key.changed")
    assert changed.keys() == EVENT | {"key_epoch", "mode", "by_user"} and changed["seq"] == made["room_key_id"]
    assert (changed["key_epoch"], changed["mode"], changed["by_user"]) == (1, "server", party.olga.id)
    found = {}
    for person in (party.olga, party.gus):
        mine = await person.get(crypto(party, "/my_key"), user_id=person.id)
        assert mine.keys() == KEY | {"wrap_algo", "wrapped_key_b64"} and mine["wrap_algo"] == RSA
        assert {name: mine[name] for name in KEY} == {name: made[name] for name in KEY}
        found[person.id] = keys[person.id].unwrap(mine["wrapped_key_b64"])
    assert found[party.olga.id] == found[party.gus.id] and len(found[party.gus.id]) == 32
    room_key = found[party.gus.id]
    await gus.ask("chat.message.enc", algo="AES-256-GCM", ciphertext_b64=seal_line(room_key, b"", "Hello"))
    heard = await olga.until("chat.message.enc")
    assert heard["key_epoch"] is None and open_line(room_key, b"", heard["ciphertext_b64"]) == "Hello"
    assert (await state(party)).items() >= {"key_epoch": 1, "mode": "server", "stale": False}.items()


async def test_every_init_makes_another_key_and_past_ones_stay_readable(party: Party) -> None:
    key = await RsaKey().show(party.gus)
    room_keys = []
    for number in (1, 2):
        assert (await party.ada.post(crypto(party, "/init")))["key_epoch"] == number
        room_keys.append(key.unwrap((await party.gus.get(crypto(party, "/my_key")))["wrapped_key_b64"]))
    first = await party.gus.get(crypto(party, "/my_key"), key_epoch=1)
    assert first["key_epoch"] == 1 and key.unwrap(first["wrapped_key_b64"]) == room_keys[0] != room_keys[1]
    assert (await party.gus.get(f"/api/state/{party.slug}"))["key_epoch"] == 2


async def test_keys_up_to_4096_bits_are_wrapped_for_and_without_any_nobody_gets_one(party: Party) -> None:
    nobody = await party.olga.post(crypto(party, "/init"))
    assert (nobody["distributed"], set(nobody["skipped"])) == (0, {party.olga.id, party.ada.id, party.gus.id})
    key = await RsaKey(4096).show(party.gus)
    await party.olga.post(crypto(party, "/init"))
    assert len(key.unwrap((await party.gus.get(crypto(party, "/my_key")))["wrapped_key_b64"])) == 32


async def test_those_who_have_left_get_no_key_and_the_lost_do(party: Party) -> None:
    gus = await party.come(party.gus)
    ada = await party.come(party.ada)
    for person in (party.gus, party.ada):
        await RsaKey().show(person)
    await gus.vanish()
    await ada.ask("leave")
    made = await party.olga.post(crypto(party, "/init"))
    assert (made["distributed"], made["skipped"]) == (1, [party.olga.id])
    assert (await party.gus.get(crypto(party, "/my_key")))["key_epoch"] == 1
    assert await refused(party.ada.get(crypto(party, "/my_key"))) == (404, "key_not_found")


async def test_of_two_inits_at_once_one_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    together = asyncio.Barrier(2)
    look_up = crypto_module.rsa_keys

    async def side_by_side(*arguments: object) -> dict[int, str]:
        """Both have read the room before either goes on."""
        await together.wait()
        return await look_up(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(crypto_module, "rsa_keys", side_by_side)
    path = f"/api/crypto/{house.slug}"
    one, other = sorted(await asyncio.gather(*(asked(house.olga, "POST", f"{path}/init") for _ in range(2))))
    assert one.status == 201 and other.reason == (409, "epoch_conflict")
    assert (await house.olga.get(path))["key_epoch"] == 1


def test_the_server_overwrites_the_key_that_it_made_also_when_wrapping_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def remembered(size: int) -> bytes:
        made.append(os.urandom(size))
        return made[-1]

    monkeypatch.setattr(room_keys.secrets, "token_bytes", remembered)
    key = RsaKey()
    wraps = room_keys.make_wraps({7: key.pem})
    assert len(key.unwrap(wraps[7])) == 32 and key.unwrap(wraps[7]) != bytes(32)
    with pytest.raises(ValueError):
        room_keys.make_wraps({7: key.pem, 8: "no key at all"})
    assert made == [bytes(32)] * 2


# ---- whose wrap it is ------------------------------------------------------------------------------------------------


async def test_everyone_reads_their_own_wrap_alone(party: Party) -> None:
    await RsaKey().show(party.gus)
    await party.olga.post(crypto(party, "/init"))
    assert await refused(party.ada.get(crypto(party, "/my_key"), user_id=party.gus.id)) == (403, "actor_mismatch")
    assert await refused(party.ada.get(crypto(party, "/my_key"), actor_user_id=party.gus.id)) == (403, "actor_mismatch")
    assert await refused(party.ada.get(crypto(party, "/my_key"))) == (404, "key_not_found")
    for path in ("/init?actor_user_id=1", "/my_key?user_id=x"):
        method = "POST" if path.startswith("/init") else "GET"
        assert (await asked(party.olga, method, crypto(party, path))).reason == (403, "actor_mismatch")
    assert (await asked(party.olga, "POST", crypto(party, "/init"), {"actor_user_id": party.gus.id})).reason == (
        403, "actor_mismatch")


@pytest.mark.parametrize(("query", "status", "reason"), [
    ("", 404, "key_not_found"), ("?key_epoch=0", 404, "key_not_found"), ("?key_epoch=7", 404, "key_not_found"),
    ("?key_epoch=99999999999999999999", 404, "key_not_found"),
    ("?key_epoch=-1", 422, "bad_payload"), ("?key_epoch=1e3", 422, "bad_payload"), ("?key_epoch=", 422, "bad_payload"),
])
async def test_what_is_no_key_of_ones_own_is_not_found(party: Party, query: str, status: int, reason: str) -> None:
    assert (await asked(party.gus, "GET", crypto(party, "/my_key" + query))).reason == (status, reason)


async def test_the_kicked_lose_all_their_keys_for_good(party: Party) -> None:
    key = await RsaKey().show(party.gus)
    await party.olga.post(crypto(party, "/init"))
    await party.olga.moderate(party.slug, "kick", party.gus.id, ban_sec=0)
    assert await refused(party.gus.get(crypto(party, "/my_key"))) == (403, "not_a_member")
    await party.enter(party.gus)
    assert await refused(party.gus.get(crypto(party, "/my_key"))) == (404, "key_not_found")
    assert await refused(party.gus.get(crypto(party, "/my_key"), key_epoch=1)) == (404, "key_not_found")
    await party.olga.post(crypto(party, "/init"))
    assert key.unwrap((await party.gus.get(crypto(party, "/my_key")))["wrapped_key_b64"])


async def test_strangers_learn_nothing_of_a_private_rooms_keys(secret_party: Party) -> None:
    stranger = await secret_party.api.guest("Sam")
    for path in ("", "/my_key"):
        assert (await asked(stranger, "GET", crypto(secret_party, path))).reason == (404, "room_not_found")
    epoch = {"key_epoch": 1, "shares": shares_of(stranger)}
    for path, body in (("/init", {}), ("/epochs", epoch), ("/epochs/1/shares", epoch)):
        assert (await asked(stranger, "POST", crypto(secret_party, path), body)).reason == (404, "room_not_found")


# ---- device keys -----------------------------------------------------------------------------------------------------

LOW_ORDER = [
    bytes(32), bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
"""RFC 7748 section 6.1 and https://cr.yp.to/ecdh.html#validate"""
GOOD = b64(bytes([9]) + bytes(31))


@pytest.mark.parametrize("key", [
    *map(b64, LOW_ORDER), "", "AAAA", b64(bytes(range(31))), b64(bytes(range(33))), GOOD + "\n", GOOD.rstrip("="),
    GOOD[:-2] + "B=", base64.urlsafe_b64encode(b"\xff" * 32).decode(), "ключ", 5, True, [GOOD], "x" * 100_000,
])
async def test_what_is_no_device_key_is_refused(party: Party, key: object) -> None:
    answer = await asked(party.gus, "PUT", "/api/users/me/device_key", {"x25519_b64": key})
    assert answer.reason == (422, "bad_payload") and "x25519_b64" in answer.body["detail"]
    assert (await members(party))[party.gus.id] == (None, False)


async def test_a_device_key_must_be_named(party: Party) -> None:
    assert (await asked(party.gus, "PUT", "/api/users/me/device_key", {})).reason == (422, "bad_payload")
    assert (await asked(party.api, "PUT", "/api/users/me/device_key", {"x25519_b64": GOOD})).reason == (
        401, "invalid_token")


async def test_a_device_key_is_shown_to_the_members_of_ones_rooms_and_not_in_the_profile(party: Party) -> None:
    device, = await devices(party.gus)
    assert await device.show() == {"user_id": party.gus.id, "x25519_b64": device.x25519_b64}
    assert await members(party) == {
        party.olga.id: (None, False), party.ada.id: (None, False), party.gus.id: (device.x25519_b64, False)}
    profile = await party.olga.get(f"/api/users/{party.gus.id}")
    assert profile.keys() == USER and device.x25519_b64 not in str(profile)
    renewed = await party.gus.post("/api/auth/guest")
    assert renewed["user"].keys() == USER
    changed = await party.gus.call("PATCH", f"/api/users/{party.gus.id}", {"nickname": "Gustav"})
    assert changed.keys() == USER


async def test_a_device_key_shown_before_coming_in_is_there_by_socket_and_by_rest(party: Party) -> None:
    nina, noah = await party.api.guest("Nina"), await party.api.guest("Noah")
    one, other = await devices(nina, noah)
    await party.enter(nina)
    await party.come(noah)
    seen = await members(party)
    assert (seen[nina.id], seen[noah.id]) == ((one.x25519_b64, False), (other.x25519_b64, False))


async def test_a_device_key_that_changes_while_its_owner_comes_in_is_the_new_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    olga, slug = house.olga, house.slug
    old, new = Device(olga), Device(olga)
    await old.show()
    act = participants_module.act

    async def slowly(*arguments: object) -> object:
        """The request knows who is asking, and the room does not yet."""
        await new.show()
        return await act(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(participants_module, "act", slowly)
    await olga.post(f"/api/participants/{slug}/join")
    assert [each["x25519_b64"] for each in (await olga.get(f"/api/crypto/{slug}"))["members"]] == [new.x25519_b64]


async def test_a_device_key_can_be_taken_away(party: Party) -> None:
    device, = await devices(party.gus)
    answer = await asked(party.gus, "PUT", "/api/users/me/device_key", {"x25519_b64": None})
    assert answer.body == {"user_id": device.person.id, "x25519_b64": None}
    assert (await members(party))[party.gus.id] == (None, False)


# ---- epochs that browsers begin --------------------------------------------------------------------------------------


async def test_a_key_made_by_one_member_reaches_all_who_are_there_and_the_server_cannot_tell_it(party: Party) -> None:
    ada = await party.come(party.ada)
    one, other = await devices(party.olga, party.gus)
    began = await one.begin_epoch(party.slug)
    assert began.keys() == KEY and (began["key_epoch"], began["algo"]) == (1, "AES-256-GCM")
    changed = await ada.until("key.changed")
    assert changed.keys() == EVENT | {"key_epoch", "mode", "by_user"} and changed["seq"] == began["room_key_id"]
    assert (changed["key_epoch"], changed["mode"], changed["by_user"]) == (1, "e2e", party.olga.id)
    assert await other.fetch(party.slug) == one.room_keys[1]
    mine = await party.gus.get(crypto(party, "/my_key"))
    assert mine.keys() == KEY | {"wrap_algo", "wrapped_key_b64"}
    assert (mine["wrap_algo"], mine["room_key_id"]) == (HPKE, began["room_key_id"])
    assert len(base64.b64decode(mine["wrapped_key_b64"])) == 80
    seen = await state(party, party.ada)
    assert seen.keys() == {"key_epoch", "mode", "stale", "my_epochs", "members"}
    assert (seen["key_epoch"], seen["mode"], seen["stale"]) == (1, "e2e", False)
    assert await members(party) == {
        party.olga.id: (one.x25519_b64, True), party.ada.id: (None, False), party.gus.id: (other.x25519_b64, True)}


async def test_the_next_epoch_is_one_more_than_the_present_and_nothing_else(party: Party) -> None:
    await devices(party.olga)
    shares = shares_of(party.olga)
    for number, expected in ((0, 409), (2, 409), (1, 201), (1, 409), (3, 409), (2, 201)):
        answer = await asked(party.olga, "POST", crypto(party, "/epochs"), {"key_epoch": number, "shares": shares})
        assert answer.status == expected
        assert expected == 201 or answer.reason == (409, "epoch_conflict")
    assert (await state(party))["key_epoch"] == 2


async def test_of_two_who_begin_the_same_epoch_one_wins(party: Party) -> None:
    people = (party.olga, party.ada, party.gus)
    await devices(*people)
    body = {"key_epoch": 1, "shares": shares_of(*people)}
    answers = await asyncio.gather(*(asked(who, "POST", crypto(party, "/epochs"), body) for who in people))
    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert {answer.reason for answer in answers if answer.status == 409} == {(409, "epoch_conflict")}


async def test_both_modes_share_one_counter(party: Party) -> None:
    device, = await devices(party.olga)
    await RsaKey().show(party.gus)
    await party.olga.post(crypto(party, "/init"))
    assert (await device.begin_epoch(party.slug))["key_epoch"] == 2
    assert (await state(party))["mode"] == "e2e"
    assert (await party.olga.post(crypto(party, "/init")))["key_epoch"] == 3
    assert (await state(party))["mode"] == "server"
    assert (await party.gus.get(crypto(party, "/my_key"), key_epoch=1))["wrap_algo"] == RSA
    assert (await party.olga.get(crypto(party, "/my_key"), key_epoch=2))["wrap_algo"] == HPKE


async def test_shares_are_for_exactly_those_who_are_there_with_a_device_key(party: Party) -> None:
    olga, ada, gus = party.olga, party.ada, party.gus
    await devices(olga, gus)
    away, = await devices(await party.newcomer())
    await away.person.post(f"/api/participants/{party.slug}/leave")
    for people in ((), (olga,), (gus,), (olga, gus, ada), (olga, gus, away.person)):
        body = {"key_epoch": 1, "shares": shares_of(*people)}
        assert (await asked(olga, "POST", crypto(party, "/epochs"), body)).reason == (422, "member_set_mismatch")
    assert (await state(party))["key_epoch"] == 0
    body = {"key_epoch": 1, "shares": shares_of(gus, olga)}
    assert (await asked(olga, "POST", crypto(party, "/epochs"), body)).status == 201


async def test_the_lost_are_not_waited_for(party: Party) -> None:
    gus = await party.come(party.gus)
    one, other = await devices(party.olga, party.gus)
    await gus.vanish()
    while party.gus.id in await members(party):
        await asyncio.sleep(0.02)
    await one.begin_epoch(party.slug)
    await party.come(party.gus)
    assert (await members(party))[party.gus.id] == (other.x25519_b64, False)
    await one.share(party.slug)
    assert await other.fetch(party.slug) == one.room_keys[1]


async def test_whoever_has_no_device_key_or_is_not_inside_begins_no_epoch(party: Party) -> None:
    await devices(party.olga)
    body = {"key_epoch": 1, "shares": shares_of(party.olga)}
    assert (await asked(party.ada, "POST", crypto(party, "/epochs"), body)).reason == (403, "forbidden")
    await party.olga.post(f"/api/participants/{party.slug}/leave")
    assert (await asked(party.olga, "POST", crypto(party, "/epochs"), body)).reason == (403, "not_inside")


@pytest.mark.parametrize("bend", [
    lambda body: body.pop("key_epoch"), lambda body: body.pop("shares"),
    lambda body: body.update(key_epoch="1"), lambda body: body.update(key_epoch=1.0),
    lambda body: body.update(key_epoch=True), lambda body: body.update(key_epoch=2**53),
    lambda body: body.update(shares={}), lambda body: body["shares"].append(5),
    lambda body: body["shares"].append(body["shares"][0]),
    lambda body: body["shares"][0].pop("user_id"), lambda body: body["shares"][0].pop("wrapped_key_b64"),
    lambda body: body["shares"][0].update(user_id="1"), lambda body: body["shares"][0].update(user_id=0),
    lambda body: body["shares"][0].update(wrapped_key_b64=b64(bytes(79))),
    lambda body: body["shares"][0].update(wrapped_key_b64=b64(bytes(81))),
    lambda body: body["shares"][0].update(wrapped_key_b64=""),
    lambda body: body["shares"][0].update(wrapped_key_b64="!" + b64(bytes(80))[1:]),
    lambda body: body["shares"][0].update(wrapped_key_b64=b64(bytes(80))[:-2] + "B="),
    lambda body: body["shares"][0].update(wrapped_key_b64=5),
])
async def test_shares_that_are_none_are_refused(party: Party, bend: Callable[[Frame], object]) -> None:
    await devices(party.olga)
    body: Frame = {"key_epoch": 1, "shares": shares_of(party.olga)}
    bend(body)
    assert (await asked(party.olga, "POST", crypto(party, "/epochs"), body)).reason == (422, "bad_payload")
    assert (await state(party))["key_epoch"] == 0


# ---- newcomers -------------------------------------------------------------------------------------------------------


async def test_a_newcomer_gets_the_present_epoch_from_a_holder_and_never_a_past_one(party: Party) -> None:
    ada = await party.come(party.ada)
    one, other = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    began = await one.begin_epoch(party.slug)
    await other.fetch(party.slug)
    nina = Device(await party.api.guest("Nina"))
    await nina.show()
    await party.enter(nina.person)
    assert await refused(nina.person.get(crypto(party, "/my_key"))) == (404, "key_not_found")
    assert (await members(party))[nina.person.id] == (nina.x25519_b64, False)
    assert await other.share(party.slug) == {"room_key_id": began["room_key_id"], "key_epoch": 2, "algo": "AES-256-GCM"}
    shared = await ada.until("key.shared")
    assert shared.keys() == EVENT | {"key_epoch", "user_ids"}
    assert (shared["key_epoch"], shared["user_ids"]) == (2, [nina.person.id])
    assert await nina.fetch(party.slug) == one.room_keys[2]
    mine = await nina.person.get(crypto(party, "/my_key"))
    assert (mine["wrap_algo"], mine["room_key_id"], mine["key_epoch"]) == (HPKE, began["room_key_id"], 2)
    assert await refused(nina.person.get(crypto(party, "/my_key"), key_epoch=1)) == (404, "key_not_found")
    for number, reason in ((1, "epoch_conflict"), (3, "epoch_conflict")):
        body = {"shares": shares_of(nina.person)}
        answer = await asked(party.gus, "POST", crypto(party, f"/epochs/{number}/shares"), body)
        assert answer.reason == (409, reason)


async def test_only_holders_share_and_only_with_those_who_are_there_and_have_none(party: Party) -> None:
    one, other = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    path = crypto(party, "/epochs/1/shares")
    nina, = await devices(await party.newcomer())
    away, = await devices(await party.newcomer("Noah"))
    await away.person.post(f"/api/participants/{party.slug}/leave")
    newcomer = shares_of(nina.person)
    assert (await asked(party.ada, "POST", path, {"shares": newcomer})).reason == (403, "forbidden")
    assert (await asked(nina.person, "POST", path, {"shares": newcomer})).reason == (403, "forbidden")
    for people in ((), (other.person,), (party.ada,), (away.person,), (nina.person, other.person)):
        answer = await asked(party.olga, "POST", path, {"shares": shares_of(*people)})
        assert answer.reason == (422, "member_set_mismatch")
    assert (await asked(party.olga, "POST", path, {"shares": newcomer})).status == 201
    assert (await asked(party.olga, "POST", path, {"shares": newcomer})).reason == (422, "member_set_mismatch")
    for number in ("0", "x", "-1", "%31%2e0", "99999999999999999999"):
        path = crypto(party, f"/epochs/{number}/shares")
        assert (await asked(party.olga, "POST", path, {"shares": newcomer})).reason == (404, "key_not_found")
    broken = [{"user_id": nina.person.id, "wrapped_key_b64": "AAAA"}]
    answer = await asked(party.olga, "POST", crypto(party, "/epochs/1/shares"), {"shares": broken})
    assert answer.reason == (422, "bad_payload")


async def test_a_key_that_the_server_made_is_shared_by_nobody(party: Party) -> None:
    one, _ = await devices(party.olga, party.gus)
    await RsaKey().show(party.olga)
    await party.olga.post(crypto(party, "/init"))
    answer = await asked(one.person, "POST", crypto(party, "/epochs/1/shares"), {"shares": shares_of(party.gus)})
    assert answer.reason == (409, "epoch_conflict")


# ---- when a key is over ----------------------------------------------------------------------------------------------


async def rotated(wire: Wire) -> Frame:
    required = await wire.until("key.rotate_required")
    assert required.keys() == EVENT | {"key_epoch", "stale_at"} and required["key_epoch"] == 1
    return required


async def leaves(party: Party, gus: Wire) -> None:
    await gus.say("leave")


async def leaves_by_rest(party: Party, gus: Wire) -> None:
    await party.gus.post(f"/api/participants/{party.slug}/leave")


async def is_kicked(party: Party, gus: Wire) -> None:
    await party.olga.moderate(party.slug, "kick", party.gus.id)


async def changes_the_device_key(party: Party, gus: Wire) -> None:
    await Device(party.gus).show()


async def takes_the_device_key_away(party: Party, gus: Wire) -> None:
    await party.gus.call("PUT", "/api/users/me/device_key", {"x25519_b64": None})


@pytest.mark.parametrize("goes", [
    leaves, leaves_by_rest, is_kicked, changes_the_device_key, takes_the_device_key_away])
async def test_a_key_is_to_be_changed_when_a_holder(party: Party, goes: Callable[[Party, Wire], object]) -> None:
    gus, ada = await party.come(party.gus), await party.come(party.ada)
    one, _ = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    await goes(party, gus)  # type: ignore[misc]
    required = await rotated(ada)
    assert 4900 <= milliseconds(required["stale_at"]) - milliseconds(required["created_at"]) <= 5100
    assert (await state(party))["stale"] is True
    await party.olga.post(f"/api/participants/{party.slug}/leave")  # another holder
    heard, = await party.all_heard(ada)
    assert "key.rotate_required" not in [event["type"] for event in heard], "it is said once"


async def test_others_may_come_and_go(party: Party) -> None:
    gus = await party.come(party.gus)
    one, _ = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    nina, = await devices(await party.newcomer())
    await nina.show()
    await Device(nina.person).show()
    await nina.person.post(f"/api/participants/{party.slug}/leave")
    await party.ada.post(f"/api/participants/{party.slug}/leave")
    await one.show()  # the same key once more
    heard, = await party.all_heard(gus)
    assert "key.rotate_required" not in [event["type"] for event in heard]
    assert (await state(party))["stale"] is False


async def test_a_holder_who_is_lost_for_longer_than_the_grace_has_left(tmp_path: Path) -> None:
    """And one who comes back in time has not."""
    async with (ServerProcess(tmp_path / "data", **RATES_OFF | {"AXENIX_RECONNECT_GRACE": "0.5"}) as server,
                aiohttp.ClientSession() as session, AsyncExitStack() as cleaning):
        party = await Party(Api(server.url, session), cleaning).begin()
        ada, gus = await party.come(party.ada), await party.come(party.gus)
        one, _ = await devices(party.olga, party.gus)
        await one.begin_epoch(party.slug)
        await gus.vanish()
        gus = await party.come(party.gus)
        heard, = await party.all_heard(ada)
        assert "key.rotate_required" not in [event["type"] for event in heard]
        await gus.vanish()
        assert (await ada.until("member.left"))["user_id"] == party.gus.id
        await rotated(ada)


async def test_after_a_rotation_the_one_who_left_reads_nothing_that_follows(party: Party) -> None:
    gus, olga = await party.come(party.gus), await party.come(party.olga)
    one, other = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    await other.fetch(party.slug)
    await seal(olga, one, party, 1, "before")
    assert other.opened(await gus.until("chat.message.enc")) == "before"
    await gus.say("leave")
    await rotated(olga)
    await one.begin_epoch(party.slug)
    await seal(olga, one, party, 2, "after")
    await party.enter(party.gus)
    last = (await party.gus.get(f"/api/chat/{party.slug}"))["items"][-1]
    assert await refused(party.gus.get(crypto(party, "/my_key"), key_epoch=2)) == (404, "key_not_found")
    with pytest.raises(KeyError):
        other.opened(last)
    other.room_keys[2] = other.room_keys[1]
    with pytest.raises(InvalidTag):
        other.opened(last)


async def test_a_stale_key_may_be_used_for_five_seconds_and_is_not_shared(party: Party) -> None:
    gus, olga = await party.come(party.gus), await party.come(party.olga)
    one, _ = await devices(party.olga, party.gus)
    await one.begin_epoch(party.slug)
    nina, = await devices(await party.newcomer())
    await gus.say("leave")
    required = await rotated(olga)
    heard = await seal(olga, one, party, 1)
    assert [frame["type"] for frame in heard] == ["chat.message.enc", "ack"]
    answer = await asked(party.olga, "POST", crypto(party, "/epochs/1/shares"), {"shares": shares_of(nina.person)})
    assert answer.reason == (409, "stale_epoch")
    await asyncio.sleep((milliseconds(required["stale_at"]) - milliseconds(heard[0]["created_at"])) / 1000 + 0.05)
    assert await olga.refusal("chat.message.enc", **one.sealed(party.slug, 1, "too late")) == "stale_epoch"
    await one.begin_epoch(party.slug)
    assert (await state(party))["stale"] is False
    await olga.until("key.changed")
    assert [frame["type"] for frame in await seal(olga, one, party, 2)] == ["chat.message.enc", "ack"]


async def test_end_to_end_a_message_names_the_present_epoch(party: Party) -> None:
    olga = await party.come(party.olga)
    one, = await devices(party.olga)
    await one.begin_epoch(party.slug)
    await one.begin_epoch(party.slug)
    one.room_keys[3] = one.room_keys[0] = one.room_keys[2]
    await party.all_heard(olga)
    for number in (0, 1, 3):
        assert await olga.refusal("chat.message.enc", **one.sealed(party.slug, number, "x")) == "stale_epoch"
    nameless = {"algo": "AES-256-GCM", "ciphertext_b64": b64(bytes(40))}
    assert await olga.refusal("chat.message.enc", **nameless) == "stale_epoch"
    assert await olga.refusal("chat.message.enc", **nameless, key_epoch=None) == "stale_epoch"
    assert [frame["type"] for frame in await seal(olga, one, party, 2)] == ["chat.message.enc", "ack"]
    assert [frame["type"] for frame in await olga.ask("chat.message", text="aloud")] == ["chat.message", "ack"]


async def test_in_server_mode_a_message_may_name_no_epoch_but_no_wrong_one(party: Party) -> None:
    olga = await party.come(party.olga)
    nameless = {"algo": "AES-256-GCM", "ciphertext_b64": b64(bytes(40))}
    await party.olga.post(crypto(party, "/init"))
    await party.olga.post(crypto(party, "/init"))
    await party.all_heard(olga)
    heard = await olga.ask("chat.message.enc", **nameless)
    assert [frame["type"] for frame in heard] == ["chat.message.enc", "ack"] and heard[0]["key_epoch"] is None
    assert (await olga.ask("chat.message.enc", **nameless, key_epoch=2))[0]["key_epoch"] == 2
    for number in (0, 1, 3):
        assert await olga.refusal("chat.message.enc", **nameless, key_epoch=number) == "stale_epoch"


async def test_in_a_room_without_keys_the_epoch_is_the_clients_own_business(party: Party) -> None:
    olga = await party.come(party.olga)
    for named in ({}, {"key_epoch": 0}, {"key_epoch": 7}):
        heard = await olga.ask("chat.message.enc", algo="AES-256-GCM", ciphertext_b64=b64(bytes(40)), **named)
        assert heard[0]["type"] == "chat.message.enc" and heard[0]["key_epoch"] == named.get("key_epoch")


async def test_keys_and_shares_outlive_the_process(tmp_path: Path, server: ServerProcess, api: Api) -> None:
    olga, gus = await api.guest("Olga"), await api.guest("Gus")
    slug = (await olga.create_room())["slug"]
    for person in (olga, gus):
        await person.post(f"/api/participants/{slug}/join")
    one, other = await devices(olga, gus)
    await one.begin_epoch(slug)
    await server.restart()
    assert (await olga.get(f"/api/crypto/{slug}")).items() >= {"key_epoch": 1, "mode": "e2e", "members": []}.items()
    assert await other.fetch(slug) == one.room_keys[1]
    await gus.post(f"/api/participants/{slug}/join")
    seen = (await olga.get(f"/api/crypto/{slug}"))["members"]
    assert seen == [{"user_id": gus.id, "x25519_b64": other.x25519_b64, "has_share": True}]


async def test_shares_outlive_the_retention_of_events(tmp_path: Path) -> None:
    async with (ServerProcess(tmp_path / "data", **RATES_OFF, AXENIX_EVENT_RETENTION="10") as server,
                aiohttp.ClientSession() as session):
        olga = await Api(server.url, session).guest("Olga")
        slug = (await olga.create_room())["slug"]
        await olga.post(f"/api/participants/{slug}/join")
        device, = await devices(olga)
        for _ in range(2):
            await device.begin_epoch(slug)
        for n in range(30):
            await olga.post(f"/api/state/{slug}/set_topic", topic=f"topic {n}")
        async with asyncio.timeout(10):
            while (await olga.get(f"/api/sync/{slug}", after_seq=25))["floor_seq"] < 20:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # the sweeper goes behind
        made = dict(device.room_keys)
        assert {number: await device.fetch(slug, number) for number in (1, 2)} == made
        await server.restart()
        assert {number: await device.fetch(slug, number) for number in (1, 2)} == made
