"""The examples of scripts/examples as people start them, against a real server that is killed in between."""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import RATES_OFF, ROOT, ServerProcess
from living import Party, asked, party_at
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Api

EXAMPLES = ROOT / "scripts" / "examples"


@asynccontextmanager
async def started(name: str, *arguments: str) -> AsyncIterator[Process]:
    """The example as a process of its own, from a folder that is not the project's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *arguments, cwd="/", stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ran(name: str, *arguments: str) -> tuple[int | None, str, str]:
    async with started(name, *arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, out.decode(), err.decode()


async def test_the_bot_greets_and_answers_each_once_through_a_kill_of_the_server(
    server: ServerProcess, api: Api,
) -> None:
    owner = await api.guest("Owner")
    slug = (await owner.create_room(title="With a bot"))["slug"]
    meeting = await owner.join(slug)
    async with started("bot.py", server.url, slug) as process:
        bot = (await meeting.next("member.joined", nickname="Greeter"))["user_id"]
        async with await (await api.guest("Zoë")).join(slug):
            assert (await meeting.next("chat.message", user_id=bot))["text"].startswith("Welcome, Zoë!")
        await meeting.chat("!help")
        assert "!time" in (await meeting.next("chat.message", user_id=bot))["text"]
        await server.restart()
        assert await meeting.come_back()
        await meeting.chat("!time")  # the bot may still be away: then it hears of it when it comes back
        assert (await meeting.next("chat.message", user_id=bot, timeout=15))["text"].endswith("UTC.")
        await meeting.chat("no command")
        await owner.moderate(slug, "kick", bot)
        assert await asyncio.wait_for(process.wait(), 10) == 0, "a bot that is sent away goes"
    said = [event async for event in owner.history(slug) if event["type"] == "chat.message"]
    assert [event["user_id"] == bot for event in said] == [True, False, True, False, True, False]
    await meeting.close()


async def test_the_bot_comes_back_from_a_silence_and_says_then_what_it_had_to_say() -> None:
    class Meeting:
        person, silences, said = SimpleNamespace(id=1), [TimeoutError()], list[str]()

        async def __aiter__(self) -> AsyncIterator[dict[str, object]]:
            if self.silences:
                yield {"type": "member.joined", "seq": 2, "user_id": 2, "nickname": "Zoë"}

        async def chat(self, text: str, cid: str) -> None:
            if self.silences:
                raise self.silences.pop()
            self.said.append(cid)

        async def come_back(self) -> bool:
            return not self.said

    await runpy.run_path(str(EXAMPLES / "bot.py"))["attend"](Meeting())
    assert Meeting.said == ["to 2"]


async def test_the_bot_says_why_it_may_not_come_in(party: Party) -> None:
    await party.ada.post(f"/api/state/{party.slug}/set_lock", value=True)
    code, _, said = await ran("bot.py", party.api.base_url, party.slug)
    assert code == 1 and said.startswith("room_locked: ")


async def test_a_room_is_exported_whole_for_programs_and_for_people(party: Party, tmp_path: Path) -> None:
    wire = await party.come(party.ada)
    for text in ("hello *stars*\nand a second line", "to be forgotten"):
        seq = (await wire.ask("chat.message", text=text))[-1]["seq"]
    await party.olga.call("DELETE", f"/api/chat/{party.slug}/{seq}")
    for n in range(1100):  # more than one page
        await wire.say("hand.raise" if n % 2 else "hand.lower")
    await wire.ask("chat.message", text="the last")
    code, out, err = await ran("export_room.py", party.api.base_url, party.slug, "--to", str(tmp_path),
                               "--token", party.gus.token)
    assert (code, err) == (0, "") and len(out.splitlines()) == 2
    exported = json.loads((tmp_path / f"{party.slug}.json").read_text(encoding="utf-8"))
    assert exported["room"]["slug"] == party.slug
    assert [event["seq"] for event in exported["events"]] == list(range(1, exported["events"][-1]["seq"] + 1))
    assert len(exported["events"]) > 1100 and exported["events"][-1]["text"] == "the last"
    told = (tmp_path / f"{party.slug}.md").read_text(encoding="utf-8")
    assert told.startswith("# Party\n") and "**Olga** *came in*" in told
    assert "**Ada**: hello \\*stars\\*  \n  and a second line" in told
    assert "**Ada**: *(deleted)*" in told and "forgotten" not in told and told.endswith("**Ada**: the last\n")


async def test_a_stranger_exports_with_an_invitation_and_is_told_no_without(party: Party, tmp_path: Path) -> None:
    room = await party.olga.create_room(title="Private", is_private=True, create_invite=True)
    asking = ("export_room.py", party.api.base_url, room["slug"], "--to", str(tmp_path))
    code, _, err = await ran(*asking)
    assert code == 1 and err.startswith("invite_required_or_invalid: ") and not list(tmp_path.iterdir())
    assert (await ran(*asking, "--invite-key", room["invite_key"]))[0] == 0
    assert len(list(tmp_path.iterdir())) == 2


async def test_where_events_are_given_up_the_chat_is_exported_all_the_same(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_EVENT_RETENTION="5", **RATES_OFF) as (server, party):
        for n in range(12):
            assert (await asked(party.gus, "POST", f"/api/chat/{party.slug}", {"text": f"line {n}"})).status == 201
        code, _, err = await ran("export_room.py", server.url, party.slug, "--to", str(tmp_path / "out"),
                                 "--token", party.ada.token)
        assert code == 0, err
        events = json.loads((tmp_path / "out" / f"{party.slug}.json").read_text())["events"]
        assert [each["text"] for each in events if each["type"] == "chat.message"] == [f"line {n}" for n in range(12)]
        assert [each["seq"] for each in events] == sorted({each["seq"] for each in events})


def test_the_examples_are_short() -> None:
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    assert lines.keys() == {"bot.py", "export_room.py"} and lines["bot.py"] < 80


@pytest.mark.parametrize("code", [1000, 4005, 4006, 4007])
async def test_a_client_that_has_been_sent_away_does_not_come_back(party: Party, code: int) -> None:
    meeting = await party.gus.join(party.slug)
    await meeting.close(1000)
    meeting.close_code = code
    assert not await meeting.come_back()


async def test_a_stay_outlives_its_tokens(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_TOKEN_TTL="2", **RATES_OFF) as (_, party):
        gus = await party.api.guest("Gus the second")
        renewing = asyncio.create_task(gus.keep_renewed())
        meeting = await gus.join(party.slug)
        for _ in range(2):
            assert [event async for event in meeting if event["type"] == "error"] == []
            assert meeting.close_code == 4001 and await meeting.come_back()
        await meeting.chat("still here")
        await meeting.close()
        renewing.cancel()
