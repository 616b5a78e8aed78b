"""The columns of the table of requests, and the reasons that go without saying in a row."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from axenix.errors import REASONS

Json = dict[str, Any]

OF_HTTP = {"not_found": (404, "There is no such address."), "bad_request": (400, "No request for a WebSocket.")}
"""Reasons in the words of HTTP itself."""

WHO = {
    # who       what everyone else is refused with; `forbidden` also by a token for another room
    "open":     "",
    "any":      "invalid_token forbidden actor_mismatch storage_unavailable",
    "user":     "invalid_token forbidden actor_mismatch storage_unavailable",
    "self":     "invalid_token actor_mismatch storage_unavailable forbidden user_not_found",
    "entering": "invalid_token forbidden actor_mismatch storage_unavailable room_not_found banned",
    "member":   "invalid_token forbidden actor_mismatch storage_unavailable room_not_found banned not_a_member",
    "inside":   "invalid_token forbidden actor_mismatch storage_unavailable room_not_found banned not_a_member "
                "not_inside",
    "mod":      "invalid_token actor_mismatch storage_unavailable room_not_found banned not_a_member forbidden",
    "owner":    "invalid_token actor_mismatch storage_unavailable room_not_found banned not_a_member forbidden",
}
CHANGING = "storage_full overloaded rate_limited"
WITH_BODY = "bad_json bad_payload too_large unsupported_media_type"
WITH_FORM = "bad_multipart bad_payload too_large unsupported_media_type rate_limited"


class Param(NamedTuple):
    """What stands in the query or in a header."""

    name: str
    about: str
    schema: Json = {"type": "string"}
    where: str = "query"
    required: bool = False


class File(NamedTuple):
    """A form with one file, and fields of text beside it."""

    about: str
    fields: dict[str, str] = {}


class Raw(NamedTuple):
    """A body that is no JSON, or the header-only answer that comes with one."""

    media: str


class Row(NamedTuple):
    name: str
    route: str
    who: str
    about: str
    answer: type[Struct] | tuple[type[Struct], ...] | Raw | None = None
    status: int = 200
    body: type[Struct] | File | Raw | None = None
    example: Json | None = None
    """A body that is accepted."""
    refused: str = ""
    """The reasons that come on top of those of WHO, of bodies and of changes."""
    params: tuple[Param, ...] = ()
    headers: tuple[str, ...] = ()
    """Of the answer."""
    also: tuple[int, ...] = ()
    """Other statuses that are no refusals: 206, 304, …"""

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    @property
    def tag(self) -> str:
        """What it is about: the third part of the path."""
        part = [*self.path.split("/"), "", ""][2]
        return part if self.path.startswith("/api/") else "the server"

    def reasons(self) -> list[str]:
        """Every reason it can be refused with, the ones of HTTP included."""
        found = WHO[self.who].split() + self.refused.split()
        if self.method not in ("GET", "HEAD", "OPTIONS"):
            found += CHANGING.split()
        if isinstance(self.body, File):
            found += WITH_FORM.split()
        elif self.body is not None and not isinstance(self.body, Raw):
            found += WITH_BODY.split()
        if any(each.schema.get("type") == "integer" for each in self.params):
            found.append("bad_payload")
        return sorted(set(found), key=lambda reason: (status_of(reason), reason))


def status_of(reason: str) -> int:
    return REASONS[reason].status if reason in REASONS else OF_HTTP[reason][0]


def detail_of(reason: str) -> str:
    return REASONS[reason].detail if reason in REASONS else OF_HTTP[reason][1]
