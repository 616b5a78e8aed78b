"""What is thrown at a server, by REST: tokens, addresses, bodies, numbers and keys that are not what they should be."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any
from urllib.parse import quote

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from harness import ServerProcess
from living import SECRET, Answer, Party, asked, refused
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Api, ApiError, Person


async def raw_http(api: Api, request: bytes) -> Answer:
    """A request byte for byte, as no client library would send it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.base_url.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, content = answer.partition(b"\r\n\r\n")
    is_json = b"application/json" in head
    return Answer(int(head.split(b" ", 2)[1]), orjson.loads(content) if is_json else content)


# ---- tokens ----------------------------------------------------------------------------------------------------------


def forged(token: str, secret: str = SECRET, algorithm: str = "HS256", without: str = "", **claims: Any) -> str:
    """A good token with something changed, and signed again."""
    payload = jwt.decode(token, options={"verify_signature": False}) | claims
    payload.pop(without, None)
    data = orjson.dumps({name: value for name, value in payload.items() if name != "exp"})[:-1]
    if "exp" in payload:
        data += b',"exp":' + str(payload["exp"]).encode()
    return jwt.PyJWS().encode(data + b"}", "" if algorithm == "none" else secret, algorithm)


async def test_a_token_is_taken_as_it_was_given_and_in_no_other_form(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    good, path = ann.token, f"/api/users/{ann.id}"
    assert (await asked(Person(anyone, 0, forged(good)), "GET", path)).status == 200, "the forging works"
    head, payload, signature = good.split(".")
    for bad in (
        forged(good, algorithm="none"), forged(good, algorithm="HS384"), forged(good, algorithm="HS512"),
        forged(good, secret="k" * 32), forged(good, without="exp"), forged(good, without="sub"),
        forged(good, exp=int(time.time()) - 1), forged(good, exp="1" + "0" * 400), forged(good, exp="1e400"),
        forged(good, exp='"soon"'), forged(good, exp="true"), forged(good, exp="null"), forged(good, exp="-1"),
        forged(good, sub=ann.id), forged(good, sub=None), forged(good, sub=[]), forged(good, sub=True),
        forged(good, sub="0"), forged(good, sub="-1"), forged(good, sub="1e3"), forged(good, sub="9" * 400),
        forged(good, sub=str(2**63)), forged(good, sub="999999999"), forged(good, sub=f"{ann.id}\n"),
        f"{head}.{payload}.", f"{head}.{payload}", f".{payload}.{signature}", f"{head}.{payload}.{signature[:-2]}AA",
        "", ".", "..", "x" * 8000, "\u00e9",
    ):
        asker = Person(anyone, 0, "x")
        answer = await asked(asker, "GET", path, headers={"Authorization": f"Bearer {bad}"})
        assert answer.reason == (401, "invalid_token"), bad


@pytest.mark.parametrize("value", [
    b"Bearer \xff\xfe", b"Bearer", b"Bearer ", b"Basic YTpi", b"\xc3\xa9", b"Bearer a b c", b"Token x", b"",
    b"Bearer " + b"\xe2\x82\xac" * 9,
])
async def test_a_header_that_holds_no_token_is_none(anyone: Api, value: bytes) -> None:
    for path in (b"/api/users/1", b"/api/state/nowhere"):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + value
        assert (await raw_http(anyone, request + b"\r\n\r\n")).reason == (401, "invalid_token")


# ---- addresses and numbers -------------------------------------------------------------------------------------------


SLUGS = ["../x", "..%2fx", "%2e%2e", "%2f", "*", "%00", "a%00", "x" * 300, "%D1%87%D0%B0%D0%B9", "%ff", "Party", "a%0a",
         "'%20or%201=1--", "-a", "%", "a;b", "{slug}"]


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_slug_that_is_none_is_not_found(party: Party, slug: str) -> None:
    body = {"user_id": party.olga.id, "topic": "t", "text": "t"}
    for method, path in (
        ("GET", "/api/rooms/{}"), ("PATCH", "/api/rooms/{}"), ("DELETE", "/api/rooms/{}"), ("GET", "/api/sync/{}"),
        ("GET", "/api/participants/{}"), ("POST", "/api/participants/{}/join"), ("POST", "/api/moderation/{}/kick"),
        ("GET", "/api/moderation/{}/log"), ("GET", "/api/state/{}"), ("POST", "/api/state/{}/set_topic"),
        ("GET", "/api/chat/{}"), ("POST", "/api/chat/{}"), ("DELETE", "/api/chat/{}/1"),
    ):
        answer = await asked(party.olga, method, path.format(slug), body)
        unknown = answer.status == 404 and answer.body["reason"] in ("room_not_found", "not_found")
        assert unknown or "/" in slug and answer.status == 405, (method, path)


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 1000, "%00", "a%00", "%ff", "..%2f..%2fREADME.md", "main.js/x", ""])
async def test_a_file_that_there_is_not_is_not_found(anyone: Api, name: str) -> None:
    assert (await asked(anyone, "GET", f"/static/{name}")).reason == (404, "not_found")


