"""The files of scripts/deploy as they are shipped: real proxies before a real server, and what else can be tried."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import proxies
import pytest
from harness import RATES_OFF, ROOT, ServerProcess, until
from living import Party, assert_calm, asked
from playwright.async_api import Browser
from proxies import BOTH, DEPLOY, Proxy, directives
from test_tus import metadata, offset_of, patch, tus
from uploading import fetch, send, webm
from windows import Windows, connected

from axenix.client import Api
from axenix.config import OPTIONS, Config

WRONG, ENOUGH = (403, "invite_required_or_invalid"), (429, "too_many_attempts")
OFTEN = "import axenix.web.heartbeat as heartbeat; heartbeat.PING_SECONDS = 0.5"
"""What a process runs at its very start, so that a minute of silence is over in a second."""


class Front(NamedTuple):
    """A server, the proxy before it, and a party that comes in through the proxy."""

    server: ServerProcess
    proxy: Proxy
    party: Party


@asynccontextmanager
async def front(kind: str, folder: Path, change: tuple[str, str] = ("", ""), **options: str) -> AsyncIterator[Front]:
    environment = RATES_OFF | {"AXENIX_TRUSTED_PROXIES": "127.0.0.1"} | options
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ServerProcess(folder / "data", **environment))
        proxy = await stack.enter_async_context(BOTH[kind](folder, server.port, change))
        session = await stack.enter_async_context(session_from("127.0.0.1"))
        yield Front(server, proxy, await Party(Api(proxy.url, session), stack).begin())
        assert_calm(server.stderr)


def session_from(address: str) -> aiohttp.ClientSession:
    """Of somebody on this machine with an address of one's own; certificates are believed."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, local_addr=(address, 0)))


@pytest.fixture(params=sorted(BOTH))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# ---- through the proxies ---------------------------------------------------------------------------------------------


async def test_the_page_and_requests_come_through_and_addresses_are_those_of_the_proxy(
    kind: str, tmp_path: Path,
) -> None:
    async with front(kind, tmp_path) as (server, proxy, party):
        for path in ("/", f"/r/{party.slug}", "/static/main.js"):
            async with party.api.session.get(proxy.url + path) as answer:
                assert answer.status == 200 and len(await answer.read()) > 1000, path
        async with party.api.session.get(f"{proxy.plain}/r/x?a=b", allow_redirects=False) as answer:
            assert answer.status in (301, 308)
            assert answer.headers["Location"] in (f"{proxy.url}/r/x?a=b", "https://localhost/r/x?a=b")
        room = await party.olga.create_room(is_private=True)
        assert room["invite_url"].startswith(f"{proxy.url}/r/")
        answer = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length="10")
        assert answer.headers["Location"].startswith(f"{proxy.url}/api/recordings/")
        async with session_from("127.0.0.9") as session:
            stranger = await Api(server.url, session).guest("Nobody's proxy")
            room = (await asked(stranger, "POST", "/api/rooms", {"is_private": True},
                                headers={"X-Forwarded-Proto": "https"})).body
            assert room["invite_url"].startswith("http://"), "anybody's word is taken for a proxy's"
        origin = {"Origin": proxy.url}
        assert (await (await party.dial(party.gus, token=party.gus.token, headers=origin)).hear())["type"] == "joined"


async def test_sockets_chat_and_resume_and_no_log_holds_a_token_or_an_invitation(kind: str, tmp_path: Path) -> None:
    async with front(kind, tmp_path) as (_, proxy, party):
        wire = await party.come(party.ada, invite_key="an-invitation-that-is-nobody's-business")
        async with await party.gus.join(party.slug) as gus:
            await gus.chat("one")
            await wire.until("chat.message", text="one")
            await gus.drop()
            said = (await wire.ask("chat.message", text="two"))[-1]["seq"]
            await gus.resume()
            assert gus.joined["resumed"] and (await gus.next("chat.message", text="two"))["seq"] == said
            assert await gus.chat("three") == said + 1
        await wire.close()
        if kind == "nginx":  # which writes a line of a socket at its end
            await until(lambda: proxy.log().count(f"GET /ws/rooms/{party.slug}") == 3)
        log = proxy.log()
        assert party.ada.token not in log and "an-invitation" not in log


