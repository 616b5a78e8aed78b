"""A real server in a process of its own, for tests that kill it, restart it, or talk to it over real sockets.

Knows the command line and the ready line of `python -m axenix`; nothing of what the server does. It has no event loop
of its own (threads read the output), so that one server can outlive the loop of one test.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"^Axenix Conference is ready at (http://127\.0\.0\.1:(\d+))$")
RATES_OFF = {name: "0" for name in ("AXENIX_CHAT_RATE", "AXENIX_MESSAGE_RATE", "AXENIX_SIGNAL_RATE",
                                    "AXENIX_GUEST_RATE", "AXENIX_CONNECTIONS_PER_ADDRESS",
                                    "AXENIX_CONNECTIONS_PER_USER", "AXENIX_ROOMS_PER_USER")}
running: set[subprocess.Popen[str]] = set()


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """It need not be so yet, but soon; else TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@atexit.register
def kill_the_forgotten() -> None:
    for process in running:
        process.kill()


class ServerDidNotStart(Exception):
    """Says with which exit code, and what it had printed until then."""


class ServerProcess:
    """`async with ServerProcess(tmp_path, AXENIX_CHAT_RATE="0") as server: ... server.url ...`"""

    program: tuple[str, ...] = ("-m", "axenix")
    """What Python runs."""

    def __init__(self, data_dir: Path, *, port: int = 0, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = port
        """0 until the first start, which finds a free one; kept from then on."""
        self.url = ""
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        """All lines of all starts, also while the server is running."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AXENIX_")}
        self._environment = inherited | {"PYTHONUNBUFFERED": "1"} | environment
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._settled = threading.Event()

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self, timeout: float = 20) -> None:
        """Returns when the server has said that it is ready; raises ServerDidNotStart if it ends instead."""
        assert not self.is_running, "this server is running already"
        command = [sys.executable, *self.program, "--port", str(self.port), "--data-dir", str(self.data_dir)]
        self.url = ""
        self._settled.clear()
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        running.add(self._process)
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.stdout), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.stderr), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        await asyncio.to_thread(self._settled.wait, timeout)
        if not self.url:
            code = await self.kill()
            raise ServerDidNotStart(f"exit code {code}\n" + "\n".join(self.stdout + self.stderr))

    async def kill(self) -> int:
        """SIGKILL: what a crash or a pulled plug would do. A server that has ended already is left in peace."""
        if self.is_running:
            self._started().kill()
        return await self.ended()

    async def terminate(self, timeout: float = 20) -> int:
        """SIGTERM: the polite end, which drains; answers with the exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended(timeout)

    async def restart(self) -> None:
        """Starts again on the same port and data; kills first if nobody has ended it."""
        await self.kill()
        await self.start()

    async def ended(self, timeout: float = 20) -> int:
        """Waits until it ends by itself; answers with the exit code. All output has been read by then."""
        process = self._started()
        code = await asyncio.to_thread(process.wait, timeout)
        running.discard(process)
        for reader in self._readers:
            await asyncio.to_thread(reader.join, timeout)
        return code

    def signal(self, number: signal.Signals) -> None:
        self._started().send_signal(number)

    def _started(self) -> subprocess.Popen[str]:
        assert self._process is not None, "this server has never been started"
        return self._process

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        with pipe:
            for line in pipe:
                lines.append(line.rstrip("\n"))
                if ready := READY.match(lines[-1]):
                    self.url, self.port = ready[1], int(ready[2])
                    self._settled.set()
        self._settled.set()

    async def __aenter__(self) -> ServerProcess:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        if self._process is not None:
            await self.kill()
