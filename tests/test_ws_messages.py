"""The contract, by socket: every message that a client may send, who may send it, and what the room then hears."""

from __future__ import annotations

import re

import pytest
from living import EVENT, MESSAGE, PAGE, RESET, TIME, Party, Wire
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Frame

SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n"


def bare(event: Frame) -> Frame:
    """An event without what every event has."""
    assert event.keys() >= EVENT and re.fullmatch(TIME, event["created_at"]) and event["seq"] >= 1
    return {name: value for name, value in event.items() if name not in EVENT}


async def happens(party: Party, wire: Wire, others: list[Wire], type: str, **fields: object) -> Frame:
    """The sender hears its own event and then the ack with its seq; the others hear the same event."""
    event, ack = await wire.ask(type, **fields)
    assert ack == {"type": "ack", "cid": ack["cid"], "seq": event["seq"]}
    for other in others:
        assert await other.hear() == event
    return event


async def nothing_happens(party: Party, wire: Wire, others: list[Wire], type: str, **fields: object) -> None:
    """Acked without a number, since there is no event."""
    [ack] = await wire.ask(type, **fields)
    assert ack == {"type": "ack", "cid": ack["cid"]}
    assert await party.all_heard(wire, *others) == [[]] * (1 + len(others))


# ---- signals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("type", "fields"), [
    ("offer", {"sdp": SDP}), ("answer", {"sdp": SDP}), ("offer", {"sdp": SDP, "restart": True}),
    ("ice", {"candidate": "candidate:1 1 UDP 1 10.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0,
             "usernameFragment": "abcd"}),
    ("ice", {"candidate": None}), ("ice", {"candidate": ""}),
    ("ice", {"candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "abcd"}}),
    ("ice", {"candidate": {"candidate": "candidate:1", "sdpMid": None, "sdpMLineIndex": None}}),
])
async def test_a_signal_goes_to_its_peer_alone_with_its_sender(party: Party, type: str, fields: Frame) -> None:
    olga, ada, gus = await party.everyone()
    [ack] = await gus.ask(type, to=party.ada.id, **fields)
    assert ack == {"type": "ack", "cid": ack["cid"]}, "a signal has no number"
    assert await ada.hear() == {"type": type, "from": party.gus.id, **fields}
    assert await party.all_heard(olga, ada, gus) == [[], [], []]


@pytest.mark.parametrize("type", ["offer", "answer", "ice"])
async def test_a_signal_carries_nothing_that_is_not_listed(party: Party, type: str) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    fields: Frame = {"candidate": "c"} if type == "ice" else {"sdp": SDP}
    forged = {"from": party.olga.id, "user_id": party.olga.id, "seq": 1, "id": 1, "role": "owner", "created_at": "x",
              "evil": "<script>", "__proto__": {}}
    await gus.say(type, to=party.ada.id, **fields, **forged)
    assert await ada.hear() == {"type": type, "from": party.gus.id, **fields}
    await gus.say("ice", to=party.ada.id, candidate={"candidate": "c", "evil": 1})
    assert (await ada.hear())["candidate"] == {"candidate": "c"}


@pytest.mark.parametrize("type", ["offer", "answer", "ice"])
async def test_a_signal_that_cannot_arrive_finds_no_peer_whoever_that_would_be(party: Party, type: str) -> None:
    gus, lost, left = await party.come(party.gus), await party.newcomer("Lola"), await party.newcomer("Leo")
    stranger = await party.api.guest("Sam")
    await (await party.come(lost)).vanish()
    await left.post(f"/api/participants/{party.slug}/leave")
    elsewhere = await stranger.create_room()
    await party.come(stranger, elsewhere["slug"])
    fields: Frame = {"candidate": "c"} if type == "ice" else {"sdp": SDP}
    details = set()
    while (await party.members())[lost.id]["status"] == "active":
        pass
    for to in (party.gus.id, stranger.id, lost.id, left.id, 999_999_999, 2**53 - 1):
        error = (await gus.ask(type, to=to, **fields))[-1]
        assert error["reason"] == "peer_not_found"
        details.add(error["detail"])
    assert len(details) == 1, "nor does the answer tell whether that user exists"


@pytest.mark.parametrize("type", ["offer", "answer", "ice"])
async def test_a_signal_needs_somebody_to_go_to(party: Party, type: str) -> None:
    gus = await party.come(party.gus)
    fields: Frame = {"candidate": "c"} if type == "ice" else {"sdp": SDP}
    assert await gus.refusal(type, **fields) == "missing_to"
    for to in ("2", True, 1.5, -1, 0, 2**53, [party.ada.id]):
        assert await gus.refusal(type, to=to, **fields) == "bad_payload"


