"""The contract, by socket: how one comes in, who is turned away, and how a stay ends."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest
from harness import ServerProcess
from living import EVENT, PARTICIPANT, SHOWN, SNAPSHOT, Party, Wire, elsewhere, refused
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Api

UPGRADE = ("Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")

# ---- coming in -------------------------------------------------------------------------------------------------------


async def test_the_first_in_a_new_room_is_greeted_in_this_order(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    room = await ann.create_room(title="Tea", topic="Milk?")
    async with ann.session.ws_connect(f"{anyone.base_url}/ws/rooms/{room['slug']}?token={ann.token}") as ws:
        wire = Wire(ws)
        assert await wire.hear() == {
            "type": "joined", "room_slug": room["slug"], "user_id": ann.id, "role": "owner", "resumed": False}
        snapshot = await wire.hear()
        epoch = snapshot["epoch"]
        assert re.fullmatch("[0-9a-f]{32}", epoch) and snapshot.keys() == SNAPSHOT | {"type"}
        assert snapshot == {
            "type": "state.snapshot", "topic": "Milk?", "title": "Tea", "is_locked": False, "mute_all": False,
            "recording_active": False, "hands_up": [], "cover_url": None, "key_epoch": snapshot["key_epoch"],
            "participants": [], "seq": 0, "epoch": epoch}
        assert await wire.hear() == {"type": "sync.info", "next_seq": 1, "floor_seq": 1, "epoch": epoch}
        joined = await wire.hear()
        assert joined.keys() == PARTICIPANT | EVENT
        assert (joined["type"], joined["seq"], joined["user_id"]) == ("member.joined", 1, ann.id)
        assert (joined["role"], joined["status"], joined["is_online"]) == ("owner", "active", True)
        assert joined["mic_muted"] and joined["cam_off"] and not joined["hand_raised"]


async def test_whoever_comes_later_is_shown_the_others_and_heard_by_them(party: Party) -> None:
    olga = await party.come(party.olga)
    await olga.ask("media.self", mic_muted=False)
    nina = await party.come(sam := await party.api.guest("Nina"))
    joined, snapshot, info = nina.greeting
    assert joined == {"type": "joined", "room_slug": party.slug, "user_id": sam.id, "role": "guest", "resumed": False}
    assert [each["user_id"] for each in snapshot["participants"]] == [party.olga.id, party.ada.id, party.gus.id]
    assert all(each.keys() == SHOWN for each in snapshot["participants"])
    assert snapshot["participants"][0]["mic_muted"] is False
    assert snapshot["seq"] == info["next_seq"] - 1
    own = await nina.hear()
    assert (own["type"], own["seq"], own["user_id"]) == ("member.joined", info["next_seq"], sam.id)
    assert await olga.until("member.joined") == own


async def test_what_is_said_before_the_greeting_is_heard_after_it(party: Party) -> None:
    wire = await party.dial(nina := await party.api.guest("Nina"), token=nina.token)
    await wire.say("chat.message", text="early", cid="c")
    heard = [await wire.hear() for _ in range(6)]
    assert [frame["type"] for frame in heard] == [
        "joined", "state.snapshot", "sync.info", "member.joined", "chat.message", "ack"]


@pytest.mark.parametrize("way", ["query", "header", "subprotocol", "header in lower case"])
async def test_a_token_may_come_in_three_ways(party: Party, way: str) -> None:
    token = party.gus.token
    wire = await {
        "query": lambda: party.dial(party.api, token=token),
        "header": lambda: party.dial(party.api, headers={"Authorization": f"Bearer {token}"}),
        "header in lower case": lambda: party.dial(party.api, headers={"authorization": f"bearer {token}"}),
        "subprotocol": lambda: party.dial(party.api, protocols=("axenix.v1", f"bearer.{token}")),
    }[way]()
    assert (await wire.hear())["user_id"] == party.gus.id
    assert wire.ws.protocol == ("axenix.v1" if way == "subprotocol" else None)


async def test_the_logs_hold_no_token_and_no_invite_key(secret_party: Party, shared_server: ServerProcess) -> None:
    party, key = secret_party, secret_party.room["invite_key"]
    await party.come(party.gus)
    await party.dial(party.api, protocols=("axenix.v1", f"bearer.{party.ada.token}"), invite_key=key)
    await (await party.dial(party.api, token="not.a.token", invite_key=key)).end()
    log = "\n".join(shared_server.stdout + shared_server.stderr)
    for secret in (key, party.gus.token, party.ada.token, "not.a.token", "bearer."):
        assert secret not in log


# ---- turned away -----------------------------------------------------------------------------------------------------


async def turned_away(wire: Wire) -> tuple[str, int | None]:
    """The reason, which comes alone, and the close code."""
    [error], code = await wire.end()
    assert error["type"] == "error" and error["detail"] and error.keys() <= {"type", "reason", "detail", "retry_after"}
    return error["reason"], code


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "\u00e9", "x" * 5000])
async def test_without_a_token_of_ours_nobody_comes_in(party: Party, token: str | None) -> None:
    assert await turned_away(await party.dial(party.api, token=token)) == ("invalid_token", 1008)


@pytest.mark.parametrize("field", ["actor_user_id", "uploader_user_id"])
async def test_nobody_comes_in_as_somebody_else(party: Party, field: str) -> None:
    wire = await party.dial(party.gus, token=party.gus.token, **{field: party.ada.id})
    assert await turned_away(wire) == ("actor_mismatch", 1008)
    wire = await party.dial(party.gus, token=party.gus.token, **{field: party.gus.id})
    assert (await wire.hear())["user_id"] == party.gus.id


@pytest.mark.parametrize("slug", ["nowhere", "UPPER", "x" * 300, "*", "чай"])
async def test_there_is_no_way_into_a_room_that_does_not_exist(party: Party, slug: str) -> None:
    assert await turned_away(await party.dial(party.gus, slug, token=party.gus.token)) == ("room_not_found", 1008)


async def test_a_private_room_wants_its_key_of_strangers_and_of_nobody_else(secret_party: Party) -> None:
    party, sam = secret_party, await secret_party.api.guest("Sam")
    for key in (None, "", "x" * 16):
        wire = await party.dial(sam, token=sam.token, invite_key=key, headers=elsewhere())
        assert await turned_away(wire) == ("invite_required_or_invalid", 1008)
    await party.gus.post(f"/api/participants/{party.slug}/leave")
    assert (await party.come(party.gus, invite_key=None)).greeting[0]["resumed"] is False
    assert (await party.come(sam)).greeting[0]["role"] == "guest"


async def test_ten_wrong_keys_by_socket_are_guesses_like_any_others(secret_party: Party) -> None:
    party, sam, there = secret_party, await secret_party.api.guest("Sam"), elsewhere()
    for n in range(10):
        wire = await party.dial(sam, token=sam.token, invite_key=f"{n}" * 16, headers=there)
        assert await turned_away(wire) == ("invite_required_or_invalid", 1008)
    wire = await party.dial(sam, token=sam.token, invite_key=party.room["invite_key"], headers=there)
    reason, _ = await turned_away(wire)
    assert reason == "too_many_attempts"


async def test_the_banned_and_the_locked_out_are_told_why(party: Party) -> None:
    sam = await party.api.guest("Sam")
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    assert await turned_away(await party.dial(party.gus, token=party.gus.token)) == ("banned", 1008)
    await party.olga.post(f"/api/state/{party.slug}/set_lock", value=True)
    assert await turned_away(await party.dial(sam, token=sam.token)) == ("room_locked", 1008)
    assert (await party.come(party.ada)).greeting[0]["role"] == "admin"


async def test_nobody_who_is_turned_away_was_ever_there(party: Party) -> None:
    olga = await party.come(party.olga)
    await party.olga.post(f"/api/state/{party.slug}/set_lock", value=True)
    sam = await party.api.guest("Sam")
    await turned_away(await party.dial(sam, token=sam.token))
    assert [event["type"] for event in (await party.all_heard(olga))[0]] == ["state.changed"]
    assert sam.id not in await party.members()


# ---- the end of a stay -----------------------------------------------------------------------------------------------


async def test_leave_ends_the_stay_and_is_answered_with_1000(party: Party) -> None:
    olga, _, gus = await party.everyone()
    await gus.say("leave", cid="bye")
    frames, code = await gus.end()
    assert code == 1000 and frames[-1]["type"] == "ack" and frames[-1]["cid"] == "bye"
    left = await olga.until("member.left")
    assert left.keys() == EVENT | {"user_id"} and left["user_id"] == party.gus.id
    assert (await party.members())[party.gus.id]["status"] == "left"


@pytest.mark.parametrize("code", [1000, 1001])
async def test_the_clients_own_goodbye_ends_the_stay_at_once(party: Party, code: int) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    await gus.ws.close(code=code)
    assert (await olga.until("member.left"))["user_id"] == party.gus.id


async def test_a_program_that_says_goodbye_has_left(party: Party) -> None:
    olga = await party.come(party.olga)
    async with await party.gus.join(party.slug) as meeting:
        await meeting.chat("goodbye")
    async with asyncio.timeout(5):
        assert (await olga.until("member.left"))["user_id"] == party.gus.id


@pytest.mark.parametrize("code", [1006, 1002, 1011, 3000, 4000])
async def test_every_other_end_loses_the_connection_and_not_the_place(party: Party, code: int) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    if code == 1006:
        await gus.vanish()
    else:
        await gus.ws.close(code=code)
    async with asyncio.timeout(5):
        while (member := (await party.members())[party.gus.id])["status"] == "active":
            await asyncio.sleep(0.01)
    assert (member["status"], member["is_online"]) == ("lost", False)
    assert (await party.all_heard(olga))[0] == [], "the room hears nothing"
    assert party.gus.id in [each["user_id"] for each in (await party.come(party.ada)).greeting[1]["participants"]]


async def test_the_kicked_hears_of_it_and_is_closed_with_4005(party: Party) -> None:
    gus = await party.come(party.gus)
    await party.olga.moderate(party.slug, "kick", party.gus.id, reason="noise")
    frames, code = await gus.end()
    assert [frame["type"] for frame in frames] == ["member.kicked"] and code == 4005
    assert frames[0].keys() == EVENT | {"user_id", "by_user", "reason"}


async def test_a_kick_of_the_lost_ends_their_stay_too(party: Party) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    await gus.vanish()
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    assert [event["type"] for event in (await party.all_heard(olga))[0]] == ["member.kicked"]
    assert party.gus.id not in await party.members(status="active,lost,left")


async def test_a_newer_connection_replaces_the_older_and_the_room_hears_nothing(party: Party) -> None:
    olga, _, first = await party.everyone()
    await first.ask("hand.raise")
    await olga.until("hand.raised")
    second = await party.come(party.gus)
    assert await first.end() == ([], 4006)
    assert second.greeting[0]["resumed"] is True
    assert second.greeting[1]["hands_up"] == [party.gus.id]
    assert await party.all_heard(olga, second) == [[], []]
    assert (await party.members())[party.gus.id]["status"] == "active", "the old socket's end is not the new one's"
    await second.ask("chat.message", text="still here")


async def test_two_rooms_at_once_do_not_replace_one_another(party: Party) -> None:
    other = await party.gus.create_room()
    here, there = await party.come(party.gus), await party.come(party.gus, other["slug"])
    await there.until("member.joined")
    for wire in (here, there):
        assert (await wire.ask("ping"))[0]["type"] == "pong"


async def test_many_vanish_in_the_middle_of_joining_and_leave_no_ghosts(party: Party) -> None:
    olga, people = await party.come(party.olga), [await party.api.guest(f"P{n}") for n in range(20)]

    async def flee(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(party.api.base_url.rpartition(":")[2]))
        writer.write((f"GET /ws/rooms/{party.slug}?token={people[number].token} HTTP/1.1\r\n{UPGRADE}\r\n").encode())
        await writer.drain()
        await asyncio.sleep(number / 4000)
        writer.transport.abort()

    await asyncio.gather(*map(flee, range(20)))
    async with asyncio.timeout(5):
        while set(await party.members(status="active")) != {party.olga.id, party.ada.id, party.gus.id}:
            await asyncio.sleep(0.02)
    joined = [event["user_id"] for event in (await party.all_heard(olga))[0] if event["type"] == "member.joined"]
    assert len(joined) == len(set(joined))


# ---- where pages may be from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "allowed"), [
    (None, True), ("own", True), ("https://evil.example", False), ("null", False), ("", False),
    ("http://127.0.0.1.evil.example", False),
])
async def test_pages_of_other_sites_are_refused_before_the_upgrade(
    party: Party, origin: str | None, allowed: bool
) -> None:
    own = party.api.base_url
    headers = {} if origin is None else {"Origin": own if origin == "own" else origin}
    if allowed:
        wire = await party.dial(party.gus, token=party.gus.token, headers=headers)
        assert (await wire.hear())["type"] == "joined"
        return
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await party.dial(party.gus, token=party.gus.token, headers=headers)
    assert caught.value.status == 403


async def test_a_deleted_room_closes_with_4007_and_its_members_are_strangers_to_the_next(party: Party) -> None:
    wires = await party.everyone()
    await party.olga.call("DELETE", f"/api/rooms/{party.slug}")
    assert [await wire.end() for wire in wires] == [([], 4007)] * 3
    assert await turned_away(await party.dial(party.gus, token=party.gus.token)) == ("room_not_found", 1008)
    assert await refused(party.enter(party.gus)) == (404, "room_not_found")
