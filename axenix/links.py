"""Links that may be followed without a token: who may, to where, and until when, under a signature.

Pure: the secret and the time are arguments. A link says who asks; whether that one may still see what is there is for
the room to say, each time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from axenix.errors import Refused

SECONDS = 12 * 3600
PURPOSE = b"axenix/recording-link/v1"


def key_from(secret: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) of one block: what signs links can sign no tokens, and the other way round."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(extracted, PURPOSE + b"\x01", hashlib.sha256)


def sign(key: bytes, path: str, user_id: int, now: float) -> str:
    """The address with its signature."""
    until = int(now) + SECONDS
    return f"{path}?u={user_id}&e={until}&s={signature(key, path, user_id, until)}"


def signature(key: bytes, path: str, user_id: int, until: int) -> str:
    signed = hmac.digest(key, f"{path}\n{user_id}\n{until}".encode(), hashlib.sha256)
    return urlsafe_b64encode(signed).rstrip(b"=").decode()


def check(key: bytes, path: str, query: Mapping[str, str], now: float) -> int:
    """The user for whom the link was made. Raises Refused("invalid_token")."""
    user, until, given = (query.get(name, "") for name in "ues")
    if re.fullmatch("[1-9][0-9]{0,15}", user, re.ASCII) and re.fullmatch("[0-9]{1,12}", until, re.ASCII):
        right = signature(key, path, int(user), int(until))
        if hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")) and int(until) > now:
            return int(user)
    raise Refused("invalid_token", "This link is not valid, or not any more; the list of recordings makes a new one.")
