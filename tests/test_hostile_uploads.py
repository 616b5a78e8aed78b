"""What is sent to hurt: every file and form of a corpus, to every place that takes files. Nothing of it stays behind,
and nothing is answered as if it were the server's fault."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
from harness import ServerProcess
from living import Party
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from PIL import Image, PngImagePlugin
from uploading import BOUNDARY, MATROSKA, MP4, OGG, WAV, WEBM, kept, part, picture, post, send, send_raw, settled, webm
from uploading import whole
from yarl import URL

from axenix.client import Person

HTML = b"<!doctype html><script>fetch('/api/rooms')</script>"
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


@cache
def bombs() -> dict[str, bytes]:
    zeros = zlib.compress(bytes(100 << 20), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + zeros)
    profile = chunk(b"iCCP", b"icc\0\0" + zeros)
    return {
        "decodes to gigabytes": png(60_000, 60_000, chunk(b"IDAT", zeros)),
        "a text that unpacks": png(4000, 4000, text, chunk(b"IDAT", b"")),
        "a profile that unpacks": png(4000, 4000, profile, chunk(b"IDAT", b"")),
        "no pixels at all": png(0, 0),
        "negative size": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">iiBBBBB", -1, -1, 8, 2, 0, 0, 0)),
    }


@cache
def files() -> dict[str, bytes]:
    """None of these is a picture or a recording."""
    jpeg, webp = picture(), picture("WEBP")
    lying_webm = WEBM.replace(b"webm", b"<htm")
    return bombs() | {
        "empty": b"",
        "one byte": b"\0",
        "svg": SVG,
        "html": HTML,
        "pdf": b"%PDF-1.7\n" + HTML,
        "gif": picture("GIF"),
        "tiff": picture("TIFF"),
        "bmp": picture("BMP"),
        "gifar": picture("GIF") + b"PK\x03\x04",
        "zip": b"PK\x03\x04" * 9,
        "elf": b"\x7fELF" + bytes(600),
        "jpeg cut off": jpeg[:300],
        "webp cut off": webp[:20],
        "png cut off": picture("PNG")[:60],
        "jpeg of garbage": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40,
        "webp of garbage": b"RIFF\xff\xff\xff\xffWEBPVP8X" + HTML,
        "html that begins like a jpeg": b"\xff\xd8\xff" + HTML,
        "html that begins like a png": b"\x89PNG\r\n\x1a\n" + HTML,
        "matroska": MATROSKA,
        "webm cut off": WEBM[:12],
        "no such doctype": lying_webm,
        "quicktime": MP4.replace(b"isom", b"qt  "),
        "avi": b"RIFF\0\0\0\0AVI LIST",
        "ebml of garbage": b"\x1aE\xdf\xa3" + b"\xff" * 200,
        "ftyp in html": b"<!--ftypisom-->" + HTML,
        "ebml that never ends": b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + b"\x42\x82\x01" + b"\xff" * 40,
        "mp3": b"ID3\x04" + bytes(900),
        "ogg in the middle": OGG.replace(b"\0\x02", b"\0\0", 1),
        "playlist": b"#EXTM3U\nhttp://127.0.0.1/",
    }


@cache
def forms() -> dict[str, bytes]:
    """None of these is a form with a file in it."""
    good = part("file", webm(5000))
    return {
        "nothing": b"",
        "no boundary in it": b"x" * 100_000,
        "only the end": f"--{BOUNDARY}--\r\n".encode(),
        "no end": good,
        "cut in the headers": good[:60],
        "cut in the content": good[:3000],
        "10000 parts": whole(*[part("p", b"")] * 10_000),
        "endless headers": f"--{BOUNDARY}\r\nX: ".encode() + b"x" * 200_000,
        "a part without headers": f"--{BOUNDARY}\r\n\r\n\r\n".encode() + whole(good),
        "a name in pieces": whole(part('fi"; name="le', webm(5000))),
        "no name": whole(good.replace(b'name="file"', b"")),
        "nul in the name": whole(part("fi\0le", webm(5000))),
        "a long field": whole(part("title", b"x" * 10**6), good),
        "two files": whole(good, good),
        "no file": whole(part("title", b"x")),
        "bad UTF-8": whole(part("title", b"\xc3\x28"), good),
        "boundary after boundary": f"--{BOUNDARY}\r\n".encode() * 50_000,
        "nested": whole(part("file", whole(good), "Content-Type: multipart/mixed")),
        "a dash for an end": good + f"--{BOUNDARY}-\r\n".encode(),
    }


@pytest.fixture
def data(shared_server: ServerProcess) -> Path:
    return shared_server.data_dir


@pytest.fixture(name="unchanged")
def unchanged_fixture(data: Path) -> Iterator[None]:
    before = settled(data)
    yield
    assert settled(data) == before


def places(party: Party) -> list[tuple[Person, str]]:
    return [(party.olga, f"/api/covers/{party.slug}/upload"), (party.gus, f"/api/users/{party.gus.id}/avatar"),
            (party.gus, f"/api/recordings/{party.slug}/upload")]


@pytest.mark.parametrize("name", files())
@pytest.mark.usefixtures("unchanged")
async def test_a_hostile_file_is_refused_everywhere(party: Party, name: str) -> None:
    for who, path in places(party):
        answer = await send(who, path, files()[name], filename="holiday.webm", mime="video/webm")
        assert answer.reason in ((415, "unsupported_media_type"), (413, "too_large")), (path, answer)


@pytest.mark.parametrize("content", [WEBM, MP4, OGG, WAV], ids=["webm", "mp4", "ogg", "wav"])
@pytest.mark.usefixtures("unchanged")
async def test_a_recording_is_no_picture(party: Party, content: bytes) -> None:
    for who, path in places(party)[:2]:
        assert (await send(who, path, content + HTML)).reason == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", forms())
@pytest.mark.usefixtures("unchanged")
async def test_a_hostile_form_is_refused_everywhere(party: Party, name: str) -> None:
    for who, path in places(party):
        answer = await send_raw(who, path, forms()[name])
        assert answer.status in (400, 413, 415, 422) and answer.body["reason"], (path, answer)


@pytest.mark.parametrize("filename", [
    "../../../../etc/passwd", "C:\\x.webm", "..\\..\\axenix.db", "/etc/cron.d/x", "a\0b.webm", "CON", ".htaccess",
    "x" * 3000, "\u202egpj.exe", "a.webm\r\nX-Evil: 1", "%2e%2e%2flock",
])
async def test_tricks_in_names_lead_nowhere(party: Party, data: Path, filename: str) -> None:
    outside = {path for path in data.parent.rglob("*") if "static" not in path.parts and "uploads" not in path.parts}
    safe = filename.replace("\r\n", "%0D%0A").encode("utf-8", "replace").decode("latin-1")
    about = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{safe}\"\r\n\r\n"
    body = about.encode("latin-1") + WEBM + b"\r\n" + whole(part("title", filename[:150].encode()))
    answer = await send_raw(party.gus, f"/api/recordings/{party.slug}/upload", body)
    assert answer.status == 201, answer
    after = {path for path in data.parent.rglob("*") if "static" not in path.parts and "uploads" not in path.parts}
    assert {path.name for path in after - outside} <= {"axenix.db-wal", "axenix.db-shm"}
    places_ = [Path(name) for name in kept(data, [f"static/records/{party.slug}"])]
    assert len(places_) == 1 and places_[0].suffix == ".webm"
    async with party.api.session.get(URL(party.api.base_url + answer.body["file_url"], encoded=True)) as response:
        assert response.status == 200 and "X-Evil" not in response.headers


def metadata_everywhere() -> bytes:
    file, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text("Author", "<script>alert('author')</script>")
    Image.new("RGB", (50, 50)).save(file, "PNG", pnginfo=text)
    return file.getvalue() + HTML


async def test_a_picture_that_is_also_something_else_becomes_a_picture_alone(party: Party, data: Path) -> None:
    for content in (metadata_everywhere(), picture() + b"PK\x03\x04" + HTML, picture("WEBP") + SVG):
        answer = await send(party.olga, f"/api/covers/{party.slug}/upload", content)
        kept_one = (data / answer.body["cover_url"].lstrip("/")).read_bytes()
        assert b"script" not in kept_one and b"PK" not in kept_one[-200:] and b"svg" not in kept_one


@pytest.mark.usefixtures("unchanged")
async def test_a_client_that_vanishes_leaves_nothing(party: Party, data: Path) -> None:
    async def vanishing() -> AsyncIterator[bytes]:
        yield part("file", webm(600_000))
        raise ConnectionResetError("gone")

    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    before = settled(data)
    for who, path in places(party):
        for _ in range(3):
            with pytest.raises(Exception, match=".*"):
                await post(who, path, vanishing(), headers)
    async with asyncio.timeout(5):
        while kept(data) != before:
            await asyncio.sleep(0.02)


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("unchanged")
async def test_a_client_that_sends_a_byte_now_and_then_is_given_up(party: Party) -> None:
    """Thirty seconds for 64 KiB, and no more."""
    url = URL(party.api.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write((f"POST /api/recordings/{party.slug}/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                  f"Authorization: Bearer {party.gus.token}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}"
                  "\r\n\r\n").encode() + part("file", webm(1000))[:-2])
    answering = asyncio.create_task(reader.read(100))
    for _ in range(45):
        await asyncio.sleep(1)
        if answering.done():
            break
        writer.write(b"x")
    assert (await answering).startswith(b"HTTP/1.1 400 ")
    writer.transport.abort()
