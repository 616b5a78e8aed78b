"""Connections that never become anything, by the thousand: counted, given up in time, and nothing to the others."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from harness import ServerProcess
from living import Party, party_at
from soaking.weight import many_descriptors, weigh

from axenix.web import doorway
from axenix.web.doorway import Doorway

MOST = 1000
"""Connections from one address, by default."""
PATIENCE = 1.5


class Impatient(ServerProcess):
    """A server like any other that waits for less long."""

    program = "-c", (
        "import sys; from axenix import __main__; from axenix.web import doorway, guard, uploads; "
        f"__main__.KEEPALIVE_SECONDS = __main__.LINGERING_SECONDS = guard.BODY_SECONDS = {PATIENCE}; "
        f"doorway.PATIENCE = uploads.PATIENCE = {PATIENCE}; sys.exit(__main__.main())")


HEAD = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
HALF_MADE = {
    "says nothing": b"",
    "half a request line": b"GET /ws/roo",
    "a handshake that does not end": b"GET /ws/rooms/tea HTTP/1.1\r\n" + HEAD,
    "a header that does not end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 4000,
    "a body that does not come": b"POST /api/auth/guest HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{",
    "a body that nobody reads": b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(189),
}


@contextmanager
def crowd(port: int, host: str, first_words: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many connections from one address, each with the same first words; nobody reads."""
    plugs: list[socket.socket] = []
    try:
        for _ in range(count):
            plug = socket.create_connection(("127.0.0.1", port), 5, (host, 0))
            plugs.append(plug)
            plug.sendall(first_words)
        yield plugs
    finally:
        for plug in plugs:
            plug.close()


def heard(plug: socket.socket) -> bytes:
    """What has come so far; ends with b"." if the other side has closed."""
    plug.setblocking(False)
    said = b""
    try:
        while chunk := plug.recv(65536):
            said += chunk
    except BlockingIOError:
        return said
    except ConnectionError:
        pass
    return said + b"."


async def until(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def joins(party: Party) -> float:
    """How long the slowest of ten needs to come in and be greeted."""
    slowest = 0.0
    for _ in range(10):
        began = time.monotonic()
        await (await party.come(party.gus)).close()
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.02)
    return slowest


@pytest.mark.alone
async def test_thousands_who_say_nothing_are_counted_and_given_up_and_others_come_in_meanwhile(tmp_path: Path) -> None:
    many_descriptors()
    async with impatient_party(tmp_path) as (server, party):
        await joins(party)
        before = weigh(server.pid)
        with crowd(server.port, "127.0.0.2", b"", 2 * MOST) as silent:
            assert await asyncio.wait_for(joins(party), 10) < 1
            during = weigh(server.pid)
            refusals = [said for plug in silent if (said := heard(plug))]
            assert len(refusals) >= MOST - 10, "all but the first thousand are turned away"
            assert all(b" 429 " in said and said.endswith(b'"}.') for said in refusals if said != b".")
            assert sum(b" 429 " in said for said in refusals) == MOST
            assert during.descriptors - before.descriptors <= MOST + 20
            assert during.memory_mb - before.memory_mb < 40
            await until(lambda: weigh(server.pid).descriptors <= before.descriptors + 5, 3 * PATIENCE)
        with crowd(server.port, "127.0.0.2", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 5) as asking:
            await asyncio.sleep(0.2)
            assert all(b" 200 " in heard(plug) for plug in asking), "who has gone does not count any more"


@pytest.mark.alone
async def test_half_made_requests_of_every_kind_are_given_up_and_others_come_in_meanwhile(tmp_path: Path) -> None:
    many_descriptors()
    async with impatient_party(tmp_path) as (server, party):
        before = weigh(server.pid)
        with ExitStack() as crowds:
            plugs: list[socket.socket] = []
            for number, words in enumerate(HALF_MADE.values()):
                plugs += crowds.enter_context(crowd(server.port, f"127.0.1.{number + 1}", words, 400))
            assert await asyncio.wait_for(joins(party), 10) < 1
            await until(lambda: all(heard(plug).endswith(b".") for plug in plugs), 4 * PATIENCE)
        await until(lambda: weigh(server.pid).descriptors <= before.descriptors + 5, 3)
        assert weigh(server.pid).memory_mb - before.memory_mb < 30


