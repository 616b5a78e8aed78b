"""Recordings: uploaded, listed, played by those who may, deleted, and gone when their time is over."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess, until
from living import SECRET, TIME, Party, assert_calm, asked
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401
from uploading import BOUNDARY, MATROSKA, MP4, OGG, WAV, WEBM, fetch, kept, part, picture, post, send, send_raw, settled
from uploading import webm, whole

from axenix import links
from axenix.client import Api, Person

RECORDING = {"id", "title", "duration_sec", "size", "mime", "sha256", "uploader_user_id", "created_at", "expires_at",
             "file_url"}
NOT_ACCEPTED = (415, "unsupported_media_type")


@pytest.fixture
def data(shared_server: ServerProcess) -> Path:
    return shared_server.data_dir


async def add(party: Party, who: Person, content: bytes | None = None, **fields: str) -> dict[str, Any]:
    answer = await send(who, f"/api/recordings/{party.slug}/upload", webm() if content is None else content, **fields)
    assert answer.status == 201, answer
    found: dict[str, Any] = answer.body
    return found


async def listed(party: Party, who: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await who.get(f"/api/recordings/{party.slug}"))["items"]
    return items


def but_url(recording: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recording.items() if name != "file_url"}


async def test_a_member_uploads_and_everyone_hears_of_it(party: Party, data: Path) -> None:
    wire, content = await party.come(party.ada), webm(700_000)
    answer = await add(party, party.gus, content, title=" Стендап\n", duration_sec="12.5")
    assert answer.keys() == RECORDING
    expected = {"title": "Стендап", "duration_sec": 12.5, "size": len(content), "mime": "video/webm",
                "sha256": hashlib.sha256(content).hexdigest(), "uploader_user_id": party.gus.id}
    assert answer == answer | expected
    assert re.fullmatch(TIME, answer["created_at"]) and re.fullmatch(TIME, answer["expires_at"])
    event = await wire.until("recording.added")
    assert event == but_url(answer) | {"type": "recording.added", "seq": answer["id"]}
    assert [but_url(each) for each in await listed(party, party.gus)] == [but_url(answer)]
    path = data / urlsplit(answer["file_url"]).path.lstrip("/")
    assert path.read_bytes() == content and path.parent == data / "static" / "records" / party.slug


async def test_the_list_begins_with_the_newest(party: Party) -> None:
    ids = [(await add(party, party.olga))["id"] for _ in range(3)]
    assert [each["id"] for each in await listed(party, party.gus)] == ids[::-1]


@pytest.mark.parametrize("content, mime", [
    (WEBM, "video/webm"), (MP4, "video/mp4"), (MP4.replace(b"isom", b"M4A ", 1), "audio/mp4"), (OGG, "audio/ogg"),
    (WAV, "audio/wav"),
])
async def test_it_is_known_by_its_content_and_not_by_its_name(party: Party, content: bytes, mime: str) -> None:
    answer = await add(party, party.gus, content, filename="x.exe", mime="text/html")
    assert answer["mime"] == mime
    assert (await fetch(party.api, answer["file_url"])).headers["Content-Type"] == mime


@pytest.mark.parametrize("content", [
    b"", b"x", b"<html><script>", MATROSKA, WEBM[:20], picture(), b"\0\0\0\x1cftypqt  " + bytes(40),
    b"RIFF____AVI LIST",
    b"\x1aE\xdf\xa3" + bytes(50), b"\x1aE\xdf\xa3\xff\xff", b"\0\0\0\0ftypisom" + bytes(50), b"MZ" + bytes(5000),
])
async def test_what_is_no_recording_is_refused_and_leaves_nothing(party: Party, data: Path, content: bytes) -> None:
    before = settled(data)
    answer = await send(party.gus, f"/api/recordings/{party.slug}/upload", content, filename="a.webm",
                        mime="video/webm")
    assert answer.reason == (415, "unsupported_media_type") and kept(data) == before


@pytest.mark.parametrize("fields, named", [
    ({"duration_sec": "NaN"}, "duration_sec"), ({"duration_sec": "-1"}, "duration_sec"),
    ({"duration_sec": "1e999"}, "duration_sec"), ({"duration_sec": "9999999"}, "duration_sec"),
    ({"title": "x" * 201}, "title"),
])
async def test_fields_that_are_wrong_are_named(
    party: Party, data: Path, fields: dict[str, str], named: str,
) -> None:
    before = settled(data)
    answer = await send(party.gus, f"/api/recordings/{party.slug}/upload", webm(), **fields)
    assert answer.reason == (422, "bad_payload") and named in answer.body["detail"] and kept(data) == before


async def test_nobody_uploads_in_anothers_name(party: Party) -> None:
    path = f"/api/recordings/{party.slug}/upload"
    own, other = str(party.gus.id), str(party.ada.id)
    for query, fields in ((other, {}), (own, {"uploader_user_id": other})):
        answer = await send(party.gus, f"{path}?uploader_user_id={query}", webm(), **fields)
        assert answer.reason == (403, "actor_mismatch")
    assert (await send(party.gus, f"{path}?uploader_user_id={own}", webm(), uploader_user_id=own)).status == 201


async def test_uploader_and_mods_delete_and_row_and_file_are_gone(party: Party, data: Path) -> None:
    wire = await party.come(party.gus)
    of_gus, of_ada = [await add(party, who) for who in (party.gus, party.ada)]
    path = f"/api/recordings/{party.slug}/"
    assert (await asked(party.gus, "DELETE", path + str(of_ada["id"]))).reason == (403, "forbidden")
    for who, recording in ((party.gus, of_gus), (party.olga, of_ada)):
        assert (await asked(who, "DELETE", path + str(recording["id"]))).body == {"ok": True}
        event = await wire.until("recording.deleted")
        assert event == event | {"id": recording["id"], "by_user": who.id}
        assert (await fetch(party.api, recording["file_url"])).reason == (404, "recording_not_found")
        assert (await asked(who, "DELETE", path + str(recording["id"]))).reason == (404, "recording_not_found")
    assert await listed(party, party.gus) == [] and not kept(data, [f"static/records/{party.slug}"])


async def test_with_a_room_its_recordings_go(party: Party, data: Path) -> None:
    await add(party, party.gus)
    await asked(party.olga, "DELETE", f"/api/rooms/{party.slug}")
    assert not (data / "static" / "records" / party.slug).exists()


# ---- playing ---------------------------------------------------------------------------------------------------------


async def test_it_plays_by_link_and_by_token_with_headers_that_keep_it_harmless(party: Party) -> None:
    content = webm()
    url = (await add(party, party.gus, content, title='../Ñandú "1" <b>;%41'))["file_url"]
    path = urlsplit(url).path
    for address, token in ((url, ""), (path, party.ada.token)):
        answer = await fetch(party.api, address, token=token)
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Cache-Control"] == "private, no-store"
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment; ") and disposition.count('"') == 2
        assert 'filename="_Nandu _1_ _b___41.webm"' in disposition
        assert disposition.endswith("filename*=UTF-8''_%C3%91and%C3%BA%20_1_%20_b___41.webm")
    assert (await fetch(party.api, url, "HEAD")).status == 200
    assert (await fetch(party.api, path)).reason == (401, "invalid_token")


@pytest.mark.parametrize("asked_for, status, expected", [
    ("bytes=10-19", 206, slice(10, 20)), ("bytes=-5", 206, slice(-5, None)), ("bytes=99990-", 206, slice(99990, None)),
    ("bytes=20-10", 416, None), ("bytes=999999-", 416, None), ("bytes=0-1,5-6", 416, None),
    ("bytes=" + "9" * 5000 + "-", 416, None), ("lines=1-2", 416, None),
])
async def test_parts_of_it_can_be_had(party: Party, asked_for: str, status: int, expected: slice | None) -> None:
    content = webm(100_000)
    url = (await add(party, party.gus, content))["file_url"]
    answer = await fetch(party.api, url, Range=asked_for)
    assert answer.status == status
    assert expected is None or answer.body == content[expected]


async def test_a_kicked_members_link_is_dead_at_once_and_so_is_the_token(party: Party) -> None:
    await add(party, party.olga)
    url = (await listed(party, party.gus))[0]["file_url"]
    assert (await fetch(party.api, url)).status == 200
    await party.ada.moderate(party.slug, "kick", party.gus.id)
    assert (await fetch(party.api, url)).reason == (403, "banned")
    assert (await fetch(party.api, url, Range="bytes=0-1")).reason == (403, "banned")
    assert (await fetch(party.api, urlsplit(url).path, token=party.gus.token)).reason == (403, "banned")


async def test_strangers_to_a_private_room_are_told_nothing(secret_party: Party) -> None:
    url = (await add(secret_party, secret_party.gus))["file_url"]
    stranger = await secret_party.api.guest("Sam")
    path = urlsplit(url).path
    assert (await fetch(secret_party.api, path, token=stranger.token)).reason == (404, "room_not_found")
    assert (await fetch(secret_party.api, path[:-6] + "x.webm", token=stranger.token)).reason == (404, "room_not_found")
    forged = links.sign(links.key_from(SECRET.encode()), path, stranger.id, 2e9)
    assert (await fetch(secret_party.api, forged)).reason == (404, "room_not_found")


async def test_a_link_is_for_one_person_one_file_and_twelve_hours(party: Party) -> None:
    first, second = [(await add(party, party.gus))["file_url"] for _ in range(2)]
    path, query = urlsplit(first).path, parse_qs(urlsplit(first).query)
    user, until, signature = (query[name][0] for name in "ues")
    key = links.key_from(SECRET.encode())
    assert links.check(key, path, {"u": user, "e": until, "s": signature}, int(until) - 1) == party.gus.id
    wrong = [
        f"{path}?{urlsplit(second).query}",
        f"{path}?u={party.ada.id}&e={until}&s={signature}",
        f"{path}?u={user}&e={int(until) + 1}&s={signature}",
        f"{path}?u={user}&e={until}&s={signature[:-1]}",
        f"{path}?u={user}&e={until}&s=",
        f"{path}?u={'9' * 5000}&e={until}&s={signature}",
        f"{path}?u={user}&e=%D9%A1&s=%D9%A1",
        links.sign(key, path, party.gus.id, 1e9),
        links.sign(links.key_from(b"another secret of the same length as the right one"), path, party.gus.id, 2e9),
    ]
    for url in wrong:
        assert (await fetch(party.api, url)).reason == (401, "invalid_token"), url


@pytest.mark.parametrize("name", ["x", "..%2f..%2f..%2faxenix.db", "%2e%2e%2f%2e%2e%2flock", "%00", "a.webm.gz"])
async def test_no_name_leads_out_of_the_folder(party: Party, name: str) -> None:
    await add(party, party.gus)
    for folder in (f"records/{party.slug}", "covers", "avatars"):
        answer = await asked(party.gus, "GET", f"/static/{folder}/{name}")
        assert answer.status in (400, 404), answer


# ---- how much --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def small(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[tuple[Party, Path]]:
    """A party on a server where little fits and nothing lasts."""
    options = {"AXENIX_MAX_RECORDING_MB": "1", "AXENIX_ROOM_QUOTA_MB": "2", "AXENIX_RECORDING_TTL_DAYS": "0"}
    async with ServerProcess(tmp_path / "data", **RATES_OFF, **options) as server, AsyncExitStack() as cleaning:
        yield await Party(Api(server.url, session), cleaning).begin(), server.data_dir
    assert_calm(server.stderr)


async def test_a_recording_and_a_room_have_their_limits(small: tuple[Party, Path]) -> None:
    party, data = small
    path = f"/api/recordings/{party.slug}/upload"
    assert (await send(party.gus, path, webm(2**20 + 1))).reason == (413, "too_large")
    assert (await send(party.gus, path, webm(5 * 2**20))).reason == (413, "too_large")
    kept_ones = [await add(party, party.gus, webm(2**20)) for _ in range(2)]
    assert kept_ones[0]["expires_at"] is None
    assert (await send(party.gus, path, WEBM)).reason == (413, "quota_exceeded")
    assert len(kept(data)) == 2
    await asked(party.gus, "DELETE", f"/api/recordings/{party.slug}/{kept_ones[0]['id']}")
    await add(party, party.gus, webm(2**20))


async def test_what_is_still_arriving_counts_against_the_quota(small: tuple[Party, Path]) -> None:
    party, data = small

    async def slowly(size: int, go_on: asyncio.Event) -> AsyncIterator[bytes]:
        content = part("file", webm(size))[:-2]
        yield content[:-10]
        await go_on.wait()
        yield content[-10:] + f"\r\n--{BOUNDARY}--\r\n".encode()

    go_on, headers = asyncio.Event(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    path = f"/api/recordings/{party.slug}/upload"
    await add(party, party.olga, webm(2**20))
    first = asyncio.create_task(post(party.ada, path, slowly(900_000, go_on), headers))
    while not any(name.startswith("uploads/") and (data / name).stat().st_size > 500_000 for name in kept(data)):
        await asyncio.sleep(0.02)
    assert (await send(party.gus, path, webm(800_000))).reason == (413, "quota_exceeded")
    go_on.set()
    assert (await first).status == 201


async def test_two_uploads_of_one_person_at_once_and_no_more(party: Party, data: Path) -> None:
    go_on = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield part("file", webm(300_000))
        await go_on.wait()
        yield f"--{BOUNDARY}--\r\n".encode()

    path, headers = f"/api/recordings/{party.slug}/upload", {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    before = len(settled(data, ["uploads"]))
    first = [asyncio.create_task(post(party.gus, path, hanging(), headers)) for _ in range(2)]
    while len(kept(data, ["uploads"])) < before + 2:
        await asyncio.sleep(0.02)
    answer = await send(party.gus, path, webm())
    assert answer.reason == (429, "rate_limited") and answer.body["retry_after"] > 0
    assert (await send(party.ada, path, webm())).status == 201
    go_on.set()
    assert [each.status for each in await asyncio.gather(*first)] == [201, 201]
    assert (await send(party.gus, path, webm())).status == 201


# ---- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body, reason", [
    (b"", (400, "bad_multipart")),
    (b"nonsense" * 2000, (400, "bad_multipart")),
    (part("file", webm()), (400, "bad_multipart")),
    (part("file", webm())[:-1], (400, "bad_multipart")),
    (whole(part("file", webm()), part("file", webm())), (400, "bad_multipart")),
    (whole(part("title", b"a"), part("title", b"b"), part("file", webm())), (400, "bad_multipart")),
    (whole(part("title", b"\xff\xfe"), part("file", webm())), (400, "bad_multipart")),
    (whole(*[part(f"p{n}", b"x") for n in range(10_000)]), (400, "bad_multipart")),
    (whole(part("file", webm(), "X-Long: " + "x" * 9000)), (400, "bad_multipart")),
    (whole(part("title", b"x" * 10_000), part("file", webm())), (413, "too_large")),
    (whole(part("title", b"alone")), (422, "bad_payload")),
    (whole(part("file", whole(part("file", webm())), "Content-Type: multipart/mixed")), NOT_ACCEPTED),
    (f"--{BOUNDARY}\r\nContent-Type: video/webm\r\n\r\n".encode() + webm() + b"\r\n", (400, "bad_multipart")),
], ids=range(13))
async def test_what_is_no_form_is_refused_and_leaves_nothing(
    party: Party, data: Path, body: bytes, reason: tuple[int, str],
) -> None:
    before = settled(data)
    assert (await send_raw(party.gus, f"/api/recordings/{party.slug}/upload", body)).reason == reason
    assert kept(data) == before


@pytest.mark.parametrize("kind, reason", [
    ("application/json", NOT_ACCEPTED), ("multipart/mixed; boundary=x", NOT_ACCEPTED),
    ("multipart/form-data", (400, "bad_multipart")), ("multipart/form-data; boundary=", (400, "bad_multipart")),
    ("multipart/form-data; boundary=" + "x" * 71, (400, "bad_multipart")),
    ('multipart/form-data; boundary="a\\"b"', (400, "bad_multipart")),
    ("multipart/form-data; boundary*=utf-16''x", (400, "bad_multipart")),
])
async def test_a_body_must_be_a_form(party: Party, kind: str, reason: tuple[int, str]) -> None:
    answer = await send_raw(party.gus, f"/api/recordings/{party.slug}/upload", whole(part("file", webm())), kind)
    assert answer.reason == reason


async def test_a_form_in_other_clothes_is_a_form_still(party: Party) -> None:
    content = WEBM + b"\r\n--not the boundary\r\n\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n"
    about = f"--{BOUNDARY}  \r\ncontent-disposition:form-data ;filename=\"name=x\"; name=file\r\n\r\n".encode()
    body = b"preamble\r\n" + about + content + f"\r\n--{BOUNDARY}--epilogue".encode()
    answer = await send_raw(party.gus, f"/api/recordings/{party.slug}/upload", body)
    assert answer.status == 201 and answer.body["sha256"] == hashlib.sha256(content).hexdigest()


async def test_an_encoded_body_is_refused(party: Party) -> None:
    answer = await send_raw(party.gus, f"/api/recordings/{party.slug}/upload", whole(part("file", webm())),
                            **{"Content-Encoding": "gzip"})
    assert answer.status in (400, 415)


# ---- the time to live ------------------------------------------------------------------------------------------------


async def test_when_its_time_is_over_row_and_file_go_and_everyone_hears_of_it(
    tmp_path: Path, session: aiohttp.ClientSession,
) -> None:
    options = {"AXENIX_RECORDING_TTL_DAYS": "0.00003"}
    async with ServerProcess(tmp_path / "data", **RATES_OFF, **options) as server, AsyncExitStack() as cleaning:
        party = await Party(Api(server.url, session), cleaning).begin()
        wire = await party.come(party.gus)
        recording = await add(party, party.gus)
        async with asyncio.timeout(40):
            while (event := await wire.hear(40))["type"] != "recording.deleted":
                pass
        assert event == event | {"id": recording["id"], "by_user": None}
        assert await listed(party, party.gus) == [] and event["created_at"] >= recording["expires_at"]
        await until(lambda: not kept(server.data_dir))
    assert_calm(server.stderr)
