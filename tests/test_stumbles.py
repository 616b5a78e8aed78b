"""What a newcomer stumbles over on the first day: each is said in one line that helps, or does not happen at all."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import _setup
import pytest
import test_deploy
from harness import ROOT, ServerProcess
from living import Party, asked, elsewhere, party_at
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from playwright.async_api import Browser
from store_kit import opened
from test_migrations import unpacked
from uploading import fetch, kept, send, webm
from windows import Window, Windows

from axenix import tokens
from axenix.client import Api
from axenix.store import files, partials

pytestmark = pytest.mark.timeout(120)
COMPILED = ("aiohttp", "cryptography", "pillow", "orjson", "msgspec")
NO_DEVICES = """
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("none", "NotFoundError"); };
    navigator.mediaDevices.enumerateDevices = async () => [];
"""


def axenix(*arguments: str, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and words of a server that must not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AXENIX_")}
    done = subprocess.run([*before, sys.executable, "-m", "axenix", *arguments], cwd=ROOT, env=environment, timeout=30,
                          capture_output=True, text=True)
    assert done.stdout == "", done.stdout
    return done.returncode, done.stderr


# ---- installing ------------------------------------------------------------------------------------------------------


def test_everything_is_installed_without_a_compiler() -> None:
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--only-binary", ":all:",
           "--disable-pip-version-check", "-r", str(ROOT / "requirements.txt")]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=100)
    if done.returncode and "is there a network" in _setup.why_pip_failed(done.stdout + done.stderr):
        pytest.skip("the package index cannot be reached now")
    assert done.returncode == 0, done.stderr
    installs = done.stdout.rpartition("Would install")[2].lower()
    assert all(f"{name}-" in installs for name in COMPILED), done.stdout


@pytest.mark.parametrize("said", [
    "error: command 'gcc' failed: No such file or directory", "  ERROR: Failed building wheel for orjson",
    "error: Microsoft Visual C++ 14.0 or greater is required.",
])
def test_who_would_need_a_compiler_is_told_which_python_needs_none(said: str) -> None:
    assert "needs no compiler" in _setup.why_pip_failed(f"Building wheels ...\n{said}\n")


# ---- starting --------------------------------------------------------------------------------------------------------


def test_a_busy_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = axenix("--port", str(port), "--data-dir", str(tmp_path))
    assert code == 1 and len(said.splitlines()) == 1
    assert f"127.0.0.1:{port}" in said and "another program" in said and "--port" in said
    assert axenix_starts_in(tmp_path)


@pytest.mark.parametrize(("host", "words"), [("192.0.2.1", "no such address; --host"), ("no.such.invalid", "no.such")])
def test_an_address_that_is_not_ours_is_named_with_the_way_out(host: str, words: str, tmp_path: Path) -> None:
    code, said = axenix("--host", host, "--port", "0", "--data-dir", str(tmp_path))
    assert code == 1 and len(said.splitlines()) == 1 and words in said


def axenix_starts_in(folder: Path) -> bool:
    server = ServerProcess(folder)
    asyncio.run(server.start())
    return asyncio.run(server.terminate()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's right to write anywhere away, as Linux does it")
@pytest.mark.parametrize("name", ["a/new/one", "."])
def test_a_folder_that_cannot_be_written_to_is_named_with_the_way_out(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o500)
    code, said = axenix("--port", "0", "--data-dir", str(folder / name), before=without_roots_rights())
    assert code == 1 and len(said.splitlines()) == 1
    assert str(folder) in said and "Permission denied" in said and "--data-dir" in said
    assert list(folder.iterdir()) == []


def without_roots_rights() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    assert shutil.which("setpriv"), "setpriv is part of every Linux's util-linux"
    rights = "-dac_override,-dac_read_search"
    return ("setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}")


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    code, said = axenix("--port", "0", "--data-dir", str(tmp_path / "data"))
    assert code == 1 and len(said.splitlines()) == 1 and str(tmp_path / "data") in said
    assert (tmp_path / "data").read_text() == "no folder"


async def test_an_old_database_goes_on_and_a_newer_one_is_refused_with_the_way_out(tmp_path: Path) -> None:
    unpacked(1, tmp_path)
    async with ServerProcess(tmp_path) as server:
        assert server.url
    async with opened(tmp_path) as store:
        await store.in_writer(lambda db: db.execute("PRAGMA user_version = 1000").fetchall())
    code, said = await asyncio.to_thread(axenix, "--port", "0", "--data-dir", str(tmp_path))
    assert code == 3 and len(said.splitlines()) == 1
    assert "is of version 1000" in said and "newer program" in said and "copy" in said


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
async def test_a_proxy_that_nobody_named_is_spoken_of_once(trusted: str, tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_TRUSTED_PROXIES=trusted) as (server, party):
        for n in range(3):
            assert (await asked(party.api, "POST", "/api/auth/guest", {}, headers=elsewhere())).status == 201
        said = [line for line in server.stderr if "AXENIX_TRUSTED_PROXIES=127.0.0.1" in line]
        assert len(said) == (0 if trusted else 1)


# ---- clocks ----------------------------------------------------------------------------------------------------------


async def test_only_the_servers_clock_says_when_a_token_runs_out(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_JWT_SECRET="s" * 32) as (_, party):
        async def status(begun: float, lives: int) -> int:
            token = tokens.issue(b"s" * 32, party.gus.id, time.time() + begun, lives)
            return (await fetch(party.api, f"/api/state/{party.slug}", token=token)).status

        assert await status(begun=-3600, lives=3660) == 200
        assert await status(begun=-3600, lives=3590) == 401
        assert await status(begun=86400, lives=60) == 200, "made when the server's clock was ahead: still good"


# ---- the page --------------------------------------------------------------------------------------------------------


async def test_a_missing_camera_is_said_plainly_and_one_comes_in_without(windows: Windows, api: Api) -> None:
    slug = (await (await api.guest("Owner")).create_room(title="No devices"))["slug"]
    ann = await windows.person()
    await ann.page.add_init_script(NO_DEVICES)
    await ann.page.goto(f"{windows.url}/r/{slug}")
    said = ann.part("device-problems")
    await said.get_by_text("No camera was found").wait_for()
    assert "No microphone was found" in await said.inner_text()
    await ann.enter(f"/r/{slug}", "Ann", mic=False, cam=False)
    assert await ann.tiles() == ["Ann, microphone off, camera off"]


async def test_where_a_proxy_stops_the_sockets_the_page_names_the_proxy(tmp_path: Path, chromium: Browser) -> None:
    change = ("proxy_set_header Upgrade    $http_upgrade;", "")
    async with test_deploy.front("nginx", tmp_path, change) as here:
        windows = Windows(chromium, here.proxy.url)
        ann = await windows.person(ignore_https_errors=True)
        await ann.page.goto(f"{here.proxy.url}/r/{here.party.slug}")
        await join(ann, "Ann")
        await ann.part("banner").get_by_text("proxy before the server").wait_for()
        ann.forgive_the_network()
        assert not windows.complaints()


async def join(window: Window, nickname: str) -> None:
    await window.part("nickname").fill(nickname)
    await window.part("with-mic").set_checked(False)
    await window.part("with-cam").set_checked(False)
    await window.part("join").click()


# ---- Windows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["con", "nul", "com1", "lpt9"])
async def test_rooms_may_be_called_like_devices_of_windows(slug: str, party: Party, tmp_path: Path) -> None:
    room = await party.olga.create_room(slug=slug)
    content = webm(5000)
    recording = (await send(party.olga, f"/api/recordings/{slug}/upload", content)).body
    assert (await fetch(party.api, recording["file_url"])).body == content
    assert recording["file_url"].startswith(f"/static/records/{slug}/"), "what others see stays as it is"
    store = files.Files(tmp_path)
    assert store.of_room(slug).name not in files.DEVICES and store.of_room("room") == store.records / "room"
    await party.olga.call("DELETE", f"/api/rooms/{room['slug']}")


def test_files_from_before_devices_had_other_names_are_found(tmp_path: Path) -> None:
    store = files.Files(tmp_path)
    store.prepare()
    (store.records / "aux").mkdir()
    (store.records / "aux" / "one.webm").write_bytes(b"x")
    assert store.prepare().records == {"aux": {"one.webm"}} == dict((slug, files.names(f)) for slug, f in store.rooms())
    assert store.record("aux", "one.webm").read_bytes() == b"x"
    store.remove_record("aux", "one.webm")
    assert list(store.rooms()) == []


async def test_names_with_backslashes_and_colons_become_no_path(party: Party, shared_server: ServerProcess) -> None:
    name = r"C:\Users\ann\..\..\aux:stream.webm"
    added = await send(party.olga, f"/api/recordings/{party.slug}/upload", webm(5000), filename=name, title=name)
    assert added.status == 201
    answer = await fetch(party.api, added.body["file_url"])
    shown = answer.headers["Content-Disposition"].partition('filename="')[2].partition('"')[0]
    assert shown.endswith(".webm") and not set('\\/:*?<>|') & set(shown)
    assert all(part.isascii() and not set('\\:') & set(part) for part in kept(shared_server.data_dir))


def test_pieces_are_written_as_bytes_where_files_may_also_be_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="asks Linux and macOS what they were told")
    monkeypatch.setattr(partials, "BINARY", os.O_APPEND)  # a flag that can be seen: Windows' own is unknown here
    all_of_them = partials.Partials(tmp_path)
    partial = partials.Partial(id="a" * 32, room=1, slug="r", user_id=1, length=5, metadata="", concat="", title="t",
                               duration_sec=0, expires=time.time() + 60)
    all_of_them.add(partial)
    tail = partials.Tail(all_of_them, partial)
    assert fcntl.fcntl(tail._number, fcntl.F_GETFL) & os.O_APPEND
    tail.close()
