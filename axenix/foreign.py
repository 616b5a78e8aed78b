"""Tokens that another site has signed for its own people: whose they are, as whom, and in which room they are good.

Knows no clock, no file and no storage: keys are handed in. The algorithm is that of the key and never the token's own
wish. Who `sub` is here, and what that person may do, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from axenix.errors import Refused

LEEWAY = 60
"""Seconds that the other site's clock may be ahead in `nbf`. `exp` is exact."""
MIN_RSA_BITS = 2048
_MAX_CHARS = 4096
_MAX_TIME = 253_402_300_799
"""The end of the year 9999, as in tokens.py."""
_ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
_SLUG = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z"

Time = Annotated[float, msgspec.Meta(gt=0, le=_MAX_TIME)]


class Key(NamedTuple):
    algorithm: str
    key: Any
    """Whatever PyJWT takes for the algorithm."""


class Keys(NamedTuple):
    secret: bytes | None
    by_kid: Mapping[str, Key] | None
    """None: no file of keys is in use."""


class Visa(msgspec.Struct, frozen=True):
    """Decoding is validation, as in tokens.py."""

    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
    exp: Time
    nbf: Time | None = None
    aud: str | list[str] | None = None
    name: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    room: Annotated[str, msgspec.Meta(pattern=_SLUG)] | None = None
    role: Literal["member", "admin"] | None = None


class _Header(msgspec.Struct):
    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


_header = msgspec.json.Decoder(_Header)
_visa = msgspec.json.Decoder(Visa)
_signatures = jwt.PyJWS(algorithms=["HS256", *_ALGORITHMS.values()])
_BAD = (jwt.PyJWTError, msgspec.DecodeError, ValueError, RecursionError)


def verify(keys: Keys, raw: str, now: float) -> Visa:
    """What the site says. Raises Refused("invalid_token"), whatever is wrong with it, and nothing else."""
    if len(raw) > _MAX_CHARS or not raw.isascii():
        raise Refused("invalid_token")
    try:
        algorithm, key = _key_for(keys, raw)
        visa = _visa.decode(_signatures.decode(raw, key, algorithms=[algorithm]))
    except _BAD:
        raise Refused("invalid_token") from None
    if visa.exp <= now or (visa.nbf is not None and visa.nbf > now + LEEWAY):
        raise Refused("invalid_token")
    if visa.aud is not None and "axenix" not in ([visa.aud] if isinstance(visa.aud, str) else visa.aud):
        raise Refused("invalid_token", "The token is for somebody else: `aud` is not `axenix`.")
    if visa.role is not None and visa.room is None:
        raise Refused("invalid_token", "`role` needs `room`: a role is one in a room.")
    return visa


def _key_for(keys: Keys, raw: str) -> Key:
    """By `kid` from the file; where that is missing, or no file is in use, the shared secret. Raises ValueError."""
    head = raw.partition(".")[0]
    kid = _header.decode(jwt.utils.base64url_decode(head)).kid
    if keys.by_kid is not None and kid is not None:
        found = keys.by_kid.get(kid)
    else:
        found = Key("HS256", keys.secret) if keys.secret is not None else None
    if found is None:
        raise ValueError("no such key")
    return found


# ---- the file of keys (RFC 7517) -------------------------------------------------------------------------------------


class _Jwk(msgspec.Struct):
    kty: str
    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    crv: str | None = None
    alg: str | None = None
    use: str | None = None
    d: object = None


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def read_jwks(content: bytes) -> dict[str, Key]:
    """The keys that can check our tokens; those for other uses are passed over. Raises ValueError: what is wrong."""
    found: dict[str, Key] = {}
    try:
        for each in msgspec.json.decode(content, type=_Set).keys:
            jwk = msgspec.convert(each, _Jwk)
            if jwk.kty == "oct" or jwk.d is not None:
                raise ValueError("a secret or private key has no place there; it holds public keys only")
            algorithm = _ALGORITHMS.get((jwk.kty, None if jwk.kty == "RSA" else jwk.crv))
            if algorithm is None or jwk.use not in (None, "sig") or jwk.alg not in (None, algorithm):
                continue
            if jwk.kid is None or jwk.kid in found:
                raise ValueError("each key needs a `kid` of its own")
            found[jwk.kid] = Key(algorithm, _loaded(each, algorithm, jwk.kid))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"it is no JSON Web Key Set: {error}") from None
    if not found:
        raise ValueError("it holds no key for EdDSA (Ed25519), ES256 or RS256")
    return found


def _loaded(jwk: dict[str, Any], algorithm: str, kid: str) -> Any:
    try:
        key = jwt.PyJWK(jwk, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ValueError(f"the key {kid!a} cannot be read: {error}") from None
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise ValueError(f"the key {kid!a} has {key.key_size} bits; RSA needs at least {MIN_RSA_BITS}")
    return key
