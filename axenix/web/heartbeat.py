"""Pings for all sockets from one place: whoever has been silent for too long is lost. The doorway is swept as well."""

from __future__ import annotations

import asyncio

from axenix.web.house import House

PING_SECONDS = 20.0
SILENCE_SECONDS = 30.0
LOOK_SECONDS = 1.0


async def beat(house: House) -> None:
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, PING_SECONDS / 4))
        look_around(house)


def look_around(house: House) -> None:
    """Each socket has its own time to be pinged, so that thousands of them do not come at once.

    Apart from `beat`, whose own variables would keep the last socket alive while it sleeps.
    """
    now = asyncio.get_running_loop().time()
    house.doorway.sweep(now)
    for socket in list(house.sockets):
        if now - socket.heard_at > SILENCE_SECONDS:
            socket.cut_off()
        elif now - socket.pinged_at >= PING_SECONDS:
            socket.ping(now)
