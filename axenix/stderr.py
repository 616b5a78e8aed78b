"""What the program says to whoever started it, in one line on stderr, and how it refuses to start.

Knows no log: what happens while the server serves is told by logs.py.
"""

from __future__ import annotations

import sys
import threading
from typing import NoReturn

SAYING_SECONDS = 0.3


def say(line: str) -> None:
    print(f"axenix: {line}", file=sys.stderr, flush=True)


def say_or_go_on(line: str) -> None:
    """In a thread of its own: whoever should read this may not, and the server's end does not wait for that."""
    saying = threading.Thread(target=say, args=(line,), daemon=True)
    saying.start()
    saying.join(SAYING_SECONDS)


def refuse(line: str) -> NoReturn:
    """What was asked for in a wrong way is not begun."""
    say(line)
    raise SystemExit(2)
