"""The examples of the socket's messages: those of PROTOCOL.md, which tests hold to be right.

Reads that document as its readers do: headings, prose and blocks of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from axenix.web.docs.row import Json

DOCUMENT = Path(__file__).parents[2] / "PROTOCOL.md"
FROM_CLIENTS, EVENTS, SIGNALS = "What a client sends", "Events", "Signals"


class Shown(NamedTuple):
    examples: list[Json]
    prose: str
    """What is said below the first block, in Markdown without its links."""


@cache
def protocol() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def chapter(title: str) -> str:
    """What stands below a heading of the second level."""
    return re.split(r"^## ", protocol().partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def values(text: str) -> Iterator[Json]:
    """Everything in the JSON blocks; a block may hold several values."""
    for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        while block := block.strip():
            value, end = json.JSONDecoder().raw_decode(block)
            yield value
            block = block[end:]


def shown(title: str, kind: str) -> Shown:
    """Of one type of message in one chapter."""
    for part in re.split(r"^### .*$", chapter(title), flags=re.MULTILINE):
        if found := [value for value in values(part) if value["type"] == kind]:
            return Shown(found, prose(part))
    return Shown(anywhere(kind), "")


def anywhere(kind: str) -> list[Json]:
    return [value for value in values(protocol()) if isinstance(value, dict) and value.get("type") == kind]


def prose(part: str) -> str:
    plain = re.sub(r"^```json\n.*?^```$", "", part, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", plain).strip()
