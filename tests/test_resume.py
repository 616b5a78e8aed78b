"""The contract on coming back: pages and then live without gap or repeat, the grace, resets, restarts and retention."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from harness import RATES_OFF
from living import PAGE, RESET, SNAPSHOT, Party, Wire, party_at, refused
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Connection, Frame, Person


async def fill(party: Party, count: int) -> None:
    for start in range(0, count, 50):
        await asyncio.gather(*(party.ada.post(f"/api/chat/{party.slug}", text=f"line {start + n}")
                               for n in range(min(50, count - start))))


async def head(party: Party) -> int:
    seq: int = (await party.olga.get(f"/api/state/{party.slug}"))["seq"]
    return seq


async def everything(party: Party, after: int, last: int) -> list[Frame]:
    """All that is written after this seq and up to that."""
    items: list[Frame] = []
    while after + len(items) < last:
        items += (await party.gus.get(f"/api/sync/{party.slug}", after_seq=after + len(items), limit=1000))["items"]
    return items[:last - after]


async def pages(wire: Wire) -> list[Frame]:
    """What a resuming socket is told before it is live: at least one page."""
    next_seq, batches = wire.greeting[2]["next_seq"], [await wire.hear()]
    while batches[-1]["items"] and batches[-1]["items"][-1]["seq"] < next_seq - 1:
        batches.append(await wire.hear())
    assert all(batch["type"] == "sync.batch" and batch.keys() == PAGE | {"type"} for batch in batches)
    return [item for batch in batches for item in batch["items"]]


# ---- pages, and then live --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missed", [0, 1, 300, 1300])
async def test_whoever_comes_back_is_told_everything_once_and_then_is_live(party: Party, missed: int) -> None:
    gus = await party.come(party.gus)
    after, epoch = gus.greeting[2]["next_seq"] - 1, gus.greeting[2]["epoch"]
    await gus.vanish()
    await fill(party, missed)
    gus = await party.come(party.gus, after_seq=after, epoch=epoch)
    assert gus.greeting[0]["resumed"] is True
    assert gus.greeting[2] == {"type": "sync.info", "next_seq": after + missed + 1, "floor_seq": 1, "epoch": epoch}
    items = await pages(gus)
    assert [item["seq"] for item in items] == list(range(after + 1, after + missed + 1))
    await party.ada.post(f"/api/chat/{party.slug}", text="live")
    live = await gus.hear()
    assert (live["seq"], live["text"]) == (after + missed + 1, "live")
    assert items == await everything(party, after, after + missed)


async def test_whoever_names_no_epoch_goes_on_all_the_same(party: Party) -> None:
    gus = await party.come(party.gus, after_seq=0)
    assert [item["seq"] for item in await pages(gus)] == list(range(1, await head(party) + 1))


async def test_a_newcomer_may_ask_for_the_whole_history_and_meets_its_own_joining_once(party: Party) -> None:
    before = await head(party)
    nina = await party.come(person := await party.api.guest("Nina"), after_seq=0)
    items = await pages(nina)
    while len(items) == before:  # its own joining comes on a page or live
        items.append(await nina.hear())
    assert [item["seq"] for item in items] == list(range(1, before + 2))
    assert (items[-1]["type"], items[-1]["user_id"]) == ("member.joined", person.id)


async def test_nothing_is_lost_or_doubled_at_the_seam_while_others_talk(party: Party) -> None:
    async def talk(person: Person) -> None:
        async with await person.join(party.slug) as connection:
            while talking:
                await connection.chat("on and on")

    talking = True
    talkers = [asyncio.create_task(talk(await party.newcomer(f"T{n}"))) for n in range(4)]
    gus: Connection = await party.gus.join(party.slug)
    start, heard = gus.last_seq, []
    for _ in range(15):
        await asyncio.sleep(0.03)
        await gus.drop()
        heard += [event async for event in gus]
        await gus.resume()
    talking = False
    await asyncio.gather(*talkers)
    end = await party.ada.post(f"/api/chat/{party.slug}", text="the end")
    while heard[-1] != end:
        heard.append(await gus.next())
    await gus.close()
    assert heard == await everything(party, start, end["seq"]) and len(heard) > 50


# ---- the grace -------------------------------------------------------------------------------------------------------


async def test_within_the_grace_one_keeps_role_flags_and_place_and_the_room_hears_nothing(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    await gus.ask("hand.raise")
    await ada.ask("hand.raise")
    await gus.ask("media.self", mic_muted=False, cam_off=False)
    await party.olga.moderate(party.slug, "speak", party.gus.id)
    before = (await party.gus.get(f"/api/state/{party.slug}"))
    await party.all_heard(olga)
    await gus.vanish()
    gus = await party.come(party.gus)
    joined, snapshot, _ = gus.greeting
    assert (joined["resumed"], joined["role"]) == (True, "guest")
    for name in ("hands_up", "participants"):
        assert snapshot[name] == before[name]
    assert snapshot["hands_up"] == [party.gus.id, party.ada.id]
    assert await party.all_heard(olga, gus) == [[], []]


async def test_the_lost_leave_also_where_nothing_else_happens(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF, AXENIX_RECONNECT_GRACE="0.4") as (_, party):
        slugs = [(await party.olga.create_room())["slug"] for _ in range(20)]
        watching = [await party.come(party.olga, slug) for slug in slugs]
        for wire in [await party.come(party.gus, slug) for slug in slugs]:
            await wire.vanish()
        async with asyncio.timeout(5):
            for wire in watching:
                assert (await wire.until("member.left"))["user_id"] == party.gus.id


async def test_when_the_grace_is_over_the_lost_have_left(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF, AXENIX_RECONNECT_GRACE="0.4") as (_, party):
        olga, gus = await party.come(party.olga), await party.come(party.gus)
        await gus.ask("hand.raise")
        await olga.hear()
        began = asyncio.get_running_loop().time()
        await gus.vanish()
        left = await olga.hear()
        assert (left["type"], left["user_id"]) == ("member.left", party.gus.id)
        assert asyncio.get_running_loop().time() - began > 0.35
        assert (await party.members())[party.gus.id]["status"] == "left"
        gus = await party.come(party.gus)
        assert gus.greeting[0]["resumed"] is False and gus.greeting[1]["hands_up"] == []
        joined = await olga.hear()
        assert (joined["type"], joined["mic_muted"], joined["hand_raised"]) == ("member.joined", True, False)


# ---- resets ----------------------------------------------------------------------------------------------------------


async def reset_of(wire: Wire, reason: str) -> Frame:
    """The reset that stands in place of the pages."""
    reset = await wire.hear()
    assert reset.keys() == RESET | {"type"} and (reset["type"], reset["reason"]) == ("sync.reset", reason)
    assert {name: reset["snapshot"][name] for name in SNAPSHOT} == {name: wire.greeting[1][name] for name in SNAPSHOT}
    assert {name: reset[name] for name in ("next_seq", "floor_seq", "epoch")} == {
        name: wire.greeting[2][name] for name in ("next_seq", "floor_seq", "epoch")}
    return reset


@pytest.mark.parametrize(("ahead", "epoch", "reason"), [
    (1, None, "ahead"), (10**6, None, "ahead"), (0, "0" * 32, "epoch"), (-4, "0" * 32, "epoch"), (9, "0" * 32, "epoch"),
])
async def test_whoever_knows_another_history_starts_over(
    party: Party, ahead: int, epoch: str | None, reason: str
) -> None:
    gus = await party.come(party.gus, after_seq=await head(party) + ahead, epoch=epoch)
    reset = await reset_of(gus, reason)
    await party.ada.post(f"/api/chat/{party.slug}", text="live")
    assert (await gus.hear())["seq"] == reset["next_seq"]


async def test_a_room_made_again_under_the_same_name_has_another_epoch(party: Party) -> None:
    epoch = (await party.gus.get(f"/api/state/{party.slug}"))["epoch"]
    await party.olga.call("DELETE", f"/api/rooms/{party.slug}")
    await party.gus.create_room(slug=party.slug)
    gus = await party.come(party.gus, after_seq=0, epoch=epoch)
    assert (await reset_of(gus, "epoch"))["epoch"] != epoch


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "1e3", "\u0661", "99999999999999999999", "9" * 3000])
async def test_an_after_seq_that_is_no_number_is_refused(party: Party, after: str) -> None:
    frames, code = await (await party.dial(party.gus, token=party.gus.token, after_seq=after)).end()
    assert [frame["reason"] for frame in frames] == ["bad_payload"] and code == 1008


# ---- retention -------------------------------------------------------------------------------------------------------


async def test_retention_moves_the_floor_of_sync_and_takes_nothing_else(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF, AXENIX_EVENT_RETENTION="20") as (server, party):
        nina = await party.newcomer()
        first = await party.gus.post(f"/api/chat/{party.slug}", text="first", cid="c")
        await party.olga.moderate(party.slug, "kick", nina.id)
        await fill(party, 60)
        for _ in range(2):
            last = await head(party)
            reset = (await party.gus.get(f"/api/sync/{party.slug}", after_seq=1))["reset"]
            floor = reset["floor_seq"]
            assert reset["reason"] == "truncated" and last - 40 < floor <= last - 19
            await reset_of(await party.come(party.gus, after_seq=floor - 2), "truncated")
            asking = await party.come(party.gus)
            assert (await asking.ask("sync.sub", after_seq=floor - 2))[0]["reason"] == "truncated"
            assert (await asking.ask("sync.sub", after_seq=floor - 1))[0]["items"][0]["seq"] == floor
            items = await pages(await party.come(party.gus, after_seq=floor - 1))
            assert [item["seq"] for item in items] == list(range(floor, last + 1))
            assert (await party.gus.get(f"/api/chat/{party.slug}", limit=200))["items"][0] == first
            assert await refused(party.enter(nina)) == (403, "banned")
            log = (await party.olga.get(f"/api/moderation/{party.slug}/log"))["items"]
            assert {item["user_id"] for item in log} == {party.ada.id, nina.id}
            assert await party.gus.post(f"/api/chat/{party.slug}", text="again", cid="c") == first
            await server.restart()


# ---- restarts --------------------------------------------------------------------------------------------------------


async def test_after_a_restart_everyone_was_lost_and_comes_back_unheard(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        olga = await party.olga.join(party.slug)
        gus = await party.gus.join(party.slug)
        await gus.raise_hand()
        first = await party.gus.post(f"/api/chat/{party.slug}", text="first", cid="c")
        await server.restart()
        async for _ in gus:
            pass
        members = await party.members()
        assert [each["status"] for each in members.values()] == ["lost"] * 3
        await gus.resume()
        assert gus.joined["resumed"] is True and gus.snapshot["hands_up"] == [party.gus.id]
        await olga.resume()
        assert await olga.chat("hello again") == olga.info["next_seq"] == first["seq"] + 1, "nothing else has happened"
        assert await gus.chat("first again", "c") == first["seq"]
        await olga.close()
        await gus.close()


async def test_whoever_does_not_come_back_after_a_restart_leaves_when_the_grace_is_over(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF, AXENIX_RECONNECT_GRACE="1") as (server, party):
        olga = await party.olga.join(party.slug)
        await server.restart()
        await olga.resume()
        left = {(await olga.next("member.left"))["user_id"] for _ in range(2)}
        assert left == {party.ada.id, party.gus.id}
        assert (await party.members())[party.olga.id]["status"] == "active"
        await olga.close()


async def test_what_was_decided_holds_after_a_restart(tmp_path: Path) -> None:
    async with party_at(tmp_path, **RATES_OFF) as (server, party):
        nina = await party.newcomer()
        await party.olga.moderate(party.slug, "kick", nina.id, reason="noise")
        await party.olga.moderate(party.slug, "force_mute", party.gus.id)
        await party.olga.post(f"/api/state/{party.slug}/set_mute_all", value=True)
        asked_for = [f"/api/{what}/{party.slug}" for what in ("state", "chat", "sync")] + [
            f"/api/moderation/{party.slug}/{what}" for what in ("bans", "log")] + [f"/api/users/{nina.id}"]
        before = [await party.olga.get(path) for path in asked_for]
        await server.restart()
        assert [await party.olga.get(path) for path in asked_for] == before
        assert await refused(party.enter(nina)) == (403, "banned")