async def test_an_answer_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    async with impatient_party(tmp_path) as (server, party):
        for _ in range(50):
            await party.olga.post(f"/api/chat/{party.slug}", text="щ" * 4000)
        before = weigh(server.pid)
        request = (f"GET /api/chat/{party.slug}?limit=200 HTTP/1.1\r\nHost: x\r\n"
                   f"Authorization: Bearer {party.olga.token}\r\n\r\n").encode()
        with crowd(server.port, "127.0.0.1", request * 40, 5):
            assert await until(lambda: weigh(server.pid).descriptors > before.descriptors, 2) < 2
            await until(lambda: weigh(server.pid).descriptors <= before.descriptors, PATIENCE + 3)


def impatient_party(folder: Path) -> Any:
    return party_at(folder, Impatient, AXENIX_CHAT_RATE="0", AXENIX_MESSAGE_RATE="0")


# ---- the count by itself ---------------------------------------------------------------------------------------------


class Line:
    """A transport, as far as the doorway looks at one."""

    def __init__(self, host: str | None) -> None:
        self.peer = (host, 1) if host else ""
        self.is_closed = False
        self.unsent = 0

    def get_extra_info(self, name: str) -> object:
        return {"peername": self.peer}[name]

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_closed = True


def lines_from(*hosts: str | None) -> list[Any]:
    return [Line(host) for host in hosts]


def verdicts(door: Doorway, lines: list[Any]) -> list[str]:
    """"" for those who may stay."""
    return [refused.reason if (refused := door.come(line)) else "" for line in lines]


def test_those_beyond_the_limit_of_their_address_are_turned_away_and_others_are_not() -> None:
    door = Doorway(2, [ip_network("10.0.0.0/8")], 0, [])
    lines = lines_from("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", *["10.0.0.1"] * 3, None)
    assert verdicts(door, lines) == ["", "", "rate_limited"] + [""] * 5
    for gone in (lines[0], lines[2], lines[2]):
        door.go(gone)
    assert verdicts(door, lines_from("192.0.2.1", "192.0.2.1")) == ["", "rate_limited"]
    assert len(door) == 8


def test_an_ipv6_network_is_one_address_and_no_limit_is_none() -> None:
    assert verdicts(Doorway(1, [], 0, []), lines_from("2001:db8::1", "2001:db8::2")) == ["", "rate_limited"]
    assert not any(verdicts(Doorway(0, [], 0, []), lines_from(*["192.0.2.1"] * 5000)))


def test_there_are_never_more_in_all_than_there_is_room_for_sockets_included() -> None:
    lines = lines_from("192.0.2.1", "192.0.2.2", None)
    assert verdicts(Doorway(0, [], 5, ["socket"] * 3), lines) == ["", "", "overloaded"]


def test_who_takes_nothing_of_an_answer_goes_and_who_takes_a_little_stays() -> None:
    door = Doorway(0, [], 0, [])
    stuck, slow, idle = lines = lines_from("192.0.2.1", "192.0.2.2", "192.0.2.3")
    verdicts(door, lines)
    stuck.unsent = slow.unsent = 10**6
    for second in range(int(doorway.PATIENCE) + 2):
        assert not (stuck.is_closed or idle.is_closed)
        slow.unsent -= 1
        door.sweep(float(second))
    assert [line.is_closed for line in lines] == [True, False, False]


def test_of_too_much_that_waits_the_largest_goes() -> None:
    door = Doorway(0, [], 0, [])
    lines = lines_from(*["192.0.2.1"] * 5)
    verdicts(door, lines)
    for line, part in zip(lines, (0.1, 0.5, 0.2, 0.4, 0.0), strict=True):
        line.unsent = int(doorway.UNSENT * part)
    door.sweep(0.0)
    assert [line.is_closed for line in lines] == [False, True, False, False, False]
