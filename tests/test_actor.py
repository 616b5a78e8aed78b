"""The actor over a journal that stalls and fails, and an audience that does not read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from axenix import audience as audience_module
from axenix import wire
from axenix.actor import INBOX, RoomActor
from axenix.audience import CATCHING_UP_BEHIND, Audience
from axenix.catchup import FIRST_READ, PAGE_BYTES, Hole, read_page
from axenix.errors import Close, Refused
from axenix.lines import Claim, Kind, Line
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room import fold
from axenix.room.permits import Who
from axenix.room.state import Law, snapshot
from axenix.turn import Resume
from harness import until
from memory import Ear, House, settle


async def test_a_newcomer_hears_the_preamble_and_then_its_own_joining_as_the_next_seq() -> None:
    ear = await House().enter(1)
    kinds = [(message["type"], message.get("seq")) for message in ear.take()]
    assert kinds == [("joined", None), ("state.snapshot", 0), ("sync.info", None), ("member.joined", 1)]


async def test_nobody_sees_an_event_or_an_ack_before_it_is_durable() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    one.take(), two.take()
    house.journal.stalled = True
    await house.say(one, c.PostChat(text="hi", cid="a"))
    await settle()
    assert one.take() == two.take() == []
    house.journal.commit()
    await settle()
    assert [message["type"] for message in one.take()] == ["chat.message", "ack"]
    assert [message["type"] for message in two.take()] == ["chat.message"]


async def test_what_all_hear_and_the_ack_of_one_leave_in_one_write_and_are_counted_once() -> None:
    house = House()
    one = await house.enter(1)
    one.take()
    writes, real, before = [], one.tell, one.written
    one.tell = lambda data: (writes.append(data), real(data))[1]  # type: ignore[method-assign]
    await house.say(one, c.PostChat(text="hi", cid="a"))
    await settle()
    assert [message["type"] for message in one.take()] == ["chat.message", "ack"]
    assert len(writes) == 1 and one.written - before == len(wire.ack("a", 2))


async def test_a_refusal_that_rests_on_what_is_not_durable_waits_for_it() -> None:
    house = House()
    await house.enter(1)
    two = await house.enter(2)
    two.take()
    house.journal.stalled = True
    mute = asyncio.ensure_future(house.ask(1, c.ForceMute(2)))
    await settle()
    await house.say(two, c.PostChat(text="hi", cid="a"))
    await settle()
    assert two.take() == []
    house.journal.commit()
    await mute
    assert [message["type"] for message in two.take()] == ["media.forced", "error"]


async def test_signals_pass_while_the_journal_stalls_but_not_to_those_whose_joining_is_untold() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    one.take(), two.take()
    house.journal.stalled = True
    three = asyncio.ensure_future(house.enter(3))
    await house.say(one, c.PostChat(text="hi"))
    await settle()
    await house.say(one, c.Ice(to=2, candidate="x"))
    await house.say(one, c.Ice(to=3, candidate="x", cid="c"))
    await settle()
    assert [message["type"] for message in two.take()] == ["ice"]
    assert [(message["reason"], message["cid"]) for message in one.take()] == [("peer_not_found", "c")]
    house.journal.commit()
    await three


async def test_turns_do_not_wait_for_the_commit_before_and_are_told_in_order() -> None:
    house = House()
    one = await house.enter(1)
    one.take()
    house.journal.stalled = True
    for n in range(5):
        await house.say(one, c.PostChat(text=str(n)))
        await settle()
    assert len(house.journal.waiting) == 5
    house.journal.commit()
    await settle()
    assert one.seqs() == [2, 3, 4, 5, 6]


async def test_a_failed_append_voids_everything_decided_after_it_and_closes_with_4010() -> None:
    house = House()
    one = await house.enter(1)
    house.journal.stalled = True
    first = asyncio.ensure_future(house.ask(1, c.SetState(topic="first")))
    await settle()
    second = asyncio.ensure_future(house.ask(1, c.SetState(topic="second")))
    await settle()
    house.journal.fail("storage_full")
    await settle()
    for asked in (first, second):
        with pytest.raises(Refused, match="storage_full"):
            await asked
    assert one.code == Close.START_OVER
    house.journal.stalled = False
    assert await house.rooms.read("stage", lambda room: (room.seq, room.topic)) == (1, "")


async def test_whoever_was_closed_with_4010_resumes_without_a_word_to_the_room() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    house.journal.stalled = True
    await house.say(one, c.PostChat(text="lost"))
    await settle()
    house.journal.fail("storage_unavailable")
    house.journal.stalled = False
    again = await house.enter(2, after_seq=2, epoch="e" * 32)
    joined, *_, page = again.take()
    assert joined["resumed"] and page["items"] == [] and two.code == Close.START_OVER
    assert len(house.journal.lines) == 2


async def test_a_reader_whose_room_fails_reads_from_its_successor() -> None:
    house = House()
    await house.enter(1)
    house.journal.stalled = True
    write = asyncio.ensure_future(house.ask(1, c.SetState(topic="lost")))
    await settle()
    look = asyncio.ensure_future(house.rooms.read("stage", lambda room: room.topic))
    await settle()
    house.journal.fail("storage_full")
    with pytest.raises(Refused):
        await write
    assert await look == ""


async def test_while_the_storage_refuses_events_are_refused_and_reads_and_signals_pass() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    one.take(), two.take()
    house.journal.refusal = "storage_full"
    await house.say(one, c.PostChat(text="hi", cid="a"))
    await house.say(one, c.Ice(to=2, candidate="x"))
    await settle()
    assert [message["reason"] for message in one.take()] == ["storage_full"]
    assert [message["type"] for message in two.take()] == ["ice"]
    assert await house.rooms.read("stage", lambda room: room.seq) == 2
    house.journal.refusal = None
    assert await house.ask(1, c.SetState(topic="again")) == 3


async def test_a_read_sees_only_what_is_durable() -> None:
    house = House()
    await house.enter(1)
    house.journal.stalled = True
    asked = asyncio.ensure_future(house.ask(1, c.SetState(topic="new")))
    await settle()
    look = asyncio.ensure_future(house.rooms.read("stage", lambda room: room.topic))
    await settle()
    assert not look.done()
    house.journal.commit()
    assert await look == "new" and await asked == 2


async def test_many_who_join_at_once_share_one_snapshot_and_see_each_other_join() -> None:
    house = House()
    await house.enter(1)
    ears = await asyncio.gather(*(house.enter(n) for n in range(2, 50)))
    for ear in ears:
        joined, seen, info, *live = ear.take()
        assert joined["type"] == "joined" and not joined["resumed"]
        assert seen["seq"] == info["next_seq"] - 1 == 1
        assert [event["seq"] for event in live] == list(range(2, 50))


async def test_a_second_socket_of_the_same_user_replaces_the_first_in_silence() -> None:
    house = House()
    one, first = await house.enter(1), await house.enter(2)
    one.take()
    second = await house.enter(2)
    assert first.code == Close.REPLACED
    assert second.take()[0]["resumed"] is True
    (await house.actor()).tell(Who(2, first.number), c.Disconnect(1000))
    await settle()
    assert one.take() == [] and second.code is None


async def test_the_kicked_hears_of_it_and_nothing_after() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    two.take()
    kick = asyncio.ensure_future(house.ask(1, c.Kick(2)))
    topic = asyncio.ensure_future(house.ask(1, c.SetState(topic="gone")))
    await asyncio.gather(kick, topic)
    assert [message["type"] for message in two.take()] == ["member.kicked"]
    assert two.code == Close.KICKED and one.code is None


async def test_leaving_is_acked_and_closes_with_1000() -> None:
    house = House()
    await house.enter(1)
    two = await house.enter(2)
    two.take()
    await house.say(two, c.Leave(cid="bye"))
    await settle()
    assert [message["type"] for message in two.take()] == ["member.left", "ack"]
    assert two.code == Close.NORMAL


async def test_a_rejoin_in_the_turn_of_the_kick_survives_it() -> None:
    house = House()
    await house.enter(1)
    two = await house.enter(2)
    kick = asyncio.ensure_future(house.ask(1, c.Kick(2, ban_sec=0)))
    await asyncio.sleep(0)
    again = await house.enter(2)
    await kick
    assert (two.code, again.code) == (Close.KICKED, None)
    assert [message["type"] for message in again.take()] == ["joined", "state.snapshot", "sync.info", "member.joined"]


async def test_the_inbox_is_bounded_and_says_so() -> None:
    house = House()
    one = await house.enter(1)
    actor = await house.actor()
    with pytest.raises(Refused, match="overloaded"):
        for _ in range(INBOX + 1):
            actor.hear(one, c.RaiseHand())
    await settle(1000)
    assert one.seqs()[-1] == 2


async def test_what_waits_for_the_journal_is_bounded_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axenix.actor.UNTOLD", 20)
    house = House()
    one = await house.enter(1)
    house.journal.stalled = True
    for n in range(40):
        await house.say(one, c.PostChat(text=str(n), cid=str(n)))
    await settle()
    assert [message["type"] for message in one.take()[3:]] == ["member.joined"], "refusals wait for their turn"
    house.journal.stalled = False
    while house.journal.waiting:
        house.journal.commit()
        await settle()
    heard = one.take()
    refused = [message for message in heard if message["type"] == "error"]
    assert 15 <= len(refused) <= 20 and {message["reason"] for message in refused} == {"overloaded"}
    assert len([message for message in heard if message["type"] == "chat.message"]) == 40 - len(refused)
    await house.say(one, c.PostChat(text="again"))
    await settle()
    assert one.take()[-1]["text"] == "again"


async def test_signals_to_one_who_catches_up_and_reads_nothing_have_a_bound() -> None:
    audience, one, two, three = Audience(), Ear(1), Ear(2), Ear(3)
    for ear, live in ((one, True), (two, False), (three, False)):
        audience.admit(ear, live=live)
    two.stuck, frame = True, b"\x81\x7f" + bytes(65536)
    for _ in range(200):
        if audience.of(2) is not None:
            audience.pass_on(2, frame, one)
            audience.pass_on(None, frame, one)
    assert two.code == Close.TOO_SLOW and two.unsent < CATCHING_UP_BEHIND + 2 * len(frame)
    assert (one.code, three.code) == (None, None)


async def test_a_bug_in_a_turn_ends_the_room_and_not_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    one = await house.enter(1)

    def broken(*args: object) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patch:
        patch.setitem(fold.FOLD, e.StateChanged, broken)
        with pytest.raises(KeyError, match="a bug"):
            await house.ask(1, c.SetState(topic="x"))
    assert one.code == Close.START_OVER and "a bug" in caplog.text
    assert await house.ask(1, c.SetState(topic="y")) == 2


async def test_a_bug_in_telling_starts_the_room_over_and_nobody_misses_anything(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()
    one = await house.enter(1)
    one.take()
    with monkeypatch.context() as bent:
        bent.setattr(Audience, "tell", lambda audience, script: {}["on purpose"])
        await house.say(one, c.PostChat(text="hi"))
        await settle()
    assert one.code == Close.START_OVER and "on purpose" in caplog.text
    again = await house.enter(1, after_seq=1)
    await settle()
    assert [item["text"] for page in again.take() if page["type"] == "sync.batch" for item in page["items"]] == ["hi"]


async def test_who_cannot_catch_up_because_of_a_bug_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    one = await house.enter(1)
    for _ in range(300):
        await house.say(one, c.PostChat(text="hi"))
    await settle()
    monkeypatch.setattr("axenix.catchup.read_page", lambda *_: {}["on purpose"])
    two = await house.enter(2, after_seq=1)
    await settle()
    assert (one.code, two.code) == (None, Close.START_OVER)


async def test_a_room_whose_history_is_cut_short_does_not_open_and_takes_no_time() -> None:
    house = House()
    real = house.journal.claim

    async def claim(room: int) -> Claim:
        return (await real(room))._replace(seq=3)

    house.journal.claim = claim  # type: ignore[method-assign]
    async with asyncio.timeout(1):
        with pytest.raises(ValueError, match="ends at 0 and not at 3"):
            await house.actor()


async def test_a_room_that_is_being_deleted_does_not_fall_asleep_meanwhile() -> None:
    house = House()
    actor = await house.actor()
    assert actor.idle
    actor.closing = Refused("room_not_found")
    assert not actor.idle


async def test_a_change_of_somebody_wakes_only_the_rooms_they_are_in() -> None:
    house = House()
    await house.enter(1)
    await house.enter(2)
    await house.ask(2, c.Leave())
    assert [len(house.rooms.with_user(user_id)) for user_id in (1, 2, 3)] == [1, 0, 0]
    coming = asyncio.ensure_future(house.enter(3))
    while not (await house.actor()).waiting:
        await asyncio.sleep(0)
    assert len(house.rooms.with_user(3)) == 1
    await coming


async def test_a_view_that_fails_hurts_its_asker_alone() -> None:
    house = House()
    one = await house.enter(1)
    with pytest.raises(ZeroDivisionError):
        await house.rooms.read("stage", lambda room: room.seq // 0)
    assert one.code is None


# ---- resuming -------------------------------------------------------------------------------------------------------


async def chatter(house: House, ear: Ear, times: int) -> None:
    for n in range(times):
        (await house.actor()).hear(ear, c.PostChat(text=str(n)))
        if n % 100 == 0:
            await settle()
    await settle()


@pytest.mark.parametrize("missed", [1, 100, 3000])
async def test_a_resume_gets_what_it_missed_exactly_once_and_then_live(missed: int) -> None:
    house = House()
    one = await house.enter(1)
    await chatter(house, one, missed)
    two = await house.enter(2, after_seq=1, epoch="e" * 32)
    for _ in range(20):
        await chatter(house, one, 10)
    await settle(1000)
    seen: list[int] = []
    for message in two.take():
        if message["type"] == "sync.batch":
            seen += [event["seq"] for event in message["items"]]
        elif "created_at" in message:
            seen.append(message["seq"])
    assert seen == list(range(2, missed + 1 + 1 + 200 + 1))


async def test_those_who_come_back_together_share_each_page_and_none_holds_a_deleted_text() -> None:
    house, reads = House(), 0
    one = await house.enter(1)
    await chatter(house, one, 2000)
    read = house.journal.after

    async def counted(*args: Any, **limits: Any) -> list[Line]:
        nonlocal reads
        reads += 1
        return await read(*args, **limits)

    house.journal.after = counted  # type: ignore[method-assign]
    crowd = await asyncio.gather(*(house.enter(user, after_seq=1, epoch="e" * 32) for user in range(2, 32)))
    await settle(1000)
    for ear in crowd:
        items = [event for message in ear.take() if message["type"] == "sync.batch" for event in message["items"]]
        assert [event["seq"] for event in items] == list(range(2, len(items) + 2)) and len(items) >= 2000
    assert reads < 20, "thirty people, and five pages of two reads each"

    slow = Ear(40)
    slow.drained = asyncio.Event().wait  # type: ignore[assignment,method-assign]
    await house.rooms.join("stage", slow, c.Join("Slow", None), Resume(1, "e" * 32))
    await settle()
    await house.ask(1, c.DeleteChat(5, 1))
    late = await house.enter(41, after_seq=1, epoch="e" * 32)
    await settle(1000)
    told = {event["seq"]: event.get("text") for message in late.take() for event in message.get("items", [])}
    assert told[4] == "2" and told[5] is None
    (await house.actor()).audience.disperse(1012)


async def test_an_ack_waits_until_its_sender_has_caught_up() -> None:
    house = House()
    one = await house.enter(1)
    await chatter(house, one, 2000)
    two = Ear(2)
    actor = await house.actor()
    await actor.join(two, c.Join("user 2", None), Resume(0, None))
    actor.hear(two, c.PostChat(text="mine", cid="a"))
    await settle(1000)
    order = []
    for message in two.take():
        order += [event.get("text") for event in message.get("items", [])]
        order.append(message.get("text", message["type"]))
    assert order.index("mine") < order.index("ack")


@pytest.mark.parametrize("resume, reason", [
    ({"after_seq": 1, "epoch": "f" * 32}, "epoch"), ({"after_seq": 999}, "ahead"), ({"after_seq": 2}, "truncated"),
])
async def test_what_cannot_be_continued_is_reset_with_a_snapshot(resume: dict[str, object], reason: str) -> None:
    house = House(retention=5)
    one = await house.enter(1)
    await chatter(house, one, 20)
    two = await house.enter(2, **resume)
    *_, info, reset, joined = two.take()
    assert (reset["type"], reset["reason"]) == ("sync.reset", reason)
    assert reset["next_seq"] == info["next_seq"] == 22 == joined["seq"]
    assert reset["floor_seq"] == info["floor_seq"] == 17 and reset["snapshot"]["seq"] == 21


async def test_a_page_with_a_hole_in_its_middle_is_no_page() -> None:
    """Retention may overtake a slow reader; chat and moderation are kept, so the first line can still be there."""
    house = House()
    one = await house.enter(1)
    await chatter(house, one, 10)
    actor = await house.actor()
    kept = [line for line in house.journal.lines if line.seq not in (5, 6)]
    house.journal.lines = kept
    with pytest.raises(Hole):
        await read_page(house.journal, 1, actor.horizon(), 1, 100)


async def test_a_page_of_long_lines_ends_early_and_one_of_short_lines_does_not() -> None:
    house = House()
    horizon = (await house.actor()).horizon()._replace(head=1000)
    for size, most in ((50_000, FIRST_READ * 50_000), (1000, PAGE_BYTES + 1000), (10, 1000 * 10)):
        house.journal.lines = [Line(seq, Kind.CHAT, b'"' + b"x" * (size - 2) + b'"') for seq in range(1, 1001)]
        page, last = await read_page(house.journal, 1, horizon, 0, 1000)
        assert last == most // size and len(page) < most + 2000


async def test_a_reset_that_was_asked_for_stands_between_the_events_that_it_separates() -> None:
    house = House()
    one = await house.enter(1)
    one.take()
    actor = await house.actor()
    house.journal.stalled = True
    await house.say(one, c.PostChat(text="before"))
    actor.whisper(one, lambda room: wire.message("sync.reset", next_seq=room.seq + 1))
    await house.say(one, c.PostChat(text="after"))
    await settle()
    house.journal.commit()
    await settle()
    assert [message.get("text") or message["next_seq"] for message in one.take()] == ["before", 3, "after"]


async def test_two_who_delete_a_message_at_once_make_one_event() -> None:
    house = House()
    one = await house.enter(1)
    await house.say(one, c.PostChat(text="hi"))
    await settle()
    asked = [house.ask(1, c.DeleteChat(2, 1)) for _ in range(2)]
    first, second = await asyncio.gather(*asked, return_exceptions=True)
    assert first == 3 and isinstance(second, Refused) and second.reason == "message_not_found"


async def test_a_room_goes_to_rest_and_opens_again_as_it_was() -> None:
    house = House()
    one = await house.enter(1)
    await chatter(house, one, 10)
    await house.ask(1, c.Leave())
    actor = await house.actor()
    before = await house.rooms.read("stage", snapshot)
    assert actor.idle
    actor.rest()
    await settle()
    assert house.journal.frozen_seq == 12
    assert await house.rooms.read("stage", snapshot) == before and await house.actor() is not actor


async def test_after_a_restart_those_inside_have_the_grace_and_then_have_left() -> None:
    house = House()
    await house.enter(1)
    await house.enter(2)
    (await house.actor()).end(RuntimeError("the process died"), Close.START_OVER)
    await house.enter(1)
    actor: RoomActor = await house.actor()
    assert actor.online_count == 1
    house.clock.offset = 11
    actor.tell(Who(0), c.Tick())
    await settle()
    left = json.loads(house.journal.lines[-1].body)
    assert (left["type"], left["user_id"], left["seq"]) == ("member.left", 2, 3)


async def test_an_alarm_that_rings_early_is_set_again() -> None:
    house = House(Law(grace=0.05))
    await house.enter(1)
    two = await house.enter(2)
    (await house.actor()).tell(Who(2, two.number), c.Disconnect(1006))
    await settle()
    house.clock.offset = -0.03  # the clock that decides is behind the timer's
    await until(lambda: json.loads(house.journal.lines[-1].body)["type"] == "member.left")


# ---- the slow -------------------------------------------------------------------------------------------------------


async def test_whoever_falls_too_far_behind_is_closed_with_4008_and_the_others_hear_on() -> None:
    house = House()
    one, two = await house.enter(1), await house.enter(2)
    one.stuck, one.max_behind = True, 2000
    await chatter(house, two, 50)
    assert one.code == Close.TOO_SLOW and two.code is None
    assert two.seqs()[-1] == 52


def test_the_oldest_unsent_byte_may_be_five_seconds_old() -> None:
    audience, slow, busy = Audience(), Ear(1), Ear(2)
    for ear in (slow, busy):
        audience.admit(ear, live=True)
    slow.stuck = True
    for second in range(6):
        audience.tell([b"x" * 100])
        busy.unsent = 100  # always something unsent, never for long
        audience.sweep(float(second))
        assert slow.code == (Close.TOO_SLOW if second >= audience_module.STUCK_SECONDS else None)
    assert busy.code is None
