"""What a process holds: descriptors, memory, threads. Knows /proc and nothing else."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import NamedTuple


class Weight(NamedTuple):
    descriptors: int
    memory_mb: float
    threads: int


def weigh(pid: int) -> Weight:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = {name: int(value) for name, value in re.findall(r"(VmRSS|Threads):\s+(\d+)", status)}
    return Weight(len(list(Path(f"/proc/{pid}/fd").iterdir())), found["VmRSS"] / 1024, found["Threads"])


def many_descriptors() -> None:
    """As many as the system allows this process and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
