"""Covers and avatars: who may change them, what becomes of a picture, how it is served, and that old ones are gone."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from harness import ServerProcess
from living import Party, asked
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from PIL import Image
from uploading import fetch, kept, picture, send, settled, webm

from axenix import picture_worker
from axenix.client import Api, Person

URL = r"/static/{}/[0-9a-f]{{32}}\.webp"


@pytest.fixture
def data(shared_server: ServerProcess) -> Path:
    return shared_server.data_dir


async def cover(party: Party, who: Person, content: bytes) -> str:
    answer = await send(who, f"/api/covers/{party.slug}/upload", content)
    assert answer.status == 200, answer
    url: str = answer.body["cover_url"]
    return url


async def opened(who: Api, url: str) -> Image.Image:
    return Image.open(io.BytesIO((await fetch(who, url)).body))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_cover_is_written_anew_as_webp_and_everyone_hears_of_it(party: Party, kind: str) -> None:
    wire = await party.come(party.gus)
    url = await cover(party, party.ada, picture(kind, (2560, 1440)))
    event = await wire.until("cover.changed")
    assert event == event | {"cover_url": url, "by_user": party.ada.id}
    shown = await opened(party.api, url)
    assert (shown.format, shown.size) == ("WEBP", (1280, 720))
    assert (await asked(party.api, "GET", f"/api/covers/{party.slug}")).body == {"cover_url": url}
    assert (await party.gus.get(f"/api/rooms/{party.slug}"))["cover_url"] == url
    assert (await party.gus.get(f"/api/state/{party.slug}"))["cover_url"] == url


async def test_a_picture_is_served_openly_and_cannot_become_a_page(party: Party) -> None:
    answer = await fetch(party.api, await cover(party, party.olga, picture()))
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "immutable" in answer.headers["Cache-Control"]


async def test_a_replaced_cover_and_a_deleted_one_are_gone_from_the_disk(party: Party, data: Path) -> None:
    wire = await party.come(party.gus)
    first, second = await cover(party, party.olga, picture()), await cover(party, party.olga, picture("PNG"))
    names = kept(data, ["static/covers"])
    assert second.lstrip("/") in names and first.lstrip("/") not in names
    assert (await fetch(party.api, first)).status == 404
    assert (await asked(party.ada, "DELETE", f"/api/covers/{party.slug}")).body == {"ok": True}
    assert (await wire.until("cover.changed", cover_url=None))["by_user"] == party.ada.id
    assert second.lstrip("/") not in kept(data, ["static/covers"])
    for method in ("GET", "DELETE"):
        assert (await asked(party.ada, method, f"/api/covers/{party.slug}")).reason == (404, "cover_not_found")


async def test_with_a_room_its_cover_goes(party: Party, data: Path) -> None:
    url = await cover(party, party.olga, picture())
    await asked(party.olga, "DELETE", f"/api/rooms/{party.slug}")
    assert url.lstrip("/") not in kept(data)


async def test_a_guest_may_not_change_the_cover_and_leaves_no_file(party: Party, data: Path) -> None:
    before = settled(data)
    answer = await send(party.gus, f"/api/covers/{party.slug}/upload", picture())
    assert answer.reason == (403, "forbidden") and kept(data) == before


async def test_an_avatar_replaces_the_one_before_and_rooms_hear_of_it(party: Party, data: Path) -> None:
    wire = await party.come(party.olga)
    urls = []
    for size in ((2000, 1000), (90, 80)):
        answer = await send(party.gus, f"/api/users/{party.gus.id}/avatar", picture("PNG", size))
        urls.append(answer.body["avatar_url"])
        assert answer.body.keys() == {"avatar_url"}
        event = await wire.until("member.updated", user_id=party.gus.id)
        assert event["avatar_url"] == urls[-1]
        assert (await opened(party.api, urls[-1])).size == ((512, 256) if size[0] == 2000 else size)
    assert (await party.olga.get(f"/api/users/{party.gus.id}"))["avatar_url"] == urls[1]
    assert [url.lstrip("/") in kept(data) for url in urls] == [False, True]


async def test_nobody_changes_anothers_avatar(party: Party) -> None:
    answer = await send(party.ada, f"/api/users/{party.gus.id}/avatar", picture())
    assert answer.reason == (403, "forbidden")


async def test_metadata_is_gone_and_the_picture_stands_upright(party: Party) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "shot at home, 55.75 N"
    url = await cover(party, party.olga, picture("JPEG", (400, 200), exif=exif, comment=b"a secret comment"))
    answer = await fetch(party.api, url)
    shown = Image.open(io.BytesIO(answer.body))
    assert shown.size == (200, 400) and not shown.getexif()
    assert b"EXIF" not in answer.body and b"secret" not in answer.body and b"55.75" not in answer.body


async def test_of_an_animation_the_first_frame_stays(party: Party) -> None:
    frames = [Image.new("RGB", (64, 64), color) for color in ("red", "lime")]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    shown = await opened(party.api, await cover(party, party.olga, file.getvalue()))
    assert getattr(shown, "n_frames", 1) == 1
    red, green, _ = shown.convert("RGB").getpixel((32, 32))  # type: ignore[misc]
    assert red > 200 and green < 60


async def test_what_is_transparent_stays_transparent(party: Party) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save(file, "PNG")
    shown = await opened(party.api, await cover(party, party.olga, file.getvalue()))
    assert shown.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that decodes to gigabytes."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(2_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("content, reason", [
    (bomb(30_000, 30_000), (413, "too_large")),
    (bomb(2**31 - 1, 2**31 - 1), (413, "too_large")),
    (bomb(4000, 4001), (413, "too_large")),
    (bomb(4000, 4000), (415, "unsupported_media_type")),
    (picture()[:400], (415, "unsupported_media_type")),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", (415, "unsupported_media_type")),
    (b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>", (415, "unsupported_media_type")),
    (picture("GIF"), (415, "unsupported_media_type")),
    (picture("TIFF"), (415, "unsupported_media_type")),
    (webm(), (415, "unsupported_media_type")),
    (b"", (415, "unsupported_media_type")),
    (b"\xff\xd8\xff" + bytes(5 * 2**20), (413, "too_large")),
    (b"\xff\xd8\xff" + bytes(9 * 2**20), (413, "too_large")),
], ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else value[1])
async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    party: Party, data: Path, content: bytes, reason: tuple[int, str],
) -> None:
    before = settled(data)
    for path in (f"/api/covers/{party.slug}/upload", f"/api/users/{party.olga.id}/avatar"):
        answer = await send(party.olga, path, content, filename="me.png", mime="image/png")
        assert answer.reason == reason
    assert kept(data) == before


async def test_a_picture_that_is_also_a_page_comes_out_as_a_picture_only(party: Party) -> None:
    answer = await fetch(party.api, await cover(party, party.olga, picture() + b"<html><script>alert(1)</script>"))
    assert b"<script>" not in answer.body and answer.headers["Content-Type"] == "image/webp"


def test_the_worker_gives_up_when_it_may_not_have_the_memory(tmp_path: Path) -> None:
    source = tmp_path / "big.png"
    source.write_bytes(bomb(30_000, 30_000))
    assert picture_worker.convert(str(source), str(tmp_path / "out"), 512) == picture_worker.TOO_LARGE
    assert not (tmp_path / "out").exists()
