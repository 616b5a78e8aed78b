"""Keys and sealed lines as any client has to make them: the protocol's chapter on keys, once more, in Python.

Knows the protocol and `cryptography`, and nothing of the server's code.
"""

from __future__ import annotations

import base64
import os
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from axenix.client import Frame, Person

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
NONCE = 12


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def wrap(room_key: bytes, slug: str, key_epoch: int, user_id: int, x25519_b64: str) -> str:
    receiver = X25519PublicKey.from_public_bytes(base64.b64decode(x25519_b64))
    return b64(SUITE.encrypt(room_key, receiver, info=share_info(slug, key_epoch, user_id)))


def share_info(slug: str, key_epoch: int, user_id: int) -> bytes:
    return f"axenix/room-key/v1|{slug}|{key_epoch}|{user_id}".encode()


def seal_line(room_key: bytes, aad: bytes, text: str) -> str:
    nonce = os.urandom(NONCE)
    return b64(nonce + AESGCM(room_key).encrypt(nonce, text.encode(), aad))


def open_line(room_key: bytes, aad: bytes, ciphertext_b64: str) -> str:
    """Raises InvalidTag."""
    sealed = base64.b64decode(ciphertext_b64)
    return AESGCM(room_key).decrypt(sealed[:NONCE], sealed[NONCE:], aad).decode()


def line_aad(slug: str, key_epoch: int, user_id: int) -> bytes:
    return f"axenix/chat/v1|{slug}|{key_epoch}|{user_id}".encode()


class Device:
    """A person's X25519 pair, and the room keys that came to it."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.private = X25519PrivateKey.generate()
        self.x25519_b64 = b64(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.room_keys: dict[int, bytes] = {}

    async def show(self) -> Frame:
        return await self.person.call("PUT", "/api/users/me/device_key", {"x25519_b64": self.x25519_b64})

    async def fetch(self, slug: str, key_epoch: int | None = None) -> bytes:
        """One's own share, opened. Raises ApiError, or what the cryptography raises."""
        query = {} if key_epoch is None else {"key_epoch": key_epoch}
        found = await self.person.get(f"/api/crypto/{slug}/my_key", **query)
        number = found["key_epoch"]
        sealed = base64.b64decode(found["wrapped_key_b64"])
        self.room_keys[number] = SUITE.decrypt(sealed, self.private, info=share_info(slug, number, self.person.id))
        return self.room_keys[number]

    async def begin_epoch(self, slug: str, key_epoch: int | None = None) -> Frame:
        """A new room key for everyone who is there with a device key."""
        state = await self.person.get(f"/api/crypto/{slug}")
        number = state["key_epoch"] + 1 if key_epoch is None else key_epoch
        room_key = os.urandom(32)
        shares = shares_for(room_key, slug, number, state["members"])
        answer = await self.person.post(f"/api/crypto/{slug}/epochs", key_epoch=number, shares=shares)
        self.room_keys[number] = room_key
        return answer

    async def share(self, slug: str) -> Frame:
        """The present room key for those who have come since."""
        state = await self.person.get(f"/api/crypto/{slug}")
        number, newcomers = state["key_epoch"], [each for each in state["members"] if not each["has_share"]]
        shares = shares_for(self.room_keys[number], slug, number, newcomers)
        return await self.person.post(f"/api/crypto/{slug}/epochs/{number}/shares", shares=shares)

    def sealed(self, slug: str, key_epoch: int, text: str) -> dict[str, Any]:
        """The fields of a `chat.message.enc`."""
        aad = line_aad(slug, key_epoch, self.person.id)
        ciphertext = seal_line(self.room_keys[key_epoch], aad, text)
        return {"algo": "AES-256-GCM", "ciphertext_b64": ciphertext, "key_epoch": key_epoch}

    def opened(self, message: Frame) -> str:
        """Raises KeyError without the key, InvalidTag with a wrong one."""
        number = message["key_epoch"]
        aad = line_aad(message["room_slug"], number, message["user_id"])
        return open_line(self.room_keys[number], aad, message["ciphertext_b64"])


def shares_for(room_key: bytes, slug: str, key_epoch: int, members: list[Frame]) -> list[Frame]:
    return [
        {"user_id": each["user_id"],
         "wrapped_key_b64": wrap(room_key, slug, key_epoch, each["user_id"], each["x25519_b64"])}
        for each in members if each["x25519_b64"]]


class RsaKey:
    """What a person puts into the profile so that the server can wrap keys for it."""

    def __init__(self, bits: int = 2048) -> None:
        self.private = rsa.generate_private_key(65537, bits)
        self.pem = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def show(self, person: Person) -> RsaKey:
        await person.call("PATCH", f"/api/users/{person.id}", {"public_key_pem": self.pem})
        return self

    def unwrap(self, wrapped_key_b64: str) -> bytes:
        return self.private.decrypt(base64.b64decode(wrapped_key_b64), OAEP(MGF1(SHA256()), SHA256(), None))
