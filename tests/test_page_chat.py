"""The chat of the page in real Chromium windows: what is said, sealed, read, taken back, and never said twice."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness import RATES_OFF, ServerProcess
from playwright.async_api import Browser, WebSocket, expect
from traces import disguises, files_and_output
from windows import PHONE, Window, Windows, eventually, lines_are

from axenix.client import Api, Person

pytestmark = pytest.mark.timeout(120)

ABSENT = "Encrypted while you were not here: no key to it was given to you."


async def room(owner: Person, title: str) -> str:
    return "/r/" + str((await owner.create_room(title=title))["slug"])


async def inside(windows: Windows, path: str, *names: str, **how: Any) -> list[Window]:
    people = [await windows.person(**how) for _ in names]
    for window, name in zip(people, names):
        await window.enter(path, name, mic=False, cam=False)
        await window.part("chat").click()
    return people


async def becomes(window: Window, part: str, words: str, seconds: float = 15) -> None:
    async def so() -> bool:
        return words in await window.part(part).inner_text()
    try:
        await eventually(so, seconds)
    except AssertionError:
        assert words in await window.part(part).inner_text()


def frames_of(window: Window) -> list[str]:
    """Everything that goes over the sockets of a window from now on, both ways."""
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: frames.append(str(frame)))
        socket.on("framereceived", lambda frame: frames.append(str(frame)))
    window.page.on("websocket", listen)
    return frames


async def test_sealed_lines_are_read_by_those_inside_and_by_nobody_else(
    server: ServerProcess, windows: Windows, api: Api,
) -> None:
    path = await room(await api.guest("Owner"), "Sealed")
    ann, bob = await windows.person(), await windows.person()
    frames = [frames_of(ann), frames_of(bob)]
    for window, name in ((ann, "Ann"), (bob, "Bob")):
        await window.enter(path, name, mic=False, cam=False)
        await window.part("chat").click()
    await ann.say("for everyone, the server too")
    await becomes(bob, "seal", "the server can read it")
    await ann.part("seal").click()
    await ann.part("seal-room").click()
    await becomes(ann, "sealing", "The chat is encrypted")
    numbers = []
    for window in (ann, bob):
        await becomes(window, "seal", "Encrypted for those in the room")
        if window is bob:
            await bob.part("seal").click()
        await becomes(window, "safety-number", "\n")
        numbers.append((await window.part("safety-number").inner_text()).split())
        await window.page.keyboard.press("Escape")
    assert numbers[0] == numbers[1] and len(numbers[0]) == 12

    await ann.say("only the two of us 1")
    await bob.say("only the two of us 2")
    said = ["for everyone, the server too", "only the two of us 1", "only the two of us 2"]
    await lines_are(ann, said)
    await lines_are(bob, said)
    await expect(bob.page.get_by_label("not encrypted: the server can read it")).to_have_count(1)

    (cy,) = await inside(windows, path, "Cy")
    await becomes(cy, "seal", "Encrypted for those in the room")
    await lines_are(cy, [said[0], ABSENT, ABSENT])
    await ann.say("the three of us")
    await lines_are(cy, [said[0], ABSENT, ABSENT, "the three of us"])

    await bob.part("leave").click()
    await bob.part("again").wait_for()

    async def gone() -> bool:  # until the others hear of it they may still use the key that Bob takes along
        return not [tile for tile in await ann.tiles() if "Bob" in tile]
    await eventually(gone)
    await becomes(ann, "seal", "Encrypted for those in the room")
    await ann.say("without Bob")
    await lines_are(cy, [said[0], ABSENT, ABSENT, "the three of us", "without Bob"])
    await bob.part("again").click()
    await bob.enter(path, "Bob", mic=False, cam=False)
    await bob.part("chat").click()
    await becomes(bob, "seal", "Encrypted for those in the room")
    await lines_are(bob, [*said, "the three of us", ABSENT])
    await bob.say("back again")
    await lines_are(ann, [*said, "the three of us", "without Bob", "back again"])

    await bob.page.reload()  # the keys of before are asked for again, and opened with the device's own
    await bob.enter(path, "Bob", mic=False, cam=False)
    await bob.part("chat").click()
    await lines_are(bob, [*said, "the three of us", ABSENT, "back again"])

    secrets = [text.encode() for text in ("only the two of us", "the three of us", "without Bob", "back again")]
    for seen in frames:
        assert any("for everyone, the server too" in frame for frame in seen)
        assert not [secret for secret in secrets if any(secret.decode() in frame for frame in seen)]
    for name, content in files_and_output(server):
        assert not [secret for secret in secrets if any(form in content for form in disguises(secret))], name
    assert any(b"for everyone, the server too" in content for _, content in files_and_output(server))


async def test_lines_are_linked_taken_back_and_counted_and_writing_is_seen(windows: Windows, api: Api) -> None:
    owner = await api.guest("Owner")
    path = await room(owner, "Lines")
    ann, bob = await inside(windows, path, "Ann", "Bob")
    await ann.part("chat-field").press_sequentially("see")
    await becomes(bob, "typing", "Ann is typing…")
    await ann.part("chat-field").fill("")
    await expect(bob.part("typing")).to_be_empty()
    await ann.say("see (https://example.org/a?b=1#c), javascript:alert(1) and http://x.test.")
    await becomes(bob, "chat-lines", "javascript:alert(1)")
    links = await bob.part("chat-text").locator("a").evaluate_all(
        "(all) => all.map(({href, rel, target, textContent}) => [href, rel, target, textContent])")
    assert links == [
        ["https://example.org/a?b=1#c", "noopener noreferrer", "_blank", "https://example.org/a?b=1#c"],
        ["http://x.test/", "noopener noreferrer", "_blank", "http://x.test"],
    ]
    await expect(bob.part("chat-lines").get_by_text("Today")).to_have_count(1)

    await expect(bob.part("line-menu"), "a guest takes back nobody else's line").to_have_count(0)
    await ann.part("chat-line").hover()
    await ann.part("line-menu").click()
    await ann.part("line-delete").click()
    await ann.part("delete-line").get_by_role("button", name="Delete message").click()
    await lines_are(bob, ["Message deleted"])
    await lines_are(ann, ["Message deleted"])

    await bob.part("chat").click()
    for text in ("one", "two", "three"):
        await ann.say(text)
    await bob.page.get_by_role("button", name="Chat, unread: 3").click()
    new = bob.part("new-line")
    await expect(new.locator("+ .line").get_by_test_id("chat-text")).to_have_text("one")
    await bob.page.get_by_role("button", name="Chat", exact=True).wait_for()

    field, note = ann.part("chat-field"), ann.part("writing-note")
    await field.fill("x" * 3900)
    await expect(note).to_have_text("Characters left: 100")
    await field.fill("😀" * 4001)
    await expect(note).to_have_text("Too long by 1 characters")
    await field.press("Enter")
    await field.fill("😀" * 4000)
    await field.press("Enter")
    await lines_are(bob, ["Message deleted", "one", "two", "three", "😀" * 4000])


async def test_history_comes_by_itself_when_one_scrolls_up_and_keeps_its_place(windows: Windows, api: Api) -> None:
    owner = await api.guest("Owner")
    path = await room(owner, "Long")
    connection = await owner.join(path.removeprefix("/r/"))
    for number in range(120):
        await connection.chat(f"line {number}")
    (ann,) = await inside(windows, path, "Ann", size=PHONE)
    await lines_are(ann, [f"line {number}" for number in range(70, 120)])
    scroll = ann.part("chat-scroll")
    await expect(ann.part("chat-text").last).to_be_visible()
    place = """async (scroll) => {
        scroll.scrollTop = 300;
        const line = [...scroll.querySelectorAll('[data-testid=chat-line]')].find((one) => one.offsetTop > 350);
        const before = line.getBoundingClientRect().top, count = scroll.querySelectorAll('.line').length;
        while (scroll.querySelectorAll('.line').length === count) await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return Math.abs(line.getBoundingClientRect().top - before);
    }"""
    assert await scroll.evaluate(place) < 2
    await lines_are(ann, [f"line {number}" for number in range(20, 120)])
    await connection.chat("said meanwhile")
    await becomes(ann, "newest", "New messages: 1")
    await scroll.evaluate("(scroll) => { scroll.scrollTop = 0; }")
    await lines_are(ann, [*(f"line {number}" for number in range(120)), "said meanwhile"])
    await ann.part("newest").click()
    await expect(ann.part("chat-text").last).to_be_visible()
    await ann.part("newest").wait_for(state="hidden")
    await expect(ann.part("chat-lines").locator("[data-testid=new-line]")).to_have_count(1)
    await connection.close()


async def test_a_line_said_while_the_server_was_dead_arrives_once_even_through_a_reload(
    server: ServerProcess, windows: Windows, api: Api,
) -> None:
    path = await room(await api.guest("Owner"), "Once")
    ann, bob = await inside(windows, path, "Ann", "Bob")
    await ann.part("seal").click()
    await ann.part("seal-room").click()
    await ann.page.keyboard.press("Escape")
    await becomes(bob, "seal", "Encrypted for those in the room")
    await bob.say("before")
    await lines_are(ann, ["before"])
    await server.kill()
    await ann.page.locator('[data-status="lost"]').wait_for()
    await ann.say("sealed into the void")
    await ann.say("and another")
    await server.start()
    await ann.page.reload()
    await ann.enter(path, "Ann", mic=False, cam=False)
    await ann.part("chat").click()
    said = ["before", "sealed into the void", "and another"]
    await lines_are(bob, said)
    await lines_are(ann, said)
    await ann.page.wait_for_timeout(500)
    assert await bob.lines() == await ann.lines() == said
    for window in (ann, bob):
        window.forgive_the_network()


async def test_a_browser_without_the_means_says_so_and_writes_plainly(windows: Windows, api: Api) -> None:
    path = await room(await api.guest("Owner"), "Old")
    (ann,) = await inside(windows, path, "Ann")
    old = await windows.person()
    await old.page.add_init_script(
        "crypto.subtle.generateKey = () => Promise.reject(new DOMException('no such curve', 'NotSupportedError'));")
    await old.enter(path, "Old", mic=False, cam=False)
    await old.part("chat").click()
    await ann.part("seal").click()
    await ann.part("seal-room").click()
    await becomes(ann, "sealing", "cannot read: the browser has no encryption")
    await ann.part("write-sealed").uncheck()
    await becomes(ann, "seal", "Encryption is off")
    await ann.part("write-sealed").check()
    await ann.page.keyboard.press("Escape")
    await ann.say("sealed")
    await becomes(old, "seal", "this browser cannot do it")
    await lines_are(old, ["Encrypted: this browser cannot open it."])
    await old.say("plain")
    await lines_are(ann, ["sealed", "plain"])
    await expect(ann.page.get_by_label("not encrypted: the server can read it")).to_have_count(1)


async def test_a_refused_line_may_be_said_again_or_thrown_away(tmp_path: Any, chromium: Browser) -> None:
    rates = {**RATES_OFF, "AXENIX_BANNED_WORDS": "gherkin"}
    async with ServerProcess(tmp_path / "data", **rates) as server:
        windows = Windows(chromium, server.url)
        ann = await windows.person(language="ru-RU")
        path = urlsplit(server.url + await ann.make_room("Слова")).path
        await ann.enter(path, "Ann", mic=False, cam=False)
        await ann.say("a gherkin")
        await ann.say("a cucumber")
        refused = ann.page.locator(".line.failed")
        await refused.get_by_test_id("say-again").click()
        await refused.get_by_test_id("discard").click()
        await lines_are(ann, ["a cucumber"])
        await asyncio.sleep(0.3)
        assert await ann.lines() == ["a cucumber"]
        assert not windows.complaints()
