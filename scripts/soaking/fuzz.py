"""Messages and bodies that are nearly right, by the million: refused or obeyed, and the server keeps its countenance.

No connection is lost for what was said on it, no answer is a 5xx, nothing is on stderr that should not be, and memory
stays what it was. Somebody else sits in the room all the while and must hear every event, once and in order.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from crowd.dialects import DIALECTS, Seat
from crowd.seats import Rest, arrange
from fuzzing import BODIES, VALID, mutated
from harness import ServerProcess

from soaking.plugs import Address, Plug, close, enter, listen
from soaking.subject import COUNTING, stumbles, subject
from soaking.weight import weigh

SMALL = 19
"""Bad ones on one connection: the twentieth in a minute would rightly end it."""
WARM = 100
"""Connections before memory is measured, and ten times as many requests."""
GROWTH_MB = 20.0
IDLE_SECONDS = "1"
"""Rooms that are made go to rest soon: thousands that stay awake for a minute would look like a leak."""
OFTEN = 10_000
"""After so many of them a line tells how far it is."""
THE_END = b'{"type":"ping","cid":"the end"}'


class Witness:
    """Sits in the room and hears what becomes of it all."""

    def __init__(self, address: Address, seat: Seat) -> None:
        [self.plug] = enter(address, [seat])
        self._last: int | None = None

    def check(self) -> str | None:
        """What is wrong with what it has heard since the last look."""
        heard, self.plug.texts = self.plug.texts, []
        for each in heard:
            seq = DIALECTS["axenix"].seq_of(each.payload)
            if seq is not None:
                if self._last is not None and seq != self._last + 1:
                    return f"the witness heard {seq} after {self._last}"
                self._last = seq
        return f"the witness was closed with {self.plug.code}" if self.plug.is_gone else None


class Thrower:
    def __init__(self, server: ServerProcess, seed: int) -> None:
        self.server, self.seed, self.chance = server, seed, random.Random(seed)
        self.address = "127.0.0.1", server.port
        [owner, self.seat, kicked] = arrange(self.address, "axenix", 1, 3, 0, False)
        rest, room = Rest(self.address), owner.room
        for each in (self.seat, kicked):
            rest.ask("POST", f"/api/participants/{room}/join", {}, each.token)
        rest.ask("POST", f"/api/moderation/{room}/promote_admin", {"user_id": self.seat.user_id}, owner.token)
        self.witness = Witness(self.address, owner)  # nobody can send an owner away, whatever they say
        self._requests = http.client.HTTPConnection(*self.address, timeout=20)

    def throw(self) -> str | None:
        """Some messages on one connection, and then a ping, which must be answered; says what is wrong."""
        messages = [mutated(self.chance.choice(VALID), self.chance) for _ in range(SMALL)]
        [plug] = enter(self.address, [self.seat])
        plug.say(*messages, THE_END)
        well = listen([plug, self.witness.plug], lambda: plug.is_gone or answered(plug), 20) and answered(plug)
        close([plug])
        if not well:
            return f"seed {self.seed}: closed with {plug.code} after {messages}"
        return self.witness.check()

    def ask(self) -> str | None:
        path, body = self.chance.choice(BODIES)
        content = mutated(body, self.chance)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.seat.token}"}
        self._requests.request("POST", path.format(slug=self.seat.room), content, headers)
        response = self._requests.getresponse()
        answer = json.loads(response.read())
        if response.status >= 500 or answer.get("reason") == "not_found":
            return f"seed {self.seed}: POST {path} {content!r} was answered {response.status} {answer}"
        self.witness.plug.hear()
        return self.witness.check()

    def hang_up(self) -> None:
        """The server does not keep an idle connection for ever; the next request opens another."""
        self._requests.close()

    def end(self) -> None:
        self._requests.close()
        close([self.witness.plug])


def answered(plug: Plug) -> bool:
    return any(b'"cid":"the end"' in heard.payload for heard in plug.texts)


def many(act: Callable[[], str | None], times: int, each: int, what: str, say: Callable[[str], None]) -> list[str]:
    """Until it is enough or something is wrong."""
    began = time.monotonic()
    for number in range(1, times + 1):
        if fault := act():
            return [fault]
        if number * each // OFTEN > (number - 1) * each // OFTEN:
            say(f"{number * each} {what}, {number * each / (time.monotonic() - began):.0f} a second")
    return []


async def run(folder: Path, messages: int, requests: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Says what is wrong."""
    async with subject(folder / "data", COUNTING, SOAK_IDLE=IDLE_SECONDS) as server:
        thrower = Thrower(server, seed)
        faults = many(thrower.throw, WARM, SMALL, "messages", say) + many(thrower.ask, WARM * 10, 1, "requests", say)
        before = weigh(server.pid)
        thrower.hang_up()
        faults = faults or many(thrower.throw, messages // SMALL, SMALL, "messages", say)
        faults = faults or many(thrower.ask, requests, 1, "requests", say)
        grown = weigh(server.pid).memory_mb - before.memory_mb
        say(f"memory: {before.memory_mb:.1f} MB before, {grown:+.1f} MB since")
        faults += [f"memory has grown by {grown:.1f} MB"] if grown > GROWTH_MB else []
        faults += stumbles(server)
        thrower.end()
        return faults if await server.terminate() == 0 else [*faults, "it did not end as it should"]
