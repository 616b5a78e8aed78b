"""Whoever has read PROTOCOL.md and nothing else can write a client that takes part in everything."""

from __future__ import annotations

import asyncio

import pytest
from by_the_document import No, Room, Somebody
from harness import ServerProcess


def chat_of(room: Room) -> list[str]:
    return [event["text"] for event in room.events if event["type"] == "chat.message"]


async def met(server: ServerProcess) -> tuple[Room, Room]:
    """Ann owns the room, and Ben is there too."""
    ann, ben = Somebody(server.url), Somebody(server.url)
    await ann.take_token("Ann")
    await ben.take_token("Ben")
    slug = (await ann.ask("POST", "/api/rooms", {"title": "Tea"}))["slug"]
    return await Room(ann, slug).enter(), await Room(ben, slug).enter()


async def test_it_joins_chats_signals_and_is_silenced(server: ServerProcess) -> None:
    ann, ben = await met(server)
    seq = await ann.say("chat.message", text="hello")
    assert await ben.say("chat.message", text="hi") == (seq or 0) + 1
    await ben.until(lambda: len(chat_of(ben)) == 2)
    assert chat_of(ann)[:2] == chat_of(ben) == ["hello", "hi"]

    assert await ann.say("offer", to=ben.me.id, sdp="v=0\r\n") is None
    await ben.until(lambda: ben.signals)
    await ben.say("answer", to=ann.me.id, sdp="v=0\r\n")
    await ben.say("ice", to=ann.me.id, candidate=None)
    await ann.until(lambda: len(ann.signals) == 2)
    assert [(each["type"], each["from"]) for each in [*ben.signals, *ann.signals]] == [
        ("offer", ann.me.id), ("answer", ben.me.id), ("ice", ben.me.id)]

    await ben.say("hand.raise")
    await ann.until(lambda: ann.state["hands_up"] == [ben.me.id])
    await ann.me.ask("POST", f"/api/moderation/{ann.slug}/force_mute", {"user_id": ben.me.id, "reason": "noise"})
    with pytest.raises(No, match="muted_by_admin"):
        await ben.say("chat.message", text="but")
    older = (await ben.me.ask("GET", f"/api/chat/{ben.slug}", limit=1, before_id=seq + 1))["items"]
    assert [each["text"] for each in older] == ["hello"]

    before = ben.me.id
    await ben.me.take_token()
    assert ben.me.id == before
    await asyncio.gather(ann.leave(), ben.leave())
    assert (ann.ends, ben.ends) == (1, 1)


async def test_it_comes_back_and_misses_and_repeats_nothing(server: ServerProcess) -> None:
    """A tunnel, a server that is killed, and one that is told to end."""
    ann, ben = await met(server)
    saying = asyncio.create_task(talk(ann))
    await asyncio.sleep(0.3)
    ben.cut()
    await ben.until(lambda: ben.ends == 1 and ben.resumed)
    port = server.port
    await server.kill()
    await asyncio.sleep(0.5)
    await server.start()
    assert server.port == port
    await saying
    first, again = [await ben.say("chat.message", text="once", cid="b-1") for _ in range(2)]
    assert first == again
    said = [*(f"line {number}" for number in range(60)), "once"]
    await ben.until(lambda: len(chat_of(ben)) >= len(said))
    await ann.until(lambda: len(chat_of(ann)) >= len(said))
    assert chat_of(ann) == chat_of(ben) == said and ben.resets == 0
    history, after = [], 0
    while page := (await ben.me.ask("GET", f"/api/sync/{ben.slug}", after_seq=after, limit=7))["items"]:
        history += page
        after = page[-1]["seq"]
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    assert [event for event in history if event["seq"] > history[-1]["seq"] - len(ben.events)] == ben.events
    await asyncio.gather(ann.leave(), ben.leave())


async def talk(room: Room) -> None:
    for number in range(60):
        await room.say("chat.message", text=f"line {number}")
        await asyncio.sleep(0.02)


async def test_it_starts_over_when_it_is_told_to(server: ServerProcess) -> None:
    ann, ben = await met(server)
    ben.epoch = "0" * 32
    ben.cut()
    await ben.until(lambda: ben.resets == 1)
    assert {each["user_id"] for each in ben.state["participants"]} == {ann.me.id, ben.me.id}
    await ann.say("chat.message", text="again")
    await ben.until(lambda: chat_of(ben) == ["again"])
    await asyncio.gather(ann.leave(), ben.leave())
