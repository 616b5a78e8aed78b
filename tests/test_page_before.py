"""Before the call, in real Chromium: the start page, the lobby, closed doors, devices, and the first view's weight."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from harness import ServerProcess
from PIL import Image
from playwright.async_api import Browser, async_playwright, expect
from windows import ARGUMENTS, Window, Windows, connected, eventually, tiles_are

from axenix.client import Api, Person

pytestmark = pytest.mark.timeout(120)

STATIC = Path(__file__).parents[1] / "static"
IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from "(\.[^"]+)";', re.MULTILINE)
FIRST_VIEW = 150_000
"""Bytes on the way until the start page is whole."""
COUNT_QUESTIONS = """
    globalThis.questions = 0;
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wishes) => (globalThis.questions++, ask(wishes));
"""
WAIT_FOR_THE_FORM = """
    globalThis.ready = new Promise((resolve) => new MutationObserver((_, observer) => {
      if (!document.querySelector("[data-testid=create]")) return;
      observer.disconnect();
      resolve(performance.now());
    }).observe(document, { childList: true, subtree: true }));
"""
SENT = "peersMade.at(-1).getSenders().map(({ track }) => track?.label ?? null)"


# ---- weight ---------------------------------------------------------------------------------------------------------


@pytest.mark.alone
async def test_the_first_view_is_light_and_can_be_used_within_a_second(windows: Windows) -> None:
    times: list[float] = []
    for _ in range(3):
        window = await windows.person()
        await window.page.add_init_script(WAIT_FOR_THE_FORM)
        await window.page.goto(windows.url)
        times.append(await window.page.evaluate("ready"))
        await window.page.wait_for_load_state("networkidle")
        weight = await window.page.evaluate("""
            [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
                .reduce((sum, { transferSize }) => sum + transferSize, 0)
        """)
        assert 10_000 < weight < FIRST_VIEW
    assert min(times) < 1000, f"milliseconds until the form was there: {times}"


def test_every_module_of_the_first_view_is_announced_in_the_document() -> None:
    announced = re.findall(r'rel="modulepreload" href="/static/([^"]+)"', (STATIC / "index.html").read_text())
    assert sorted(announced) == sorted(needed_by("main.js") - {"main.js"})


def needed_by(name: str) -> set[str]:
    """The module and all that it imports, and so on; not what is fetched later by `import()`."""
    found: set[str] = set()
    ahead = [STATIC / name]
    while ahead:
        path = ahead.pop().resolve()
        if (module := str(path.relative_to(STATIC))) not in found:
            found.add(module)
            ahead.extend(path.parent / other for other in IMPORT.findall(path.read_text()))
    return found


async def test_the_files_of_the_page_come_packed_once_and_whole(
    server: ServerProcess, session: aiohttp.ClientSession,
) -> None:
    url, whole = f"{server.url}/static/main.js", (STATIC / "main.js").read_bytes()
    tags = set()
    for accepted, packed in (("gzip, br", True), ("identity", False), ("gzip;q=0", False), ("br, GZIP ; q=0.5", True)):
        async with session.get(url, headers={"Accept-Encoding": accepted}) as answer:
            assert (answer.headers.get("Content-Encoding") == "gzip") is packed
            assert await answer.read() == whole
            assert (int(answer.headers["Content-Length"]) < len(whole)) is packed
            assert answer.headers["Vary"] == "Accept-Encoding" and answer.headers["Cache-Control"] == "no-cache"
            tags.add(answer.headers["ETag"])
        again = {"Accept-Encoding": accepted, "If-None-Match": f'"other", {answer.headers["ETag"]}'}
        async with session.get(url, headers=again) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.get(url, headers={"Accept-Encoding": accepted, "If-None-Match": '"other"'}) as answer:
            assert answer.status == 200
    assert len(tags) == 2
    for missing in ("none.js", "../requirements.txt", "view", "%00", "view/../../setup.cfg"):
        async with session.get(f"{server.url}/static/{missing}") as answer:
            assert answer.status == 404, missing


# ---- the start page -------------------------------------------------------------------------------------------------


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (640, 360), (30, 120, 100)).save(file, "PNG")
    return file.getvalue()


async def test_a_room_is_made_with_address_and_cover_and_others_find_it(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person()
    await ann.page.goto(windows.url)
    await ann.part("room-title").fill("Tea at five")
    await ann.part("room-more").locator("summary").click()
    await ann.part("room-address").fill("Tea_time!")
    await expect(ann.part("room-address")).to_have_attribute("aria-invalid", "true")
    await ann.part("room-address").fill("Tea time")
    assert (await ann.part("address-words").inner_text()).endswith(windows.url.removeprefix("http://") + "/r/tea-time")
    await ann.part("room-cover").set_input_files(
        {"name": "huge.png", "mimeType": "image/png", "buffer": bytes(5 * 2**20 + 1)})
    await expect(ann.part("cover-problem")).to_contain_text("5 MB")
    await ann.part("room-cover").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"not a picture"})
    await ann.part("cover-problem").get_by_text("no picture").wait_for()
    await expect(ann.part("cover-preview")).to_be_hidden()
    await ann.part("room-cover").set_input_files({"name": "tea.png", "mimeType": "image/png", "buffer": picture()})
    assert await shown(ann, "cover-preview")
    await ann.part("create").click()
    await ann.part("lobby").wait_for()
    assert await shown(ann, "cover")
    await ann.enter("/r/tea-time", "Ann", cam=False)

    await bob.page.goto(windows.url)
    card = bob.part("public-room").filter(has_text="Tea at five")
    await card.wait_for()
    await expect(card.get_by_test_id("inside")).to_contain_text("1")
    assert (await card.get_by_test_id("cover").get_attribute("src") or "").startswith("/static/covers/")
    await ann.part("leave").click()
    await ann.part("message").wait_for()
    await bob.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the page is looked at again
    await card.get_by_text("Nobody is here yet").wait_for()
    await the_address_is_taken(bob)
    await card.get_by_role("link").click()
    await bob.part("lobby").wait_for()
    assert bob.page.url == f"{windows.url}/r/tea-time"


async def test_a_room_whose_cover_is_refused_is_made_all_the_same(windows: Windows) -> None:
    ann = await windows.person(language="ru-RU")
    await ann.page.goto(windows.url)
    answer = {"reason": "storage_full", "detail": ""}
    await ann.page.route("**/upload", lambda route: route.fulfill(status=507, json=answer))
    await ann.part("room-more").locator("summary").click()
    await ann.part("room-cover").set_input_files({"name": "tea.png", "mimeType": "image/png", "buffer": picture()})
    await ann.part("create").click()
    await ann.part("lobby-notice").get_by_text("На диске сервера нет места").wait_for()
    assert await ann.part("nickname").evaluate("(field) => field === document.activeElement")
    ann.complaints = [text for text in ann.complaints if "507" not in text]


async def shown(window: Window, name: str) -> bool:
    await window.part(name).wait_for()
    return bool(await window.part(name).evaluate("(image) => image.decode().then(() => image.naturalWidth > 0)"))


async def the_address_is_taken(window: Window) -> None:
    await window.part("room-more").locator("summary").click()
    await window.part("room-address").fill("tea-time")
    await window.page.locator("[data-testid=room-address][aria-invalid]").wait_for()  # without having sent anything
    await window.page.evaluate("scrollTo(0, 0)")
    await window.page.route("**/exists", lambda route: route.fulfill(json={"exists": False}))  # taken only just now
    await window.part("room-address").fill("tea-time")
    await window.part("create").click()
    await window.page.locator("[data-testid=room-address][aria-invalid]").wait_for()
    await expect(window.part("address-words")).to_contain_text("already")
    window.complaints = [text for text in window.complaints if "409" not in text]


async def test_rooms_one_was_in_are_listed_until_they_are_removed_or_gone(windows: Windows, api: Api) -> None:
    owner = await api.guest("Owner")
    rooms = [await owner.create_room(title=title) for title in ("First", "Second", "Third")]
    ann = await windows.person()
    for room in rooms:
        await ann.enter(f"/r/{room['slug']}", "Ann", mic=False, cam=False)
        await ann.part("leave").click()
        await ann.part("message").wait_for()
        await ann.page.wait_for_timeout(100)
        assert await ann.page.title() == "Axenix Conference", "what goes on in the room left is drawn no more"

    async def listed() -> list[str]:
        await ann.page.goto(windows.url)
        await ann.part("create").wait_for()
        return await ann.part("visited-room").get_by_role("heading").all_text_contents()
    assert await listed() == ["Third", "Second", "First"]
    await ann.part("visited-room").filter(has_text="Second").get_by_test_id("forget-room").click()
    assert await listed() == ["Third", "First"]
    await owner.call("DELETE", f"/api/rooms/{rooms[0]['slug']}")
    await ann.part("visited-room").filter(has_text="First").get_by_role("link").click()
    await ann.page.locator("[data-state=room_not_found]").wait_for()
    assert await listed() == ["Third"]
    ann.complaints = [text for text in ann.complaints if "404" not in text]


async def test_more_public_rooms_come_on_demand(windows: Windows, api: Api) -> None:
    owner = await api.guest("Owner")
    for number in range(14):
        await owner.create_room(title=f"Room {number}")
    ann = await windows.person()
    await ann.page.goto(windows.url)
    await ann.part("public-room").nth(11).wait_for()
    await expect(ann.part("public-room")).to_have_count(12)
    await ann.part("more-rooms").click()
    await ann.part("public-room").nth(13).wait_for()
    titles = await ann.part("public-room").get_by_role("heading").all_text_contents()
    assert titles == [f"Room {number}" for number in reversed(range(14))]
    await expect(ann.part("more-rooms")).to_be_hidden()


# ---- the lobby ------------------------------------------------------------------------------------------------------


async def test_one_sees_and_hears_oneself_before_anybody_else_does_and_is_asked_once(
    windows: Windows, api: Api,
) -> None:
    owner = await api.guest("Owner")
    room = await owner.create_room(title="Rehearsal", topic="All of it")
    ann = await windows.person()
    await ann.page.add_init_script(COUNT_QUESTIONS)
    await ann.page.goto(f"{windows.url}/r/{room['slug']}")
    await expect(ann.part("lobby-topic")).to_have_text("All of it")
    await ann.part("preview").wait_for()
    assert await ann.part("preview").evaluate("(video) => getComputedStyle(video).scale") == "-1 1"
    await ann.part("nickname").click()  # pages are silent, and deaf, until they are touched

    async def loud() -> bool:
        return int(await ann.part("mic-level").get_attribute("aria-valuenow") or 0) > 0
    await eventually(loud)
    cameras = await ann.part("choose-video").locator("option").all_text_contents()
    assert len(cameras) == 4
    await ann.part("choose-video").select_option(label=cameras[-1])
    await preview_is_of(ann, cameras[-1])
    await ann.part("with-cam").set_checked(False)
    await expect(ann.part("preview")).to_be_hidden()

    async with await owner.join(room["slug"]) as inside:
        await inside.command("record.start")
        await ann.part("lobby-recording").wait_for()
        await ann.part("with-cam").set_checked(True)
        await preview_is_of(ann, cameras[-1])
        questions = await ann.page.evaluate("questions")
        await ann.enter(f"/r/{room['slug']}", "Ann")
        assert await ann.page.evaluate("questions") == questions
        await inside.command("record.stop")
    await ann.page.reload()
    await preview_is_of(ann, cameras[-1])
    await ann.part("language").click()
    await expect(ann.part("nickname")).to_have_value("Ann")
    await preview_is_of(ann, cameras[-1])


async def preview_is_of(window: Window, label: str) -> None:
    async def so() -> bool:
        look = "(video) => [video.srcObject?.getVideoTracks()[0]?.label, video.readyState > 1]"
        return bool(await window.part("preview").evaluate(look) == [label, True])
    await eventually(so)


@pytest.fixture
async def guarded(browser_path: str) -> AsyncIterator[Browser]:
    """A browser whose person says no to every question, and which knows this machine by another name."""
    refuses = [argument for argument in ARGUMENTS if "fake-ui" not in argument]
    more = ["--deny-permission-prompts", "--host-resolver-rules=MAP conference.test 127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=refuses + more)
        yield browser
        await browser.close()


async def test_who_gives_no_camera_and_no_microphone_is_told_so_and_comes_in(
    server: ServerProcess, guarded: Browser, api: Api,
) -> None:
    owner = await api.guest("Owner")
    path = f"/r/{(await owner.create_room(title='Careful'))['slug']}"
    windows = Windows(guarded, server.url)
    ann = await windows.person()
    await ann.page.goto(server.url + path)
    await ann.page.wait_for_timeout(500)
    assert not await ann.part("device-problems").inner_text()  # nobody is asked before he wants something
    await ann.part("show-me").click()
    await ann.part("device-problems").get_by_text("does not let this page use your microphone").wait_for()
    await ann.part("device-problems").get_by_text("use your camera").wait_for()
    await ann.enter(path, "Ann", mic=False, cam=False)
    await tiles_are(ann, {"Ann, microphone off, camera off"})
    await expect(ann.part("toasts")).to_contain_text("Others do not hear you")
    assert not windows.complaints()

    far = await windows.person()
    await far.page.goto(server.url.replace("127.0.0.1", "conference.test") + path)
    await far.part("show-me").click()
    await far.part("device-problems").get_by_text("https").wait_for()
    await far.enter(path, "Far", mic=False, cam=False)
    await ann.page.get_by_label("Far, microphone off, camera off").wait_for()
    assert all("Cross-Origin-Opener-Policy" in text for text in windows.complaints())  # Chromium's word on plain http


# ---- closed doors ---------------------------------------------------------------------------------------------------


async def test_closed_doors_say_why_and_open_again(server: ServerProcess, windows: Windows, api: Api) -> None:
    owner = await api.guest("Owner")
    slug = (await owner.create_room(title="Doors"))["slug"]
    bob = await windows.person()
    await bob.page.goto(f"{windows.url}/r/{slug}")
    await bob.part("lobby").wait_for()
    await owner.post(f"/api/state/{slug}/set_lock", value=True)
    await bob.part("lobby-locked").wait_for()
    await knocks(bob, "room_locked")
    await owner.post(f"/api/state/{slug}/set_lock", value=False)
    await bob.part("lobby").wait_for()  # by itself

    await bob.enter(f"/r/{slug}", "Bob", mic=False, cam=False)
    await banned(owner, slug, bob)
    await bob.part("again").click()
    await knocks(bob, "banned")

    await server.kill()
    await bob.part("again").click()
    await bob.page.locator("[data-state=unreachable]").wait_for()
    await server.start()
    await bob.part("again").click()
    await bob.part("lobby").wait_for()
    for path in ("/r/never-there", "/r/No%20Slug"):
        await bob.page.goto(windows.url + path)
        await bob.page.locator("[data-state=room_not_found]").wait_for()
    bob.forgive_the_network()
    refusals = ("403", "404")  # what was on its way when he was thrown out, and what was not there
    bob.complaints = [text for text in bob.complaints if not any(status in text for status in refusals)]


async def knocks(window: Window, state: str) -> None:
    await window.part("nickname").fill("Bob")
    await window.part("join").click()
    await window.page.locator(f"[data-state={state}]").wait_for()


async def banned(owner: Person, slug: str, window: Window) -> None:
    user_id, _ = await window.id_and_token()
    await owner.moderate(slug, "kick", user_id, reason="enough")
    await window.part("message").wait_for()


# ---- devices in a call ----------------------------------------------------------------------------------------------


async def test_devices_are_changed_in_the_middle_of_a_call_without_a_new_one(windows: Windows) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Devices")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob", cam=False)
    await connected(bob)
    before = (await ann.calls())[0]["number"]
    await ann.part("more").click()
    await ann.part("more-devices").click()
    chosen = {sort: await chooses_the_last(ann, sort) for sort in ("audio", "video", "speaker")}

    async def sent() -> bool:
        labels: list[str | None] = await ann.page.evaluate(SENT)
        return chosen["audio"] in labels and chosen["video"] in labels
    await eventually(sent)
    await eventually(lambda: sounds_from_the_chosen(ann))
    await ann.page.keyboard.press("Escape")
    assert (await ann.calls())[0]["number"] == before

    await ann.page.evaluate("peersMade.at(-1).getSenders()[0].track.dispatchEvent(new Event('ended'))")
    await ann.part("toasts").get_by_text("another one").wait_for()
    frames = (await bob.calls())[0]["frames"]
    await ann.page.evaluate(PLUG_IN)
    await ann.part("toasts").get_by_text("A new camera").wait_for()
    await eventually(lambda: goes_on(bob, frames))


PLUG_IN = """() => {
    const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
    const added = { kind: "videoinput", deviceId: "plugged-in", label: "A new camera" };
    navigator.mediaDevices.enumerateDevices = async () => [...(await list()), added];
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
}"""


async def chooses_the_last(window: Window, sort: str) -> str:
    options = await window.part(f"choose-{sort}").locator("option").all_text_contents()
    assert len(options) > 2
    await window.part(f"choose-{sort}").select_option(label=options[-1])
    await asyncio.sleep(0.2)
    return options[-1]


async def sounds_from_the_chosen(window: Window) -> bool:
    heard: list[Any] = await window.part("video").evaluate_all(
        "(videos) => videos.filter(({ muted }) => !muted).map(({ sinkId }) => sinkId)")
    chosen = await window.page.evaluate("JSON.parse(localStorage.getItem('axenix.devices')).speaker")
    return heard == [chosen] and chosen != ""


async def goes_on(window: Window, frames: int) -> bool:
    return bool((await window.calls())[0]["frames"] > frames)


CLOCKS = """
window.clocks = new Map();
const [begin, end] = [setInterval, clearInterval];
window.setInterval = (act, ms) => { const name = begin(act, ms); clocks.set(name, ms); return name; };
window.clearInterval = (name) => { clocks.delete(name); end(name); };
"""


async def test_the_meter_of_the_lobby_ends_with_the_lobby(windows: Windows) -> None:
    ann = await windows.person()
    await ann.page.add_init_script(CLOCKS)
    path = await ann.make_room("How loud one is")

    async def meters() -> int:
        count: int = await ann.page.evaluate("[...clocks.values()].filter((ms) => ms === 60).length")
        return count

    async def one() -> bool:
        return await meters() == 1

    async def none() -> bool:
        return await meters() == 0
    await eventually(one)
    await ann.part("language").click()
    await ann.part("language").click()
    await eventually(one, 3)
    await ann.enter(path, "Ann")
    await eventually(none, 3)
