"""HPKE against the vectors of RFC 9180, and `cryptography`'s HPKE, which stands for any client, against the same.

`cryptography` seals with a fresh key each time and takes no vector's. So a second implementation, straight from the
RFC's text, is held to the vectors first, and then each of the two opens what the other has sealed.
golden/hpke.json: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM in base mode, from the vectors that come with the
RFC (github.com/cfrg/draft-irtf-cfrg-hpke); tests/js/hpke.test.mjs holds the page's code to the same file.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sealing import SUITE

VECTOR = json.loads((Path(__file__).parent / "golden" / "hpke.json").read_text())
KEM_SUITE, HPKE_SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"

# ---- RFC 9180, section by section ------------------------------------------------------------------------------------


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, labeled + b"\x01", "sha256")[:length]


class Schedule(NamedTuple):
    context: bytes
    secret: bytes
    key: bytes
    base_nonce: bytes
    exporter_secret: bytes

    def nonce(self, seq: int) -> bytes:
        return (int.from_bytes(self.base_nonce, "big") ^ seq).to_bytes(12, "big")


def shared_secret(private: X25519PrivateKey, public: bytes, enc: bytes, receiver: bytes) -> bytes:
    dh = private.exchange(X25519PublicKey.from_public_bytes(public))
    prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", dh)
    return labeled_expand(KEM_SUITE, prk, b"shared_secret", enc + receiver, 32)


def key_schedule(shared: bytes, info: bytes) -> Schedule:
    psk_id_hash = labeled_extract(HPKE_SUITE, b"", b"psk_id_hash", b"")
    context = b"\x00" + psk_id_hash + labeled_extract(HPKE_SUITE, b"", b"info_hash", info)
    secret = labeled_extract(HPKE_SUITE, shared, b"secret", b"")
    wanted = ((b"key", 32), (b"base_nonce", 12), (b"exp", 32))
    return Schedule(
        context, secret, *(labeled_expand(HPKE_SUITE, secret, label, context, length) for label, length in wanted))


def public_bytes(private: X25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def seal_by_the_book(receiver: bytes, info: bytes, text: bytes) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    enc = public_bytes(ephemeral)
    schedule = key_schedule(shared_secret(ephemeral, receiver, enc, receiver), info)
    return enc + AESGCM(schedule.key).encrypt(schedule.base_nonce, text, b"")


def open_by_the_book(receiver: X25519PrivateKey, info: bytes, sealed: bytes) -> bytes:
    enc = sealed[:32]
    schedule = key_schedule(shared_secret(receiver, enc, enc, public_bytes(receiver)), info)
    return AESGCM(schedule.key).decrypt(schedule.base_nonce, sealed[32:], b"")


# ---- the vectors -----------------------------------------------------------------------------------------------------


def given(name: str) -> bytes:
    return bytes.fromhex(VECTOR[name])


def test_the_vector_is_of_the_suite_that_the_protocol_names() -> None:
    assert [VECTOR[name] for name in ("mode", "kem_id", "kdf_id", "aead_id")] == [0, 0x20, 1, 2]


def test_both_sides_come_to_the_vectors_shared_secret() -> None:
    sender = X25519PrivateKey.from_private_bytes(given("skEm"))
    receiver = X25519PrivateKey.from_private_bytes(given("skRm"))
    assert (public_bytes(sender), public_bytes(receiver)) == (given("enc"), given("pkRm"))
    for private, public in ((sender, given("pkRm")), (receiver, given("enc"))):
        assert shared_secret(private, public, given("enc"), given("pkRm")) == given("shared_secret")


def test_the_key_schedule_is_the_vectors() -> None:
    schedule = key_schedule(given("shared_secret"), given("info"))
    names = ("key_schedule_context", "secret", "key", "base_nonce", "exporter_secret")
    assert schedule == tuple(map(given, names))


@pytest.mark.parametrize("message", VECTOR["encryptions"], ids=lambda message: f"message {message['seq']}")
def test_the_ciphertexts_are_the_vectors(message: dict[str, str]) -> None:
    schedule = key_schedule(given("shared_secret"), given("info"))
    nonce, aad, text, sealed = (bytes.fromhex(message[name]) for name in ("nonce", "aad", "pt", "ct"))
    assert schedule.nonce(int(message["seq"])) == nonce
    assert AESGCM(schedule.key).encrypt(nonce, text, aad) == sealed


# ---- the library, held to the book -----------------------------------------------------------------------------------


def test_the_library_opens_what_was_sealed_by_the_book_and_the_other_way_round() -> None:
    receiver, room_key = X25519PrivateKey.generate(), b"k" * 32
    for info in (b"", b"axenix/room-key/v1|tea|1|7"):
        by_the_book = seal_by_the_book(public_bytes(receiver), info, room_key)
        assert SUITE.decrypt(by_the_book, receiver, info=info) == room_key
        by_the_library = SUITE.encrypt(room_key, receiver.public_key(), info=info)
        assert open_by_the_book(receiver, info, by_the_library) == room_key


def test_a_wrapped_room_key_has_80_bytes() -> None:
    assert len(SUITE.encrypt(b"k" * 32, X25519PrivateKey.generate().public_key(), info=b"x")) == 80


def test_what_was_sealed_for_another_receiver_or_purpose_or_was_changed_stays_closed() -> None:
    receiver = X25519PrivateKey.generate()
    sealed = SUITE.encrypt(b"k" * 32, receiver.public_key(), info=b"axenix/room-key/v1|tea|1|7")
    for info in (b"", b"axenix/room-key/v1|tea|2|7", b"axenix/room-key/v1|tea|1|8", b"axenix/room-key/v1|pot|1|7"):
        with pytest.raises(InvalidTag):
            open_by_the_book(receiver, info, sealed)
    with pytest.raises(InvalidTag):
        open_by_the_book(X25519PrivateKey.generate(), b"axenix/room-key/v1|tea|1|7", sealed)
    for at in (0, 31, 32, 79):
        bent = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1:]
        with pytest.raises(InvalidTag):
            open_by_the_book(receiver, b"axenix/room-key/v1|tea|1|7", bent)
