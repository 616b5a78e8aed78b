"""The call itself in real Chromium windows: screens, pins, voices, keys, a crowd, and a line that is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bad_line import BadLine
from harness import ServerProcess
from playwright.async_api import Browser, expect
from windows import PHONE, Window, Windows, connected, eventually

pytestmark = pytest.mark.timeout(120)
SCRIPTS = Path(__file__).parent / "js"
CROWD = (SCRIPTS / "crowd.js").read_text()
EIGHT = ["Anna", "Boris", "Clara", "Dmitri", "Eve", "Fyodor", "Gulnara", "Hugo"]
LONGEST_TASK = 0.2


async def shared_picture(window: Window) -> dict[str, Any]:
    """What the one shared screen on the stage looks like."""
    return await window.part("screen-tile").get_by_test_id("video").evaluate("""(video) => ({
      playing: video.videoWidth > 0, fit: getComputedStyle(video).objectFit, scale: getComputedStyle(video).scale,
      large: video.closest("li").hasAttribute("data-pinned"),
    })""")


async def screens_are(window: Window, *owners: str) -> None:
    async def so() -> bool:
        labels = await window.part("screen-tile").evaluate_all("(tiles) => tiles.map((tile) => tile.ariaLabel)")
        return labels == [f"Screen: {owner}" for owner in owners]
    await eventually(so, 15)


async def test_a_screen_is_seen_by_all_and_ends_by_the_button_the_browser_or_a_moderator(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob, cy = [await windows.person() for _ in range(3)]
    path = await ann.make_room("Slides")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob", cam=False)
    await connected(ann, picture=False)
    await bob.part("screen").click()
    await screens_are(ann, "Bob")

    async def plays() -> bool:
        return (await shared_picture(ann))["playing"]
    await eventually(plays)
    assert await shared_picture(ann) == {"playing": True, "fit": "contain", "scale": "none", "large": True}
    assert not (await shared_picture(bob))["large"]  # one's own is known
    assert await ann.tiles() == ["Bob, camera off", "Ann"]

    await cy.enter(path, "Cy", mic=False, cam=False)  # who comes later sees it too
    await screens_are(cy, "Bob")
    await ann.part("screen").click()
    await screens_are(cy, "Ann", "Bob")
    await ann.part("screen").click()
    await screens_are(cy, "Bob")

    await bob.page.evaluate("""() => {
      const sent = peersMade[0].getSenders().map(({ track }) => track);
      sent.find((track) => track?.contentHint === "detail").dispatchEvent(new Event("ended"));
    }""")
    for window in (ann, bob, cy):
        await screens_are(window)
    await bob.part("screen").click()
    await screens_are(ann, "Bob")
    (_, owner), (bob_id, _) = await ann.id_and_token(), await bob.id_and_token()
    address = f"{windows.url}/api/moderation/{path.removeprefix('/r/')}/force_video"
    await session.post(address, json={"user_id": bob_id}, headers={"Authorization": f"Bearer {owner}"})
    for window in (ann, bob, cy):
        await screens_are(window)
    await expect(bob.part("screen")).to_be_disabled()


async def test_keys_do_what_buttons_do_but_not_while_writing(windows: Windows) -> None:
    ann = await windows.person()
    await ann.enter(await ann.make_room("Keys"), "Ann")
    keys = ann.page.keyboard

    async def pressed(key: str, *expected: str) -> None:
        await keys.press(key)

        async def so() -> bool:
            return await ann.tiles() == [", ".join(["Ann", *expected])]
        await eventually(so, 10)

    await pressed("m", "microphone off")
    await pressed("v", "microphone off", "camera off")
    await pressed("h", "microphone off", "camera off", "hand raised")
    await keys.down(" ")
    await eventually(lambda: says(ann, "mic", "Turn microphone off"), 10)
    await keys.up(" ")
    await eventually(lambda: says(ann, "mic", "Turn microphone on"), 10)

    await keys.press("c")
    await ann.part("chat-field").wait_for()
    await ann.part("chat-field").press_sequentially("vmh ?")
    await expect(ann.part("chat-field")).to_have_value("vmh ?")
    assert await ann.tiles() == ["Ann, microphone off, camera off, hand raised"]
    await ann.part("chat-field").fill("")
    await keys.press("Escape")
    await ann.part("chat-field").wait_for(state="hidden")
    await keys.press("?")
    await ann.part("shortcuts-dialog").wait_for()
    await keys.press("v")  # a dialog lies over the page
    await keys.press("Escape")
    await ann.part("shortcuts-dialog").wait_for(state="detached")
    assert await ann.tiles() == ["Ann, microphone off, camera off, hand raised"]


async def says(window: Window, part: str, words: str) -> bool:
    return await window.part(part).get_attribute("aria-label") == words


async def test_a_tile_is_made_large_by_the_keyboard_and_a_voice_is_marked(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person(size=PHONE, has_touch=True)
    path = await ann.make_room("Voices")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob", mic=False)
    await connected(bob)
    speaking = '[data-testid="tile"][data-speaking]'
    for window in (ann, bob):  # the fake microphone beeps
        await window.page.locator(f'{speaking}[aria-label="Ann"]').wait_for()
    await ann.part("mic").click()
    for window in (ann, bob):
        await window.page.locator(speaking).wait_for(state="detached")

    tile = ann.page.locator('[data-testid="tile"][aria-label="Bob, microphone off"]')
    before = await tile.bounding_box()
    await ann.part("copy-link").focus()
    while not await ann.page.evaluate("document.activeElement.dataset.testid === 'tile-pin'"):
        await ann.page.keyboard.press("Tab")
    await ann.page.keyboard.press("Enter")
    await ann.page.locator("[data-pinned]").wait_for()
    after = await tile.bounding_box()
    assert before and after and after["width"] > 1.4 * before["width"]
    await ann.page.keyboard.press("ArrowRight")
    assert await ann.page.evaluate("document.activeElement.dataset.testid") in ("tile-pip", "tile-full")

    await bob.part("more").tap()  # what a phone has no room for is in the menu
    await bob.part("more-screen").tap()
    await screens_are(ann, "Bob")


@pytest.mark.alone
async def test_nine_tiles_keep_the_page_quick_and_each_is_sent_little(windows: Windows) -> None:
    ann, crowd = await windows.person(), await windows.person()
    path = await ann.make_room("Crowd")
    await crowd.page.goto(windows.url)
    await crowd.page.evaluate(CROWD, {"slug": path.removeprefix("/r/"), "names": EIGHT})
    await windows.browser.start_tracing(page=ann.page, categories=["toplevel"])
    await ann.enter(path, "Ann")
    await connected(ann, each=8)
    trace = await windows.browser.stop_tracing()
    await expect(ann.part("tile")).to_have_count(9)
    assert longest_task(trace) < LONGEST_TASK

    async def small() -> bool:
        widths = await ann.page.evaluate(SENT_WIDTHS)
        return len(widths) == 8 and max(widths) <= 320
    await eventually(small)


SENT_WIDTHS = """async () => {
  const all = await Promise.all(peersMade.map((peer) => peer.getStats()));
  const sent = all.flatMap((reports) => [...reports.values()]).filter(({ type, kind }) =>
    type === "outbound-rtp" && kind === "video");
  return sent.map(({ frameWidth }) => frameWidth).filter(Boolean);
}"""


def longest_task(trace: bytes) -> float:
    """Seconds of processor time: on a machine that others use too, a clock on the wall says nothing about a page."""
    events = json.loads(trace)["traceEvents"]
    pages = {(e["pid"], e["tid"]) for e in events
             if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"}
    tasks = [e["tdur"] / 1e6 for e in events
             if e["name"].endswith("RunTask") and "tdur" in e and (e["pid"], e["tid"]) in pages]
    assert len(tasks) > 100, "the browser has not told us what it did"
    return max(tasks)


async def test_a_window_whose_line_is_cut_for_ten_seconds_comes_back_as_it_was(
    server: ServerProcess, chromium: Browser,
) -> None:
    async with BadLine(server.url) as line:
        windows = Windows(chromium, server.url)
        ann, bob = await windows.person(), await windows.person()
        bob.url = line.url
        for window in (ann, bob):
            await line.between(window.page)
        path = await ann.make_room("Tunnel")
        await ann.enter(path, "Ann")
        await bob.enter(path, "Bob", mic=False)
        await connected(bob)
        line.cut = True
        await bob.page.locator('[data-status="lost"]').wait_for()
        await expect(bob.part("banner")).not_to_be_empty()
        before = await frames(bob)
        await bob.page.wait_for_timeout(2_000)
        assert await frames(bob) == before, "the line was not cut"
        line.cut = False
        await bob.page.locator('[data-status="live"]').wait_for()
        await connected(bob)

        async def as_before() -> bool:
            tiles = [set(await window.tiles()) for window in (ann, bob)]
            return tiles == [{"Ann", "Bob, microphone off"}] * 2 and await frames(bob) > before + 5
        await eventually(as_before)
        assert await says(bob, "mic", "Turn microphone on") and await says(bob, "cam", "Turn camera off")
        bob.forgive_the_network()
        assert not windows.complaints()


async def frames(window: Window) -> int:
    """How many pictures have come, by any connection there was."""
    return sum(call["frames"] for call in await window.calls())
