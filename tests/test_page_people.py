"""The people of a room and its order, in real windows: what moderators do, and what those they act upon see of it."""

from __future__ import annotations

import io

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Locator, expect
from windows import Window, Windows, eventually

pytestmark = pytest.mark.timeout(120)


def row(window: Window, name: str) -> Locator:
    return window.part("person").filter(has_text=name)


async def do(window: Window, name: str, deed: str) -> None:
    """What a moderator chooses from somebody's menu."""
    if not await window.part("people-list").is_visible():
        await window.part("people").click()
    await row(window, name).get_by_test_id("person-menu").click()
    await row(window, name).get_by_test_id(f"do-{deed}").click()


async def answer(window: Window, dialog: str, *, reason: str = "", choice: str = "") -> None:
    box = window.part(dialog)
    await box.get_by_test_id("reason").fill(reason)
    if choice:
        await box.get_by_test_id(choice).check()
    await box.locator("[type=submit]").click()
    await box.wait_for(state="detached")


async def says(place: Locator, *words: str) -> None:
    async def said() -> bool:
        text = await place.inner_text()
        return all(word in text for word in words)
    try:
        await eventually(said, 10)
    except AssertionError:
        raise AssertionError(f"{words} not in {await place.inner_text()!r}") from None


async def three(windows: Windows, title: str, *, mic: bool = False) -> tuple[str, Window, Window, Window]:
    """Ann owns the room; Bob and Cy are guests in it."""
    people = [await windows.person() for _ in range(3)]
    path = await people[0].make_room(title)
    await people[0].enter(path, "Ann", mic=mic, cam=False)
    await people[1].enter(path, "Bob", mic=mic, cam=False)
    await people[2].enter(path, "Cy", mic=mic, cam=False)
    await people[0].part("people").click()
    await row(people[0], "Cy").wait_for()
    return path, *people  # type: ignore[return-value]


async def test_who_is_muted_reads_by_whom_and_why_and_what_to_do_until_it_is_over(windows: Windows) -> None:
    path, ann, bob, cy = await three(windows, "Order", mic=True)
    held = bob.part("measures")
    await expect(held).to_be_hidden()
    await do(ann, "Bob", "mute")
    await answer(ann, "ask-mute", reason="too much <b>noise</b>")
    await says(held, "muted you", "Ann: too much <b>noise</b>")
    await says(bob.part("toasts"), "Ann has muted you: too much <b>noise</b>")
    await expect(bob.part("mic")).to_be_disabled()
    await expect(held.locator("b b")).to_have_count(0)
    await says(row(ann, "Bob"), "no\u00a0voice")
    await expect(cy.part("measures")).to_be_hidden()
    await cy.part("people").click()
    menus = cy.part("person-menu").filter(visible=True)
    assert await menus.evaluate_all("(all) => all.map((one) => one.ariaLabel)") == ["How others see you"]

    await bob.part("measures-hand").click()
    await says(held, "Hand is raised")
    await cy.part("hand").click()
    await row(ann, "Cy").get_by_label("number 2 in line").wait_for()
    await expect(ann.part("person").first).to_contain_text("Bob")
    await do(ann, "Bob", "lower_hand")
    await says(bob.part("toasts"), "Ann has lowered your hand")
    await row(ann, "Cy").get_by_label("number 1 in line").wait_for()
    await expect(ann.part("person").first).to_contain_text("Cy")

    await do(ann, "Bob", "unmute")
    await held.wait_for(state="hidden")
    await says(bob.part("toasts"), "You may speak")
    await expect(bob.part("mic")).to_be_enabled()
    assert await bob.part("mic").get_attribute("data-on") is None, "nobody is turned on by others"

    await do(ann, "Bob", "hide")
    await answer(ann, "ask-hide")
    await says(held, "turned your camera off", "Ann")
    await do(ann, "Bob", "unhide")
    await held.wait_for(state="hidden")


