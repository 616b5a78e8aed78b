"""Keys that people bring along, and the room key that the server may make, wrap for them, and forget.

Knows which public keys are good enough and what a wrapped key looks like; who gets one is decided elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from axenix.errors import Refused

ALGO = "AES-256-GCM"
WRAPPED_BY = {"server": "RSA-OAEP-SHA256", "e2e": "HPKE-X25519-HKDF-SHA256-AES-256-GCM"}
"""The name of the wrapping, by the mode of the key."""

KEY_BYTES = 32
SHARE_BYTES = 32 + KEY_BYTES + 16
"""An HPKE share: the encapsulated key, and the room key sealed with its tag."""

MAX_PEM = 2048
RSA_BITS = range(2048, 4096 + 1)
RSA_EXPONENT = 65537

# ---- public keys ----------------------------------------------------------------------------------------------------


def check_public_key(pem: str) -> str:
    """The PEM if it is an RSA public key fit for OAEP. Raises Refused("bad_public_key").

    The library would accept RSA-1024 and e = 3; the size is checked first, so that parsing costs nothing.
    """
    if len(pem) > MAX_PEM or not pem.isascii():
        raise Refused("bad_public_key")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("bad_public_key") from None
    if not isinstance(key, RSAPublicKey) or key.key_size not in RSA_BITS:
        raise Refused("bad_public_key")
    if key.public_numbers().e != RSA_EXPONENT:
        raise Refused("bad_public_key")
    return pem


def check_device_key(x25519_b64: str) -> str:
    """The key if it is an X25519 public key that others can agree on a secret with. Raises Refused("bad_payload")."""
    raw = decoded(x25519_b64, KEY_BYTES, "x25519_b64")
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:  # a point of low order: everybody would know the "secret" (RFC 7748 section 6.1)
        raise Refused("bad_payload", "`x25519_b64` is a point of low order.") from None
    return x25519_b64


def check_share(wrapped_key_b64: str) -> str:
    """The share if it has the form of an HPKE one; what is in it only its receiver can tell. Raises Refused."""
    decoded(wrapped_key_b64, SHARE_BYTES, "wrapped_key_b64")
    return wrapped_key_b64


def decoded(text: str, size: int, name: str) -> bytes:
    """One text for one value: base64 in its only canonical form."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if len(raw) != size or base64.b64encode(raw).decode() != text:
        raise Refused("bad_payload", f"`{name}` must be {size} bytes in base64.")
    return raw


# ---- the key that the server makes ----------------------------------------------------------------------------------


def make_wraps(pems: dict[int, str]) -> dict[int, str]:
    """A new room key, wrapped for each of these RSA keys, in base64; the key itself is known to nobody afterwards.

    Takes its time for every key: not for the event loop.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        return {user_id: wrap(key, pem) for user_id, pem in pems.items()}
    finally:
        forget(key)


def wrap(key: bytes, pem: str) -> str:
    public_key = load_pem_public_key(pem.encode())
    assert isinstance(public_key, RSAPublicKey)  # checked when it came into the profile
    return base64.b64encode(public_key.encrypt(key, OAEP(MGF1(SHA256()), SHA256(), None))).decode()


def forget(secret: bytes) -> None:
    """Overwrite it in memory. OAEP takes nothing but bytes, which Python itself never changes, not even when freed."""
    ctypes.memset(id(secret) + bytes.__basicsize__ - 1, 0, len(secret))
