"""Firefox and Chromium in one room: each has WebRTC, keys and a recorder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import _tools
import pytest
from firefox import FirefoxWindow, firefox_window
from harness import ServerProcess
from test_page_recording import PLAYED, listed, open_recordings, start, stop
from windows import Window, Windows, eventually, tiles_are

pytestmark = pytest.mark.timeout(180)

SOUNDS = """(async () => {
  const context = new AudioContext();
  await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 2000))]);
  return context.state === "running";
})()"""
"""Whether this machine has a sound output, without which Firefox mixes nothing."""


@pytest.fixture
async def fox(server: ServerProcess, tmp_path: Path) -> AsyncIterator[FirefoxWindow]:
    path = _tools.find_firefox()
    if path is None:
        pytest.fail(_tools.NO_FIREFOX)
    async with firefox_window(path, tmp_path / "firefox", server.url) as window:
        yield window


async def flow(*windows: Window | FirefoxWindow) -> None:
    """Each decodes more pictures of the other than it did, and hears it."""
    before = [await window.calls() for window in windows]

    async def more() -> bool:
        for window, earlier in zip(windows, before, strict=True):
            calls = await window.calls()
            since = earlier[0]["frames"] if earlier else 0
            if len(calls) != 1 or calls[0]["frames"] < since + 5 or calls[0]["packets"] < 10:
                return False
        return True
    await eventually(more)


async def all_read(expected: list[str], *windows: Window | FirefoxWindow) -> None:
    async def same() -> bool:
        return all([await window.lines() == expected for window in windows])
    await eventually(same)


async def meet(first: Window | FirefoxWindow, second: Window | FirefoxWindow) -> None:
    """In a room that the first has made; whoever comes second is the one that calls."""
    path = await first.make_room("Two kinds")
    for window in (first, second):
        await window.enter(path, "Рыжая" if isinstance(window, FirefoxWindow) else "Ann")
    await flow(first, second)


async def test_firefox_and_chromium_see_hear_and_write_to_each_other_and_survive_a_killed_server(
    server: ServerProcess, windows: Windows, fox: FirefoxWindow,
) -> None:
    ann = await windows.person()
    await meet(fox, ann)
    for window in (ann, fox):
        await tiles_are(window, {"Ann", "Рыжая"})

    await fox.click("mic")
    await eventually(lambda: marked(ann, "Рыжая"))
    await fox.click("chat")
    await fox.say("one")
    await ann.say("two")
    await all_read(["one", "two"], ann, fox)

    before = [(await window.calls())[0]["number"] for window in (ann, fox)]
    await server.kill()
    await fox.is_("lost")
    await fox.say("three")
    await server.start()
    await fox.is_("live")
    await all_read(["one", "two", "three"], ann, fox)
    await flow(ann, fox)
    assert [(await window.calls())[0]["number"] for window in (ann, fox)] == before
    ann.forgive_the_network()
    fox.forgive_the_network()


async def marked(window: Window, name: str) -> bool:
    """Its tile says more than the name: here that nobody hears it."""
    return any(label.startswith(name) and label != name for label in await window.tiles())


async def test_what_firefox_seals_chromium_reads_and_the_other_way_round(windows: Windows, fox: FirefoxWindow) -> None:
    ann = await windows.person()
    await meet(ann, fox)
    await ann.part("chat").click()
    await ann.part("seal").click()
    await ann.part("seal-room").click()
    await ann.page.get_by_text("The chat is encrypted").wait_for()
    number = (await ann.part("safety-number").inner_text()).split()
    await ann.page.keyboard.press("Escape")
    await fox.click("chat")
    await fox.until("document.querySelector('[data-testid=seal]').innerText.startsWith('Encrypted')")
    await ann.say("from Chromium")
    await all_read(["from Chromium"], ann, fox)
    await fox.say("from Firefox")
    await all_read(["from Chromium", "from Firefox"], ann, fox)
    await fox.click("seal")
    assert (await fox.text("safety-number")).split() == number and len(number) == 12


async def test_what_firefox_records_chromium_plays(windows: Windows, fox: FirefoxWindow) -> None:
    ann = await windows.person()
    await meet(fox, ann)
    sounds = await fox.evaluate(SOUNDS)
    await record(fox, "ask-record")
    await ann.part("recording-mark").wait_for()
    if not sounds:
        await fox.until("document.querySelector('[data-testid=toasts]').innerText.includes('without sound')")
    await fox.click("more")
    await fox.click("more-recordings")
    await fox.until("/0:0[3-9]/.test(document.querySelector('[data-testid=upload]')?.innerText)")
    await record(fox, "ask-record-stop")
    await open_recordings(ann)
    await listed(ann, 1)
    await ann.part("play-recording").click()
    is_whole(await ann.part("player").evaluate(PLAYED), sounds)


async def test_what_chromium_records_firefox_plays(windows: Windows, fox: FirefoxWindow) -> None:
    ann = await windows.person()
    await meet(ann, fox)
    await start(ann)
    await asyncio.sleep(3)
    await stop(ann)
    await fox.click("more")
    await fox.click("more-recordings")
    await fox.click("play-recording")
    await fox.text("recording")
    is_whole(await fox.evaluate(f"({PLAYED})(document.querySelector('[data-testid=player]'))"), True)


async def record(fox: FirefoxWindow, question: str) -> None:
    await fox.click("more")
    await fox.click("more-record")
    await fox.click(question, "[type=submit]")


def is_whole(seen: dict[str, Any], sounds: bool) -> None:
    """With a length, places to jump to, sound, and faces."""
    assert 2.5 < seen["duration"] < 20 and seen["at"] > seen["duration"] - 1.3, seen
    assert (seen["width"], seen["heard"]) == (1280, int(sounds)) and seen["colours"] > 20, seen