async def test_while_everyone_is_muted_the_floor_is_given_and_taken_back(windows: Windows) -> None:
    path, ann, bob, cy = await three(windows, "Assembly", mic=True)
    await ann.part("mute-all").click()
    for window in (bob, cy):
        await says(window.part("measures"), "Everyone is muted", "Ann")
    await expect(ann.part("mute-all")).to_have_attribute("aria-pressed", "true")
    await expect(ann.part("measures")).to_be_hidden()
    await do(ann, "Bob", "give_floor")
    await bob.part("measures").wait_for(state="hidden")
    await says(row(ann, "Bob"), "may speak")
    await bob.part("mic").click()
    await says(row(ann, "Bob"), "may speak")
    await do(ann, "Bob", "take_floor")
    await says(bob.part("measures"), "Everyone is muted")

    await bob.part("people").click()
    assert await row(bob, "Cy").get_by_test_id("person-menu").is_hidden()
    await do(ann, "Bob", "promote")
    await says(bob.part("toasts"), "You are a moderator now")
    await bob.part("measures").wait_for(state="hidden")
    assert await row(bob, "Ann").get_by_test_id("person-menu").is_hidden(), "nobody acts on a superior"
    await row(bob, "Cy").get_by_test_id("person-menu").click()
    await expect(row(bob, "Cy").get_by_test_id("do-kick")).to_be_visible()
    await expect(row(bob, "Cy").get_by_test_id("do-promote"), "only the owner makes moderators").to_have_count(0)
    await bob.page.keyboard.press("Escape")
    await bob.part("mute-all").click()
    await cy.part("measures").wait_for(state="hidden")
    await says(cy.part("toasts"), "Everyone may speak again")
    await do(ann, "Bob", "demote")
    await row(bob, "Cy").get_by_test_id("person-menu").wait_for(state="hidden")
    assert await bob.part("mute-all").is_hidden()


async def test_who_is_kicked_reads_why_stays_out_and_is_let_in_again(windows: Windows) -> None:
    path, ann, bob, cy = await three(windows, "Removal")
    await do(ann, "Bob", "kick")
    await answer(ann, "ask-kick", reason="spam", choice="back_in_hour")
    await says(bob.part("message"), "removed from the room", "Ann", "spam")
    await says(cy.part("toasts"), "Bob was removed from the room by Ann: spam")
    await row(ann, "Bob").wait_for(state="detached")
    await bob.part("again").click()
    await try_to_enter(bob, "Bob")
    await says(bob.part("message"), "banned")

    await ann.part("room-menu").click()
    await ann.part("do-bans").click()
    await says(ann.part("ban"), "Bob", "Ann", "spam")
    await ann.part("unban").click()
    await says(ann.part("bans"), "Bob may come in again")
    await ann.page.keyboard.press("Escape")
    await bob.page.goto(windows.url + path)
    await bob.enter(path, "Bob", mic=False, cam=False)
    await row(ann, "Bob").wait_for()

    await ann.part("lock-room").click()
    await says(cy.part("toasts"), "Ann has locked the room")
    await ann.part("room-menu").click()
    await ann.part("do-log").click()
    await says(ann.part("log"), "Ann removed Bob", "Ann let Bob in again", "spam", "Ann locked the room")


async def try_to_enter(window: Window, nickname: str) -> None:
    """As `enter`, for who will not get in."""
    await window.part("nickname").fill(nickname)
    await window.part("join").click()
    await window.part("message").wait_for()


