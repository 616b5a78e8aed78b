"""What axe-core has to say of every view, in both themes and both sizes: nothing serious.

It reads what assistive technology would: names, roles, order, contrast as computed. What it cannot judge (is the
keyboard alone enough, are the words good) other tests and people do.
"""

from __future__ import annotations

from typing import Any

import _tools
import pytest
from windows import DESKTOP, PHONE, Window, Windows

from axenix.client import Api

pytestmark = pytest.mark.timeout(180)
SCAN = "async () => (await axe.run(document, { resultTypes: ['violations'] })).violations"
STILL = "() => Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 2000)" \
        ".map((one) => one.finished.catch(() => {})))"
"""Half-way through a fade the contrast is nobody's fault; what moves for ever is measured as it moves."""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which the page's policy would not let in: the test evaluates it."""
    source = _tools.package_file("axe-core/axe.min.js")
    if not source.exists():
        pytest.fail(_tools.NO_PACKAGES)
    return source.read_text(encoding="utf-8")


class Inspector:
    """Looks at one window again and again, and keeps what it finds."""

    def __init__(self, window: Window, axe: str) -> None:
        self.window = window
        self.axe = axe
        self.findings: dict[str, list[str]] = {}

    async def look(self, view: str) -> None:
        page = self.window.page
        await page.mouse.move(0, 0)
        await page.evaluate(STILL)
        await page.evaluate(self.axe)
        found = [line for fault in await page.evaluate(SCAN) if fault["impact"] in ("serious", "critical")
                 for line in described(fault)]
        if found:
            self.findings[view] = found


def described(fault: dict[str, Any]) -> list[str]:
    """One line for each element that has this fault."""
    return [f"{fault['id']} at {' '.join(map(str, node['target']))}: {summary(node)}" for node in fault["nodes"]]


def summary(node: dict[str, Any]) -> str:
    return " ".join(str(node["failureSummary"]).split())[:300]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_view_has_a_serious_fault(
    windows: Windows, api: Api, axe: str, theme: str, size: dict[str, int]
) -> None:
    ann = await windows.person(size=size, color_scheme=theme)
    inspector = Inspector(ann, axe)
    await before_the_call(inspector)
    slug = ann.page.url.rsplit("/", 1)[1]
    await ann.enter(f"/r/{slug}", "Ann")
    async with await (await api.guest("Bob")).join(slug) as bob, await (await api.guest("Вера")).join(slug):
        await bob.raise_hand()
        await bob.chat("Look: https://example.org/plan")
        await in_the_call(inspector)
    await ann.part("leave").click()
    await inspector.look("left")
    assert inspector.findings == {}


async def before_the_call(inspector: Inspector) -> None:
    ann = inspector.window
    await ann.page.goto(ann.url)
    await inspector.look("home")
    await ann.make_room("Weekly meeting")
    await inspector.look("lobby")


async def in_the_call(inspector: Inspector) -> None:
    ann = inspector.window
    await ann.part("tile").nth(2).wait_for()
    await inspector.look("call")
    await ann.part("people").click()
    await ann.part("person").nth(2).wait_for()
    await inspector.look("people")
    await ann.say("A line of my own")
    await ann.part("chat-text").nth(1).wait_for()
    await inspector.look("chat")
    await ann.part("more").click()
    await inspector.look("menu")
    await ann.part("more-recordings").click()
    await inspector.look("recordings")
    await over_the_call(inspector)


async def over_the_call(inspector: Inspector) -> None:
    """Dialogs, each opened the way a person would, and closed by Escape."""
    ann = inspector.window
    for opened_by in (["more", "more-devices"], ["more", "more-shortcuts"], ["more", "more-record"],
                      ["people", "room-menu", "do-settings"], ["room-menu", "do-bans"], ["chat", "seal"]):
        for name in opened_by:
            await ann.part(name).click()
        await ann.page.locator("dialog[open]").wait_for()
        await inspector.look(opened_by[-1])
        await ann.page.keyboard.press("Escape")
        await ann.page.locator("dialog").wait_for(state="detached")
