"""Pictures of the page for people to judge: python scripts/shots.py [--out FOLDER] [--only NAME ...]

A server of its own in a temporary folder, real Chromium windows, and drawn people before the cameras
(shots_camera.js). Every scene is taken in light and dark, at the size of a desk and of a phone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import _setup
import _tools

if importlib.util.find_spec("playwright") is None:  # Called as anybody would; in .venv everything is there.
    _setup.prepare("requirements.txt", "tests/requirements.txt")
    sys.exit(subprocess.call([_setup.PYTHON, __file__, *sys.argv[1:]]))

sys.path.insert(0, str(_setup.ROOT))

import aiohttp  # noqa: E402
from playwright.async_api import Browser, Locator, Page, ViewportSize, async_playwright  # noqa: E402
from shots_props import FILM, cover  # noqa: E402

from axenix.client import Api, Person  # noqa: E402

SIZES = {"desk": (1440, 900), "phone": (390, 844)}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
             "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required"]
CAST = ["Мария Климова", "James Okafor", "Sofia Rossi", "Rafael", "Олег Иванович", "Aiko Tanaka", "Amara", "Лена",
        "Томаш"]
ROOMS = [("Design review", "#2f7d7a", "#e3a13b", 3), ("Школа: 9 «Б», физика", "#4c5fa8", "#a99dc2", 2),
         ("Chess club", "#39414f", "#c8553d", 1), ("Open hours", "#b5475a", "#ecd9d0", 0),
         ("Планёрка", "#5f8f63", "#f0e4d0", 0)]
SAID = [(1, "Good morning! Can everyone hear me?"), (2, "Loud and clear"), (0, "Всем привет"),
        (3, "The plan for autumn is here: https://example.org/autumn"),
        (1, "Thanks, Rafael. Let us begin with what is left for the release."),
        (0, "Server and page are on time. Documents need two more days."),
        (2, "I can take the documents, if someone looks them over on Thursday.")]
WIDTHS = "[...document.querySelectorAll('.tile video')].map((video) => video.videoWidth)"


ONLY_WITH = """
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (text) {
  const { to = onlyWith } = JSON.parse(text);
  if (to === onlyWith) send.call(this, text);
};
"""
"""Many windows on one machine: nobody photographs the calls that the others have among themselves."""


class Studio:
    """Whoever is in the pictures, the room they meet in, and the window that is photographed: the first one's."""

    def __init__(self, browser: Browser, people: list[Person], out: Path) -> None:
        self.browser = browser
        self.people = people
        self.out = out
        self.pages: dict[int, Page] = {}
        self.slug = ""

    @property
    def page(self) -> Page:
        return self.pages[0]

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def open(self, index: int, *, width: int = 960, fps: int = 12) -> Page:
        """A window of this person's own, with this person before its camera."""
        desk = ViewportSize(width=1440, height=900)
        context = await self.browser.new_context(viewport=desk, locale="en-US", bypass_csp=True)
        person = self.people[index]
        life = {"token": person.token, "userId": person.id, "expiresAt": 4e12, "renewAt": 4e12}
        actor = {"index": index, "width": width, "height": width * 9 // 16, "fps": fps, "speaks": index == 1}
        await context.add_init_script(
            f"localStorage.setItem('axenix.identity.0', JSON.stringify({json.dumps(life)}));"
            f"localStorage.setItem('axenix.identity.0.nickname', {json.dumps(CAST[index])});"
            f"globalThis.actor = {json.dumps(actor)};")
        if index and fps < 10:
            await context.add_init_script(f"globalThis.onlyWith = {self.people[0].id};{ONLY_WITH}")
        await context.add_init_script(path=Path(__file__).with_name("shots_camera.js"))
        page = self.pages[index] = await context.new_page()
        page.on("pageerror", lambda error: print(f"  {CAST[index]}: {error}"))
        return page

    async def enter(self, index: int, **how: int) -> None:
        page = await self.open(index, **how)
        await page.goto(f"{self.people[0].base_url}/r/{self.slug}")
        await page.get_by_test_id("join").click()
        await page.locator('[data-status="live"]').wait_for()

    async def everybody_seen(self, count: int) -> None:
        """Every tile shows a moving picture. Sharp ones take a little longer: WebRTC begins low."""
        await self.page.wait_for_function(f"{WIDTHS}.filter((width) => width > 0).length >= {count}", timeout=60_000)
        await asyncio.sleep(4)

    async def shoot(self, name: str, menu: str | None = None) -> None:
        """In each size and theme; a menu is opened anew for each size, because it closes when the window changes."""
        for size, (width, height) in SIZES.items():
            await self.page.set_viewport_size({"width": width, "height": height})
            if menu is not None:
                await self.part(menu).first.click()
            for theme in ("light", "dark"):
                await self.page.emulate_media(color_scheme=theme)
                await self.page.mouse.move(0, 0)
                await asyncio.sleep(0.8)
                await self.page.screenshot(path=self.out / f"{name}-{size}-{theme}.png")
        await self.page.set_viewport_size({"width": 1440, "height": 900})
        print(f"  {name}")

    async def close(self) -> None:
        for page in self.pages.values():
            await page.context.close()
        self.pages.clear()


async def home(studio: Studio) -> None:
    """Rooms with covers, and somebody inside."""
    owner, *guests = studio.people
    async with AsyncExitStack() as inside:
        for title, first, second, count in ROOMS:
            slug = (await owner.create_room(title=title))["slug"]
            await send(owner, f"/api/covers/{slug}/upload", cover(first, second), "cover.png", "image/png")
            for guest in guests[:count]:
                await inside.enter_async_context(await guest.join(slug))
        page = await studio.open(0)
        studio.slug = slug
        await page.goto(owner.base_url)
        await page.get_by_test_id("create-room").wait_for()
        await asyncio.sleep(1)
        await studio.shoot("home")


async def lobby(studio: Studio) -> None:
    await meet(studio)
    async with await studio.people[1].join(studio.slug), await studio.people[2].join(studio.slug):
        page = await studio.open(0)
        await page.goto(f"{studio.people[0].base_url}/r/{studio.slug}")
        await page.get_by_test_id("lobby").wait_for()
        if await studio.part("show-me").is_visible():
            await studio.part("show-me").click()
        await asyncio.sleep(1.5)
        await studio.shoot("lobby")


async def call(studio: Studio, count: int) -> None:
    await gather(studio, count)
    await studio.shoot(f"call-{count}")


async def panels(studio: Studio) -> None:
    """Everything that lies beside the stage or over it, in a call of four."""
    await gather(studio, 4)
    for index, text in SAID:
        await studio.people[index].post(f"/api/chat/{studio.slug}", text=text)
    await studio.pages[2].get_by_test_id("hand").click()
    await studio.pages[3].get_by_test_id("mic").click()
    await studio.part("chat").click()
    await asyncio.sleep(1)
    await studio.shoot("chat")
    await studio.part("people").click()
    await studio.shoot("people")
    await studio.shoot("person-menu", menu="person-menu")
    await studio.page.keyboard.press("Escape")
    await recordings(studio)
    for name in ("more-devices", "more-shortcuts"):
        await studio.part("more").click()
        await studio.part(name).click()
        await studio.shoot(name.replace("more", "dialog"))
        await studio.page.keyboard.press("Escape")


async def recordings(studio: Studio) -> None:
    film = base64.b64decode(await studio.page.evaluate(FILM))
    for title, seconds in (("Planning, first part", 1284), ("Design review", 3725.5)):
        path = f"/api/recordings/{studio.slug}/upload"
        await send(studio.people[1], path, film, "film.webm", "video/webm", title=title, duration_sec=str(seconds))
    await studio.part("more").click()
    await studio.part("more-recordings").click()
    await asyncio.sleep(1)
    await studio.shoot("recordings")


async def screen(studio: Studio) -> None:
    await gather(studio, 4)
    await studio.pages[1].get_by_test_id("screen").click()
    await studio.page.wait_for_function(f"{WIDTHS}.some((width) => width >= 1000)", timeout=30_000)
    await asyncio.sleep(4)
    await studio.shoot("screen")


async def meet(studio: Studio) -> None:
    owner = studio.people[0]
    studio.slug = (await owner.create_room(title="Design review"))["slug"]
    await owner.post(f"/api/state/{studio.slug}/set_topic", topic="Autumn release: what is left")
    await send(owner, f"/api/covers/{studio.slug}/upload", cover("#2f7d7a", "#e3a13b"), "cover.png", "image/png")


async def gather(studio: Studio, count: int) -> None:
    """A call of so many; each sends a smaller picture the more there are."""
    await meet(studio)
    how = {"width": 480, "fps": 6} if count > 4 else {}
    for index in range(count):
        await studio.enter(index, **how)
    await studio.everybody_seen(count)


async def send(person: Person, path: str, content: bytes, name: str, mime: str, **fields: str) -> None:
    """A file, as a form of the page would send it."""
    form = aiohttp.FormData(fields)
    form.add_field("file", io.BytesIO(content), filename=name, content_type=mime)
    headers = {"Authorization": f"Bearer {person.token}"}
    async with person.session.post(person.base_url + path, data=form, headers=headers) as response:
        if response.status >= 300:
            raise RuntimeError(f"{path}: {await response.text()}")


SCENES: dict[str, Callable[[Studio], Awaitable[None]]] = {
    "home": home, "lobby": lobby, "panels": panels, "screen": screen,
    **{f"call-{count}": partial(call, count=count) for count in (1, 2, 4, 9)},
}


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """The address of a server that knows nobody yet; gone with all its data afterwards."""
    options = ["--port", "0", "--guest-rate", "0", "--chat-rate", "0", "--stun-urls", ""]
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "axenix", "--data-dir", folder, *options, cwd=_setup.ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            while not (ready := re.search(r"http://\S+", (await process.stdout.readline()).decode())):
                if process.returncode is not None:
                    raise RuntimeError("the server did not start")
            yield ready[0]
        finally:
            process.terminate()
            await process.wait()


async def main(out: Path, only: list[str]) -> None:
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    path = _tools.find_browser() or sys.exit(_tools.NO_BROWSER)
    for name in only or SCENES:
        async with server() as url, aiohttp.ClientSession() as session, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            studio = Studio(browser, [await Api(url, session).guest(name) for name in CAST], out)
            await SCENES[name](studio)
            await studio.close()
            await browser.close()
    print(f"All in {out} after {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_setup.ROOT / "data" / "shots", help="folder for the pictures")
    parser.add_argument("--only", nargs="+", choices=SCENES, default=[], help="some of the scenes, not all")
    given = parser.parse_args()
    asyncio.run(main(given.out, given.only))