async def test_a_recording_comes_in_and_goes_out_whole_and_in_parts(kind: str, tmp_path: Path) -> None:
    content = webm(3_000_000)
    async with front(kind, tmp_path) as (_, _proxy, party):
        added = await send(party.gus, f"/api/recordings/{party.slug}/upload", content)
        assert (added.status, added.body["size"]) == (201, len(content))
        url = added.body["file_url"]
        assert (await fetch(party.api, url)).body == content
        part = await fetch(party.api, url, Range="bytes=1000000-1000999")
        assert (part.status, part.body) == (206, content[1_000_000:1_001_000])
        assert part.headers["Content-Range"] == f"bytes 1000000-1000999/{len(content)}"
        assert (await fetch(party.api, url, Range=f"bytes={len(content)}-")).status == 416


async def test_an_upload_in_pieces_that_breaks_goes_on_from_where_it_broke(kind: str, tmp_path: Path) -> None:
    content, sent = webm(6_000_000), 4_000_000

    async def breaks_off() -> AsyncIterator[bytes]:
        for start in range(0, sent, 100_000):
            yield content[start:start + 100_000]
        for _ in range(200):
            if sum(part.stat().st_size for part in (tmp_path / "data" / "uploads").glob("*.part")) == sent:
                break
            await asyncio.sleep(0.05)
        raise ConnectionResetError("the line is cut")

    async with front(kind, tmp_path) as (_, _proxy, party):
        created = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length=str(len(content)),
                            Upload_Metadata=metadata(title="In pieces"))
        path = created.headers["Location"].removeprefix(party.api.base_url)
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
                   "Authorization": f"Bearer {party.gus.token}", "Content-Length": str(len(content))}
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            async with party.api.session.patch(party.api.base_url + path, data=breaks_off(), headers=headers):
                pass
        there = await offset_of(party.gus, path)
        assert there > sent // 2, "the proxy keeps back what it is given"
        assert (await patch(party.gus, path, there, content[there:])).status == 204
        (recording,) = (await party.olga.get(f"/api/recordings/{party.slug}"))["items"]
        assert recording["sha256"] == hashlib.sha256(content).hexdigest()


async def test_guesses_count_by_the_address_that_the_proxy_saw_and_by_no_other(kind: str, tmp_path: Path) -> None:
    async with front(kind, tmp_path) as (server, proxy, party):
        secret = await party.olga.create_room(is_private=True, create_invite=True)

        async def guess(base: str, address: str, key: str, said: str) -> tuple[int, str] | int:
            async with session_from(address) as session:
                who = Api(base, session)
                who.token = party.gus.token
                answer = await asked(who, "POST", "/api/rooms/join/by-invite", {"invite_key": key},
                                     headers={"X-Forwarded-For": said, "Forwarded": f"for={said}", "X-Real-IP": said})
                return answer.status if answer.status < 400 else answer.reason

        for base, address, other in ((proxy.url, "127.0.0.2", "127.0.0.3"), (server.url, "127.0.0.4", "127.0.0.5")):
            for n in range(10):
                assert await guess(base, address, f"wrong {n}", f"203.0.113.{n}") == WRONG
            assert await guess(base, address, secret["invite_key"], "203.0.113.77") == ENOUGH
            assert await guess(base, other, secret["invite_key"], "127.0.0.2") == 200


async def test_a_silent_socket_is_kept_by_pings_longer_than_the_proxy_bears_silence(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OFTEN)
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    async with front("nginx", tmp_path, ("proxy_read_timeout 75s", "proxy_read_timeout 2s"), PYTHONPATH=path) as here:
        wire = await here.party.come(here.party.ada)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                while True:
                    await wire.hear()
        assert (await wire.ask("chat.message", text="still here"))[-1]["type"] == "ack"


async def test_a_proxy_without_upgrade_is_answered_in_words_that_name_it(tmp_path: Path) -> None:
    change = ("proxy_set_header Upgrade    $http_upgrade;", "")
    async with front("nginx", tmp_path, change) as (_, _proxy, party):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="426"):
            await party.come(party.ada)
        answer = await asked(party.ada, "GET", f"/ws/rooms/{party.slug}")
        assert answer.reason == (426, "upgrade_required") and "proxy" in answer.body["detail"]


