"""Whoever has read PROTOCOL.md and nothing else can write a client that takes part in everything."""

from __future__ import annotations

import pytest
from by_the_document import Client, main, meet
from harness import ServerProcess


async def test_every_promise_of_the_document_is_kept(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    await main(server.url)
    assert capsys.readouterr().out.count("ok  ") == 28


async def test_it_goes_on_where_it_was_after_the_server_was_killed(server: ServerProcess) -> None:
    ann, ben = Client(server.url, "Ann"), Client(server.url, "Ben")
    slug = await meet(ann, ben)
    await server.kill()
    assert (await ann.reader, await ben.reader) == (1006, 1006)
    await server.start()
    for each in (ann, ben):
        assert (await each.connect(slug))["resumed"]
    seq = await ann.ask("chat.message", "k-1", text="still here?")
    assert (await ben.hear(text="still here?"))["seq"] == seq
    assert ann.events[-len(ben.events):] == ben.events
    assert [event["seq"] for event in ben.events] == list(range(ben.events[0]["seq"], ben.last + 1))
    for each in (ann, ben):
        await each.send("leave")
        assert await each.reader == 1000
