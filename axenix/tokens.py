"""Access tokens: JWTs (RFC 7519) signed with HMAC-SHA-256 that say who someone is, and until when.

Knows no clock (`now` is seconds since the epoch) and no storage; the secret is handed in. A token names a user and
nothing else: what that user may do is the room's business.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import jwt
import msgspec

from axenix.errors import Refused

_MAX_CHARS = 4096
_MAX_ID = 2**53 - 1
_MAX_TIME = 253_402_300_799
"""The end of the year 9999: a later time is no time but an attempt to overflow something."""

_SIGNATURES = jwt.PyJWS(algorithms=["HS256"])
"""PyJWT checks the signature alone: with claims it has its own clock, and accepts an `exp` of 400 digits."""


class Token(NamedTuple):
    user_id: int
    expires_at: float
    """Seconds since the epoch."""
    is_foreign: bool = False
    """Signed by another site for one of its people; only that site can renew it."""
    room: str | None = None
    """The slug of the only room in which it is good."""
    role: Literal["guest", "admin"] | None = None
    """What the other site makes of this person in that room."""


class _Claims(msgspec.Struct):
    """Decoding is validation: no other type, range or missing claim gets through."""

    sub: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,15}\Z")]
    exp: Annotated[float, msgspec.Meta(gt=0, le=_MAX_TIME)]
    iss: Literal["axenix"]
    use: Literal["access"]
    """What it is for: other things signed with the same secret are no access tokens."""


_claims = msgspec.json.Decoder(_Claims)


def issue(secret: bytes, user_id: int, now: float, ttl: int) -> str:
    claims = {"sub": str(user_id), "exp": math.ceil(now + ttl), "iat": int(now), "iss": "axenix", "use": "access"}
    return jwt.encode(claims, secret, algorithm="HS256")


def verify(secret: bytes, raw: str, now: float) -> Token:
    """Who this is. Raises Refused("invalid_token"), whatever is wrong with it, and nothing else."""
    if len(raw) > _MAX_CHARS or not raw.isascii():
        raise Refused("invalid_token")
    try:
        claims = _claims.decode(_SIGNATURES.decode(raw, secret, algorithms=["HS256"]))
    except (jwt.PyJWTError, msgspec.DecodeError, ValueError, RecursionError):  # the last: brackets without end
        raise Refused("invalid_token") from None
    if int(claims.sub) > _MAX_ID or claims.exp <= now:
        raise Refused("invalid_token")
    return Token(int(claims.sub), claims.exp)
