"""Calls by a real coturn: media goes through the relay alone, and credentials that are no good get nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import RATES_OFF, ServerProcess
from msgspec.structs import replace
from playwright.async_api import Browser
from proxies import DEPLOY, free_port, program, running
from windows import Window, Windows, connected

from axenix.config import Config
from axenix.web import rtc

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="coturn does not run on Windows"),
]
SECRET = "what-coturn-and-the-server-know"
PATHS = """async () => {
    const open = peersMade.filter((peer) => peer.connectionState === "connected");
    return Promise.all(open.map(async (peer) => {
        const reports = await peer.getStats();
        const transports = [...reports.values()].filter(({ type }) => type === "transport");
        const pairs = transports.map((transport) => reports.get(transport.selectedCandidatePairId));
        const kind = (id) => reports.get(id).candidateType;
        return pairs.map((pair) => [kind(pair.localCandidateId), kind(pair.remoteCandidateId)]);
    }));
}"""


def configuration() -> str:
    """What the guide says that coturn's file should hold, with this secret."""
    guide = (DEPLOY / "UPGRADING.md").read_text(encoding="utf-8")
    text = guide.partition("# /etc/turnserver.conf\n")[2].partition("```")[0]
    place = "<the same as AXENIX_TURN_SECRET>"
    assert place in text and "use-auth-secret" in text.splitlines()
    return text.replace(place, SECRET)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a coturn as the guide has it, except that it serves this machine alone, which none should do."""
    folder, port = tmp_path / "relay", free_port()
    folder.mkdir()
    (folder / "turnserver.conf").write_text(configuration())
    command = [
        program("turnserver"), "-c", str(folder / "turnserver.conf"), "-v", f"--listening-port={port}",
        "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-tls", "--no-dtls",
        "--no-rfc5780", "--log-file=stdout", "--simple-log", f"--pidfile={folder}/pid",
        f"--userdb={folder}/turndb",
    ]
    async with running(command, folder, port):
        yield port


@pytest.fixture
async def server(tmp_path: Path, relay: int) -> AsyncIterator[ServerProcess]:
    options = {"AXENIX_TURN_URLS": f"turn:127.0.0.1:{relay}", "AXENIX_TURN_SECRET": SECRET,
               "AXENIX_ICE_POLICY": "relay", "AXENIX_STUN_URLS": ""}
    async with ServerProcess(tmp_path / "data", **RATES_OFF, **options) as process:
        yield process


async def test_a_call_goes_through_the_relay_alone_and_the_relay_knows_whose_it_is(
    server: ServerProcess, chromium: Browser, tmp_path: Path,
) -> None:
    windows = Windows(chromium, server.url)
    ann, bob = [await windows.person() for _ in range(2)]
    path = await ann.make_room("Relayed")
    await ann.enter(path, "Ann")
    await bob.enter(path, "Bob")
    await connected(ann, bob)
    before = [await pictures(window) for window in (ann, bob)]
    await asyncio.sleep(1)
    assert all(now > then for now, then in zip([await pictures(ann), await pictures(bob)], before, strict=True))
    for window in (ann, bob):
        assert await window.page.evaluate(PATHS) == [[["relay", "relay"]]]
        log = (tmp_path / "relay" / "words.log").read_text(errors="replace")
        user_id, _ = await window.id_and_token()
        assert f":{user_id}>: incoming packet ALLOCATE processed, success" in log
    assert not windows.complaints()


async def pictures(window: Window) -> int:
    (call,) = await window.calls()
    return int(call["frames"])


async def allocates(port: int, username: str, credential: str) -> bool:
    """Whether coturn's own client gets a relayed address with this name and password."""
    command = [program("turnutils_uclient"), "-u", username, "-w", credential, "-p", str(port), "-n", "1", "-y", "-c",
               "127.0.0.1"]
    return await asyncio.to_thread(subprocess.call, command, stdout=subprocess.DEVNULL) == 0


async def test_credentials_that_have_run_out_or_are_anothers_get_nothing(relay: int) -> None:
    config = Config(turn_urls=(f"turn:127.0.0.1:{relay}",), turn_secret=SECRET)
    now = time.time()
    good, expired = rtc.turn(config, 7, now), rtc.turn(config, 7, now - rtc.TTL - 5)
    assert isinstance(good.username, str)
    anothers = replace(good, username=good.username.replace(":7", ":8"))
    prolonged = replace(expired, username=good.username)
    foreign = rtc.turn(Config(turn_urls=config.turn_urls, turn_secret="another secret"), 7, now)
    tried = [good, expired, anothers, prolonged, foreign]
    got = await asyncio.gather(*(allocates(relay, each.username, each.credential) for each in tried))
    assert got == [True, False, False, False, False]