NUMBERS = ["1e3", "\u0661\u0662", "\uff11", "0x10", "1_000", "+1", "1.0", "", " ", "true", "None", "-1", "--1"]


@pytest.mark.parametrize("number", [*NUMBERS, "1" + "0" * 9, "9" * 25, "9" * 5000, "9223372036854775808"])
@pytest.mark.parametrize("where", [
    "/api/chat/{}?limit=", "/api/chat/{}?before_id=", "/api/sync/{}?limit=", "/api/sync/{}?after_seq=",
    "/api/moderation/{}/log?before=", "/api/moderation/{}/log?limit=", "/api/rooms?limit=", "/api/rooms?cursor=",
])
async def test_a_number_in_a_query_is_clamped_or_refused(party: Party, where: str, number: str) -> None:
    answer = await asked(party.olga, "GET", where.format(party.slug) + quote(number))
    if number in NUMBERS or answer.status != 200:
        assert answer.reason == (422, "bad_payload")
        assert where.partition("?")[2][:-1] in answer.body["detail"], "the refusal names the field"


@pytest.mark.parametrize("value", [2**53, 2**63, -1, 0, True, False, "1", 1.5, None, [], {}, "1e3"])
async def test_what_is_no_id_is_not_taken_for_one(party: Party, value: object) -> None:
    for action in ("promote_admin", "kick", "unban", "force_mute", "force_video", "speak"):
        answer = await asked(party.olga, "POST", f"/api/moderation/{party.slug}/{action}", {"user_id": value})
        assert answer.reason == (422, "bad_payload") and "user_id" in answer.body["detail"]


@pytest.mark.parametrize("text", ["18446744073709551616", "1.0", "1e0", "9" * 5000, "1e999", "-0", "NaN", "01"])
async def test_what_is_no_id_in_json_either_is_refused(party: Party, text: str) -> None:
    body = b'{"user_id":' + text.encode() + b"}"
    answer = await asked(party.olga, "POST", f"/api/moderation/{party.slug}/kick", raw=body)
    assert answer.status in (400, 422) and answer.body["reason"] in ("bad_json", "bad_payload")


# ---- bodies ----------------------------------------------------------------------------------------------------------


