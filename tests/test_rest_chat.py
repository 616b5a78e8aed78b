"""The contract, by REST: chat and its history, and catching up with everything that has happened."""

from __future__ import annotations

import asyncio
import re

import pytest
from harness import ServerProcess
from living import DELETED, MESSAGE, PAGE, RESET, SNAPSHOT, TIME, Party, asked, refused
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Frame, Person


def chat(party: Party, what: object = None) -> str:
    return f"/api/chat/{party.slug}" + ("" if what is None else f"/{what}")


async def said(party: Party, who: Person, text: str, **more: str) -> Frame:
    return await who.post(chat(party), text=text, **more)


# ---- chat ------------------------------------------------------------------------------------------------------------


async def test_a_message_by_rest_is_the_one_that_everybody_hears_and_history_tells(party: Party) -> None:
    gus = await party.come(party.gus)
    status, message, _ = await asked(party.ada, "POST", chat(party), {"text": " Hello\nall \0", "cid": "a"})
    assert status == 201 and message.keys() == MESSAGE
    assert (message["type"], message["user_id"], message["room_slug"]) == ("chat.message", party.ada.id, party.slug)
    assert message["text"] == "Hello\nall" and message["id"] == message["seq"]
    assert re.fullmatch(TIME, message["created_at"])
    assert await gus.hear() == message
    assert (await party.gus.get(chat(party)))["items"][-1] == message


async def test_history_is_plain_and_encrypted_messages_with_the_newest_last(party: Party) -> None:
    gus = await party.come(party.gus)
    live = [await said(party, party.ada, "one")]
    await gus.say("chat.message.enc", algo="AES-256-GCM", ciphertext_b64="AAAA")
    await party.olga.post(f"/api/state/{party.slug}/set_topic", topic="no message")
    live += [await said(party, party.ada, "two")]
    sealed = await gus.until("chat.message.enc")
    assert sealed.keys() == MESSAGE - {"text"} | {"algo", "ciphertext_b64", "key_epoch"}
    assert (await party.gus.get(chat(party))) == {"items": [live[0], sealed, live[1]]}


async def test_history_is_read_backwards_in_pages(party: Party) -> None:
    ids = [(await said(party, party.ada, f"line {n}"))["id"] for n in range(60)]

    async def page(**query: int) -> list[int]:
        return [message["id"] for message in (await party.gus.get(chat(party), **query))["items"]]

    assert await page() == ids[-50:], "fifty, unless said otherwise"
    assert await page(limit=7) == ids[-7:]
    assert await page(limit=7, before_id=ids[-7]) == ids[-14:-7]
    assert await page(before_id=ids[3]) == ids[:3]
    assert await page(before_id=ids[0]) == []
    assert await page(limit=10**9) == await page(limit=200) == ids, "clamped"
    assert await page(limit=0) == ids[-1:], "clamped"


async def test_a_repeated_cid_is_answered_with_the_first_message_by_rest_and_socket_alike(party: Party) -> None:
    gus = await party.come(party.gus)
    first = await said(party, party.gus, "once", cid="c1")
    assert await gus.hear() == first
    assert await said(party, party.gus, "twice", cid="c1") == first
    await gus.say("chat.message", text="thrice", cid="c1")
    assert await gus.hear() == {"type": "ack", "cid": "c1", "seq": first["seq"]}
    await gus.say("chat.message", text="once more", cid="c2")
    second, ack = await gus.hear(), await gus.hear()
    assert (second["text"], ack) == ("once more", {"type": "ack", "cid": "c2", "seq": second["seq"]})
    assert await said(party, party.gus, "again", cid="c2") == second
    assert (await said(party, party.ada, "mine", cid="c1"))["text"] == "mine", "a cid is its sender's own"
    assert len((await party.gus.get(chat(party)))["items"]) == 3


async def test_repeats_at_the_same_moment_make_one_message(party: Party) -> None:
    answers = await asyncio.gather(*(said(party, party.gus, "once", cid="c") for _ in range(10)))
    assert len({answer["seq"] for answer in answers}) == 1
    assert len((await party.gus.get(chat(party)))["items"]) == 1


