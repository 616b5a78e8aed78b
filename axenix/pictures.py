"""Strangers' pictures made harmless: each goes through a process of its own, with little memory and little time.

Knows how to start that process and what its end means; `picture_worker.py` does the work.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from axenix import picture_worker
from axenix.errors import Refused

log = logging.getLogger(__name__)

AT_ONCE = 2
SECONDS = 10.0
KEPT_ENVIRONMENT = ("PATH", "SYSTEMROOT", "LANG")
"""The rest may hold secrets."""


class Pictures:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def convert(self, source: Path, target: Path, longest: int) -> None:
        """A WebP of at most so many pixels a side. Raises Refused, and leaves nothing behind then."""
        async with self._turns:
            code = await run(source, target, longest)
        if code == 0:
            return
        target.unlink(missing_ok=True)
        if code == picture_worker.TOO_LARGE:
            raise Refused("too_large", f"A picture has at most {picture_worker.PIXELS // 10**6} megapixels.")
        if code != picture_worker.NO_PICTURE:
            log.warning("a picture's process ended with %s", code)
        raise Refused("unsupported_media_type", "This picture cannot be read.")


async def run(source: Path, target: Path, longest: int) -> int | None:
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", picture_worker.__file__, str(source), str(target), str(longest), env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(SECONDS):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