BODIES = [
    (b'{"title":"\xff\xfe"}', {}, "bad_json"), (b"{", {}, "bad_json"), (b'{"title":', {}, "bad_json"),
    (b"{'title':1}", {}, "bad_json"), (b'{"title":NaN}', {}, "bad_json"), (b"{}{}", {}, "bad_json"),
    (b"\0", {}, "bad_json"), (b"[" * 100_000, {}, None), (b'{"a":' * 30_000, {}, "bad_json"),
    (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", {}, None),
    (b"[]", {}, "bad_payload"), (b"null", {}, "bad_payload"), (b"5", {}, "bad_payload"), (b'"x"', {}, "bad_payload"),
    (b'{"title":"\\ud800"}', {}, None), (b'{"title":"a","title":5}', {}, None), (b'{"title":1e999}', {}, None),
    (b"{}", {"Content-Type": "application/json; charset=klingon"}, "unsupported_media_type"),
    (b"{}", {"Content-Type": "application/json; charset=utf-16"}, "unsupported_media_type"),
    (b'{"title":"' + b"x" * 2**19 + b'"}', {}, "too_large"),
]
STATUS = {"bad_json": 400, "bad_payload": 422, "unsupported_media_type": 415, "too_large": 413}


@pytest.mark.parametrize(("body", "headers", "reason"), BODIES, ids=lambda value: repr(value)[:30])
async def test_a_body_that_is_not_what_it_should_be_is_refused(
    anyone: Api, body: bytes, headers: dict[str, str], reason: str | None
) -> None:
    ann = await anyone.guest("Ann")
    content_type = {"Content-Type": "application/json"} | headers
    for method, path in (("POST", "/api/rooms"), ("POST", "/api/auth/guest"), ("PATCH", f"/api/users/{ann.id}")):
        name = b"title" if path == "/api/rooms" else b"nickname"
        answer = await asked(ann, method, path, raw=body.replace(b"title", name), headers=content_type)
        if reason is not None:
            assert answer.reason == (STATUS[reason], reason)
        else:
            assert answer.status < 300 or answer.body["reason"] in STATUS
    assert await ann.get(f"/api/users/{ann.id}")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "klingon", "gzip, gzip"])
@pytest.mark.parametrize("content", [b"{}", gzip.compress(b"{}"), gzip.compress(b"0" * 10**7), b"\x1f\x8b"], ids=len)
async def test_a_compressed_body_is_refused_unopened(anyone: Api, coding: str, content: bytes) -> None:
    head = (f"POST /api/auth/guest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: {coding}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n")
    assert (await raw_http(anyone, head.encode() + content)).status in (400, 413, 415, 422)


@pytest.mark.parametrize("tail", [
    b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b"Content-Length: 9\r\n\r\n",
])
async def test_a_client_that_goes_in_the_middle_of_a_body_disturbs_nobody(anyone: Api, tail: bytes) -> None:
    token = (await anyone.guest("Ann")).token
    head = f"POST /api/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n".encode()
    for goodbye in ("close", "abort"):
        _, writer = await asyncio.open_connection("127.0.0.1", int(anyone.base_url.rpartition(":")[2]))
        writer.write(head + tail)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort() if goodbye == "abort" else writer.close()
    await asyncio.sleep(0.05)
    assert (await asked(anyone, "GET", "/livez")).status == 200


@pytest.mark.parametrize("tail", [
    b"Content-Length: x\r\n\r\n", b"Content-Length: -1\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"X: " + b"y" * 10_000 + b"\r\n\r\n", b"X\0: y\r\n\r\n",
])
async def test_a_request_that_is_no_http_is_a_bad_request(anyone: Api, tail: bytes) -> None:
    answer = await raw_http(anyone, b"POST /api/auth/guest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + tail)
    assert 400 <= answer.status < 500


async def test_not_even_a_request_that_is_no_http_puts_a_token_into_the_log(
    anyone: Api, shared_server: ServerProcess
) -> None:
    token = (await anyone.guest("Ann")).token
    for request in (f"GET /ws/rooms/x?token={token}{'x' * 9000} HTTP/1.1\r\nHost: x",
                    f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}{'x' * 9000}", f"GET /?token={token}\0 HTTP/1.1"):
        assert 400 <= (await raw_http(anyone, f"{request}\r\nConnection: close\r\n\r\n".encode())).status < 500
    assert token[:20] not in "\n".join(shared_server.stderr)


async def test_what_people_write_is_never_a_command_to_anything(anyone: Api) -> None:
    for text in ("'; DROP TABLE rooms; --", "%s %n {0} ${x}", "<script>alert(1)</script>", "../../x", "\\'\"`"):
        ann = await anyone.guest(text)
        room = await ann.create_room(title=text, topic=text)
        await ann.post(f"/api/participants/{room['slug']}/join")
        message = await ann.post(f"/api/chat/{room['slug']}", text=text)
        assert (room["title"], room["topic"], message["text"]) == (text, text, text)
        assert (await ann.get(f"/api/participants/{room['slug']}"))["participants"][0]["nickname"] == text


async def test_unknown_addresses_and_methods_are_refused_in_the_same_form(anyone: Api) -> None:
    for method, path, status in (("GET", "/api/nothing", 404), ("GET", "/nothing", 404), ("PUT", "/api/rooms", 405),
                                 ("TRACE", "/api/rooms", 405), ("POST", "/livez", 405)):
        assert (await asked(anyone, method, path)).reason[0] == status


# ---- keys ------------------------------------------------------------------------------------------------------------


def public_pem(key: Any) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_bytes(*form), "ascii")