@pytest.mark.parametrize(("body", "reason"), [
    ({}, "bad_payload"), ({"text": 5}, "bad_payload"), ({"text": None}, "bad_payload"),
    ({"text": ""}, "empty_message"), ({"text": " \n\t "}, "empty_message"), ({"text": "\0\x1b"}, "empty_message"),
    ({"text": "x" * 4001}, "message_too_long"),
    ({"text": "hi", "cid": ""}, "bad_payload"), ({"text": "hi", "cid": "x" * 65}, "bad_payload"),
    ({"text": "hi", "cid": 5}, "bad_payload"),
])
async def test_a_message_that_is_none_is_refused(party: Party, body: Frame, reason: str) -> None:
    assert (await asked(party.gus, "POST", chat(party), body)).reason == (422, reason)
    assert (await party.gus.get(chat(party)))["items"] == []


async def test_4000_characters_are_a_message_and_a_refused_cid_is_not_remembered(party: Party) -> None:
    assert await refused(said(party, party.gus, "x" * 4001, cid="c")) == (422, "message_too_long")
    assert len((await said(party, party.gus, "щ" * 4000, cid="c"))["text"]) == 4000


@pytest.mark.parametrize("text", ["radish", "RADISHES!", "rad\u200bish", "РЕДЬКА"])
async def test_some_words_may_not_be_said(party: Party, text: str) -> None:
    assert await refused(said(party, party.olga, f"a {text} b")) == (403, "forbidden_words")


# ---- deleting --------------------------------------------------------------------------------------------------------


async def test_a_deleted_message_keeps_its_place_and_loses_its_text(party: Party) -> None:
    ada = await party.come(party.ada)
    message = await said(party, party.gus, "regretted")
    await said(party, party.gus, "kept")
    status, body, _ = await asked(party.gus, "DELETE", chat(party, message["id"]))
    assert (status, body) == (200, {"ok": True})
    deleted = await ada.until("chat.deleted")
    assert deleted == {"type": "chat.deleted", "seq": deleted["seq"], "created_at": deleted["created_at"],
                       "id": message["id"], "by_user": party.gus.id}
    tombstone = {name: message[name] for name in DELETED if name != "deleted"} | {"deleted": True}
    assert (await party.gus.get(chat(party)))["items"][0] == tombstone
    after = message["seq"] - 1
    page = await party.gus.get(f"/api/sync/{party.slug}", after_seq=after)
    assert page["items"][0] == tombstone and page["items"][-1] == deleted
    resumed = await party.come(party.gus, after_seq=after)
    assert (await resumed.hear())["items"][0] == tombstone
    assert await refused(party.gus.call("DELETE", chat(party, message["id"]))) == (404, "message_not_found")


async def test_a_message_is_deleted_by_its_author_or_a_mod_of_higher_rank(party: Party) -> None:
    for author, actor, allowed in (
        (party.gus, party.ada, True), (party.gus, party.olga, True), (party.ada, party.olga, True),
        (party.olga, party.olga, True), (party.ada, party.ada, True), (party.olga, party.ada, False),
        (party.ada, party.gus, False), (party.olga, party.gus, False),
    ):
        path = chat(party, (await said(party, author, "hm"))["id"])
        if allowed:
            assert await actor.call("DELETE", path) == {"ok": True}
        else:
            assert await refused(actor.call("DELETE", path)) == (403, "forbidden")


async def test_an_author_who_has_left_still_owns_the_words(party: Party) -> None:
    message = await said(party, party.gus, "regretted")
    await party.gus.post(f"/api/participants/{party.slug}/leave")
    assert await party.gus.call("DELETE", chat(party, message["id"])) == {"ok": True}


