"""The end of a server with a full house: everyone is told, nobody holds it up, and not even the disk can."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from crowd.frames import client_frame
from crowd.seats import Rest, arrange
from harness import RATES_OFF, ServerProcess
from soaking.plugs import Plug, close, enter, listen
from soaking.weight import many_descriptors

ROOMS, EACH, STUCK = 40, 50, 50
HANGING_SYNC = """
#define _GNU_SOURCE
#include <unistd.h>
static int hang(int fd) { while (access(HANGS, F_OK) == 0) usleep(10000); return syncfs(fd); }
int fsync(int fd) { return hang(fd); }
int fdatasync(int fd) { return hang(fd); }
"""


def address_of(server: ServerProcess) -> tuple[str, int]:
    return "127.0.0.1", server.port


def stuck_room(server: ServerProcess) -> list[Plug]:
    """Fifty who have not read for long: hundreds of kilobytes wait for each, and the close waits behind them."""
    address, rest = address_of(server), Rest(address_of(server))
    seats = arrange(address, "axenix", 1, STUCK, 0, False)
    plugs = enter(address, seats, buffer=4096)
    for _ in range(60):
        rest.ask("POST", f"/api/chat/{seats[0].room}", {"text": "щ" * 4000}, seats[0].token)
    return plugs


def waits_for(plug: Plug) -> int:
    """Bytes that the server's kernel holds for this peer, who does not take them."""
    here, server = plug.socket.getsockname()[1], plug.socket.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if (local.partition(":")[2], remote.partition(":")[2]) == (f"{server:04X}", f"{here:04X}"):
            return int(queues.partition(":")[0], 16)
    return 0


@pytest.mark.alone
@pytest.mark.timeout(90)
async def test_two_thousand_are_told_within_two_seconds_and_fifty_who_are_stuck_hold_nothing_up(tmp_path: Path) -> None:
    many_descriptors()
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        stuck = stuck_room(server)
        plugs = enter(address_of(server), arrange(address_of(server), "axenix", ROOMS - 1, EACH, 0, False))
        assert len(plugs) + len(stuck) == 2000
        assert len(stuck) == STUCK and all(waits_for(plug) for plug in stuck), "nothing would hold the goodbye up"
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert listen(plugs, lambda: all(plug.is_gone for plug in plugs), 6)
        assert {plug.code for plug in plugs} == {1012}
        assert max(plug.told_at for plug in plugs) - began < 2
        assert await server.ended() == 0
        assert time.monotonic() - began < 5
        assert not any("has not answered in time" in line or line.startswith("Traceback") for line in server.stderr)
        close(plugs + stuck)


@pytest.mark.alone
@pytest.mark.timeout(60)
async def test_a_disk_that_hangs_does_not_hold_up_the_end_and_what_was_acked_is_there(tmp_path: Path) -> None:
    hangs, library = tmp_path / "hangs", tmp_path / "hanging_sync.so"
    (tmp_path / "sync.c").write_text(HANGING_SYNC, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", f'-DHANGS="{hangs}"', "-o", library, tmp_path / "sync.c"], check=True)
    async with ServerProcess(tmp_path / "data", LD_PRELOAD=str(library), **RATES_OFF) as server:
        rest, seats = Rest(address_of(server)), arrange(address_of(server), "axenix", 1, 3, 0, False)
        path = f"/api/chat/{seats[0].room}"
        plugs = enter(address_of(server), seats)
        acked = rest.ask("POST", path, {"text": "acked"}, seats[0].token)["seq"]
        hangs.touch()
        plugs[1].socket.send(client_frame(b'{"type":"chat.message","text":"on its way"}'))
        listen(plugs, lambda: False, 0.3)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert listen(plugs, lambda: all(plug.is_gone for plug in plugs), 6)
        assert {plug.code for plug in plugs} == {1012} and max(plug.told_at for plug in plugs) - began < 2
        assert await server.ended() == 0
        assert time.monotonic() - began < 5
        assert any("has not answered in time" in line for line in server.stderr)
        assert not any(b"on its way" in heard.payload for plug in plugs for heard in plug.texts)
        close(plugs)
        hangs.unlink()
        await server.start()
        items = Rest(address_of(server)).ask("GET", path, None, seats[0].token)["items"]
        assert {item["seq"]: item["text"] for item in items}[acked] == "acked"
