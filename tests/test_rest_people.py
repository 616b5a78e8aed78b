"""The contract, by REST: people, their tokens and keys, and what a server says of itself."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from living import PASS, USER, Party, anyone_fixture, asked, party_fixture, refused, shared_server_fixture  # noqa: F401

from axenix.client import Api, Person

THIRTY_DAYS = 30 * 24 * 3600


def rsa_pem(bits: int = 2048) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*form).decode()


# ---- POST /api/auth/guest --------------------------------------------------------------------------------------------


async def test_a_new_guest_gets_a_token_for_thirty_days_and_is_told_who_it_is(anyone: Api) -> None:
    status, body, _ = await asked(anyone, "POST", "/api/auth/guest", {"nickname": "Ann"})
    assert status == 201 and body.keys() == PASS
    assert (body["token_type"], body["expires_in"]) == ("bearer", THIRTY_DAYS)
    assert body["user"] == {"id": body["user_id"], "nickname": "Ann", "avatar_url": None, "public_key_pem": None}


@pytest.mark.parametrize("body", [None, {}, {"nickname": None}, {"unheard_of": 1}])
async def test_a_guest_need_not_give_a_name_and_is_called_something(anyone: Api, body: object) -> None:
    status, given, _ = await asked(anyone, "POST", "/api/auth/guest", body)
    assert status == 201 and given["user"]["nickname"].strip()


async def test_every_call_without_a_token_makes_another_guest(anyone: Api) -> None:
    assert (await anyone.guest("Ann")).id != (await anyone.guest("Ann")).id


async def test_whoever_has_a_token_gets_a_fresh_one_for_the_same_user(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    status, body, _ = await asked(ann, "POST", "/api/auth/guest", {"user_id": ann.id})
    assert status == 201 and body.keys() == PASS
    assert body["user_id"] == body["user"]["id"] == ann.id and body["user"]["nickname"] == "Ann"
    again = Person(anyone, ann.id, body["access_token"])
    assert (await again.get(f"/api/users/{ann.id}"))["nickname"] == "Ann"


async def test_a_token_that_is_not_ours_makes_no_guest(anyone: Api) -> None:
    assert (await asked(Person(anyone, 1, "no.such.token"), "POST", "/api/auth/guest", {})).reason == (
        401, "invalid_token")


@pytest.mark.parametrize("place", ["?user_id={}", "?actor_user_id={}", "?uploader_user_id={}"])
async def test_nobody_gets_a_token_of_somebody_else(anyone: Api, place: str) -> None:
    ann, bob = await anyone.guest("Ann"), await anyone.guest("Bob")
    field = place[1:].partition("=")[0]
    for asker in (anyone, ann):
        answer = await asked(asker, "POST", "/api/auth/guest", {field: bob.id})
        assert answer.reason == (403, "actor_mismatch")
    assert (await asked(ann, "POST", "/api/auth/guest" + place.format(bob.id), {})).reason == (403, "actor_mismatch")
    assert (await asked(ann, "POST", "/api/auth/guest" + place.format(ann.id), {})).status == 201


# ---- users -----------------------------------------------------------------------------------------------------------


async def test_a_user_is_made_with_a_nickname_and_perhaps_a_key(anyone: Api) -> None:
    pem = rsa_pem()
    status, body, _ = await asked(anyone, "POST", "/api/users", {"nickname": " Ann ", "public_key_pem": pem})
    assert status == 201 and body.keys() >= USER | {"access_token"}
    assert (body["nickname"], body["avatar_url"], body["public_key_pem"]) == ("Ann", None, pem)
    ann = Person(anyone, body["id"], body["access_token"])
    assert await ann.get(f"/api/users/{ann.id}") == {name: body[name] for name in USER}


@pytest.mark.parametrize("body", [{}, {"nickname": None}, {"nickname": 5}, {"nickname": "Ann", "public_key_pem": 7}])
async def test_a_user_needs_a_nickname_and_the_refusal_names_the_field(anyone: Api, body: dict[str, object]) -> None:
    answer = await asked(anyone, "POST", "/api/users", body)
    assert answer.reason == (422, "bad_payload")
    assert ("public_key_pem" if "public_key_pem" in body else "nickname") in answer.body["detail"]


async def test_anyone_with_a_token_sees_any_user(anyone: Api) -> None:
    ann, bob = await anyone.guest("Ann"), await anyone.guest("Bob")
    seen = await bob.get(f"/api/users/{ann.id}")
    assert seen == {"id": ann.id, "nickname": "Ann", "avatar_url": None, "public_key_pem": None}
    assert await refused(anyone.get(f"/api/users/{ann.id}")) == (401, "invalid_token")


@pytest.mark.parametrize("number", ["0", "-1", "99999999", "9007199254740992", "18446744073709551616", "1.0", "true",
                                    "%D9%A1", "9" * 5000])
async def test_there_is_no_user_under_a_number_that_nobody_has(anyone: Api, number: str) -> None:
    assert (await asked(await anyone.guest("Ann"), "GET", f"/api/users/{number}")).reason == (404, "user_not_found")


async def test_users_change_their_own_profile_and_nobody_elses(anyone: Api) -> None:
    ann, bob = await anyone.guest("Ann"), await anyone.guest("Bob")
    changed = await ann.call("PATCH", f"/api/users/{ann.id}", {"nickname": "Anna"})
    assert changed == {"id": ann.id, "nickname": "Anna", "avatar_url": None, "public_key_pem": None}
    assert await bob.get(f"/api/users/{ann.id}") == changed
    assert await refused(bob.call("PATCH", f"/api/users/{ann.id}", {"nickname": "Bad"})) == (403, "forbidden")
    assert await bob.get(f"/api/users/{ann.id}") == changed


async def test_a_profile_keeps_what_is_not_named_and_a_key_can_be_taken_away(anyone: Api) -> None:
    ann, pem = await anyone.guest("Ann"), rsa_pem(3072)
    assert (await ann.call("PATCH", f"/api/users/{ann.id}", {"public_key_pem": pem}))["nickname"] == "Ann"
    assert (await ann.call("PATCH", f"/api/users/{ann.id}", {"nickname": "Anna"}))["public_key_pem"] == pem
    assert (await ann.call("PATCH", f"/api/users/{ann.id}", {"public_key_pem": None}))["public_key_pem"] is None


@pytest.mark.parametrize(("given", "kept"), [
    ("  Ann \t", "Ann"), ("x" * 80, "x" * 80), ("A\0n\x1bn\x7f", "Ann"), ("\u202eAnn\u2066", "Ann"),
])
async def test_a_nickname_is_trimmed_and_can_disturb_nothing_beside_it(anyone: Api, given: str, kept: str) -> None:
    answer = await asked(anyone, "POST", "/api/auth/guest", {"nickname": given})
    assert answer.reason == (422, "bad_payload") if answer.status != 201 else answer.body["user"]["nickname"] == kept


@pytest.mark.parametrize("nickname", ["", "   ", "\u202e", "\u200b", "x" * 81, "\0"])
async def test_a_nickname_has_one_to_eighty_characters(anyone: Api, nickname: str) -> None:
    ann = await anyone.guest("Ann")
    for method, path in (("POST", "/api/auth/guest"), ("POST", "/api/users"), ("PATCH", f"/api/users/{ann.id}")):
        answer = await asked(ann if method == "PATCH" else anyone, method, path, {"nickname": nickname})
        assert answer.reason == (422, "bad_payload") and "nickname" in answer.body["detail"]


async def test_rooms_one_is_inside_hear_of_a_new_nickname_and_others_do_not(party: Party) -> None:
    olga = await party.come(party.olga)
    ada = await party.come(party.ada)
    await party.ada.post(f"/api/participants/{party.slug}/leave")
    await party.ada.call("PATCH", f"/api/users/{party.ada.id}", {"nickname": "Ada II"})
    await party.gus.call("PATCH", f"/api/users/{party.gus.id}", {"nickname": "Gustav"})
    updated = await olga.until("member.updated")
    assert updated == {"type": "member.updated", "seq": updated["seq"], "created_at": updated["created_at"],
                       "user_id": party.gus.id, "nickname": "Gustav", "avatar_url": None}
    assert (await party.members())[party.gus.id]["nickname"] == "Gustav"
    assert (await ada.end())[1] == 1000


# ---- rtc and health --------------------------------------------------------------------------------------------------


async def test_the_way_to_find_each_other_is_told_to_anyone(anyone: Api) -> None:
    for asker in (anyone, await anyone.guest("Ann")):
        status, body, _ = await asked(asker, "GET", "/api/rtc/config")
        assert status == 200 and body.keys() == {"iceServers", "ttl"}
        assert isinstance(body["ttl"], int) and body["ttl"] > 0
        assert all(server["urls"] and "credential" not in server for server in body["iceServers"])


async def test_a_server_that_runs_is_alive_and_ready(anyone: Api) -> None:
    for path in ("/livez", "/readyz"):
        assert (await asked(anyone, "GET", path)).status == 200


async def test_many_at_once_are_all_answered(anyone: Api) -> None:
    people = await asyncio.gather(*(anyone.guest(f"P{n}") for n in range(50)))
    assert len({person.id for person in people}) == 50
