"""Tokens: what we issue we accept, until it runs out; nothing else, however it is made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axenix.errors import Refused
from axenix.tokens import Token, issue, verify

SECRET = b"an octet string of thirty-two or more"
NOW = 1_790_000_000.25
CLAIMS: dict[str, Any] = {"sub": "7", "iat": int(NOW), "exp": int(NOW) + 60, "iss": "axenix", "use": "access"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(payload: bytes, header: bytes = b'{"alg":"HS256","typ":"JWT"}', secret: bytes = SECRET) -> str:
    """A token whose header and claims may be any bytes, with a signature that is right."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def refused(raw: str, now: float = NOW) -> None:
    with pytest.raises(Refused) as no:
        verify(SECRET, raw, now)
    assert (no.value.reason, no.value.status) == ("invalid_token", 401)


@given(st.integers(1, 2**53 - 1), st.floats(0, 4e9), st.integers(1, 10**9))
def test_what_is_issued_is_accepted_until_it_runs_out(user_id: int, now: float, ttl: int) -> None:
    raw = issue(SECRET, user_id, now, ttl)
    token = verify(SECRET, raw, now)
    assert token.user_id == user_id
    assert now + ttl <= token.expires_at < now + ttl + 1
    assert verify(SECRET, raw, token.expires_at - 0.001) == token
    refused(raw, now=token.expires_at)


def test_a_token_says_whose_it_is_and_what_it_is_for() -> None:
    claims = jwt.decode(issue(SECRET, 7, NOW, 60), options={"verify_signature": False})
    assert claims == {"sub": "7", "iat": 1_790_000_000, "exp": 1_790_000_061, "iss": "axenix", "use": "access"}


def test_the_forging_helper_makes_good_tokens_of_good_claims() -> None:
    assert verify(SECRET, signed(json.dumps(CLAIMS).encode()), NOW) == Token(7, CLAIMS["exp"])
    assert verify(SECRET, signed(json.dumps({**CLAIMS, "more": [1]}).encode()), NOW) == Token(7, CLAIMS["exp"])
    assert verify(SECRET, signed(json.dumps({**CLAIMS, "exp": NOW + 0.5}).encode()), NOW) == Token(7, NOW + 0.5)


@pytest.mark.parametrize("claim", ["sub", "exp", "iss", "use"])
def test_a_claim_may_not_be_missing(claim: str) -> None:
    refused(signed(json.dumps({name: value for name, value in CLAIMS.items() if name != claim}).encode()))


@pytest.mark.parametrize("claim, value", [
    ("exp", str(CLAIMS["exp"])), ("exp", True), ("exp", None), ("exp", [CLAIMS["exp"]]), ("exp", float("nan")),
    ("exp", float("inf")), ("exp", 10**400), ("exp", 10**30), ("exp", 2**63), ("exp", -1), ("exp", 0), ("exp", 1),
    ("sub", 7), ("sub", None), ("sub", True), ("sub", ["7"]), ("sub", ""), ("sub", "0"), ("sub", "07"), ("sub", "-7"),
    ("sub", "+7"), ("sub", " 7"), ("sub", "7\n"), ("sub", "7.0"), ("sub", "1e3"), ("sub", "٧"), ("sub", "1_0"),
    ("sub", str(2**53)), ("sub", str(2**64)), ("sub", "7" * 400),
    ("iss", "other"), ("iss", None), ("iss", ["axenix"]), ("use", "recording"), ("use", True),
])
def test_a_claim_of_another_shape_is_refused(claim: str, value: object) -> None:
    refused(signed(json.dumps({**CLAIMS, claim: value}).encode()))


@pytest.mark.parametrize("payload", [
    b"", b"null", b"[]", b'"x"', b"7", b"{", b"\xff", b"\xff" + json.dumps(CLAIMS).encode(), b"[" * 3000,
    b'{"a":' * 500, json.dumps(CLAIMS).encode()[:-1] + b',"x":' + b"[" * 2000, json.dumps(CLAIMS).encode("utf-16"),
    b'{"sub":"7","exp":1e999,"iss":"axenix","use":"access"}',
], ids=range(13))
def test_a_payload_that_is_no_claims_is_refused(payload: bytes) -> None:
    refused(signed(payload))


@pytest.mark.parametrize("header", [
    b'{"alg":"none"}', b'{"alg":"None"}', b'{"alg":"HS512"}', b'{"alg":"RS256"}', b'{"alg":["HS256"]}', b'{"alg":null}',
    b'{"alg":{}}', b'{"alg":1}', b"{}", b"[]", b"null", b"", b"\xff\xfe", b"[" * 2500, b'{"a":' * 500,
    b'{"alg":"HS256"', b'{"alg":"HS256","b64":false}', b'{"alg":"HS256","crit":["x"]}', b'{"alg":"HS256","kid":7}',
    b'"HS256"',
], ids=range(20))
def test_a_header_that_is_not_ours_is_refused(header: bytes) -> None:
    refused(signed(json.dumps(CLAIMS).encode(), header))


def test_an_unsigned_token_is_refused() -> None:
    refused(jwt.encode(CLAIMS, "", algorithm="none"))
    good = signed(json.dumps(CLAIMS).encode())
    refused(good.rpartition(".")[0] + ".")
    refused(good.rpartition(".")[0])


def test_a_token_signed_otherwise_is_refused() -> None:
    refused(jwt.encode(CLAIMS, b"another secret of thirty-two bytes or more", algorithm="HS256"))
    refused(jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512"))


def test_no_byte_of_a_token_can_be_changed() -> None:
    good = issue(SECRET, 7, NOW, 60)
    for at, letter in enumerate(good):
        changed = good[:at] + ("B" if letter == "A" else "A") + good[at + 1:]
        with pytest.raises(Refused):
            verify(SECRET, changed, NOW)


@pytest.mark.parametrize("raw", [
    "", ".", "..", "...", "a.b.c", "\0", "\udcff\udcfe", "\ud800.a.b", "ключ", "é.é.é", " ", "a" * 4097, "." * 4096,
    "Bearer x",
])
def test_what_is_no_token_is_refused(raw: str) -> None:
    refused(raw)


def test_a_token_longer_than_four_kilobytes_is_refused_although_it_is_signed() -> None:
    refused(signed(json.dumps({**CLAIMS, "more": "x" * 4000}).encode()))


@given(st.text(st.characters(codec=None)) | st.binary().map(lambda raw: f"{b64(raw)}.{b64(raw)}.{b64(raw)}"))
def test_no_text_does_anything_but_be_refused(raw: str) -> None:
    refused(raw)


@given(st.binary(max_size=500), st.binary(max_size=500))
def test_no_signed_bytes_do_anything_but_be_refused(header: bytes, payload: bytes) -> None:
    refused(signed(payload, header))
    refused(signed(payload))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)), max_leaves=5)


@given(st.dictionaries(st.sampled_from(["sub", "exp", "iss", "use", "nbf", "aud"]), JSON))
def test_no_signed_claims_do_anything_but_be_refused(claims: dict[str, Any]) -> None:
    refused(signed(json.dumps(claims).encode()))
