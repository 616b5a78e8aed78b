"""The contract, by REST: who is in a room; coming, staying and going without a socket; the lock."""

from __future__ import annotations

import re

import pytest
from living import PARTICIPANT, TIME, Party, asked, elsewhere, refused
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401


def there(party: Party, what: str = "") -> str:
    return f"/api/participants/{party.slug}{what}"


async def test_everyone_inside_is_listed_with_all_there_is_to_know(party: Party) -> None:
    shown = (await party.gus.get(there(party)))["participants"]
    assert [each.keys() for each in shown] == [PARTICIPANT] * 3
    assert {each["user_id"]: each["role"] for each in shown} == {
        party.olga.id: "owner", party.ada.id: "admin", party.gus.id: "guest"}
    gus = next(each for each in shown if each["user_id"] == party.gus.id)
    assert re.fullmatch(TIME, gus.pop("last_seen"))
    assert gus == {
        "user_id": party.gus.id, "nickname": "Gus", "avatar_url": None, "role": "guest", "status": "active",
        "is_online": True, "mic_muted": True, "cam_off": True, "hand_raised": False, "admin_muted": False,
        "admin_video_off": False, "can_speak": False}


async def test_the_list_is_of_those_inside_unless_another_status_is_asked_for(party: Party) -> None:
    nina, lost = await party.newcomer(), await party.newcomer("Lola")
    await nina.post(there(party, "/leave"))
    await (await party.come(lost)).vanish()
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    listed = {status: set(await party.members(status=status)) for status in ("active", "lost", "left", "banned")}
    assert listed == {"active": {party.olga.id, party.ada.id}, "lost": {lost.id}, "left": {nina.id},
                      "banned": {party.gus.id}}
    default = {each["user_id"]: each for each in (await party.olga.get(there(party)))["participants"]}
    assert default.keys() == listed["active"] | listed["lost"]
    assert [default[each]["is_online"] for each in (party.olga.id, lost.id)] == [True, False]
    assert default[lost.id]["status"] == "lost"
    left = (await party.members(status="left"))[nina.id]
    assert (left["status"], left["is_online"]) == ("left", False)


async def test_a_status_that_does_not_exist_is_refused(party: Party) -> None:
    assert await refused(party.gus.get(there(party), status="asleep")) == (422, "bad_payload")


async def test_joining_staying_and_leaving_answer_with_the_participant(party: Party) -> None:
    nina = await party.api.guest("Nina")
    for what, status in (("/join", "active"), ("/join", "active"), ("/heartbeat", "active"), ("/leave", "left"),
                         ("/join", "active")):
        code, body, _ = await asked(nina, "POST", there(party, what), {})
        assert code == 200 and body.keys() == PARTICIPANT
        assert (body["user_id"], body["status"], body["is_online"]) == (nina.id, status, status == "active")


async def test_a_stay_without_a_socket_is_told_to_the_room_like_any_other(party: Party) -> None:
    olga, nina = await party.come(party.olga), await party.api.guest("Nina")
    for what in ("/join", "/join", "/heartbeat", "/leave"):
        await nina.post(there(party, what))
    heard = (await party.all_heard(olga))[0]
    assert [event["type"] for event in heard] == ["member.joined", "member.left"]
    assert {event["user_id"] for event in heard} == {nina.id}
    assert heard[0].keys() == PARTICIPANT | {"type", "seq", "created_at"}
    assert heard[1].keys() == {"type", "seq", "created_at", "user_id"}


async def test_leaving_by_rest_closes_the_socket_with_1000(party: Party) -> None:
    gus = await party.come(party.gus)
    await party.gus.post(there(party, "/leave"))
    assert (await gus.end())[1] == 1000
    assert (await party.members())[party.gus.id]["status"] == "left"


async def test_who_has_left_is_not_inside_and_may_still_read(party: Party) -> None:
    await party.gus.post(there(party, "/leave"))
    for what in ("/leave", "/heartbeat"):
        assert await refused(party.gus.post(there(party, what))) == (403, "not_inside")
    assert await refused(party.gus.post(f"/api/chat/{party.slug}", text="hi")) == (403, "not_inside")
    for path in (there(party), f"/api/state/{party.slug}", f"/api/chat/{party.slug}", f"/api/sync/{party.slug}"):
        await party.gus.get(path)


async def test_a_heartbeat_by_rest_does_not_take_the_place_of_a_socket(party: Party) -> None:
    gus = await party.come(party.gus)
    await party.gus.post(there(party, "/heartbeat"))
    await party.gus.post(there(party, "/join"))
    assert (await party.all_heard(gus))[0] == [], "the socket is open, and nobody has joined"


async def test_the_user_named_in_the_request_must_be_the_one_who_asks(party: Party) -> None:
    for what in ("/join", "/heartbeat"):
        for field in ("user_id", "actor_user_id", "uploader_user_id"):
            for query, body in ((f"?{field}={party.ada.id}", {}), ("", {field: party.ada.id})):
                answer = await asked(party.gus, "POST", there(party, what) + query, body)
                assert answer.reason == (403, "actor_mismatch")
        own = await asked(party.gus, "POST", there(party, f"{what}?user_id={party.gus.id}"), {"user_id": party.gus.id})
        assert own.status == 200
    assert (await asked(party.gus, "GET", there(party, f"?user_id={party.ada.id}"))).reason == (403, "actor_mismatch")
    answer = await asked(party.gus, "POST", there(party, f"/leave?user_id={party.ada.id}"))
    assert answer.reason == (403, "actor_mismatch")
    assert (await party.members())[party.gus.id]["status"] == "active"