async def test_a_signal_has_what_it_is_about_and_not_too_much_of_it(party: Party) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    for type, fields in (("offer", {}), ("answer", {"sdp": 5}), ("offer", {"sdp": None}), ("ice", {"candidate": 5}),
                         ("ice", {"candidate": {"candidate": 5}}), ("ice", {"candidate": "c", "sdpMLineIndex": "0"}),
                         ("ice", {"candidate": "c", "sdpMid": 0}), ("ice", {})):
        assert await gus.refusal(type, to=party.ada.id, **fields) == "bad_payload"
    assert await gus.refusal("offer", to=party.ada.id, sdp="v" * (32 * 1024 + 1)) in ("bad_payload", "too_large")
    await gus.say("offer", to=party.ada.id, sdp="v" * 32 * 1024)
    assert len((await ada.hear())["sdp"]) == 32 * 1024


# ---- chat ------------------------------------------------------------------------------------------------------------


async def test_a_chat_message_is_heard_by_all_and_numbered(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    event = await happens(party, gus, [olga, ada], "chat.message", text=" Hello \0all ", user_id=1, seq=9, role="owner")
    assert event.keys() == MESSAGE and event["id"] == event["seq"]
    assert bare(event) == {"id": event["seq"], "room_slug": party.slug, "user_id": party.gus.id, "text": "Hello all"}


async def test_a_sealed_message_passes_as_it_is(party: Party) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    event = await happens(party, gus, [olga], "chat.message.enc", algo="AES-256-GCM", ciphertext_b64="AAECAw==")
    assert bare(event) == {"id": event["seq"], "room_slug": party.slug, "user_id": party.gus.id, "algo": "AES-256-GCM",
                           "ciphertext_b64": "AAECAw==", "key_epoch": event["key_epoch"]}


@pytest.mark.parametrize(("type", "fields", "reason"), [
    ("chat.message", {"text": ""}, "empty_message"), ("chat.message", {"text": " \n "}, "empty_message"),
    ("chat.message", {"text": "x" * 4001}, "message_too_long"), ("chat.message", {}, "bad_payload"),
    ("chat.message", {"text": 5}, "bad_payload"), ("chat.message", {"text": "a Radish b"}, "forbidden_words"),
    ("chat.message.enc", {"algo": "A", "ciphertext_b64": ""}, "empty_ciphertext"),
    ("chat.message.enc", {"algo": "A", "ciphertext_b64": 5}, "bad_payload"),
    ("chat.message.enc", {"algo": "A", "ciphertext_b64": "not base64!"}, "bad_payload"),
    ("chat.message.enc", {"algo": 5, "ciphertext_b64": "AAAA"}, "bad_payload"),
    ("chat.message.enc", {"ciphertext_b64": "AAAA"}, "bad_payload"),
    ("chat.message.enc", {"algo": "A", "ciphertext_b64": "AAAA", "key_epoch": "1"}, "bad_payload"),
])
async def test_what_is_no_message_is_refused_to_its_sender_alone(
    party: Party, type: str, fields: Frame, reason: str
) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    assert await gus.refusal(type, **fields) == reason
    assert await party.all_heard(olga, gus) == [[], []]


async def test_32_kib_of_ciphertext_pass_and_one_byte_more_does_not(party: Party) -> None:
    gus = await party.come(party.gus)
    most = "A" * (32 * 1024 * 4 // 3 // 4 * 4)
    event, _ = await gus.ask("chat.message.enc", algo="A", ciphertext_b64=most)
    assert event["ciphertext_b64"] == most
    refusal = await gus.refusal("chat.message.enc", algo="A", ciphertext_b64=most + "AAAA")
    assert refusal in ("message_too_long", "too_large", "bad_payload")


async def test_typing_is_told_to_the_others_and_forgotten(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    for is_typing in (True, False):
        [ack] = await gus.ask("chat.typing", is_typing=is_typing, user_id=party.olga.id)
        assert ack == {"type": "ack", "cid": ack["cid"]}
        for other in (olga, ada):
            assert await other.hear() == {"type": "chat.typing", "user_id": party.gus.id, "is_typing": is_typing}
    assert await party.all_heard(olga, gus) == [[], []]
    assert await gus.refusal("chat.typing") == await gus.refusal("chat.typing", is_typing=1) == "bad_payload"


# ---- media, hands, state, recording ----------------------------------------------------------------------------------


async def test_people_say_of_themselves_whether_they_are_heard_and_seen(party: Party) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    for fields, now in (({"mic_muted": False}, (False, True)), ({"cam_off": False}, (False, False)),
                        ({"mic_muted": True, "cam_off": True}, (True, True))):
        event = await happens(party, gus, [olga], "media.self", **fields, user_id=party.olga.id)
        assert event["type"] == "media.updated"
        assert bare(event) == {"user_id": party.gus.id, "mic_muted": now[0], "cam_off": now[1]}
    for wrong in ({"mic_muted": 1}, {"cam_off": "no"}, {}):
        assert await gus.refusal("media.self", **wrong) == "bad_payload"


async def test_hands_go_up_in_order_and_each_only_once(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    up: list[int] = []
    for wire, person, others in ((gus, party.gus, [olga, ada]), (ada, party.ada, [olga, gus])):
        up.append(person.id)
        event = await happens(party, wire, others, "hand.raise")
        assert event["type"] == "hand.raised" and bare(event) == {"user_id": person.id, "hands_up": up}
        await nothing_happens(party, wire, others, "hand.raise")
    event = await happens(party, gus, [olga, ada], "hand.lower")
    assert event["type"] == "hand.lowered"
    assert bare(event) == {"user_id": party.gus.id, "hands_up": [party.ada.id], "by_user": party.gus.id}
    await nothing_happens(party, gus, [olga, ada], "hand.lower")
    assert (await party.come(party.gus)).greeting[1]["hands_up"] == [party.ada.id]


async def test_only_a_mod_lowers_the_hand_of_another_and_of_no_superior(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    for wire in (olga, ada, gus):
        await wire.ask("hand.raise")
    await party.all_heard(olga, ada, gus)
    event = await happens(party, ada, [olga, gus], "hand.lower", user_id=party.gus.id)
    assert bare(event)["by_user"] == party.ada.id
    for wire, target in ((gus, party.ada), (gus, party.olga), (ada, party.olga)):
        assert await wire.refusal("hand.lower", user_id=target.id) == "forbidden"
    assert await olga.refusal("hand.lower", user_id=999_999_999) == "member_not_found"
    await nothing_happens(party, olga, [ada, gus], "hand.lower", user_id=party.gus.id)


async def test_mods_set_the_state_field_by_field(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    now: Frame = {"topic": "", "is_locked": False, "mute_all": False, "recording_active": False}
    for change in ({"topic": "Tea"}, {"is_locked": True}, {"mute_all": True, "is_locked": False}, {"topic": ""}):
        now.update(change)
        event = await happens(party, ada, [olga, gus], "state.set", **change, recording_active=True)
        assert event["type"] == "state.changed" and bare(event) == {**now, "by_user": party.ada.id}
        assert await gus.refusal("state.set", **change) == "forbidden"
    for wrong in ({"topic": 5}, {"is_locked": "yes"}, {"mute_all": 1}, {"topic": "x" * 201}):
        assert await ada.refusal("state.set", **wrong) == "bad_payload"


async def test_mods_say_that_the_meeting_is_recorded(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    for type, told, active in (("record.start", "record.started", True), ("record.stop", "record.stopped", False)):
        assert await gus.refusal(type) == "forbidden"
        event = await happens(party, ada, [olga, gus], type)
        assert event["type"] == told and bare(event) == {"by_user": party.ada.id, "recording_active": active}
        assert (await party.gus.get(f"/api/state/{party.slug}"))["recording_active"] is active
        assert (await party.api.get(f"/api/rooms/{party.slug}"))["recording_active"] is active
        await nothing_happens(party, ada, [olga, gus], type)


# ---- catching up, ping, and the rest ---------------------------------------------------------------------------------


async def test_sync_sub_is_answered_with_one_page_or_a_reset(party: Party) -> None:
    gus = await party.come(party.gus)
    history = (await party.gus.get(f"/api/sync/{party.slug}"))["items"]
    page, ack = await gus.ask("sync.sub", after_seq=1, limit=2)
    assert page.keys() == PAGE | {"type"} and page["type"] == "sync.batch" and ack["type"] == "ack"
    assert (page["items"], page["next_seq"], page["has_more"], page["floor_seq"]) == (history[1:3], 4, True, 1)
    epoch = page["epoch"]
    page, _ = await gus.ask("sync.sub", after_seq=4, epoch=epoch)
    assert (page["items"], page["next_seq"], page["has_more"]) == ([], 5, False)
    for fields, reason in (({"after_seq": 5}, "ahead"), ({"after_seq": 1, "epoch": "0" * 32}, "epoch")):
        reset, _ = await gus.ask("sync.sub", **fields)
        assert reset.keys() == RESET | {"type"} and reset["type"] == "sync.reset"
        assert (reset["reason"], reset["next_seq"], reset["epoch"]) == (reason, 5, epoch)
    for wrong in ({}, {"after_seq": -1}, {"after_seq": "1"}, {"after_seq": True}, {"after_seq": 2**63}):
        assert await gus.refusal("sync.sub", **wrong) == "bad_payload"
    assert await party.all_heard(gus) == [[]], "live goes on as before"


async def test_a_ping_is_answered(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.say("ping")
    assert await gus.hear() == {"type": "pong"}
    pong, ack = await gus.ask("ping")
    assert (pong["type"], ack) == ("pong", {"type": "ack", "cid": ack["cid"]})


async def test_refusals_carry_the_cid_if_one_was_sent(party: Party) -> None:
    gus = await party.come(party.gus)
    for cid in ("x", "x" * 64, "чай"):
        await gus.say("record.start", cid=cid)
        assert (await gus.hear()).items() >= {"type": "error", "reason": "forbidden", "cid": cid}.items()
    await gus.say("record.start")
    assert (await gus.hear()).keys() == {"type", "reason", "detail"}
    for cid in ("", "x" * 65, 5, None and 0, ["x"]):
        await gus.say("hand.raise", **({} if cid is None else {"cid": cid}))
        frame = await gus.hear()
        assert frame["type"] == ("hand.raised" if cid is None else "error")
