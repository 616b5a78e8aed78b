"""Fixtures that tests of every floor may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import _tools
import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess
from hypothesis import settings
from playbook import Play, begun
from playwright.async_api import Browser, async_playwright
from windows import ARGUMENTS, Windows

from axenix.client import Api

# A shared machine may stall for seconds, which says nothing about the code; in CI the same walks every time.
settings.register_profile("axenix", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("axenix")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers take the processor and most else waits, so they begin first and do not come all at the end."""
    items.sort(key=lambda item: not item.path.name.startswith("test_page"))


@pytest.fixture
def play() -> Play:
    """A room on stage: the owner (1), Ada (2, an admin) and Bob (3) are inside."""
    return begun()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A fresh server in a process of its own, with every rate limit off. It must not have logged a traceback."""
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as process:
        yield process
    assert not [line for line in process.stderr if line.startswith("Traceback")], "\n".join(process.stderr)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(server: ServerProcess, session: aiohttp.ClientSession) -> Api:
    """The client's way into `server`: `ann = await api.guest("Ann")`."""
    return Api(server.url, session)


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A browser of the Chromium family, for Playwright's `launch(executable_path=...)`."""
    path = _tools.find_browser()
    if path is None:
        pytest.fail(_tools.NO_BROWSER)
    return path


@pytest.fixture
async def chromium(browser_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def windows(server: ServerProcess, chromium: Browser) -> AsyncIterator[Windows]:
    opened = Windows(chromium, server.url)
    yield opened
    assert not opened.complaints()