async def test_an_actor_named_anywhere_must_be_the_one_who_asks(party: Party) -> None:
    slug, other = party.slug, party.ada.id
    for method, path, body in (
        ("GET", f"/api/state/{slug}", None), ("GET", f"/api/chat/{slug}", None), ("GET", f"/api/sync/{slug}", None),
        ("GET", f"/api/rooms/{slug}", None), ("POST", "/api/rooms", {}), ("DELETE", f"/api/rooms/{slug}", None),
        ("PATCH", f"/api/rooms/{slug}", {}), ("POST", f"/api/chat/{slug}", {"text": "hi"}),
        ("POST", f"/api/moderation/{slug}/force_mute", {"user_id": party.gus.id}),
        ("POST", f"/api/state/{slug}/set_topic", {"topic": "mine"}), ("GET", f"/api/moderation/{slug}/bans", None),
    ):
        for field in ("actor_user_id", "uploader_user_id"):
            answer = await asked(party.olga, method, f"{path}?{field}={other}", body)
            assert answer.reason == (403, "actor_mismatch"), path
            if body is not None:
                answer = await asked(party.olga, method, path, {**body, field: other})
                assert answer.reason == (403, "actor_mismatch"), path
    muted = await party.olga.call(
        "POST", f"/api/moderation/{slug}/force_mute", {"user_id": party.gus.id, "actor_user_id": party.olga.id},
        actor_user_id=party.olga.id)
    assert muted["user_id"] == party.gus.id, "in moderation, user_id is the target"


# ---- who is let in ---------------------------------------------------------------------------------------------------


async def test_a_private_room_wants_its_key_of_strangers_and_of_nobody_else(secret_party: Party) -> None:
    sam, path = await secret_party.api.guest("Sam"), there(secret_party, "/join")
    for body in ({}, {"invite_key": None}, {"invite_key": "x" * 16}, {"invite_key": ""}):
        answer = await asked(sam, "POST", path, body, headers=elsewhere())
        assert answer.reason == (403, "invite_required_or_invalid")
    await sam.post(path, invite_key=secret_party.room["invite_key"])
    for person in (sam, secret_party.ada, secret_party.olga):
        await person.post(there(secret_party, "/leave"))
        assert (await asked(person, "POST", path)).status == 200, "members need no key"


async def test_the_lock_stops_whoever_is_not_inside_and_no_mod(party: Party) -> None:
    former, sam, lost = await party.newcomer(), await party.api.guest("Sam"), await party.newcomer("Lola")
    for person in (former, party.ada):
        await person.post(there(party, "/leave"))
    await (await party.come(lost)).vanish()
    await party.olga.post(f"/api/state/{party.slug}/set_lock", value=True)
    for person in (former, sam):
        assert await refused(person.post(there(party, "/join"))) == (403, "room_locked")
    for person in (party.ada, party.gus, lost):
        await person.post(there(party, "/join"))
    assert (await party.api.get(f"/api/rooms/{party.slug}"))["is_locked"] is True
    await party.olga.post(f"/api/state/{party.slug}/set_lock", value=False)
    await sam.post(there(party, "/join"))


async def test_roles_and_flags_survive_leaving_and_hands_and_media_do_not(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.ask("media.self", mic_muted=False, cam_off=False)
    await gus.ask("hand.raise")
    shown = (await party.members())[party.gus.id]
    assert (shown["mic_muted"], shown["cam_off"], shown["hand_raised"]) == (False, False, True)
    for action in ("force_mute", "force_video", "speak", "promote_admin"):
        await party.olga.moderate(party.slug, action, party.gus.id)
    await party.gus.post(there(party, "/leave"))
    again = await party.gus.post(there(party, "/join"))
    assert {name: again[name] for name in ("role", "admin_muted", "admin_video_off", "can_speak")} == {
        "role": "admin", "admin_muted": True, "admin_video_off": True, "can_speak": True}
    assert (again["mic_muted"], again["cam_off"], again["hand_raised"]) == (True, True, False)


async def test_a_room_always_has_its_owner(party: Party) -> None:
    await party.olga.post(there(party, "/leave"))
    owners = [each for each in (await party.members(party.gus)).values() if each["role"] == "owner"]
    assert [each["user_id"] for each in owners] == [party.olga.id]
    await party.olga.post(f"/api/state/{party.slug}/set_lock", value=True)
    assert (await party.olga.post(there(party, "/join")))["role"] == "owner"


async def test_the_lost_are_not_inside_until_they_are_heard_of_again(party: Party) -> None:
    await (await party.come(party.gus)).vanish()
    while (await party.members())[party.gus.id]["status"] == "active":
        pass
    assert await refused(party.gus.post(f"/api/chat/{party.slug}", text="hi")) == (403, "not_inside")
    assert (await party.gus.post(there(party, "/heartbeat")))["status"] == "active"
    await party.gus.post(f"/api/chat/{party.slug}", text="hi")


@pytest.mark.parametrize("what", ["/join", "/heartbeat", "/leave"])
async def test_nobody_can_be_in_a_room_that_does_not_exist(party: Party, what: str) -> None:
    assert await refused(party.gus.post(f"/api/participants/nowhere{what}")) == (404, "room_not_found")
