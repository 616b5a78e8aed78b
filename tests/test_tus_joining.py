"""Uploads that begin before anybody knows how long they will be, and whose beginning is known last: tus's extensions
creation-defer-length and concatenation, as a page uses them that uploads while it records.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import ServerProcess
from living import Answer, Party, asked
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from test_tus import data, fresh, metadata, offset_of, patch, recordings, tus  # noqa: F401
from uploading import fetch, kept, settled, webm

from axenix.client import Person


async def begin(party: Party, who: Person, **headers: str) -> str:
    """An upload of which nobody knows yet how long it will be."""
    answer = await tus(who, "POST", f"/api/recordings/{party.slug}/tus", Upload_Defer_Length="1", **headers)
    assert answer.status == 201, answer
    return urlsplit(answer.headers["Location"]).path


async def part(party: Party, who: Person, content: bytes) -> str:
    path = await begin(party, who, Upload_Concat="partial")
    assert (await patch(who, path, 0, content, Upload_Length=str(len(content)))).status == 204
    return path


async def join(party: Party, who: Person, *paths: str, **said: str) -> Answer:
    return await tus(who, "POST", f"/api/recordings/{party.slug}/tus", Upload_Concat=f"final;{' '.join(paths)}",
                     Upload_Metadata=metadata(**said))


async def test_the_length_may_be_said_with_the_last_bytes(party: Party) -> None:
    content = webm(30_000)
    path = await begin(party, party.gus, Upload_Metadata=metadata(title="later"))
    for start in (0, 10_000):
        assert (await patch(party.gus, path, start, content[start:start + 10_000])).status == 204
    head = await tus(party.gus, "HEAD", path)
    assert head.headers["Upload-Defer-Length"] == "1" and "Upload-Length" not in head.headers
    assert head.headers["Upload-Offset"] == "20000" and await recordings(party) == []
    answer = await patch(party.gus, path, 20_000, content[20_000:], Upload_Length="30000")
    assert answer.status == 204
    head = await tus(party.gus, "HEAD", path)
    assert head.headers["Upload-Length"] == "30000" and "Upload-Defer-Length" not in head.headers
    assert [each["sha256"] for each in await recordings(party)] == [hashlib.sha256(content).hexdigest()]


async def test_an_empty_patch_may_say_the_length(party: Party) -> None:
    content = webm(5000)
    path = await begin(party, party.gus)
    await patch(party.gus, path, 0, content)
    assert (await patch(party.gus, path, 5000, b"", Upload_Length="5000")).status == 204
    assert [each["size"] for each in await recordings(party)] == [5000]


async def test_a_length_is_said_once_and_is_true(party: Party) -> None:
    path, content = await begin(party, party.gus), webm(10_000)
    await patch(party.gus, path, 0, content[:6000])
    for length in ("5999", "0", "-1", "x"):
        assert (await patch(party.gus, path, 6000, b"", Upload_Length=length)).reason == (422, "bad_payload")
    assert (await patch(party.gus, path, 6000, b"", Upload_Length=str(2**31 + 1))).reason == (413, "too_large")
    assert (await patch(party.gus, path, 6000, b"x", Upload_Length="9000")).status == 204
    assert (await patch(party.gus, path, 6001, b"", Upload_Length="9001")).reason == (422, "bad_payload")
    assert (await patch(party.gus, path, 6001, bytes(3000))).reason == (413, "too_large")
    assert (await patch(party.gus, path, 6001, bytes(2999), Upload_Length="9000")).status == 204
    place = f"/api/recordings/{party.slug}/tus"
    for headers in ({"Upload_Defer_Length": "0"}, {"Upload_Defer_Length": "1", "Upload_Length": "5"}):
        assert (await tus(party.gus, "POST", place, **headers)).reason == (422, "bad_payload")


async def test_what_is_of_unknown_length_counts_against_the_quota_as_it_comes(
    fresh: tuple[Party, ServerProcess],  # noqa: F811
) -> None:
    party, server = fresh
    path = await begin(party, party.gus)
    assert (await patch(party.gus, path, 0, webm(1_500_000))).status == 204
    assert (await patch(party.gus, path, 1_500_000, bytes(700_000))).reason == (413, "quota_exceeded")
    stood = await offset_of(party.gus, path)
    assert 1_500_000 <= stood <= 2 * 2**20
    await server.restart()
    assert await offset_of(party.gus, path) == stood
    assert (await patch(party.gus, path, stood, b"", Upload_Length=str(stood))).status == 204
    assert [each["size"] for each in await recordings(party)] == [stood]


async def test_parts_become_one_recording_and_are_gone(party: Party, data: Path) -> None:  # noqa: F811
    content, before = webm(200_000), settled(data, ["uploads"])
    body, head = await part(party, party.gus, content[300:]), await part(party, party.gus, content[:300])
    assert (await tus(party.gus, "HEAD", body)).headers["Upload-Concat"] == "partial"
    assert await recordings(party) == []
    answer = await join(party, party.gus, head, party.gus.base_url + body, title="Joined", duration_sec="12.5")
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "200000")
    (recording,) = await recordings(party)
    assert (recording["title"], recording["duration_sec"], recording["size"]) == ("Joined", 12.5, 200_000)
    assert (await fetch(party.api, recording["file_url"])).body == content
    for path in (body, head):
        assert (await tus(party.gus, "HEAD", path)).status == 404
    assert not [name for name in set(kept(data, ["uploads"])) - set(before) if name.endswith(".part")]
    whole = urlsplit(answer.headers["Location"]).path
    assert (await tus(party.gus, "HEAD", whole)).headers["Upload-Concat"].startswith("final;")
    assert (await patch(party.gus, whole, 200_000, b"x")).reason == (403, "forbidden")
    again = await join(party, party.gus, head, party.gus.base_url + body, title="Joined", duration_sec="12.5")
    assert (again.status, again.headers["Location"]) == (201, answer.headers["Location"])
    assert len(await recordings(party)) == 1


async def test_only_ones_own_complete_parts_are_joined(party: Party) -> None:
    mine, hers = await part(party, party.gus, webm(1000)), await part(party, party.ada, b"x")
    open_end = await begin(party, party.gus, Upload_Concat="partial")
    whole = await begin(party, party.gus)
    assert (await join(party, party.gus, mine, hers)).reason == (404, "recording_not_found")
    assert (await join(party, party.gus, mine, whole)).reason == (404, "recording_not_found")
    assert (await join(party, party.gus, mine, open_end)).reason == (409, "offset_conflict")
    for wrong in ((), (mine, mine), tuple(f"{mine}{number}" for number in range(9))):
        assert (await join(party, party.gus, *wrong)).reason == (422, "bad_payload")
    assert (await join(party, party.gus, mine, "/etc/passwd")).reason == (404, "recording_not_found")
    place = f"/api/recordings/{party.slug}/tus"
    nonsense = await tus(party.gus, "POST", place, Upload_Length="5", Upload_Concat="half")
    assert nonsense.reason == (422, "bad_payload")
    assert (await join(party, party.gus, mine)).status == 201 and len(await recordings(party)) == 1
    assert (await join(party, party.ada, mine)).reason == (404, "recording_not_found")


async def test_what_is_joined_and_is_no_recording_is_refused(party: Party, data: Path) -> None:  # noqa: F811
    before = settled(data)
    path = await part(party, party.gus, b"<html>" * 1000)
    assert (await join(party, party.gus, path)).reason == (415, "unsupported_media_type")
    assert kept(data) == before and await recordings(party) == []


@pytest.mark.parametrize("copied", [False, True])
async def test_a_crash_while_joining_is_gone_on_from(
    fresh: tuple[Party, ServerProcess], copied: bool,  # noqa: F811
) -> None:
    """As a crash leaves it: the whole is there, and has none of its bytes or all; the parts are there, too."""
    party, server = fresh
    content = webm(400_000)
    paths = [await part(party, party.gus, content[:500]), await part(party, party.gus, content[500:])]
    saved = {path: path.read_bytes() for path in (server.data_dir / "uploads").iterdir()}
    said = {"title": "whole"}
    answer = await join(party, party.gus, *paths, **said)
    (recording,) = await recordings(party)
    await asked(party.olga, "DELETE", f"/api/recordings/{party.slug}/{recording['id']}")
    await server.kill()
    for path, old in saved.items():
        path.write_bytes(old)
    about = server.data_dir / "uploads" / f"{answer.headers['Location'].rpartition('/')[2]}.json"
    whole = about.read_text().replace('"done":true', '"done":false')
    name = whole.partition('"name":"')[2].partition('"')[0]
    whole = whole.replace(f'"name":"{name}"', '"name":null')
    about.write_text(whole if copied else whole.replace('"offset":400000', '"offset":0'))
    about.with_suffix(".part").write_bytes(content if copied else content[:7])
    await server.start()
    assert (await join(party, party.gus, *paths, **said)).status == 201
    assert [each["sha256"] for each in await recordings(party)] == [hashlib.sha256(content).hexdigest()]
    assert [path.suffix for path in (server.data_dir / "uploads").iterdir()] == [".json"]
