"""The page in real Chromium windows, with a fake camera and microphone, against a real server that gets killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from harness import ServerProcess
from playwright.async_api import Browser, Page, expect
from windows import PHONE, Window, Windows, connected, eventually, lines_are, tiles_are

pytestmark = pytest.mark.timeout(180)


async def test_two_windows_see_hear_and_write_to_each_other_and_survive_a_killed_server(
    server: ServerProcess, windows: Windows,
) -> None:
    ann, bob = await windows.person(), await windows.person(language="ru-RU")
    path = await ann.make_room("Weekly meeting")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Боб")
    await connected(ann, bob)
    await ann.say("one")
    await bob.part("chat").click()
    await lines_are(bob, ["one"])
    await bob.say("two")
    await lines_are(ann, ["one", "two"])
    before = [(await window.calls())[0] for window in (ann, bob)]

    await server.kill()
    for window in (ann, bob):
        await window.page.locator('[data-status="lost"]').wait_for()
        await expect(window.part("banner")).not_to_be_empty()
    await ann.say("three, while the server was down")
    await bob.say("four")
    await lines_are(ann, ["one", "two", "three, while the server was down"])
    await server.start()
    for window in (ann, bob):
        await window.page.locator('[data-status="live"]').wait_for()
        await expect(window.part("banner")).to_be_empty()

    async def all_said() -> bool:
        return len(await ann.lines()) == len(await bob.lines()) == 4 and await ann.page.locator(".sending").count() == 0
    await eventually(all_said)
    await ann.say("five")
    said = await bob_and_ann_agree(ann, bob, 5)
    assert said[:2] == ["one", "two"] and said[4] == "five"
    assert sorted(said[2:4]) == ["four", "three, while the server was down"]

    after = [(await window.calls()) for window in (ann, bob)]
    assert [[call["number"] for call in some] for some in after] == [[call["number"]] for call in before]
    for (call,), earlier in zip(after, before):
        assert call["state"] == "connected"
        assert call["frames"] > earlier["frames"] and call["packets"] > earlier["packets"]
    for window in (ann, bob):
        await tiles_are(window, {"Ann", "Боб"})

    await bob.page.reload()
    await bob.enter(path, "Боб")
    await connected(ann, bob)
    await bob.part("chat").click()
    await lines_are(bob, said)
    for window in (ann, bob):
        window.forgive_the_network()


async def bob_and_ann_agree(ann: Window, bob: Window, count: int) -> list[str]:
    async def agreed() -> bool:
        lines = await ann.lines()
        return len(lines) == count and lines == await bob.lines()
    await eventually(agreed)
    return await ann.lines()


async def test_who_comes_back_after_the_grace_is_let_in_and_called_again(tmp_path: Path, chromium: Browser) -> None:
    async with ServerProcess(tmp_path / "data", AXENIX_RECONNECT_GRACE="1") as server:
        windows = Windows(chromium, server.url)
        ann, bob = await windows.person(), await windows.person()
        path = await ann.make_room("Late")
        await ann.enter(path, "Ann")
        await bob.enter(path, "Bob", cam=False)
        await connected(ann, bob, picture=False)
        first = (await ann.calls())[0]["number"]

        await server.kill()
        await bob.page.context.set_offline(True)
        await server.start()
        await ann.page.locator('[data-status="live"]').wait_for()
        await tiles_are(ann, {"Ann"})
        await bob.page.context.set_offline(False)
        await bob.page.locator('[data-status="live"]').wait_for()
        await tiles_are(ann, {"Ann", "Bob, camera off"})
        await tiles_are(bob, {"Ann", "Bob, camera off"})
        await connected(bob)
        assert (await ann.calls())[0]["number"] > first
        for window in (ann, bob):
            window.forgive_the_network()
        assert not windows.complaints()


async def test_microphone_camera_and_hand_are_seen_by_the_others(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Marks")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob", mic=False, cam=False)
    await tiles_are(ann, {"Ann", "Bob, microphone off, camera off"})

    await bob.part("mic").click()
    await bob.part("cam").click()
    await tiles_are(ann, {"Ann", "Bob"})
    await connected(ann, bob)
    await ann.part("mic").click()
    await ann.part("cam").click()
    await ann.part("hand").click()
    await tiles_are(bob, {"Ann, microphone off, camera off, hand raised", "Bob"})
    await bob.part("people").click()
    await expect(bob.part("people-list").get_by_test_id("person").first.get_by_label("hand raised")).to_be_visible()
    await ann.part("hand").click()
    await tiles_are(bob, {"Ann, microphone off, camera off", "Bob"})

    await bob.part("leave").click()
    await tiles_are(ann, {"Ann, microphone off, camera off"})
    assert await ann.calls() == []
    await bob.part("again").click()
    await bob.enter(path, "Bob")
    await tiles_are(ann, {"Ann, microphone off, camera off", "Bob"})


async def test_who_is_silenced_stops_sending_and_goes_on_hearing(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Order")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob")
    await connected(ann, bob)
    (_, owner), (bob_id, _) = await ann.id_and_token(), await bob.id_and_token()

    async def moderate(action: str, **body: object) -> None:
        address = f"{windows.url}/api/moderation/{path.removeprefix('/r/')}/{action}"
        answer = await session.post(address, json=body, headers={"Authorization": f"Bearer {owner}"})
        assert answer.status == 200, await answer.text()

    async def sends(kinds: list[str]) -> None:
        async def so() -> bool:
            return (await bob.calls())[0]["sends"] == kinds
        await eventually(so)

    await moderate("force_mute", user_id=bob_id, reason="noise")
    await sends(["video"])
    await expect(bob.part("toasts")).to_contain_text("noise")
    await expect(bob.part("mic")).to_be_disabled()
    await tiles_are(ann, {"Ann", "Bob, microphone off"})
    await moderate("force_video", user_id=bob_id)
    await sends([])
    heard = (await bob.calls())[0]
    await ann.page.wait_for_timeout(1000)
    assert (await bob.calls())[0]["packets"] > heard["packets"]
    assert (await bob.calls())[0]["frames"] > heard["frames"]

    await moderate("force_mute", user_id=bob_id, muted=False)
    await moderate("force_video", user_id=bob_id, video_off=False)
    await sends(["audio", "video"])
    await tiles_are(ann, {"Ann", "Bob, microphone off, camera off"})  # nobody is turned on by others
    await bob.part("mic").click()
    await tiles_are(ann, {"Ann", "Bob, camera off"})

    await moderate("kick", user_id=bob_id, reason="enough")
    await bob.part("message").wait_for()
    await expect(bob.part("message")).to_contain_text("removed")
    await tiles_are(ann, {"Ann"})
    assert await ann.calls() == await bob.calls() == []


async def test_three_people_are_all_connected_to_each_other(windows: Windows) -> None:
    people = [await windows.person() for _ in range(3)]
    path = await people[0].make_room("Three")
    await people[0].enter(path, "Ann")
    await asyncio.gather(people[1].enter(path, "Bob"), people[2].enter(path, "Cy"))
    await connected(*people, each=2)


async def test_two_windows_of_one_browser_are_two_people(windows: Windows) -> None:
    first = await windows.person()
    second = await windows.another(first.page.context)
    path = await first.make_room("One browser")
    await first.enter(path, "Ann")
    await second.enter(path, "Bob")
    await connected(first, second)
    await second.page.reload()
    await expect(second.part("nickname")).to_have_value("Bob")


async def test_an_invitation_opens_a_private_room_and_leaves_no_trace_in_the_address(windows: Windows) -> None:
    ann = await windows.person(permissions=["clipboard-read", "clipboard-write", "camera", "microphone"])
    path = await ann.make_room("Secret plans", private=True)
    await ann.enter(path, "Ann")
    link = ""

    async def copied() -> bool:
        nonlocal link
        await ann.part("copy-link").click()
        link = await ann.page.evaluate("navigator.clipboard.readText()")
        return "#invite=" in link
    await eventually(copied)

    for wrong in ("", "#invite=not-the-key-that-opens-it"):
        uninvited = await windows.person()
        await uninvited.page.goto(ann.url + path + wrong)
        await uninvited.page.locator("[data-state=invite_required_or_invalid]").wait_for()
        assert "Secret" not in await uninvited.page.content()
        uninvited.complaints = [text for text in uninvited.complaints if "403" not in text]

    bob = await windows.person()
    await bob.page.goto(link)
    await bob.part("lobby").wait_for()
    assert bob.page.url == ann.url + path
    await expect(bob.part("lobby-title")).to_have_text("Secret plans")
    await bob.page.reload()
    await bob.enter(path, "Bob")
    await expect(bob.part("title")).to_have_text("Secret plans")
    await connected(ann, bob)


async def test_a_link_is_opened_from_the_start_page_and_what_is_no_link_is_refused(windows: Windows) -> None:
    ann = await windows.person()
    path = await ann.make_room("By link")
    for link in (ann.url + path, path.removeprefix("/r/")):
        await ann.page.goto(ann.url)
        await ann.part("room-link").fill(link)
        await ann.part("open-room").get_by_role("button").click()
        await ann.part("lobby").wait_for()
        assert urlsplit(ann.page.url).path == path
    await ann.page.goto(ann.url)
    for wrong in ("https://example.org" + path, "javascript:alert(1)", "Not A Slug!", ann.url + "/r/../x"):
        await ann.part("room-link").fill(wrong)
        await ann.part("open-room").get_by_role("button").click()
        assert await ann.part("room-link").evaluate("(field) => field.validationMessage") != ""
        assert urlsplit(ann.page.url).path == "/"


async def test_names_and_lines_are_text_and_never_markup(windows: Windows) -> None:
    ann = await windows.person()
    markup = "<img src=x onerror=alert(1)><b>bold</b>"
    await ann.enter(await ann.make_room(markup), markup)
    await ann.say(markup)
    await lines_are(ann, [markup])
    await expect(ann.part("title")).to_have_text(markup)
    await expect(ann.page.locator("main img, .side img, .chat b:has(b)")).to_have_count(0)


@pytest.mark.parametrize("language, title", [("en-US", "Chat"), ("ru-RU", "Чат")])
async def test_on_a_phone_everything_is_within_reach(windows: Windows, language: str, title: str) -> None:
    ann = await windows.person(language=language, size=PHONE, color_scheme="dark", has_touch=True, is_mobile=True)
    path = await ann.make_room("A rather long title for such a narrow window, longer than it can show")
    await fits(ann.page)
    await ann.enter(path, "Ann")
    await ann.part("tile").locator("video").wait_for()
    await fits(ann.page)
    await ann.part("chat").tap()
    await expect(ann.page.get_by_role("heading", name=title)).to_be_visible()
    line = "A line that is long enough to be broken into several on a window of this width, surely."
    await ann.say(line)
    for name in ("mic", "cam", "hand", "people", "chat", "leave", "chat-field", "copy-link", "language"):
        box = await ann.part(name).bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
        assert box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"]
        assert min(box["width"], box["height"]) >= 36, name
    await fits(ann.page)
    await ann.part("language").tap()
    await expect(ann.page.get_by_role("heading", name=title)).to_have_count(0)
    await lines_are(ann, [line])


async def fits(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_calls_repair_themselves_when_signals_are_lost_refused_or_crossing(
    server: ServerProcess, windows: Windows,
) -> None:
    """calls.js alone: two of them in one page, joined by a wire that the test bends."""
    window = await windows.person()
    await window.page.goto(server.url)
    outcome = await window.page.evaluate((Path(__file__).parent / "js" / "bent_wire.js").read_text())
    assert outcome == {
        "both call at once": "connected", "the offer is lost": "connected", "the answer is lost": "connected",
        "one side begins anew": "connected", "sending sound is refused": "connected, sending video",
        "both share a screen at once, and one ends": "connected",
        "an older page calls, and is shown a screen": "sendrecv sendrecv recvonly",
    }
