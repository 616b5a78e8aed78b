"""Inside a server that soak.py watches: whoever goes leaves behind what LEAK names, a task, a descriptor or memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from axenix.web.ws import Stay

left: list[object] = []
LEAKS: dict[str, Callable[[], object]] = {
    "task": lambda: asyncio.get_running_loop().create_task(asyncio.sleep(10_000)),
    "descriptor": lambda: os.open(os.devnull, os.O_RDONLY),
    "memory": lambda: os.urandom(1 << 18),
}
ended = Stay.ended


def leak(stay: Stay, sender: str) -> None:
    ended(stay, sender)
    left.append(LEAKS[os.environ["LEAK"]]())


Stay.ended = leak  # type: ignore[method-assign]
