"""People of another site: its keys, read again when their file has changed, and what its tokens may be used for.

Knows requests and files; what a token says is read by axenix/foreign.py.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from aiohttp import web

from axenix.config import Config
from axenix.errors import CannotStart, Refused
from axenix.foreign import Key, Keys, Visa, read_jwks, verify
from axenix.tokens import Token

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
TOKEN = web.RequestKey("token", Token)
"""Where a request keeps the token that was checked for it."""
PERSONAL = {
    "GET /api/users/me", "GET /api/users/{id}", "PATCH /api/users/me", "PATCH /api/users/{id}",
    "POST /api/users/{id}/avatar", "PUT /api/users/me/device_key", "GET /api/rtc/config",
}
"""What the token of one room is good for besides the paths of that room: what the page needs there."""


class Site:
    """What the other site signs with."""

    def __init__(self, secret: bytes | None, file: Path | None) -> None:
        self._secret = secret
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._by_kid: dict[str, Key] | None = None

    @classmethod
    def of(cls, config: Config) -> Site | None:
        """Raises CannotStart."""
        site = cls(config.foreign_secret, config.foreign_jwks)
        if site._file is not None:
            try:
                site._read(site._file)
            except (OSError, ValueError) as error:
                raise CannotStart(f"AXENIX_FOREIGN_JWKS: {site._file}: {error}") from None
        return site if site._secret is not None or site._file is not None else None

    def verify(self, raw: str, now: float) -> Visa:
        """Raises Refused("invalid_token")."""
        if self._file is not None:
            try:
                self._read(self._file)
            except (OSError, ValueError) as error:
                log.error("AXENIX_FOREIGN_JWKS: %s: %s; the keys read before stay in use", self._file, error)
        return verify(Keys(self._secret, self._by_kid), raw, now)

    def _read(self, file: Path) -> None:
        """Once for each change of the file, a bad one included."""
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stamp[1] > MOST_BYTES:
            raise ValueError(f"a file of keys has at most {MOST_BYTES} bytes")
        self._by_kid = read_jwks(file.read_bytes())


def must_be_good_here(request: web.Request, token: Token) -> None:
    """A token for one room is for nothing else."""
    if token.room is None:
        return
    route = request.match_info.route.resource
    slug = request.match_info.get("slug")
    if slug != token.room and (slug is not None or route is None or
                               f"{request.method} {route.canonical}" not in PERSONAL):
        raise Refused("forbidden", f"This token is good in the room {token.room} only.")


def shown_by(request: web.Request) -> Token | None:
    """The token that was checked for this request."""
    return request.get(TOKEN)


def is_vouched_for(request: web.Request) -> bool:
    """The site lets this person into the room of this request."""
    token = shown_by(request)
    return token is not None and token.room is not None and token.room == request.match_info.get("slug")


def role_of(request: web.Request) -> Literal["guest", "admin"] | None:
    """What the site makes of this person in the room of this request."""
    token = shown_by(request)
    return token.role if token is not None and is_vouched_for(request) else None
