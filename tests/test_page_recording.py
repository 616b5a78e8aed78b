"""Recording a call from its page: made, marked, uploaded while it goes on, listed, played, deleted, and never torn."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from harness import ServerProcess
from playwright.async_api import expect
from windows import Window, Windows, connected, eventually

pytestmark = pytest.mark.timeout(120)

KEEP_WHAT_IS_RECORDED = """
window.recorded = [];
const { start, stop } = MediaRecorder.prototype;
MediaRecorder.prototype.start = function (slice) {
  this.addEventListener("dataavailable", ({ data }) => recorded.push(data));
  window.began = performance.now();
  return start.call(this, slice);
};
MediaRecorder.prototype.stop = function () {
  window.lasted = (performance.now() - began) / 1000;
  return stop.call(this);
};
"""
SUM_OF_CLUSTERS = """async () => {
  const bytes = new Uint8Array(await new Blob(recorded).arrayBuffer());
  const first = bytes.findIndex((_, at) => [0x1f, 0x43, 0xb6, 0x75].every((byte, next) => bytes[at + next] === byte));
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(first)));
  return [bytes.length - first, Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("")];
}"""
PLAYED = """async (video) => {
  video.muted = true;
  if (video.readyState === 0) await new Promise((resolve) => (video.onloadedmetadata = resolve));
  const until = (what) => new Promise((resolve) => {
    const look = () => (what() ? resolve() : setTimeout(look, 30));
    look();
  });
  const { duration } = video;
  await video.play();
  await until(() => video.currentTime > 0.5);
  video.currentTime = duration - 1;
  await until(() => !video.seeking && video.readyState >= 2);
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
  const brush = canvas.getContext("2d");
  brush.drawImage(video, 0, 0, 64, 36);
  const pixels = brush.getImageData(0, 0, 64, 36).data;
  const colours = new Set(Array.from({ length: 64 * 36 }, (_, at) => pixels.slice(4 * at, 4 * at + 3).join()));
  const heard = (video.captureStream ?? video.mozCaptureStream).call(video).getAudioTracks().length;
  return { duration, at: video.currentTime, width: video.videoWidth, colours: colours.size, heard };
}"""


async def open_recordings(window: Window) -> None:
    if not await window.part("recordings-list").is_visible():
        await window.part("more").click()
        await window.part("more-recordings").click()
    await window.part("record-state").wait_for(state="attached")


async def start(window: Window) -> None:
    await window.part("more").click()
    await window.part("more-record").click()
    await window.part("ask-record").locator("[type=submit]").click()
    await window.part("recording-mark").wait_for()


async def stop(window: Window) -> None:
    await window.part("more").click()
    await window.part("more-record").click()
    await window.part("ask-record-stop").locator("[type=submit]").click()
    await window.part("recording-mark").wait_for(state="hidden")


async def listed(window: Window, count: int) -> None:
    async def there() -> bool:
        return await window.part("recording").count() == count and await window.part("upload").count() == 0
    await eventually(there, 20)


async def kept(window: Window, session: aiohttp.ClientSession, path: str) -> list[tuple[dict[str, Any], bytes]]:
    """The recordings of the room, as the server has them."""
    _, token = await window.id_and_token()
    address, headers = window.url + "/api/recordings/" + path.removeprefix("/r/"), {"Authorization": f"Bearer {token}"}
    async with session.get(address, headers=headers) as answer:
        items = (await answer.json())["items"]
    found = []
    for item in items:
        async with session.get(window.url + item["file_url"]) as answer:
            found.append((item, await answer.read()))
    return found


def clusters(content: bytes) -> tuple[int, str]:
    body = content[content.index(bytes.fromhex("1f43b675")):]
    return len(body), hashlib.sha256(body).hexdigest()


async def test_a_call_is_recorded_marked_listed_played_and_deleted(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    await ann.page.add_init_script(KEEP_WHAT_IS_RECORDED)
    path = await ann.make_room("Minutes")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob", mic=False)
    await connected(ann, bob, picture=False)
    await bob.part("more").click()
    await expect(bob.part("more-record")).to_have_count(0)
    await bob.page.keyboard.press("Escape")
    await open_recordings(bob)

    await start(ann)
    await bob.part("recording-mark").wait_for()
    newcomer = await windows.person()
    await newcomer.page.goto(ann.url + path)
    await newcomer.part("lobby").wait_for()
    await newcomer.part("lobby-recording").wait_for()
    await asyncio.sleep(4)
    await open_recordings(ann)
    await expect(ann.part("upload")).to_have_attribute("data-step", "recording")
    await stop(ann)
    await bob.part("recording-mark").wait_for(state="hidden")
    await listed(ann, 1)
    await listed(bob, 1)
    for words in ("Ann", "Minutes"):
        await expect(bob.part("recording")).to_contain_text(words)
    await expect(bob.part("delete-recording")).to_be_hidden()

    ((item, content),) = await kept(ann, session, path)
    assert item["size"] == len(content) and item["mime"] == "video/webm"
    await bob.part("play-recording").click()
    seen = await bob.part("player").evaluate(PLAYED)
    lasted = await ann.page.evaluate("lasted")
    assert lasted > 3.9 and abs(seen["duration"] - lasted) < 0.7 and abs(item["duration_sec"] - lasted) < 0.7
    assert seen["at"] > seen["duration"] - 1.3 and (seen["width"], seen["heard"]) == (1280, 1)
    assert seen["colours"] > 20, "there are faces in it"

    await ann.part("delete-recording").click()
    await ann.part("ask-delete-recording").locator("[type=submit]").click()
    await listed(ann, 0)
    await listed(bob, 0)
    assert await kept(ann, session, path) == []


async def test_the_server_may_be_killed_while_a_recording_is_uploaded(
    server: ServerProcess, windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann = await windows.person()
    await ann.page.add_init_script(KEEP_WHAT_IS_RECORDED)
    path = await ann.make_room("Storm")
    await ann.enter(path, "Ann")
    await start(ann)
    await open_recordings(ann)

    async def some_is_there() -> bool:
        return any(part.stat().st_size for part in (server.data_dir / "uploads").glob("*.part"))
    await eventually(some_is_there)
    await server.kill()
    await ann.page.locator('[data-testid="upload"][data-step="waiting"]').wait_for()
    await server.start()
    await ann.page.locator('[data-status="live"]').wait_for()
    await expect(ann.part("recording-mark")).to_be_visible()
    await asyncio.sleep(1)
    await stop(ann)
    await listed(ann, 1)
    ((item, content),) = await kept(ann, session, path)
    assert clusters(content) == tuple(await ann.page.evaluate(SUM_OF_CLUSTERS))
    assert item["duration_sec"] > 4 and left(server.data_dir) == []
    ann.forgive_the_network()


def left(data: Path) -> list[str]:
    """Unfinished uploads."""
    return [path.name for path in (data / "uploads").iterdir() if path.suffix == ".part"]


async def test_a_reloaded_page_finishes_what_it_was_recording_and_takes_the_mark_down(
    server: ServerProcess, windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    await ann.page.add_init_script(KEEP_WHAT_IS_RECORDED)
    path = await ann.make_room("Torn")
    await ann.enter(path, "Ann", cam=False)
    await bob.enter(path, "Bob", cam=False)
    await start(ann)

    async def two_seconds_are_kept() -> bool:
        return bool(await ann.page.evaluate("recorded.length >= 2 && performance.now() - began > 2600"))
    await eventually(two_seconds_are_kept)
    await ann.page.reload()
    await ann.enter(path, "Ann", cam=False)
    await ann.part("recording-mark").wait_for(state="hidden")
    await bob.part("recording-mark").wait_for(state="hidden")
    await open_recordings(ann)
    await listed(ann, 1)
    ((item, _),) = await kept(ann, session, path)
    assert item["duration_sec"] > 1.5
    assert left(server.data_dir) == []


async def test_whoever_leaves_ends_the_recording_and_it_still_arrives(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Gone")
    await ann.enter(path, "Ann", cam=False)
    await bob.enter(path, "Bob", cam=False)
    await open_recordings(bob)
    await start(ann)
    await asyncio.sleep(1.5)
    await ann.part("leave").click()
    await bob.part("recording-mark").wait_for(state="hidden")
    await listed(bob, 1)
    ((item, _),) = await kept(bob, session, path)
    assert item["duration_sec"] > 1


async def test_who_is_no_moderator_any_more_stops_recording_and_the_others_see_that_nobody_does(
    windows: Windows, session: aiohttp.ClientSession,
) -> None:
    ann, bob = await windows.person(), await windows.person()
    path = await ann.make_room("Demoted")
    await ann.enter(path, "Ann", cam=False)
    await bob.enter(path, "Bob", cam=False)
    (_, owner), (bob_id, _) = await ann.id_and_token(), await bob.id_and_token()

    async def make(action: str) -> None:
        address = f"{ann.url}/api/moderation/{path.removeprefix('/r/')}/{action}"
        headers = {"Authorization": f"Bearer {owner}"}
        async with session.post(address, json={"user_id": bob_id}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    await make("promote_admin")
    await start(bob)
    await ann.page.reload()  # and so has not heard who it was
    await ann.enter(path, "Ann", cam=False)
    await ann.part("recording-mark").wait_for()
    await expect(ann.part("recording-orphan")).to_be_hidden()
    await make("demote_admin")
    await ann.part("recording-orphan").click()
    for window in (ann, bob):
        await window.part("recording-mark").wait_for(state="hidden")
    await open_recordings(ann)
    await listed(ann, 1)
    await expect(ann.part("recording")).to_contain_text("Bob")


async def test_without_any_sound_output_the_picture_is_recorded_and_whoever_stops_too_soon_hears_of_it(
    windows: Windows,
) -> None:
    ann = await windows.person()
    await ann.page.add_init_script("""
        AudioContext.prototype.resume = () => new Promise(() => {});
        Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
    """)
    await ann.enter(await ann.make_room("Quiet"), "Ann")
    await start(ann)
    await stop(ann)
    await ann.part("toasts").get_by_text("before anything was recorded").wait_for()
    await start(ann)
    await ann.part("toasts").get_by_text("without sound").wait_for()
    await asyncio.sleep(2)
    await stop(ann)
    await open_recordings(ann)
    await listed(ann, 1)
    await ann.part("play-recording").click()
    seen = await ann.part("player").evaluate(PLAYED)
    assert seen["heard"] == 0 and seen["duration"] > 1.5 and seen["colours"] > 20, seen
