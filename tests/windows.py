"""Windows of a real Chromium with the page in them: what a person does and sees there, what the browser measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

ARGUMENTS = [
    "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=3",
    "--allow-loopback-in-peer-connection", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-gpu",
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SEEN_BY_TESTS = (Path(__file__).parent / "js" / "watch_peers.js").read_text()
expect.set_options(timeout=15_000)
UNREACHABLE = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_INTERNET_DISCONNECTED", "WebSocket connection to")


class Window:
    """One window with the page in it: what a person does and sees, and what the browser measures."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def forgive_the_network(self) -> None:
        """The server was away: the browser says so, and nothing can keep it from saying so."""
        self.complaints = [text for text in self.complaints if not any(part in text for part in UNREACHABLE)]

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def make_room(self, title: str, *, private: bool = False) -> str:
        """From the start page; answers with the room's path."""
        await self.page.goto(self.url)
        await self.part("room-title").fill(title)
        await self.part("room-private").set_checked(private)
        await self.part("create").click()
        await self.part("lobby").wait_for()
        return urlsplit(self.page.url).path

    async def enter(self, path: str, nickname: str, *, mic: bool = True, cam: bool = True) -> None:
        if urlsplit(self.page.url).path != path:
            await self.page.goto(self.url + path)
        await self.part("nickname").fill(nickname)
        await self.part("with-mic").set_checked(mic)
        await self.part("with-cam").set_checked(cam)
        await self.part("join").click()
        await self.page.locator('[data-status="live"]').wait_for()

    async def say(self, text: str) -> None:
        if not await self.part("chat-field").is_visible():
            await self.part("chat").click()
        await self.part("chat-field").fill(text)
        await self.part("chat-field").press("Enter")

    async def lines(self) -> list[str]:
        """The chat as it stands, lines on their way included."""
        return await self.part("chat-text").all_text_contents()

    async def tiles(self) -> list[str]:
        """Who is there, and with which marks, as a screen reader says it."""
        return await self.part("tile").evaluate_all("(tiles) => tiles.map((tile) => tile.getAttribute('aria-label'))")

    async def calls(self) -> list[dict[str, Any]]:
        """What getStats says of each RTCPeerConnection that is open, with a number that tells them apart."""
        return await self.page.evaluate("peersSeen()")

    async def id_and_token(self) -> tuple[int, str]:
        kept = await self.page.evaluate("JSON.parse(localStorage.getItem('axenix.identity.0'))")
        return kept["userId"], kept["token"]


async def eventually(what: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Until it is so; otherwise the test fails where it waited."""
    deadline = time.monotonic() + seconds
    while not await what():
        assert time.monotonic() < deadline, "it did not become so in time"
        await asyncio.sleep(0.1)


async def connected(*windows: Window, each: int = 1, picture: bool = True) -> None:
    """All of them decode pictures and receive sound from `each` others."""
    async def all_flow() -> bool:
        calls = [await window.calls() for window in windows]
        fewest = 5 if picture else 0
        flowing = [[c["frames"] >= fewest and c["packets"] > 10 for c in some] for some in calls]
        return all(some == [True] * each for some in flowing)
    await eventually(all_flow)


async def shows(look: Callable[[], Awaitable[Any]], expected: object, seconds: float = 15) -> None:
    """Until that is what is seen; otherwise the test fails with the difference."""
    async def same() -> bool:
        return bool(await look() == expected)
    try:
        await eventually(same, seconds)
    except AssertionError:
        assert await look() == expected


async def lines_are(window: Window, expected: list[str], seconds: float = 15) -> None:
    await shows(window.lines, expected, seconds)


async def tiles_are(window: Window, expected: set[str]) -> None:
    """In whatever order."""
    async def tiles() -> set[str]:
        return set(await window.tiles())
    await shows(tiles, expected)


class Windows:
    """Opens windows; afterwards none of them may have had anything to complain of."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.opened: list[Window] = []

    async def person(self, *, language: str = "en-US", size: dict[str, int] = DESKTOP, **more: Any) -> Window:
        """A window of a browser of its own."""
        context = await self.browser.new_context(viewport=size, locale=language, **more)  # type: ignore[arg-type]
        return await self.another(context)

    async def another(self, context: BrowserContext) -> Window:
        page = await context.new_page()
        await page.add_init_script(SEEN_BY_TESTS)
        self.opened.append(Window(page, self.url))
        return self.opened[-1]

    def complaints(self) -> list[str]:
        return [complaint for window in self.opened for complaint in window.complaints]
