"""The contract, by REST: roles, kicks and bans, forced flags, the log, and the state that moderators set."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta

import pytest
from living import EVENT, PARTICIPANT, SNAPSHOT, STATE, TIME, Party, asked, refused
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Frame

DAY = 24 * 3600
ACTIONS = ["promote_admin", "demote_admin", "kick", "unban", "force_mute", "force_video", "speak"]


async def only_event(party: Party, wire: object, type: str) -> Frame:
    """The one thing that has happened, without what every event has."""
    [[event]] = await party.all_heard(wire)  # type: ignore[arg-type]
    assert event["type"] == type and re.fullmatch(TIME, event["created_at"])
    return {name: value for name, value in event.items() if name not in EVENT}


# ---- roles -----------------------------------------------------------------------------------------------------------


async def test_the_owner_makes_and_unmakes_admins(party: Party) -> None:
    gus = await party.come(party.gus)
    for action, role in (("promote_admin", "admin"), ("demote_admin", "guest")):
        answer = await asked(party.olga, "POST", f"/api/moderation/{party.slug}/{action}", {"user_id": party.gus.id})
        assert answer[:2] == (200, {"user_id": party.gus.id, "role": role})
        assert await only_event(party, gus, "role.changed") == {
            "user_id": party.gus.id, "role": role, "by_user": party.olga.id}
        assert (await party.members())[party.gus.id]["role"] == role
        for who in (party.ada, party.gus):
            if who is party.gus and role == "guest":
                continue
            assert await refused(who.moderate(party.slug, action, party.gus.id)) == (403, "forbidden")


@pytest.mark.parametrize("action", ACTIONS)
async def test_nobody_acts_on_an_equal_or_a_superior(party: Party, action: str) -> None:
    second = await party.newcomer("Second admin")
    await party.olga.moderate(party.slug, "promote_admin", second.id)
    before = await party.members()
    olga, ada, gus = party.olga, party.ada, party.gus
    for actor, target in ((olga, olga), (ada, ada), (ada, olga), (ada, second), (gus, gus), (gus, olga), (gus, ada)):
        assert await refused(actor.moderate(party.slug, action, target.id)) == (403, "forbidden")
    after = await party.members()
    for members in (before, after):
        for member in members.values():
            del member["last_seen"]
    assert after == before


@pytest.mark.parametrize("action", ACTIONS)
async def test_nobody_acts_on_who_has_never_been_there(party: Party, action: str) -> None:
    sam = await party.api.guest("Sam")
    for target in (sam.id, 999_999_999):
        assert await refused(party.olga.moderate(party.slug, action, target)) == (404, "member_not_found")
    answer = await asked(party.olga, "POST", f"/api/moderation/{party.slug}/{action}", {})
    assert answer.reason == (422, "bad_payload") and "user_id" in answer.body["detail"]


# ---- kicks and bans --------------------------------------------------------------------------------------------------


async def test_the_kicked_is_gone_from_everything_in_one_step(party: Party) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    kick = {"user_id": party.gus.id, "reason": "noise"}
    answer = await asked(party.ada, "POST", f"/api/moderation/{party.slug}/kick", kick)
    assert answer[:2] == (200, {"user_id": party.gus.id})
    assert await only_event(party, olga, "member.kicked") == {
        "user_id": party.gus.id, "by_user": party.ada.id, "reason": "noise"}
    assert (await gus.end())[1] == 4005
    for path in ("state", "participants", "chat", "sync"):
        assert await refused(party.gus.get(f"/api/{path}/{party.slug}")) == (403, "banned")
    for what in ("join", "heartbeat", "leave"):
        assert await refused(party.gus.post(f"/api/participants/{party.slug}/{what}")) == (403, "banned")
    assert await refused(party.gus.post(f"/api/chat/{party.slug}", text="hi")) == (403, "banned")
    assert party.gus.id not in await party.members(status="active,lost,left")


async def test_a_ban_lasts_a_day_unless_said_otherwise_and_is_listed(party: Party) -> None:
    nina = await party.newcomer()
    await party.ada.moderate(party.slug, "kick", party.gus.id, reason="noise")
    await party.olga.moderate(party.slug, "kick", nina.id, ban_sec=60)
    items = {item["user_id"]: item for item in (await party.ada.get(f"/api/moderation/{party.slug}/bans"))["items"]}
    now = datetime.now().astimezone()
    for person, seconds, by, reason in ((party.gus, DAY, party.ada, "noise"), (nina, 60, party.olga, None)):
        ban = items[person.id]
        assert re.fullmatch(TIME, until := ban.pop("until"))
        assert abs(datetime.fromisoformat(until) - now - timedelta(seconds=seconds)) < timedelta(seconds=15)
        name = "Gus" if person is party.gus else "Nina"
        assert ban == {"user_id": person.id, "nickname": name, "by_user": by.id, "reason": reason}
    assert items.keys() == {party.gus.id, nina.id}


async def test_a_ban_ends_by_itself(party: Party) -> None:
    await party.olga.moderate(party.slug, "kick", party.gus.id, ban_sec=1)
    assert await refused(party.enter(party.gus)) == (403, "banned")
    await asyncio.sleep(1.1)
    assert (await party.olga.get(f"/api/moderation/{party.slug}/bans"))["items"] == []
    assert (await party.enter(party.gus))["status"] == "active"


async def test_a_kick_without_a_ban_makes_a_stranger_who_may_come_back(secret_party: Party) -> None:
    party = secret_party
    await party.olga.moderate(party.slug, "kick", party.gus.id, ban_sec=0)
    assert (await party.olga.get(f"/api/moderation/{party.slug}/bans"))["items"] == []
    assert await refused(party.gus.get(f"/api/chat/{party.slug}")) == (404, "room_not_found")
    join = f"/api/participants/{party.slug}/join"
    assert await refused(party.gus.post(join)) == (403, "invite_required_or_invalid")
    assert (await party.enter(party.gus))["status"] == "active"


async def test_an_unban_lets_in_again_and_gives_no_role_back(party: Party) -> None:
    await party.olga.moderate(party.slug, "promote_admin", party.gus.id)
    for action in ("force_mute", "force_video", "speak"):
        await party.olga.moderate(party.slug, action, party.gus.id)
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    answer = await asked(party.ada, "POST", f"/api/moderation/{party.slug}/unban", {"user_id": party.gus.id})
    assert answer[:2] == (200, {"user_id": party.gus.id})
    assert (await party.olga.get(f"/api/moderation/{party.slug}/bans"))["items"] == []
    assert await refused(party.gus.get(f"/api/chat/{party.slug}")) == (403, "not_a_member")
    again = await party.enter(party.gus)
    assert again["role"] == "guest"
    assert again["admin_muted"] and again["admin_video_off"] and again["can_speak"]


async def test_a_kick_in_a_private_room_leaves_no_door(secret_party: Party) -> None:
    party = secret_party
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    for path in ("state", "participants", "chat", "sync"):
        assert await refused(party.gus.get(f"/api/{path}/{party.slug}")) == (404, "room_not_found")
    assert await refused(party.enter(party.gus)) == (403, "banned"), "the key does not help"


@pytest.mark.parametrize("more", [
    {"ban_sec": -1}, {"ban_sec": "60"}, {"ban_sec": True}, {"ban_sec": 1.5}, {"ban_sec": 2**63}, {"reason": 5},
])
async def test_a_kick_that_makes_no_sense_is_refused(party: Party, more: Frame) -> None:
    answer = await asked(party.olga, "POST", f"/api/moderation/{party.slug}/kick", {"user_id": party.gus.id, **more})
    assert answer.reason == (422, "bad_payload") and next(iter(more)) in answer.body["detail"]
    assert (await party.members())[party.gus.id]["status"] == "active"


# ---- forced flags ----------------------------------------------------------------------------------------------------


async def test_a_mod_mutes_and_unmutes_and_never_opens_a_microphone(party: Party) -> None:
    gus, path = await party.come(party.gus), f"/api/moderation/{party.slug}/force_mute"
    await gus.ask("media.self", mic_muted=False)
    for more, forced in (({"reason": "noise"}, True), ({"muted": False}, False), ({"muted": True}, True)):
        answer = await asked(party.ada, "POST", path, {"user_id": party.gus.id, **more})
        assert answer[:2] == (200, {"user_id": party.gus.id, "admin_muted": forced, "mic_muted": True})
        assert await only_event(party, gus, "media.forced") == {
            "user_id": party.gus.id, "admin_muted": forced, "by_user": party.ada.id, "reason": more.get("reason")}
        shown = (await party.members())[party.gus.id]
        assert (shown["admin_muted"], shown["mic_muted"]) == (forced, True)


async def test_a_mod_turns_video_off_and_never_on(party: Party) -> None:
    gus, path = await party.come(party.gus), f"/api/moderation/{party.slug}/force_video"
    await gus.ask("media.self", cam_off=False)
    for more, forced in (({"reason": "noise"}, True), ({"video_off": False}, False), ({"video_off": True}, True)):
        answer = await asked(party.ada, "POST", path, {"user_id": party.gus.id, **more})
        assert answer[:2] == (200, {"user_id": party.gus.id, "admin_video_off": forced, "cam_off": True})
        assert await only_event(party, gus, "media.video_forced") == {
            "user_id": party.gus.id, "admin_video_off": forced, "by_user": party.ada.id, "reason": more.get("reason")}


async def test_a_mod_gives_and_takes_the_right_to_speak(party: Party) -> None:
    gus, path = await party.come(party.gus), f"/api/moderation/{party.slug}/speak"
    for more, given in (({}, True), ({"can_speak": False}, False), ({"can_speak": True}, True)):
        answer = await asked(party.ada, "POST", path, {"user_id": party.gus.id, **more})
        assert answer[:2] == (200, {"user_id": party.gus.id, "can_speak": given})
        assert await only_event(party, gus, "speak.changed") == {
            "user_id": party.gus.id, "can_speak": given, "by_user": party.ada.id}


# ---- the log ---------------------------------------------------------------------------------------------------------


async def test_the_log_tells_who_did_what_to_whom(party: Party) -> None:
    await party.ada.moderate(party.slug, "force_mute", party.gus.id, reason="noise")
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    items = (await party.ada.get(f"/api/moderation/{party.slug}/log"))["items"]
    assert all(item.keys() == {"seq", "action", "by_user", "user_id", "reason", "created_at"} for item in items)
    told = {item["seq"]: item for item in items}
    history = {event["seq"]: event for event in (await party.olga.get(f"/api/sync/{party.slug}"))["items"]}
    kick, mute = [next(e for e in history.values() if e["type"] == t) for t in ("member.kicked", "media.forced")]
    for event, actor, reason in ((mute, party.ada, "noise"), (kick, party.olga, None)):
        item = told[event["seq"]]
        assert (item["by_user"], item["user_id"], item["reason"]) == (actor.id, party.gus.id, reason)
        assert item["created_at"] == event["created_at"] and item["action"]


async def test_the_log_is_read_in_pages(party: Party) -> None:
    for n in range(5):
        await party.olga.moderate(party.slug, "speak", party.gus.id, can_speak=bool(n % 2))
    path = f"/api/moderation/{party.slug}/log"
    whole = [item["seq"] for item in (await party.olga.get(path))["items"]]
    assert len(whole) == len(set(whole)) == 6, "Ada's promotion, and five more"
    latest = [item["seq"] for item in (await party.olga.get(path, limit=2))["items"]]
    before = [item["seq"] for item in (await party.olga.get(path, limit=2, before=min(latest)))["items"]]
    assert sorted(before + latest) == sorted(whole)[-4:] and max(before) < min(latest)


# ---- state -----------------------------------------------------------------------------------------------------------


async def test_the_state_is_the_snapshot_that_a_newcomer_is_given(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.ask("hand.raise")
    snapshot = (await party.come(party.ada)).greeting[1]
    state = await party.gus.get(f"/api/state/{party.slug}")
    assert state.keys() | {"type"} == snapshot.keys() | {"type"} == SNAPSHOT | {"type"}
    assert {name: state[name] for name in SNAPSHOT} == {name: snapshot[name] for name in SNAPSHOT}
    assert state["hands_up"] == [party.gus.id] and re.fullmatch("[0-9a-f]{32}", state["epoch"])
    assert all(each.keys() < PARTICIPANT for each in state["participants"])


async def test_mods_set_topic_lock_and_mute_all_and_everyone_hears_the_whole_state(party: Party) -> None:
    gus = await party.come(party.gus)
    now: Frame = {"topic": "", "is_locked": False, "mute_all": False, "recording_active": False}
    for action, body, name, value in (
        ("set_topic", {"topic": " Tea "}, "topic", "Tea"), ("set_lock", {"value": True}, "is_locked", True),
        ("set_mute_all", {"value": True}, "mute_all", True), ("set_lock", {"value": False}, "is_locked", False),
        ("set_topic", {"topic": ""}, "topic", ""),
    ):
        now[name] = value
        answer = await asked(party.ada, "POST", f"/api/state/{party.slug}/{action}", body)
        assert answer[:2] == (200, now) and answer.body.keys() == STATE
        event = await gus.hear()
        assert {key: event[key] for key in event.keys() - EVENT} == {**now, "by_user": party.ada.id}
        assert event["type"] == "state.changed"
        assert await refused(party.gus.call("POST", f"/api/state/{party.slug}/{action}", body)) == (403, "forbidden")


@pytest.mark.parametrize(("action", "body"), [
    ("set_topic", {}), ("set_topic", {"topic": 5}), ("set_topic", {"topic": "x" * 201}), ("set_topic", {"topic": None}),
    ("set_lock", {}), ("set_lock", {"value": "true"}), ("set_lock", {"value": 1}), ("set_mute_all", {"value": None}),
])
async def test_a_state_that_makes_no_sense_is_refused(party: Party, action: str, body: Frame) -> None:
    answer = await asked(party.olga, "POST", f"/api/state/{party.slug}/{action}", body)
    assert answer.reason == (422, "bad_payload")
    assert ("topic" if action == "set_topic" else "value") in answer.body["detail"]
