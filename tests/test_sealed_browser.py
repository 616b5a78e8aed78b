"""End-to-end encryption between a real Chromium with the page's own modules and a Python that knows the protocol.

What the one seals the other opens, in both directions, through a real server; and what the server is left with after
such a life is searched for keys and texts.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from harness import ServerProcess
from living import Party, Wire, asked, refused
from playwright.async_api import Browser, Page, async_playwright
from sealing import Device, RsaKey, line_aad, open_line, seal_line
from traces import disguises, files_and_output, found, memory

from axenix.client import Api, Frame, Person

pytestmark = pytest.mark.timeout(180)

IN_THE_PAGE = (Path(__file__).parent / "js" / "sealed_page.js").read_text()
TEXTS = ["a word between the two of us", "for those who are here now", "Густав этого не прочтёт"]


class PageDevice:
    """A person whose keys live in a browser window, which also does the asking."""

    def __init__(self, page: Page, person: Person) -> None:
        self.page = page
        self.person = person

    @classmethod
    async def open(cls, browser: Browser, person: Person) -> PageDevice:
        page = await browser.new_page()
        await page.goto(person.base_url)
        await page.evaluate(IN_THE_PAGE)
        await page.evaluate("([me, token]) => begin(me, token)", [person.id, person.token])
        return cls(page, person)

    async def show(self) -> None:
        await self.page.evaluate("show()")

    async def begin_epoch(self, slug: str) -> Frame:
        return await self._asked("(slug) => beginEpoch(slug)", slug)

    async def fetch(self, slug: str, key_epoch: int | None = None) -> bytes:
        key: str = await self.page.evaluate("([slug, epoch]) => fetchKey(slug, epoch)", [slug, key_epoch])
        return base64.b64decode(key)

    async def share(self, slug: str) -> Frame:
        return await self._asked("(slug) => share(slug)", slug)

    async def sealed(self, slug: str, key_epoch: int, text: str) -> dict[str, Any]:
        return await self._asked("(given) => sealed(...given)", [slug, key_epoch, text])

    async def opened(self, message: Frame) -> str | None:
        """None: it could not be opened."""
        text: str | None = await self.page.evaluate("(message) => opened(message)", message)
        return text

    async def _asked(self, script: str, argument: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self.page.evaluate(script, argument)
        return answer


@pytest.fixture
async def chromium(browser_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu", "--no-first-run"])
        yield browser
        await browser.close()


@pytest.fixture
async def party(api: Api) -> AsyncIterator[Party]:
    async with AsyncExitStack() as cleaning:
        yield await Party(api, cleaning).begin()


async def say(wire: Wire, device: Device | PageDevice, party: Party, key_epoch: int, text: str) -> Frame:
    """The message as everybody hears it."""
    fields = device.sealed(party.slug, key_epoch, text)
    heard = await wire.ask("chat.message.enc", **(fields if isinstance(fields, dict) else await fields))
    return next(frame for frame in heard if frame["type"] == "chat.message.enc" and frame["seq"] == heard[-1]["seq"])


async def test_shares_and_lines_cross_between_python_and_chromium_in_both_directions(
    party: Party, chromium: Browser
) -> None:
    slug, snake = party.slug, Device(party.gus)
    page = await PageDevice.open(chromium, party.olga)
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    await page.show()
    await snake.show()
    assert (await page.begin_epoch(slug))["key_epoch"] == 1, "made in Chromium, opened in Python"
    assert await snake.fetch(slug) == await page.fetch(slug)
    await snake.begin_epoch(slug)
    assert await page.fetch(slug) == snake.room_keys[2], "made in Python, opened in Chromium"
    await gus.until("key.changed", key_epoch=2)
    await olga.until("key.changed", key_epoch=2)
    for text in ("hello", "привет 😀\n", "x" * 20_000):
        assert snake.opened(await say(olga, page, party, 2, text)) == text
        assert await page.opened(await say(gus, snake, party, 2, text)) == text
    line = await say(gus, snake, party, 2, "mine")
    for bent in ({"user_id": party.ada.id}, {"room_slug": "other"}, {"key_epoch": 1}):
        assert await page.opened({**line, **bent}) is None, "bound to sender, room and epoch"


async def test_the_private_half_of_a_pages_device_cannot_be_read(party: Party, chromium: Browser) -> None:
    page = await PageDevice.open(chromium, party.olga)
    assert await page.page.evaluate("device.pair.privateKey.extractable") is False
    reading = "crypto.subtle.exportKey('pkcs8', device.pair.privateKey).then(() => 'read', (error) => error.name)"
    assert await page.page.evaluate(reading) == "InvalidAccessError"


async def a_life(party: Party, chromium: Browser) -> tuple[list[bytes], list[Frame]]:
    """Two talk, a third comes later, one leaves; answers with the room keys and the lines."""
    slug, gus = party.slug, Device(party.gus)
    olga = await PageDevice.open(chromium, party.olga)
    nina = await PageDevice.open(chromium, await party.api.guest("Nina"))
    hears, speaks = await party.come(party.olga), await party.come(party.gus)
    for device in (olga, gus):
        await device.show()
    await olga.begin_epoch(slug)
    await gus.fetch(slug)
    lines = [await say(speaks, gus, party, 1, TEXTS[0])]
    assert await olga.opened(lines[0]) == TEXTS[0]

    await olga.begin_epoch(slug)
    await gus.fetch(slug)
    await nina.show()
    await party.come(nina.person)
    await gus.share(slug)
    await nina.fetch(slug)
    lines.append(await say(hears, olga, party, 2, TEXTS[1]))
    assert await nina.opened(lines[1]) == gus.opened(lines[1]) == TEXTS[1]
    assert await refused(nina.person.get(f"/api/crypto/{slug}/my_key", key_epoch=1)) == (404, "key_not_found")
    assert await nina.opened(lines[0]) is None, "a newcomer gets the present epoch alone"

    await speaks.say("leave")
    await hears.until("key.rotate_required", key_epoch=2)
    await olga.begin_epoch(slug)
    await nina.fetch(slug)
    for text in TEXTS[2], TEXTS[2] + "!":
        lines.append(await say(hears, olga, party, 3, text))
        assert await nina.opened(lines[-1]) == text
    history = (await party.gus.get(f"/api/chat/{slug}"))["items"]
    assert history == lines, "who left may read history still"
    assert gus.opened(history[1]) == TEXTS[1]
    assert await refused(party.gus.get(f"/api/crypto/{slug}/my_key", key_epoch=3)) == (404, "key_not_found")
    for line in history[2:]:
        for key in gus.room_keys.values():
            with pytest.raises(InvalidTag):
                open_line(key, line_aad(slug, 3, line["user_id"]), line["ciphertext_b64"])
    return [*gus.room_keys.values(), await olga.fetch(slug)], lines


async def test_of_a_whole_life_the_server_keeps_neither_key_nor_text(
    server: ServerProcess, party: Party, chromium: Browser
) -> None:
    room_keys, lines = await a_life(party, chromium)
    assert len(set(room_keys)) == 3
    secrets = [*room_keys, *(text.encode() for text in TEXTS)]
    known = [base64.b64decode(lines[-1]["ciphertext_b64"])]
    for place in (files_and_output, memory) if sys.platform == "linux" else (files_and_output,):
        assert found(known, place(server)), "the search would find it"
        assert not found(secrets, place(server))
    assert await server.terminate() == 0
    assert found(known, files_and_output(server)) == {"axenix.db"}
    assert not found(secrets, files_and_output(server))


async def test_the_server_forgets_the_key_that_it_made(server: ServerProcess, party: Party) -> None:
    """The key's wraps are on disk; the key is nowhere, not even in memory."""
    keys = [await RsaKey(bits).show(person) for bits, person in ((2048, party.olga), (4096, party.gus))]
    path = f"/api/crypto/{party.slug}"
    room_keys, wraps = [], []
    for _ in range(5):
        assert (await asked(party.olga, "POST", f"{path}/init")).body["distributed"] == 2
        for key, person in zip(keys, (party.olga, party.gus), strict=True):
            wraps.append((await person.get(f"{path}/my_key"))["wrapped_key_b64"])
            room_keys.append(key.unwrap(wraps[-1]))
    assert room_keys[0] == room_keys[1] and len(set(room_keys)) == 5
    gus = await party.come(party.gus)
    text = "sealed with the key that the server made"
    await gus.ask("chat.message.enc", algo="AES-256-GCM", ciphertext_b64=seal_line(room_keys[-1], b"", text))
    secrets, known = [*room_keys, text.encode()], [base64.b64decode(wraps[-1])]
    for place in (files_and_output, memory) if sys.platform == "linux" else (files_and_output,):
        assert found(known, place(server)), "the search would find it"
        assert not found(secrets, place(server))
    assert await server.terminate() == 0
    assert found(known, files_and_output(server)) == {"axenix.db"}
    assert not found(secrets, files_and_output(server))


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(3))
def test_the_search_sees_through_disguises(before: int, after: int) -> None:
    secret = bytes(range(200, 232))
    around = b"\xff" * before + secret + b"\xff" * after
    for text in (around, around.hex().encode(), base64.b64encode(around), base64.urlsafe_b64encode(around)):
        assert any(form in text for form in disguises(secret))
    assert not any(form in base64.b64encode(bytes(range(100))) for form in disguises(secret))
