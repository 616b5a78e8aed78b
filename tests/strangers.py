"""What schemathesis is told beside /openapi.json and a token: how bytes are sent as bytes, and some rooms that exist.

Loaded by schemathesis itself (SCHEMATHESIS_HOOKS), never by the server. Half of the slugs it makes up become one of the
rooms in AXENIX_TEST_ROOMS, or every other request would end at `room_not_found`.
"""

from __future__ import annotations

import os
import re
import zlib
from typing import Any

import schemathesis

ROOMS = [slug for slug in os.environ.get("AXENIX_TEST_ROOMS", "").split(",") if slug]
SLUG = re.compile("[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def map_path_parameters(ctx: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    slug = (path_parameters or {}).get("slug")
    if path_parameters and ROOMS and isinstance(slug, str) and SLUG.fullmatch(slug):
        chosen = zlib.crc32(slug.encode())
        if chosen & 1:
            path_parameters["slug"] = ROOMS[(chosen >> 1) % len(ROOMS)]
    return path_parameters
