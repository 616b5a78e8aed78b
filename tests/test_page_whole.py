"""One meeting from its first click to its last, as three people live it, and the way in by the keyboard alone."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect
from test_page_call import screens_are
from test_page_chat import ABSENT, becomes
from test_page_people import answer, do, row, says
from test_page_recording import KEEP_WHAT_IS_RECORDED, PLAYED, listed, open_recordings, start, stop
from windows import PHONE, Window, Windows, connected, eventually, lines_are

pytestmark = pytest.mark.timeout(150)


async def test_a_meeting_from_its_first_click_to_its_last(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person(language="ru-RU")
    await ann.page.add_init_script(KEEP_WHAT_IS_RECORDED)
    path = await ann.make_room("Quarter in review")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Боб", mic=False)
    await connected(ann, bob, picture=False)
    await bob.part("screen").click()
    await screens_are(ann, "Боб")
    await bob.part("screen").click()
    await screens_are(ann)
    await sealed_between_two_and_then_three(windows, path, ann, bob)


async def sealed_between_two_and_then_three(windows: Windows, path: str, ann: Window, bob: Window) -> None:
    for window in (ann, bob):
        await window.part("chat").click()
    await ann.part("seal").click()
    await ann.part("seal-room").click()
    await becomes(ann, "sealing", "The chat is encrypted")
    await ann.page.keyboard.press("Escape")
    await ann.say("between the two of us")
    await lines_are(bob, ["between the two of us"])

    cy = await windows.person(size=PHONE)
    await cy.enter(path, "Cy", cam=False)
    await connected(ann, bob, cy, each=2, picture=False)
    await cy.part("chat").click()
    await becomes(cy, "seal", "Encrypted for those in the room")
    await lines_are(cy, [ABSENT])
    await bob.say("для троих")
    await lines_are(cy, [ABSENT, "для троих"])
    await order_is_kept(ann, bob, cy)
    await recorded_and_played(ann, bob)
    await the_door_is_shut(path, ann, bob, cy)


async def order_is_kept(ann: Window, bob: Window, cy: Window) -> None:
    await cy.part("chat").click()  # on a phone the panel covers the call
    await cy.part("hand").click()
    await ann.part("people").click()
    await row(ann, "Cy").get_by_label("number 1 in line").wait_for()
    await do(ann, "Cy", "mute")
    await answer(ann, "ask-mute", reason="echo")
    await says(cy.part("measures"), "muted you", "Ann", "echo")
    await expect(cy.part("mic")).to_be_disabled()
    await do(ann, "Cy", "unmute")
    await cy.part("measures").wait_for(state="hidden")


async def recorded_and_played(ann: Window, bob: Window) -> None:
    await start(ann)
    await bob.part("recording-mark").wait_for()
    await asyncio.sleep(3)
    await stop(ann)
    lasted = await ann.page.evaluate("lasted")
    await open_recordings(ann)
    await listed(ann, 1)
    await ann.part("play-recording").click()
    seen = await ann.part("player").evaluate(PLAYED)
    assert abs(seen["duration"] - lasted) < 0.7 and seen["heard"] == 1 and seen["colours"] > 20


async def the_door_is_shut(path: str, ann: Window, bob: Window, cy: Window) -> None:
    await do(ann, "Cy", "kick")
    await answer(ann, "ask-kick", reason="wrong room", choice="back_at_once")
    await says(cy.part("message"), "wrong room")
    await ann.part("lock-room").click()
    await cy.page.goto(cy.url + path)
    await says(cy.page.locator("main"), "locked")
    await bob.part("leave").click()
    await bob.part("again").wait_for()

    async def alone() -> bool:
        return await ann.tiles() == ["Ann"]
    await eventually(alone)
    await ann.part("leave").click()
    await ann.part("home").click()
    await ann.part("create-room").wait_for()


async def test_without_a_mouse_one_makes_a_room_goes_in_and_is_heard(windows: Windows) -> None:
    ann = await windows.person()
    await ann.page.goto(ann.url)
    await ann.part("create-room").wait_for()
    await walk_to(ann, "room-title")
    await ann.page.keyboard.type("By hand")
    await ann.page.keyboard.press("Enter")
    await ann.part("lobby").wait_for()
    await walk_to(ann, "nickname")
    await ann.page.keyboard.type("Ann")
    await ann.page.keyboard.press("Enter")
    await ann.page.locator('[data-status="live"]').wait_for()
    await walk_to(ann, "chat")
    await ann.page.keyboard.press("Space")
    await walk_to(ann, "chat-field")
    await ann.page.keyboard.type("no mouse at all")
    await ann.page.keyboard.press("Enter")
    await lines_are(ann, ["no mouse at all"])
    await ann.page.keyboard.press("Escape")
    await walk_to(ann, "leave")
    await ann.page.keyboard.press("Enter")
    await ann.part("again").wait_for()


async def walk_to(window: Window, name: str) -> None:
    """By Tab, to something that is then seen to have the focus."""
    focused = "document.activeElement?.dataset.testid"
    for _ in range(40):
        if await window.page.evaluate(focused) == name:
            ring = await window.part(name).evaluate("(element) => getComputedStyle(element).outlineStyle")
            assert ring != "none", f"nobody sees that {name} has the focus"
            return
        await window.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}")
