"""A window of a real Firefox with the page in it, by WebDriver BiDi (W3C), which Firefox speaks by itself.

Does with it what a person does, by real clicks and keys. Playwright drives only a Firefox of its own, which no
registry has.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from windows import SEEN_BY_TESTS

LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
PREFERENCES = {
    "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True, "media.autoplay.default": 0,
    "media.peerconnection.ice.loopback": True, "media.peerconnection.ice.obfuscate_host_addresses": False,
    "app.update.enabled": False, "app.normandy.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False, "intl.locale.requested": "en-US",
}
"""A camera and a microphone that need no hardware and no leave, a way to itself, and no calls home."""
UNREACHABLE = "establish a connection", "was interrupted", "NetworkError"
SECONDS = 20.0


class Wire:
    """Commands go out, answers and events come back (BiDi section 4)."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if said.get("method") == "log.entryAdded" and said["params"]["level"] in ("error", "warn"):
                self.complaints.append(said["params"]["text"])
            elif said.get("id") in self._asked:
                self._asked.pop(said["id"]).set_result(said)

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(SECONDS):
            said = await answer
        assert said["type"] == "success", f"{method}: {said}"
        found: dict[str, Any] = said["result"]
        return found


class FirefoxWindow:
    """As far as the tests need it, what `Window` is for Chromium. Parts are named by their `data-testid`."""

    def __init__(self, wire: Wire, context: str, url: str) -> None:
        self.wire = wire
        self.url = url
        self._context = context

    async def goto(self, path: str) -> None:
        await self.wire.do("browsingContext.navigate", context=self._context, url=self.url + path, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """What becomes of a JavaScript expression, in JSON; promises are waited for."""
        result = await self.wire.do(
            "script.evaluate", expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context}, awaitPromise=True, userActivation=True)
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return json.loads(result["result"].get("value", "null"))

    async def until(self, expression: str) -> Any:
        try:
            async with asyncio.timeout(SECONDS):
                while not (found := await self.evaluate(expression)):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"it did not become so in time: {expression}") from None
        return found

    async def text(self, part: str) -> str:
        """Once there is some."""
        found: str = await self.until(f"document.querySelector('[data-testid={part}]')?.innerText")
        return found

    async def click(self, part: str, inside: str = "") -> None:
        """`inside`: a CSS selector of what in that part is meant."""
        css = f"[data-testid={part}] {inside}".strip()
        await self.until(f"document.querySelector('{css}')?.checkVisibility()")
        located = await self.wire.do(
            "browsingContext.locateNodes", context=self._context, locator={"type": "css", "value": css})
        middle = {"type": "element", "element": {"sharedId": located["nodes"][0]["sharedId"]}}
        await self._act("pointer", [{"type": "pointerMove", "x": 0, "y": 0, "origin": middle},
                                    {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}])

    async def write(self, part: str, text: str) -> None:
        """By the keyboard; a line break is the Enter key."""
        await self.click(part)
        keys = ["\ue007" if letter == "\n" else letter for letter in text]
        await self._act("key", [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")])

    async def _act(self, kind: str, actions: list[dict[str, Any]]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        await self.wire.do("input.performActions", context=self._context, actions=[source])

    def forgive_the_network(self) -> None:
        """As in windows.py: the server was away."""
        complaints = self.wire.complaints
        complaints[:] = [text for text in complaints if not any(part in text for part in UNREACHABLE)]

    # ---- what a person does ----

    async def make_room(self, title: str) -> str:
        await self.goto("/")
        await self.write("room-title", title + "\n")
        await self.text("lobby")
        path: str = await self.evaluate("location.pathname")
        return path

    async def enter(self, path: str, nickname: str) -> None:
        if await self.evaluate("location.pathname") != path:
            await self.goto(path)
        await self.write("nickname", nickname + "\n")
        await self.is_("live")

    async def is_(self, status: str) -> None:
        await self.until(f"!!document.querySelector('[data-status=\"{status}\"]')")

    async def say(self, text: str) -> None:
        await self.write("chat-field", text + "\n")

    async def lines(self) -> list[str]:
        found: list[str] = await self.evaluate(
            "[...document.querySelectorAll('[data-testid=chat-text]')].map((line) => line.textContent)")
        return found

    async def tiles(self) -> list[str]:
        found: list[str] = await self.evaluate(
            "[...document.querySelectorAll('[data-testid=tile]')].map((tile) => tile.getAttribute('aria-label'))")
        return found

    async def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.evaluate("peersSeen()")
        return found


@asynccontextmanager
async def firefox_window(path: str, profile: Path, url: str) -> AsyncIterator[FirefoxWindow]:
    """Of a Firefox of its own, whose page may not have complained of anything."""
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    said = profile / "said.txt"
    with open(said, "wb") as output:
        process = await asyncio.create_subprocess_exec(
            path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank",
            env=os.environ | {"HOME": str(profile)}, stdout=output, stderr=output, start_new_session=True)
    try:
        address = await address_in(said)
        async with aiohttp.ClientSession() as session, session.ws_connect(address + "/session", max_msg_size=0) as ws:
            wire = Wire(ws)
            await wire.do("session.new", capabilities={})
            await wire.do("session.subscribe", events=["log.entryAdded"])
            await wire.do("script.addPreloadScript", functionDeclaration=f"() => {{{SEEN_BY_TESTS}}}")
            opened = await wire.do("browsingContext.create", type="window")
            window = FirefoxWindow(wire, opened["context"], url)
            await wire.do("browsingContext.setViewport", context=opened["context"],
                          viewport={"width": 1280, "height": 800})
            yield window
        assert not wire.complaints
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its processes for pages too
        await process.wait()


async def address_in(said: Path) -> str:
    for _ in range(600):
        if found := LISTENING.search(said.read_text(encoding="utf-8", errors="replace")):
            return found[1]
        await asyncio.sleep(0.1)
    raise AssertionError(f"Firefox did not start: {said.read_text(encoding='utf-8', errors='replace')}")
