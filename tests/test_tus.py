"""Uploads in pieces: tus 1.0 as its document says, with a client that others have written, and through crashes."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import aiotus
import pytest
from aiotus import core, creation
from harness import RATES_OFF, ServerProcess, until
from living import Answer, Party, assert_calm, asked
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from uploading import fetch, kept, send, sent, settled, webm
from yarl import URL

from axenix.client import Api, Person

STREAM = {"Content-Type": "application/offset+octet-stream"}


def metadata(**fields: str) -> str:
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in fields.items())


async def tus(who: Person, method: str, path: str, content: bytes | None = None, **headers: str) -> Answer:
    """One request of a client that speaks tus; `Upload_Length` is the header Upload-Length."""
    said = {"Tus-Resumable": "1.0.0"} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await sent(who, method, path, content, said if content is None else said | STREAM)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    return answer


async def create(party: Party, who: Person, length: int, **said: str) -> str:
    """The path of a new upload."""
    answer = await tus(who, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length=str(length),
                       Upload_Metadata=metadata(**said))
    assert answer.status == 201, answer
    assert answer.headers["Upload-Expires"].endswith("GMT")
    return urlsplit(answer.headers["Location"]).path


async def patch(who: Person, path: str, offset: int, content: bytes, **headers: str) -> Answer:
    return await tus(who, "PATCH", path, content, Upload_Offset=str(offset), **headers)


async def offset_of(who: Person, path: str) -> int:
    answer = await tus(who, "HEAD", path)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    return int(answer.headers["Upload-Offset"])


async def recordings(party: Party) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await party.olga.get(f"/api/recordings/{party.slug}"))["items"]
    return items


@pytest.fixture
def data(shared_server: ServerProcess) -> Path:
    return shared_server.data_dir


async def test_the_server_says_what_it_can(party: Party) -> None:
    for path in (f"/api/recordings/{party.slug}/tus", f"/api/recordings/{party.slug}/tus/x"):
        answer = await asked(party.api, "OPTIONS", path)
        assert answer.status == 204 and answer.headers["Tus-Version"] == "1.0.0"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation", "creation-with-upload", "creation-defer-length", "termination", "checksum", "expiration",
            "concatenation"}
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
        assert answer.headers["Tus-Max-Size"] == str(2048 * 2**20)


async def test_pieces_become_a_recording(party: Party, data: Path) -> None:
    wire, content = await party.come(party.ada), webm(300_000)
    path = await create(party, party.gus, len(content), title="Итоги", duration_sec="7200", filename="x.webm")
    for start in range(0, len(content), 100_000):
        assert await offset_of(party.gus, path) == start
        answer = await patch(party.gus, path, start, content[start:start + 100_000])
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(start + 100_000))
    event = await wire.until("recording.added")
    assert (event["title"], event["duration_sec"], event["size"]) == ("Итоги", 7200, len(content))
    assert event["sha256"] == hashlib.sha256(content).hexdigest() and event["uploader_user_id"] == party.gus.id
    (recording,) = await recordings(party)
    assert (await fetch(party.api, recording["file_url"])).body == content
    head = await tus(party.gus, "HEAD", path)  # also for the client that has not heard the last answer
    assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == str(len(content))
    assert head.headers["Upload-Metadata"] == metadata(title="Итоги", duration_sec="7200", filename="x.webm")
    assert len(await recordings(party)) == 1 and not any(name.endswith(".part") for name in kept(data, ["uploads"]))


async def test_a_client_of_others_uploads_without_knowing_us(party: Party, session: aiohttp.ClientSession) -> None:
    content = webm(3_000_000)
    url = URL(f"{party.api.base_url}/api/recordings/{party.slug}/tus")
    headers = {"Authorization": f"Bearer {party.gus.token}"}
    assert (await core.configuration(session, url)).protocol_versions == ["1.0.0"]
    place = await aiotus.upload(url, io.BytesIO(content), {"title": b"by aiotus"}, client_session=session,
                                headers=headers, chunksize=700_000)
    assert place is not None
    (recording,) = await recordings(party)
    assert (recording["title"], recording["sha256"]) == ("by aiotus", hashlib.sha256(content).hexdigest())
    assert await core.offset(session, place, headers=headers) == len(content)
    assert await core.metadata(session, place, headers=headers) == {"title": b"by aiotus"}


async def test_the_first_bytes_may_come_with_the_creation(party: Party) -> None:
    content = webm(10_000)
    answer = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", content[:6000],
                       Upload_Length=str(len(content)))
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "6000")
    path = urlsplit(answer.headers["Location"]).path
    assert (await patch(party.gus, path, 6000, content[6000:])).status == 204
    assert [each["title"] for each in await recordings(party)] == ["Recording"]


async def test_a_page_finds_its_upload_behind_any_proxy(party: Party) -> None:
    answer = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length="10",
                       Origin=party.api.base_url)
    assert answer.headers["Location"].startswith(f"/api/recordings/{party.slug}/tus/")
    assert "Upload-Offset" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("name", ["sha1", "sha256"])
async def test_a_wrong_checksum_takes_nothing_and_a_right_one_does(party: Party, name: str) -> None:
    content = webm(20_000)
    path = await create(party, party.gus, len(content))

    def sum_of(piece: bytes) -> str:
        return f"{name} {b64encode(hashlib.new(name, piece).digest()).decode()}"

    wrong = await patch(party.gus, path, 0, content[:9000], Upload_Checksum=sum_of(content[:8999]))
    assert wrong.reason == (460, "checksum_mismatch") and await offset_of(party.gus, path) == 0
    right = await patch(party.gus, path, 0, content[:9000], Upload_Checksum=sum_of(content[:9000]))
    assert right.status == 204 and await offset_of(party.gus, path) == 9000
    unknown = await patch(party.gus, path, 9000, content[9000:], Upload_Checksum="md5 AAAA")
    assert unknown.reason == (422, "bad_payload") and await offset_of(party.gus, path) == 9000


async def test_what_does_not_follow_the_protocol_is_refused(party: Party) -> None:
    content, place = webm(10_000), f"/api/recordings/{party.slug}/tus"
    path = await create(party, party.gus, len(content))
    assert (await patch(party.gus, path, 5, content)).reason == (409, "offset_conflict")
    assert (await patch(party.gus, path, 0, content + b"x")).reason == (413, "too_large")
    assert (await tus(party.gus, "PATCH", path, Upload_Offset="0")).reason == (415, "unsupported_media_type")
    assert (await tus(party.gus, "PATCH", path, content)).reason == (422, "bad_payload")
    old = await asked(party.gus, "PATCH", path, raw=content, headers=STREAM | {"Upload-Offset": "0"})
    assert old.reason == (412, "tus_version") and old.headers["Tus-Version"] == "1.0.0"
    for length in ("", "-1", "1.5", "9" * 30):
        assert (await tus(party.gus, "POST", place, Upload_Length=length)).reason == (422, "bad_payload")
    assert (await tus(party.gus, "POST", place, Upload_Length=str(2**31 + 1))).reason == (413, "too_large")
    assert (await tus(party.gus, "POST", place, Upload_Length="0")).reason == (415, "unsupported_media_type")
    bad = await tus(party.gus, "POST", place, Upload_Length="10", Upload_Metadata="title !!!")
    assert bad.reason == (422, "bad_payload")
    assert await offset_of(party.gus, path) == 0


async def test_what_is_no_recording_is_refused_as_soon_as_it_can_be_known(party: Party, data: Path) -> None:
    before = settled(data)
    path = await create(party, party.gus, 10**9)
    assert (await patch(party.gus, path, 0, b"<html>" * 1000)).reason == (415, "unsupported_media_type")
    assert (await tus(party.gus, "HEAD", path)).status == 404 and kept(data) == before


async def test_an_upload_is_for_its_own_member_alone(party: Party) -> None:
    path = await create(party, party.gus, 1000)
    for method in ("HEAD", "PATCH", "DELETE"):
        assert (await tus(party.ada, method, path, Upload_Offset="0")).status == 404
    for wrong in ("x", "0" * 32, "%2e%2e%2f", path.rpartition("/")[2].upper() + "0"):
        assert (await tus(party.gus, "DELETE", f"/api/recordings/{party.slug}/tus/{wrong}")).status == 404
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    assert (await patch(party.gus, path, 0, b"x")).reason == (403, "banned")


async def test_an_upload_that_is_given_up_is_gone(party: Party, data: Path) -> None:
    before = settled(data)
    path = await create(party, party.gus, 1000)
    await patch(party.gus, path, 0, webm(500))
    assert len(kept(data)) == len(before) + 2
    assert (await tus(party.gus, "DELETE", path)).status == 204
    assert (await tus(party.gus, "HEAD", path)).status == 404 and kept(data) == before


async def test_with_a_room_its_uploads_go(party: Party, data: Path) -> None:
    before = settled(data)
    path = await create(party, party.gus, 1000)
    await patch(party.gus, path, 0, webm(500))
    await asked(party.olga, "DELETE", f"/api/rooms/{party.slug}")
    assert kept(data) == before


async def broken_off(who: Person, path: str, offset: int, content: bytes, length: int) -> asyncio.StreamWriter:
    """A PATCH of so many bytes, of which only these are sent; the connection is left open."""
    url = URL(who.base_url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = (f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {who.token}\r\nTus-Resumable: 1.0.0\r\n"
            f"Content-Type: {STREAM['Content-Type']}\r\nUpload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n")
    writer.write(head.encode() + content)
    await writer.drain()
    return writer


async def stored(data: Path, path: str, size: int) -> None:
    """Until so much of the upload is on the disk; what comes is written in pieces, and the last one at the end."""
    file = data / "uploads" / f"{path.rpartition('/')[2]}.part"
    await until(lambda: file.stat().st_size >= size)


async def test_after_a_lost_connection_it_goes_on_from_what_has_come(party: Party, data: Path) -> None:
    content = webm(2_000_000)
    path = await create(party, party.gus, len(content))
    writer = await broken_off(party.gus, path, 0, content[:900_000], len(content))
    await stored(data, path, 600_000)
    writer.transport.abort()
    offset = await offset_of(party.gus, path)
    assert 600_000 <= offset <= 900_000
    assert (await patch(party.gus, path, offset, content[offset:])).status == 204
    assert [each["sha256"] for each in await recordings(party)] == [hashlib.sha256(content).hexdigest()]


async def test_who_comes_back_takes_over_from_a_connection_that_hangs(party: Party) -> None:
    content = webm(500_000)
    path = await create(party, party.gus, len(content))
    hanging = [await broken_off(party.gus, path, 0, content[:200_000], len(content)) for _ in range(3)]
    await asyncio.sleep(0.3)
    async with asyncio.timeout(5):
        offset = await offset_of(party.gus, path)
        answer = await patch(party.gus, path, offset, content[offset:])
    assert offset == 200_000 and answer.status == 204
    assert [each["sha256"] for each in await recordings(party)] == [hashlib.sha256(content).hexdigest()]
    for writer in hanging:
        writer.transport.abort()


@pytest.fixture
async def fresh(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[tuple[Party, ServerProcess]]:
    options = {"AXENIX_ROOM_QUOTA_MB": "2"}
    async with ServerProcess(tmp_path / "data", **RATES_OFF, **options) as server, AsyncExitStack() as cleaning:
        yield await Party(Api(server.url, session), cleaning).begin(), server
    assert_calm(server.stderr)


async def test_a_partial_upload_counts_against_the_quota(fresh: tuple[Party, ServerProcess]) -> None:
    party, _ = fresh
    first = await create(party, party.gus, 1_500_000)
    await patch(party.gus, first, 0, webm(1_000_000))
    place = f"/api/recordings/{party.slug}/tus"
    assert (await tus(party.ada, "POST", place, Upload_Length="1200000")).reason == (413, "quota_exceeded")
    second = await create(party, party.ada, 1_000_000)
    assert (await patch(party.gus, first, 1_000_000, bytes(500_000))).status == 204
    assert (await patch(party.ada, second, 0, webm(1_000_000))).reason == (413, "quota_exceeded")
    await tus(party.ada, "DELETE", second)
    await create(party, party.ada, 500_000)


async def test_what_comes_for_long_knows_what_others_have_brought_meanwhile_and_who_was_kicked(
    fresh: tuple[Party, ServerProcess],
) -> None:
    party, server = fresh
    content = webm(1_500_000)
    paths = [await create(party, who, len(content)) for who in (party.gus, party.ada)]
    writers = [await broken_off(who, path, 0, content[:300_000], len(content))
               for who, path in zip((party.gus, party.ada), paths, strict=True)]
    for path in paths:
        await stored(server.data_dir, path, 1)
    assert (await send(party.olga, f"/api/recordings/{party.slug}/upload", webm(1_200_000))).status == 201
    await party.olga.moderate(party.slug, "kick", party.ada.id)
    for writer in writers:
        writer.write(content[300_000:])
        await writer.drain()
    await asyncio.sleep(0.5)
    assert [each["size"] for each in await recordings(party)] == [1_200_000]
    assert await offset_of(party.gus, paths[0]) < 900_000, "the room has two MiB"
    for writer in writers:
        writer.transport.abort()


async def test_a_killed_server_goes_on_from_the_offset(fresh: tuple[Party, ServerProcess]) -> None:
    party, server = fresh
    content = webm(1_800_000)
    path = await create(party, party.gus, len(content), title="survivor")
    await patch(party.gus, path, 0, content[:700_000])
    writer = await broken_off(party.gus, path, 700_000, content[700_000:1_500_000], 1_100_000)
    await stored(server.data_dir, path, 700_001)
    await server.restart()
    writer.transport.abort()
    offset = await offset_of(party.gus, path)
    assert offset >= 700_000
    assert (await patch(party.gus, path, offset, content[offset:])).status == 204
    (recording,) = await recordings(party)
    assert (recording["title"], recording["sha256"]) == ("survivor", hashlib.sha256(content).hexdigest())
    assert (await fetch(party.api, recording["file_url"])).body == content


async def test_a_complete_upload_that_a_crash_kept_from_the_room_gets_there(
    fresh: tuple[Party, ServerProcess],
) -> None:
    party, server = fresh
    content = webm(300_000)
    path = await create(party, party.gus, len(content))
    await patch(party.gus, path, 0, content[:100_000])
    await server.kill()
    about = server.data_dir / "uploads" / f"{path.rpartition('/')[2]}.json"
    about.with_suffix(".part").write_bytes(content)
    about.write_text(about.read_text().replace('"offset":100000', f'"offset":{len(content)}'))
    await server.start()
    assert await recordings(party) == []
    assert await offset_of(party.gus, path) == len(content)
    assert [each["sha256"] for each in await recordings(party)] == [hashlib.sha256(content).hexdigest()]
    assert await offset_of(party.gus, path) == len(content) and len(await recordings(party)) == 1


async def test_an_upload_is_forgotten_when_its_time_is_over(fresh: tuple[Party, ServerProcess]) -> None:
    party, server = fresh
    path = await create(party, party.gus, 1000)
    await patch(party.gus, path, 0, webm(500))
    await server.kill()
    (about,) = (server.data_dir / "uploads").glob("*.json")
    before, _, after = about.read_text().partition('"expires":')
    about.write_text(f'{before}"expires":1000000000.0,{after.partition(",")[2]}')
    (server.data_dir / "uploads" / "stray.part").write_bytes(b"x")
    (server.data_dir / "uploads" / "broken.json").write_bytes(b"{")
    await server.start()
    assert (await tus(party.gus, "HEAD", path)).status == 404
    await until(lambda: not kept(server.data_dir))


async def test_a_recording_outlives_an_upload_that_a_crash_left_half_noted(fresh: tuple[Party, ServerProcess]) -> None:
    party, server = fresh
    paths = [await create(party, party.gus, 1000) for _ in range(2)]
    for path in paths:
        await patch(party.gus, path, 0, webm(1000))
    await server.kill()
    for path, change in zip(paths, ('"done":false', '"done":false,"expires":1000000000.0'), strict=True):
        about = server.data_dir / "uploads" / f"{path.rpartition('/')[2]}.json"
        before = about.read_text()
        about.write_text(before.replace('"done":true', change))
        assert before != about.read_text()
    await server.start()
    assert (await tus(party.gus, "DELETE", paths[0])).status == 204
    await until(lambda: not kept(server.data_dir, ["uploads"]))
    for recording in await recordings(party):
        assert (await fetch(party.api, recording["file_url"])).status == 200
    assert len(await recordings(party)) == 2


def test_the_client_writes_metadata_as_we_do() -> None:
    assert creation.encode_metadata({"title": "x".encode()}) == metadata(title="x")


async def test_nobody_begins_more_uploads_than_anybody_needs(party: Party) -> None:
    paths = [await create(party, party.gus, 1000) for _ in range(10)]
    place = f"/api/recordings/{party.slug}/tus"
    many = await asyncio.gather(*(tus(party.gus, "POST", place, Upload_Length="1000") for _ in range(30)))
    assert sorted(each.status for each in many) == [201] * 10 + [413] * 20
    more = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length="1000")
    assert more.reason == (413, "quota_exceeded")
    assert (await tus(party.gus, "DELETE", paths[0])).status == 204
    await create(party, party.gus, 1000)


async def test_what_the_disk_cannot_hold_is_refused_before_it_comes(
    tmp_path: Path, session: aiohttp.ClientSession,
) -> None:
    options = {"AXENIX_ROOM_QUOTA_MB": "0", "AXENIX_MAX_RECORDING_MB": "0"}
    async with ServerProcess(tmp_path / "data", **RATES_OFF, **options) as server, AsyncExitStack() as cleaning:
        party = await Party(Api(server.url, session), cleaning).begin()
        length = shutil.disk_usage(tmp_path).free - (200 << 20)
        answer = await tus(party.gus, "POST", f"/api/recordings/{party.slug}/tus", Upload_Length=str(length))
        assert answer.reason == (507, "storage_full") and not kept(server.data_dir)
        able = await asked(party.api, "OPTIONS", f"/api/recordings/{party.slug}/tus")
        assert "Tus-Max-Size" not in able.headers
