"""The contract, by REST: making, listing, finding, changing and deleting rooms."""

from __future__ import annotations

import asyncio
import re

import pytest
from living import KEYS_OF_MODS, ROOM, TIME, Party, asked, elsewhere, refused
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Api

SLUG = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
KEY = "0123456789abcdef"


# ---- POST /api/rooms -------------------------------------------------------------------------------------------------


async def test_whoever_makes_a_room_owns_it_and_may_invite(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    wanted = {"title": " Tea ", "slug": f"tea-{ann.id}", "topic": " Milk? "}
    status, room, _ = await asked(ann, "POST", "/api/rooms", wanted)
    assert status == 201 and room.keys() == ROOM | KEYS_OF_MODS
    assert (room["slug"], room["title"], room["topic"]) == (f"tea-{ann.id}", "Tea", "Milk?")
    assert (room["created_by"], room["online_count"], room["cover_url"]) == (ann.id, 0, None)
    assert not (room["is_private"] or room["is_locked"] or room["recording_active"])
    assert re.fullmatch(TIME, room["created_at"])
    assert await ann.get(f"/api/rooms/{room['slug']}") == room


async def test_a_room_without_a_slug_is_named_after_its_title_and_by_chance(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    one, two = [await ann.create_room(title="Привет, мир!") for _ in "12"]
    others = [await ann.create_room(**given) for given in ({}, {"title": "茶"}, {"title": "x" * 200}, {"title": "-"})]
    for room in (one, two, *others):
        assert re.fullmatch(SLUG, room["slug"])
    assert one["slug"].startswith("privet-mir-") and one["slug"] != two["slug"]


@pytest.mark.parametrize("slug", ["", "-a", "a-", "Tea", "a_b", "a b", "a/b", "..", "x" * 65, "чай", "a\n", "a\0", 5])
async def test_a_slug_is_an_address_that_can_be_typed(anyone: Api, slug: object) -> None:
    answer = await asked(await anyone.guest("Ann"), "POST", "/api/rooms", {"slug": slug})
    assert answer.reason == (422, "bad_payload") and "slug" in answer.body["detail"]


async def test_a_slug_has_up_to_64_characters(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    for slug in (f"{ann.id:064x}", f"{ann.id}"):
        assert (await ann.create_room(slug=slug))["slug"] == slug


async def test_of_two_who_want_one_slug_one_gets_it(anyone: Api) -> None:
    people = [await anyone.guest(f"P{n}") for n in range(5)]
    wanted = {"slug": f"one-{people[0].id}"}
    answers = await asyncio.gather(*(asked(person, "POST", "/api/rooms", wanted) for person in people))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.reason for answer in answers if answer.status == 409} == {(409, "slug_taken")}
    winner = people[[answer.status for answer in answers].index(201)]
    assert (await winner.get(f"/api/rooms/one-{people[0].id}"))["created_by"] == winner.id


async def test_an_invite_key_or_the_wish_makes_a_room_private(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    key = f"{ann.id}-{KEY}"
    keyed, wished = await ann.create_room(invite_key=key), await ann.create_room(is_private=True)
    assert keyed["is_private"] and keyed["invite_key"] == key and key in keyed["invite_url"]
    assert wished["is_private"]


async def test_an_invite_key_is_made_on_request(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    rooms = [await ann.create_room(create_invite=True, is_private=private) for private in (True, False)]
    for room in rooms:
        assert 16 <= len(room["invite_key"]) <= 128 and room["invite_key"] in room["invite_url"]
    assert [room["is_private"] for room in rooms] == [True, False]
    assert rooms[0]["invite_key"] != rooms[1]["invite_key"]


async def test_an_invite_key_has_16_to_128_characters_and_opens_one_room_only(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    for length, status in ((15, 422), (16, 201), (128, 201), (129, 422)):
        key = f"{ann.id}".ljust(length, "x")
        assert (await asked(ann, "POST", "/api/rooms", {"invite_key": key})).status == status
    assert 400 <= (await asked(ann, "POST", "/api/rooms", {"invite_key": f"{ann.id}".ljust(16, "x")})).status < 500


@pytest.mark.parametrize("field", ["title", "topic"])
async def test_title_and_topic_have_up_to_200_plain_characters(anyone: Api, field: str) -> None:
    ann = await anyone.guest("Ann")
    assert (await ann.create_room(**{field: "x" * 200}))[field] == "x" * 200
    for wrong in ("x" * 201, 5, ["x"]):
        answer = await asked(ann, "POST", "/api/rooms", {field: wrong})
        assert answer.reason == (422, "bad_payload") and field in answer.body["detail"]
    kept = (await ann.create_room(**{field: " a\0b\u202ec\n "}))[field]
    assert kept == "abc"


# ---- finding rooms ---------------------------------------------------------------------------------------------------


async def test_public_rooms_are_listed_newest_first_in_pages(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    slugs = [(await ann.create_room(title=f"Room {n}"))["slug"] for n in range(5)]
    hidden = (await ann.create_room(is_private=True))["slug"]
    listed, query = [], {"limit": 2}
    while len(listed) < 6:
        page = await anyone.get("/api/rooms", **query)
        assert page.keys() == {"items", "next_cursor"} and len(page["items"]) <= 2
        listed += page["items"]
        if page["next_cursor"] is None:
            break
        query = {"limit": 2, "cursor": page["next_cursor"]}
    assert [room["slug"] for room in listed][:5] == slugs[::-1]
    assert all(room.keys() == ROOM for room in listed)
    everything = await anyone.get("/api/rooms", limit=100)
    assert hidden not in [room["slug"] for room in everything["items"]]


async def test_the_last_page_of_rooms_says_so(anyone: Api) -> None:
    await (await anyone.guest("Ann")).create_room()
    cursors, query = set(), {"limit": 1}
    while (page := await anyone.get("/api/rooms", **query))["next_cursor"] is not None:
        assert page["next_cursor"] not in cursors, "paging goes in a circle"
        cursors.add(page["next_cursor"])
        query = {"limit": 100, "cursor": page["next_cursor"]}


async def test_anyone_sees_a_public_room_and_only_mods_its_invitation(party: Party) -> None:
    path = f"/api/rooms/{party.slug}"
    for who in (party.api, party.gus, party.ada, party.olga):
        room = await who.get(path)
        assert room.keys() == (ROOM | KEYS_OF_MODS if who in (party.ada, party.olga) else ROOM)
        assert room["online_count"] == 3


async def test_a_stranger_to_a_private_room_learns_that_it_exists_and_nothing_else(secret_party: Party) -> None:
    path = f"/api/rooms/{secret_party.slug}"
    await secret_party.olga.moderate(secret_party.slug, "kick", secret_party.gus.id)
    for who in (secret_party.api, await secret_party.api.guest("Sam"), secret_party.gus):
        assert await who.get(path) == {"slug": secret_party.slug, "is_private": True}
        assert await who.get(f"{path}/exists") == {"exists": True}
    assert (await secret_party.ada.get(path)).keys() == ROOM | KEYS_OF_MODS
    former = await secret_party.newcomer()
    await former.post(f"/api/participants/{secret_party.slug}/leave")
    assert (await former.get(path)).keys() == ROOM


async def test_a_room_that_does_not_exist_is_not_found(anyone: Api) -> None:
    assert await refused(anyone.get("/api/rooms/nowhere")) == (404, "room_not_found")
    assert await anyone.get("/api/rooms/nowhere/exists") == {"exists": False}


async def test_an_invitation_shows_the_room_and_makes_no_member(secret_party: Party) -> None:
    sam, key = await secret_party.api.guest("Sam"), secret_party.room["invite_key"]
    room = await sam.post("/api/rooms/join/by-invite", invite_key=key)
    assert room.keys() == ROOM and room["slug"] == secret_party.slug
    assert sam.id not in await secret_party.members()
    assert await refused(sam.get(f"/api/state/{secret_party.slug}")) == (404, "room_not_found")
    assert await refused(secret_party.api.post("/api/rooms/join/by-invite", invite_key=key)) == (401, "invalid_token")


async def test_ten_wrong_keys_in_half_an_hour_close_the_door_to_that_address_alone(secret_party: Party) -> None:
    sam, key, from_there = await secret_party.api.guest("Sam"), secret_party.room["invite_key"], elsewhere()
    path = "/api/rooms/join/by-invite"
    for n in range(10):
        answer = await asked(sam, "POST", path, {"invite_key": f"{n}{key}"}, headers=from_there)
        assert answer.reason == (403, "invite_required_or_invalid")
    answer = await asked(sam, "POST", path, {"invite_key": key}, headers=from_there)
    assert answer.reason == (429, "too_many_attempts")
    assert 0 < answer.body["retry_after"] <= 30 * 60
    join = f"/api/participants/{secret_party.slug}/join"
    answer = await asked(sam, "POST", join, {"invite_key": key}, headers=from_there)
    assert answer.reason == (429, "too_many_attempts"), "the other door for guessing is closed too"
    assert (await asked(sam, "POST", path, {"invite_key": key}, headers=elsewhere())).status == 200


# ---- PATCH and DELETE ------------------------------------------------------------------------------------------------


async def test_the_owner_changes_title_and_privacy_and_everyone_inside_hears_of_it(party: Party) -> None:
    gus, path = await party.come(party.gus), f"/api/rooms/{party.slug}"
    status, room, _ = await asked(party.olga, "PATCH", path, {"title": " High tea ", "is_private": True})
    assert status == 200 and room.keys() == ROOM | KEYS_OF_MODS
    assert (room["title"], room["is_private"]) == ("High tea", True)
    event = await gus.hear()
    assert event == {"type": "room.updated", "seq": event["seq"], "created_at": event["created_at"],
                     "title": "High tea", "is_private": True, "by_user": party.olga.id}
    assert await party.api.get(path) == {"slug": party.slug, "is_private": True}
    room = await party.olga.call("PATCH", path, {"is_private": False})
    assert (room["title"], room["is_private"]) == ("High tea", False), "what is not named stays"
    for who in (party.ada, party.gus):
        assert await refused(who.call("PATCH", path, {"title": "Mine"})) == (403, "forbidden")


async def test_a_new_invite_key_takes_the_place_of_the_old_one(secret_party: Party) -> None:
    gus, old = await secret_party.come(secret_party.gus), secret_party.room["invite_key"]
    path = f"/api/participants/{secret_party.slug}/join"
    room = await secret_party.olga.call("PATCH", f"/api/rooms/{secret_party.slug}", {"new_invite_key": True})
    new = room["invite_key"]
    assert new != old and new in room["invite_url"] and room["is_private"]
    for event in (await secret_party.all_heard(gus))[0]:
        assert new not in str(event), "an invite key is told to nobody who may not invite"
    sam = await secret_party.api.guest("Sam")
    answer = await asked(sam, "POST", path, {"invite_key": old}, headers=elsewhere())
    assert answer.reason == (403, "invite_required_or_invalid")
    assert (await asked(sam, "POST", path, {"invite_key": new}, headers=elsewhere())).status == 200
    await sam.post("/api/rooms/join/by-invite", invite_key=new)


@pytest.mark.parametrize("body", [{"title": 5}, {"title": "x" * 201}, {"is_private": "yes"}, {"new_invite_key": 1}])
async def test_a_change_of_a_room_that_makes_no_sense_is_refused(party: Party, body: dict[str, object]) -> None:
    answer = await asked(party.olga, "PATCH", f"/api/rooms/{party.slug}", body)
    assert answer.reason == (422, "bad_payload") and next(iter(body)) in answer.body["detail"]


async def test_a_deleted_room_is_gone_with_its_history_and_everyone_in_it(party: Party) -> None:
    gus, path = await party.come(party.gus), f"/api/rooms/{party.slug}"
    await party.gus.post(f"/api/chat/{party.slug}", text="soon forgotten")
    for who in (party.ada, party.gus):
        assert await refused(who.call("DELETE", path)) == (403, "forbidden")
    assert await party.olga.call("DELETE", path) == {"ok": True}
    assert (await gus.end())[1] == 4007
    assert await party.api.get(f"{path}/exists") == {"exists": False}
    for gone in (path, f"/api/chat/{party.slug}", f"/api/sync/{party.slug}", f"/api/participants/{party.slug}"):
        assert await refused(party.olga.get(gone)) == (404, "room_not_found")
    assert party.slug not in [room["slug"] for room in (await party.api.get("/api/rooms", limit=100))["items"]]
    again = await party.gus.create_room(slug=party.slug)
    assert (again["created_by"], again["online_count"]) == (party.gus.id, 0)
    assert await refused(party.olga.get(f"/api/chat/{party.slug}")) == (403, "not_a_member")
    assert (await party.gus.get(f"/api/chat/{party.slug}"))["items"] == []
