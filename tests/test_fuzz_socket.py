"""Messages and bodies that are nearly right, by the thousand: refused or obeyed, and the server keeps its countenance.

AXENIX_FUZZ=1000000 AXENIX_FUZZ_SEED=7 python -m pytest tests/test_fuzz_socket.py -s throws as many, from that seed.
"""

from __future__ import annotations

import http.client
import os
import random
import time
from pathlib import Path

import pytest
from crowd.dialects import Seat
from crowd.seats import Rest, arrange
from fuzzing import BODIES, VALID, mutated
from harness import RATES_OFF, ServerProcess
from living import assert_calm
from soaking.plugs import Address, Plug, close, enter, listen
from soaking.weight import weigh

COUNT = int(os.environ.get("AXENIX_FUZZ", "8000"))
SEED = int(os.environ.get("AXENIX_FUZZ_SEED", "1"))
SMALL = 19
"""Bad ones on one connection: the twentieth in a minute would rightly end it."""
WARM = 100
"""Connections before memory is measured."""


def survived(plug: Plug, messages: list[bytes]) -> bool:
    """Says all of them, and then a ping, which must be answered."""
    plug.say(messages[0])
    for message in messages[1:]:
        plug.say(message)
    plug.say(b'{"type":"ping","cid":"the end"}')
    return listen([plug], lambda: plug.is_gone or answered(plug), 20) and not plug.is_gone and plug.code is None


def answered(plug: Plug) -> bool:
    return any(b'"cid":"the end"' in heard.payload for heard in plug.texts)


def throw(address: Address, seat: Seat, chance: random.Random) -> None:
    messages = [mutated(chance.choice(VALID), chance) for _ in range(SMALL)]
    [plug] = enter(address, [seat])
    assert survived(plug, messages), (SEED, plug.code, messages)
    close([plug])


@pytest.mark.timeout(7200)
async def test_no_message_however_bent_costs_a_connection_or_makes_the_server_stumble(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        address, chance = ("127.0.0.1", server.port), random.Random(SEED)
        seats = arrange(address, "axenix", 1, 2, 0, False)
        for _ in range(WARM):
            throw(address, seats[0], chance)
        before, began = weigh(server.pid), time.monotonic()
        for _ in range(COUNT // SMALL):
            throw(address, seats[0], chance)
        print(f"{COUNT} messages, {COUNT / (time.monotonic() - began):.0f} a second, seed {SEED}")
        assert weigh(server.pid).memory_mb - before.memory_mb < 20
        assert_calm(server.stderr)
        assert await server.terminate() == 0


@pytest.mark.timeout(7200)
async def test_no_body_however_bent_makes_the_server_stumble(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        address, chance = ("127.0.0.1", server.port), random.Random(SEED)
        [seat, _] = arrange(address, "axenix", 1, 2, 0, False)
        Rest(address).ask("POST", f"/api/participants/{seat.room}/join", {}, seat.token)
        connection = http.client.HTTPConnection(*address, timeout=20)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {seat.token}"}
        for _ in range(COUNT // 8):
            path, body = chance.choice(BODIES)
            content = mutated(body, chance)
            connection.request("POST", path.format(slug=seat.room), content, headers)
            response = connection.getresponse()
            response.read()
            assert response.status < 500, (SEED, path, response.status, content)
        connection.close()
        assert_calm(server.stderr)