async def test_the_text_of_a_deleted_message_is_gone_from_disk(party: Party, shared_server: ServerProcess) -> None:
    def on_disk(text: str) -> bool:
        return any(text.encode() in path.read_bytes() for path in shared_server.data_dir.rglob("*") if path.is_file())

    *messages, left = [await said(party, party.gus, f"never to be read again, {n} {party.slug}") for n in range(4)]
    assert all(on_disk(message["text"]) for message in (*messages, left))
    for message in messages:
        await party.olga.call("DELETE", chat(party, message["id"]))
        assert not on_disk(message["text"]), "it was answered that it is gone"
    await party.olga.call("DELETE", f"/api/rooms/{party.slug}")
    async with asyncio.timeout(5):  # a long history goes step by step
        while on_disk(left["text"]):
            await asyncio.sleep(0.05)


async def test_only_messages_can_be_deleted(party: Party) -> None:
    other_room = await party.gus.create_room()
    await party.gus.post(f"/api/participants/{other_room['slug']}/join")
    message = await party.gus.post(f"/api/chat/{other_room['slug']}", text="elsewhere")
    for what in (1, 999_999, 0, -1, "x", 2**53, 2**64, "%31%30%30", message["id"] + 10**6):
        assert (await asked(party.gus, "DELETE", chat(party, what))).reason == (404, "message_not_found")


# ---- sync ------------------------------------------------------------------------------------------------------------


async def test_sync_gives_everything_exactly_as_it_was_sent_live(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.ask("hand.raise")
    await said(party, party.ada, "hi")
    await party.ada.moderate(party.slug, "force_mute", party.gus.id)
    watcher = await party.come(party.ada, after_seq=0)
    live = (await watcher.hear())["items"] + (await party.all_heard(watcher))[0]
    status, page, _ = await asked(party.gus, "GET", f"/api/sync/{party.slug}?after_seq=0")
    assert status == 200 and page.keys() == PAGE
    assert page["items"][:-1] == live and page["items"][-1]["type"] == "state.changed"
    assert [item["seq"] for item in page["items"]] == list(range(1, len(live) + 2))
    assert (page["next_seq"], page["floor_seq"], page["has_more"]) == (len(live) + 2, 1, False)
    assert page["epoch"] == gus.greeting[2]["epoch"]


async def test_sync_comes_in_pages_without_hole_or_repeat(party: Party) -> None:
    for n in range(250):
        await said(party, party.gus, f"line {n}")
    path, head, seen, query = f"/api/sync/{party.slug}", 254, 0, {}
    for limit, size in ((None, 200), (50, 50), (10**9, 4), (5, 0)):
        query = {"after_seq": seen} | ({} if limit is None else {"limit": limit})
        page = await party.gus.get(path, **query)
        assert [item["seq"] for item in page["items"]] == list(range(seen + 1, seen + size + 1))
        seen += size
        assert (page["next_seq"], page["has_more"]) == (seen + 1, seen < head)
    assert len((await party.gus.get(path, limit=1000))["items"]) == head


@pytest.mark.parametrize(("query", "reason"), [
    ("after_seq=1&epoch=" + "0" * 32, "epoch"), ("after_seq=1&epoch=x", "epoch"),
    ("after_seq=5", "ahead"), ("after_seq=9007199254740991", "ahead"),
])
async def test_sync_says_so_when_it_cannot_go_on_from_there(party: Party, query: str, reason: str) -> None:
    status, body, _ = await asked(party.gus, "GET", f"/api/sync/{party.slug}?{query}")
    assert status == 200 and body.keys() == {"reset"} and body["reset"].keys() == RESET
    reset, state = body["reset"], await party.gus.get(f"/api/state/{party.slug}")
    assert (reset["reason"], reset["next_seq"], reset["floor_seq"]) == (reason, 5, 1)
    assert {name: reset["snapshot"][name] for name in SNAPSHOT} == {name: state[name] for name in SNAPSHOT}
    assert reset["epoch"] == state["epoch"]


async def test_sync_of_the_present_epoch_goes_on_up_to_the_very_head(party: Party) -> None:
    state = await party.gus.get(f"/api/state/{party.slug}")
    page = await party.gus.get(f"/api/sync/{party.slug}", after_seq=state["seq"], epoch=state["epoch"])
    assert page == {"items": [], "next_seq": 5, "floor_seq": 1, "epoch": state["epoch"], "has_more": False}
