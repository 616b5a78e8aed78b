"""An event loop without a clock: time jumps to the next timer, and of all that is ready a seed picks what is next.

asyncio runs what is ready in the order in which it became so; code that is right only because of that order is found
here. A seed is one interleaving, the same every time. Nothing but timers, callbacks and tasks is known: no sockets,
no threads, no processes.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Coroutine
from typing import Any


class Deadlock(Exception):
    """Somebody waits, and nothing will ever happen."""


class Shuffled(deque[Any]):
    """What is ready. Whoever takes the first gets any one of them."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def popleft(self) -> Any:
        self.rotate(self._chance.randrange(len(self)))
        return super().popleft()


class NoFiles:
    """In place of a selector: waiting for files is letting time pass."""

    def __init__(self, loop: ShuffledLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set")
        self._loop.now += timeout
        return []


class ShuffledLoop(asyncio.BaseEventLoop):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.now = 0.0
        self.failures: list[dict[str, Any]] = []
        """What nobody caught."""
        self._selector = NoFiles(self)
        self._ready = Shuffled(random.Random(seed))
        self.set_exception_handler(lambda loop, context: self.failures.append(context))

    def time(self) -> float:
        return self.now

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        raise NotImplementedError("this loop knows no threads")


def play(seed: int, scene: Coroutine[Any, Any, Any]) -> Any:
    """The scene in the one order that this seed stands for. Raises what it raises, Deadlock, or what nobody caught."""
    loop = ShuffledLoop(seed)
    asyncio.set_event_loop(loop)
    try:
        answer = loop.run_until_complete(scene)
        end_all(loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    assert not loop.failures, loop.failures
    return answer


def end_all(loop: ShuffledLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
