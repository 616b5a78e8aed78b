"""The server under test: a process that can be killed, with something inside it that counts, or that dies when told to.

Knows how such a server is started, and where it tells what it holds; nothing of what is done to it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import aiohttp
from harness import RATES_OFF, ROOT, ServerProcess

from soaking.weight import weigh

COUNTING = "soaking.inside.counting"
SCRIPTS = ROOT / "scripts"
LINES = 60
"""Of the log that are told of when it tells of a fault."""
Holding = dict[str, Any]
"""What a process holds, by name."""


def subject(data: Path, *inside: str, port: int = 0, path: Path | None = None, **environment: str) -> ServerProcess:
    """`inside`: modules that it imports as it starts; `path`: a further folder where they are looked for."""
    folders = [SCRIPTS / "soaking" / "inside", SCRIPTS, ROOT, *([path] if path else [])]
    within = {"PYTHONPATH": os.pathsep.join(map(str, folders)), "SOAK_INSIDE": ",".join(inside)}
    return ServerProcess(data, port=port, **RATES_OFF | within | environment)


async def holding(server: ServerProcess, session: aiohttp.ClientSession, thoroughly: bool = False) -> Holding:
    async with session.get(f"{server.url}/counts" + ("?all" if thoroughly else "")) as response:
        counted: Holding = await response.json()
    return counted | weigh(server.pid)._asdict()


def stumbles(server: ServerProcess) -> list[str]:
    """What the log says of a fault, if there is one: from there on, as far as it is worth reading."""
    for at, line in enumerate(server.stderr):
        if line.startswith(("Traceback", "Error in sitecustomize")) or " ERROR " in line:
            return ["\n".join(server.stderr[at:at + LINES])]
    return []