async def test_the_room_is_named_locked_and_given_a_topic_and_deleted(windows: Windows) -> None:
    ann, bob, dan = [await windows.person() for _ in range(3)]
    path = await ann.make_room("Before")
    await ann.enter(path, "Ann", mic=False, cam=False)
    await bob.enter(path, "Bob", mic=False, cam=False)
    await ann.part("people").click()
    await ann.part("lock-room").click()
    await says(bob.part("toasts"), "Ann has locked the room")
    await dan.page.goto(windows.url + path)
    await says(dan.page.locator("main"), "ocked")
    await ann.part("lock-room").click()
    await says(bob.part("toasts"), "opened the room again")

    markup = "<i>Plans</i> & more"
    await ann.part("room-menu").click()
    await ann.part("do-settings").click()
    settings = ann.part("room-settings")
    await settings.get_by_test_id("title-field").fill("After")
    await settings.get_by_test_id("topic-field").fill(markup)
    await settings.locator("form [type=submit]").click()
    await settings.wait_for(state="detached")
    await says(bob.part("title"), "After")
    await says(bob.part("topic"), markup)
    await says(bob.part("toasts"), "Ann has set the topic: " + markup)

    await ann.part("room-menu").click()
    await ann.part("do-settings").click()
    cover = settings.locator(".picture-frame img[src^='/static/covers/']")
    for content in (png(), b"no picture"):
        await settings.get_by_test_id("cover-field").set_input_files(
            {"name": "cover.png", "mimeType": "image/png", "buffer": content})
        await cover.wait_for()
    await says(settings.locator(".settings-part .problem"), "not accepted")
    await expect(cover, "what was refused does not take the place of what is there").to_be_visible()
    ann.complaints = [text for text in ann.complaints if "415" not in text]  # the browser says what was refused
    await settings.get_by_test_id("delete-room").click()
    await ann.part("ask-delete-room").locator("[type=submit]").click()
    for window in (ann, bob):
        await says(window.part("message"), "no more")


async def test_by_keyboard_alone_somebody_is_found_among_many_and_muted(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Many")
    await ann.enter(path, "Ann", mic=False, cam=False)
    await bob.enter(path, "Bób <i>", mic=False, cam=False)
    for number in range(6):
        await visit(session, windows.url, path, f"Visitor {number}")
    await ann.part("people").focus()
    await ann.page.keyboard.press("Enter")

    async def tab_to(place: Locator) -> None:
        for _ in range(30):
            if await place.evaluate("(element) => element === document.activeElement"):
                return
            await ann.page.keyboard.press("Tab")
        raise AssertionError("Tab does not lead there")

    await tab_to(ann.part("search-people"))
    await ann.page.keyboard.type("BOB")
    await row(ann, "Visitor").first.wait_for(state="detached")
    await expect(ann.part("person")).to_have_count(1)
    await tab_to(row(ann, "Bób <i>").get_by_test_id("person-menu"))
    await ann.page.keyboard.press("Enter")
    await ann.page.keyboard.press("Escape")
    assert await ann.part("people-list").is_visible(), "Escape closes the menu and not the panel behind it"
    await ann.page.keyboard.press("Enter")
    await ann.page.keyboard.press("Home")
    await ann.page.keyboard.press("Enter")
    await ann.page.keyboard.type("echo")
    await ann.page.keyboard.press("Enter")
    await says(bob.part("measures"), "Ann: echo")
    await ann.part("ask-mute").wait_for(state="detached")
    await tab_to(row(ann, "Bób <i>").get_by_test_id("person-menu"))


async def visit(session: aiohttp.ClientSession, url: str, path: str, nickname: str) -> None:
    """Somebody comes in who has no window."""
    answer = await session.post(f"{url}/api/auth/guest", json={"nickname": nickname})
    token = (await answer.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = await session.post(f"{url}/api/participants/{path.removeprefix('/r/')}/join", json={}, headers=headers)
    assert answer.status == 200


def png() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
    return picture.getvalue()


async def test_a_new_name_and_a_picture_are_seen_by_the_others(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Faces")
    await ann.enter(path, "Ann", mic=False, cam=False)
    await bob.enter(path, "Bob", mic=False, cam=False)
    await ann.part("people").click()
    await bob.part("people").click()
    await row(bob, "Bob").get_by_test_id("person-menu").click()
    await bob.part("do-change-me").click()
    await bob.part("my-name").fill("Robert")
    face = {"name": "face.png", "mimeType": "image/png"}
    await bob.part("my-picture").set_input_files({**face, "buffer": b"no picture"})  # type: ignore[arg-type]
    await bob.part("ask-me").locator("[type=submit]").click()
    await says(bob.part("ask-me").get_by_test_id("problem"), "not accepted")
    await bob.part("my-picture").set_input_files({**face, "buffer": png()})  # type: ignore[arg-type]
    await bob.part("ask-me").locator("[type=submit]").click()
    await row(ann, "Robert").locator("img").wait_for()
    bob.complaints = [text for text in bob.complaints if "415" not in text]  # the browser says what was refused
