"""The servers that a load can start: ours, the sketch of its design, and what people use instead. Pins and weighs them.

Knows how each is installed (the rivals into `.venv/bench`, only when asked for) and started; nothing of what they say.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from collections.abc import Iterator

from _setup import ROOT, VENV, say

RIVALS = ROOT / "scripts" / "rivals"
BENCH = VENV / "bench"
BENCH_PYTHON = BENCH / "bin" / "python"
QUIET = {"AXENIX_LOG_LEVEL": "warning"}
"""A crowd that comes and goes would fill the terminal."""
RATES_OFF = {name: "0" for name in ("AXENIX_CHAT_RATE", "AXENIX_MESSAGE_RATE", "AXENIX_SIGNAL_RATE",
                                    "AXENIX_GUEST_RATE", "AXENIX_CONNECTIONS_PER_ADDRESS",
                                    "AXENIX_CONNECTIONS_PER_USER", "AXENIX_ROOMS_PER_USER")}
READY = re.compile(r"ready at (http://\S+)")
NPM = "ws", "socket.io"
PIP = "socketify", "fastapi", "uvicorn", "websockets", "httptools", "uvloop", "aiosqlite", "orjson"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Kind:
    command: tuple[str, ...]
    """{port} and {data} are filled in."""
    dialect: str
    stores: str
    needs: str = ""
    """What must be installed first: npm or pip."""


KINDS = {
    "axenix": Kind((sys.executable, "-m", "axenix", "--port", "{port}", "--data-dir", "{data}"), "axenix",
                   "everything, at FULL, before anyone sees it"),
    "sketch": Kind((sys.executable, str(RIVALS / "sketch.py"), "{port}", "{data}"), "plain",
                   "every message, at FULL, before anyone sees it"),
    "ws": Kind(("node", str(BENCH / "ws.mjs"), "{port}"), "plain", "nothing", "npm"),
    "socket.io": Kind(("node", str(BENCH / "socketio.mjs"), "{port}"), "socket.io", "nothing", "npm"),
    "socketify": Kind((str(BENCH_PYTHON), str(RIVALS / "socketify_server.py"), "{port}"), "plain", "nothing", "pip"),
    "starlette": Kind((str(BENCH_PYTHON), str(RIVALS / "starlette_server.py"), "{port}", "{data}"), "plain",
                      "every message, at FULL, before anyone sees it", "pip"),
}


@dataclass
class Server:
    kind: str
    url: str
    pid: int
    data: Path | None = None
    process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self, what: str = "VmRSS") -> float:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


def install(kind: str) -> None:
    """What a rival needs, the first time that it is wanted."""
    needs = KINDS[kind].needs
    if needs == "npm":
        for script in ("ws.mjs", "socketio.mjs"):
            BENCH.mkdir(parents=True, exist_ok=True)
            shutil.copy(RIVALS / script, BENCH)  # Node looks for packages beside the script
        if not all((BENCH / "node_modules" / package).exists() for package in NPM):
            say(f"Installing {' and '.join(NPM)} into {BENCH} ...")
            _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(BENCH), *NPM)
    elif needs == "pip" and not BENCH_PYTHON.exists():
        say(f"Installing {', '.join(PIP)} into {BENCH} ...")
        _run(sys.executable, "-m", "venv", str(BENCH))
        _run(str(BENCH_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PIP)


def _run(*command: str) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        sys.exit(f"{' '.join(command)} failed")


@contextmanager
def running(kind: str, core: int | None, environment: dict[str, str] | None = None,
            data: Path | None = None) -> Iterator[Server]:
    """A server with a data folder of its own, which is thrown away afterwards unless it was given."""
    install(kind)
    folder = data or Path(tempfile.mkdtemp(prefix="axenix-load-"))
    process = _start(kind, core, folder, environment or {})
    try:
        yield Server(kind, _address_of(kind, process), process.pid, folder, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _start(kind: str, core: int | None, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [part.format(port=free_port(), data=folder) for part in KINDS[kind].command]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AXENIX_")}
    process = subprocess.Popen(
        command, cwd=ROOT, env=inherited | QUIET | RATES_OFF | {"PYTHONUNBUFFERED": "1"} | environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8")
    if core is not None:
        os.sched_setaffinity(process.pid, {core})  # threads that it starts later inherit it
    return process


def _address_of(kind: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := READY.search(line):
            return found[1]
    sys.exit(f"{kind} did not start: exit code {process.wait()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Scales:
    """What a server takes from the machine between two moments."""

    def __init__(self, server: Server, memory_before: float = 0.0, peers: int = 1) -> None:
        self._server, self._before, self._peers = server, memory_before, peers
        self._began, self._cpu = time.monotonic(), server.cpu_seconds()

    def weigh(self) -> dict[str, float]:
        seconds, cpu = time.monotonic() - self._began, self._server.cpu_seconds() - self._cpu
        return {"cpu_percent": round(100 * cpu / seconds, 1), "memory_mb": round(self._server.memory_mb(), 1),
                "peak_mb": round(self._server.memory_mb("VmHWM"), 1),
                "kb_per_peer": round((self._server.memory_mb() - self._before) * 1024 / self._peers, 1)}