def bad_keys() -> dict[str, str]:
    good = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = good.private_bytes(*form)
    pem = public_pem(good.public_key())
    return {
        "garbage": "garbage", "empty": "", "none inside": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "private": private.decode(), "EC": public_pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
        "DSA": public_pem(dsa.generate_private_key(1024).public_key()),
        "Ed25519": public_pem(ed25519.Ed25519PrivateKey.generate().public_key()),
        "RSA-1024": public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()),
        "e = 3": public_pem(rsa.generate_private_key(public_exponent=3, key_size=2048).public_key()),
        "RSA-16384": public_pem(rsa.RSAPublicNumbers(65537, 2**16383 + 1).public_key()),
        "RSA-4097": public_pem(rsa.RSAPublicNumbers(65537, 2**4096 + 1).public_key()),
        "more than 2 KiB": pem + "\n" * 2048, "cut off": pem[:-40], "not ASCII": pem.replace("A", "\u0410"),
        "NUL inside": pem.replace("\n", "\0\n"), "a lot": pem * 400,
    }


async def test_only_an_rsa_key_of_2048_to_4096_bits_is_a_key(anyone: Api) -> None:
    ann = await anyone.guest("Ann")
    for name, pem in bad_keys().items():
        for asking in (ann.call("PATCH", f"/api/users/{ann.id}", {"public_key_pem": pem}),
                       anyone.post("/api/users", nickname="Bob", public_key_pem=pem)):
            assert await refused(asking) == (422, "bad_public_key"), name
    assert (await ann.get(f"/api/users/{ann.id}"))["public_key_pem"] is None
    huge = await asked(ann, "PATCH", f"/api/users/{ann.id}", {"public_key_pem": "A" * 10**6})
    assert huge.reason in ((422, "bad_public_key"), (413, "too_large"))


# ---- races -----------------------------------------------------------------------------------------------------------


async def test_a_kick_against_a_join_has_one_order_and_nothing_by_the_kicked_comes_after(party: Party) -> None:
    for _ in range(10):
        nina = await party.newcomer()
        await party.olga.moderate(party.slug, "speak", nina.id)
        kick = asyncio.create_task(party.olga.moderate(party.slug, "kick", nina.id))
        chat = [nina.post(f"/api/chat/{party.slug}", text=f"{n}") for n in range(10)]
        outcomes = await asyncio.gather(kick, party.enter(nina), *chat, party.enter(nina), return_exceptions=True)
        assert not isinstance(outcomes[0], BaseException)
        assert {error.reason for error in outcomes if isinstance(error, ApiError)} <= {"banned", "not_inside"}
        events = (await party.olga.get(f"/api/sync/{party.slug}", limit=1000))["items"]
        hers = [event["type"] for event in events if event.get("user_id") == nina.id]
        assert hers[-1] == "member.kicked" and hers.count("member.kicked") == 1


async def test_a_lock_against_joins_has_one_order(party: Party) -> None:
    people = [await party.api.guest(f"P{n}") for n in range(10)]
    lock = party.olga.post(f"/api/state/{party.slug}/set_lock", value=True)
    outcomes = await asyncio.gather(
        *map(party.enter, people[:5]), lock, *map(party.enter, people[5:]), return_exceptions=True)
    assert {error.reason for error in outcomes if isinstance(error, ApiError)} <= {"room_locked"}
    inside = {outcome["user_id"] for outcome in outcomes if isinstance(outcome, dict) and "user_id" in outcome}
    events = (await party.olga.get(f"/api/sync/{party.slug}", after_seq=4))["items"]
    locked = next(event["seq"] for event in events if event["type"] == "state.changed")
    joined = {event["user_id"]: event["seq"] for event in events if event["type"] == "member.joined"}
    assert joined.keys() == inside and all(seq < locked for seq in joined.values())