async def test_a_call_in_the_browser_goes_through_https(tmp_path: Path, chromium: Browser) -> None:
    async with front("nginx", tmp_path) as here:
        windows = Windows(chromium, here.proxy.url)
        ann, bob = [await windows.person(ignore_https_errors=True) for _ in range(2)]
        path = await ann.make_room("Behind nginx")
        await ann.enter(path, "Ann")
        await bob.enter(path, "Bob")
        await connected(ann, bob)
        await bob.say("through")
        await ann.part("chat").click()
        await ann.part("chat-text").get_by_text("through").wait_for()
        assert not windows.complaints()


# ---- systemd ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not proxies.has("systemd-analyze"), reason="there is no systemd here")
def test_systemd_understands_the_unit_and_finds_it_well_shut_in(tmp_path: Path) -> None:
    unit = tmp_path / "axenix.service"
    unit.write_text(proxies.shipped("axenix.service", {"/opt/axenix/.venv/bin/python": sys.executable}))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert "axenix.service" not in verified.stderr and verified.returncode == 0, verified.stderr
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    judged = subprocess.run(security, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout[-300:] + judged.stderr


async def test_what_the_unit_starts_is_the_server_with_its_own_folder(tmp_path: Path) -> None:
    unit = directives("axenix.service")
    command = shlex.split(unit["ExecStart"][0])
    assert command[:3] == [f"{unit['WorkingDirectory'][0]}/.venv/bin/python", "-m", "axenix"]
    assert Config.load(command[3:], {}).data_dir == Path("/var/lib") / unit["StateDirectory"][0]
    wrong = subprocess.run([sys.executable, *command[1:], "--port", "no"], cwd=ROOT, capture_output=True)
    assert str(wrong.returncode) in unit["RestartPreventExitStatus"][0].split()
    assert Config.load(["--trusted-proxies", "127.0.0.1"], {}).trusted_proxies  # as the proxies' files say


# ---- the container ---------------------------------------------------------------------------------------------------


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile and what follows them."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


async def test_the_steps_of_the_dockerfile_make_a_folder_that_runs(tmp_path: Path) -> None:
    image, one = tmp_path / "image", dict(steps())
    known = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
             "ENTRYPOINT"}
    assert {name for name, _ in steps()} == known
    version = re.fullmatch(r"python:3\.(\d+)-slim-\w+", one["FROM"])
    assert version is not None and int(version[1]) >= 11 and one["USER"] not in ("root", "0")
    image.mkdir()
    for source, target in (step.split() for name, step in steps() if name == "COPY"):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, image / target)
    environment = dict(each.split("=") for each in shlex.split(one["ENV"]))
    assert environment["AXENIX_DATA_DIR"] in json.loads(one["VOLUME"]) and environment["AXENIX_HOST"] == "0.0.0.0"
    assert environment["AXENIX_PORT"] == one["EXPOSE"]
    port = str(proxies.free_port())
    environment |= {"AXENIX_DATA_DIR": str(tmp_path / "volume"), "AXENIX_PORT": port, "AXENIX_HOST": "127.0.0.1"}
    entry, check = json.loads(one["ENTRYPOINT"]), json.loads(one["HEALTHCHECK"].partition(" CMD ")[2])
    assert entry[0] == check[0] == "python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AXENIX_")} | environment
    async with proxies.running([sys.executable, *entry[1:]], image, int(port), clean) as process:
        healthy = [sys.executable, *check[1:]]
        assert await asyncio.to_thread(subprocess.call, healthy, env=clean) == 0
        process.send_signal(getattr(signal, one["STOPSIGNAL"]))
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert await asyncio.to_thread(subprocess.call, healthy, env=clean, stderr=subprocess.DEVNULL) != 0


def test_nothing_but_what_is_copied_goes_to_the_builder() -> None:
    copied = {step.split()[0] for name, step in steps() if name == "COPY"}
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line[:1] not in ("", "#")]
    assert rules[0] == "*" and {rule[1:] for rule in rules if rule.startswith("!")} == copied


def test_the_guide_names_every_file_and_options_that_exist() -> None:
    guide = (DEPLOY / "UPGRADING.md").read_text(encoding="utf-8")
    files = {path.name for path in DEPLOY.iterdir()} - {"UPGRADING.md", "Dockerfile.dockerignore"}
    assert all(f"`{name}`" in guide for name in files)
    known = {option.env for option in OPTIONS}
    for path in DEPLOY.iterdir():
        assert set(re.findall(r"AXENIX_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) <= known, path.name
