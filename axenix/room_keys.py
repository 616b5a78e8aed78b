"""Keys that people bring along: which public keys are good enough to wrap a room's key for."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from axenix.errors import Refused

MAX_PEM = 2048
RSA_BITS = range(2048, 4096 + 1)
RSA_EXPONENT = 65537


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
