"""The headers of tus 1.0, read. Raises Refused for what they may not hold; knows no upload."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from aiohttp import web

from axenix.errors import Refused

VERSION = "1.0.0"
METADATA = 4096
CHECKSUMS: dict[str, Callable[[], Any]] = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}


def number(request: web.Request, name: str) -> int:
    raw = request.headers.get(name, "")
    if not re.fullmatch("[0-9]{1,15}", raw, re.ASCII):
        raise Refused("bad_payload", f"{name} is a whole number of bytes.")
    return int(raw)


def metadata(raw: str) -> dict[str, str]:
    """`key base64,key base64`; a key alone has an empty value."""
    if len(raw) > METADATA:
        raise Refused("too_large", "Upload-Metadata is too long.")
    found = {}
    for pair in filter(None, (each.strip() for each in raw.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = b64decode(value.strip(), validate=True).decode()
        except ValueError:
            raise Refused("bad_payload", "Upload-Metadata is pairs of a key and base64 of UTF-8.") from None
    return found


def checksum(request: web.Request) -> tuple[Any, bytes] | None:
    """What sums the body up, and what must come out."""
    raw = request.headers.get("Upload-Checksum")
    if raw is None:
        return None
    name, _, value = raw.partition(" ")
    try:
        return CHECKSUMS[name.lower()](), b64decode(value.strip(), validate=True)
    except (KeyError, ValueError):
        raise Refused("bad_payload", f"Upload-Checksum is one of {', '.join(CHECKSUMS)}, and base64.") from None
