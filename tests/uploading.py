"""Files made for tests, and the ways in which they are sent: as a form, or as bytes that are no form."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import orjson
from living import Answer
from PIL import Image
from yarl import URL

from axenix.client import Api

WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d4287810442858102") + bytes.fromhex(
    "1853806701ffffffffffffff1549a966")
MATROSKA = WEBM.replace(b"\x42\x82\x84webm", b"\x42\x82\x84matr")
MP4 = b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2mp41" + b"\0\0\0\x08free"
OGG = b"OggS\0\x02" + bytes(8) + b"abcd" + bytes(4) + b"crc!" + b"\x01\x13OpusHead" + bytes(11)
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data" + bytes(4)
BOUNDARY = "the-parts-are-between-these"


def webm(size: int = 100_000) -> bytes:
    """What begins like a recording of a browser, and goes on at random."""
    return WEBM + os.urandom(size - len(WEBM))


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), **saving: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (180, 40, 40)).save(file, kind, **saving)  # type: ignore[arg-type]
    return file.getvalue()


async def send(who: Api, path: str, content: bytes, *, name: str = "file", filename: str = "a.bin",
               mime: str = "application/octet-stream", **fields: str) -> Answer:
    """A form as browsers send it."""
    form = aiohttp.FormData()
    for field, value in fields.items():
        form.add_field(field, value)
    form.add_field(name, io.BytesIO(content), filename=filename, content_type=mime)
    return await post(who, path, form)


async def send_raw(who: Api, path: str, body: bytes, content_type: str | None = None, **headers: str) -> Answer:
    """Bytes as they are, which claim to be a form."""
    kind = content_type or f"multipart/form-data; boundary={BOUNDARY}"
    return await post(who, path, body, {"Content-Type": kind, **headers})


async def post(who: Api, path: str, data: object, headers: dict[str, str] | None = None) -> Answer:
    return await sent(who, "POST", path, data, headers)


async def fetch(who: Api, url: str, method: str = "GET", *, token: str = "", **headers: str) -> Answer:
    """A file by its address; without a token unless one is given."""
    mine = {"Authorization": f"Bearer {token}"} if token else {}
    return await sent(Api(who.base_url, who.session), method, url, None, mine | headers)


async def sent(who: Api, method: str, path: str, data: object, headers: dict[str, str] | None = None) -> Answer:
    mine = {"Authorization": f"Bearer {who.token}"} if who.token else {}
    data = io.BytesIO(data) if isinstance(data, bytes) else data
    url = URL(who.base_url + path, encoded=True)
    async with who.session.request(method, url, data=data, headers=mine | (headers or {})) as response:
        content = await response.read()
        is_json = response.content_type == "application/json" and method != "HEAD"
        return Answer(response.status, orjson.loads(content) if is_json else content, response.headers)


def part(name: str, content: bytes, *more: str) -> bytes:
    about = "".join(f"\r\n{line}" for line in more)
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{about}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def kept(data: Path, folders: Iterable[str] = ("uploads", "static")) -> list[str]:
    """The files of users that are on the disk."""
    return sorted(str(path.relative_to(data)) for folder in folders
                  for path in (data / folder).rglob("*") if path.is_file())


def settled(data: Path, folders: Iterable[str] = ("uploads", "static")) -> list[str]:
    """The same, once nothing is on its way any more: what a test before broke off may still be cleared away."""
    deadline = time.monotonic() + 5
    while any(name.endswith(".draft") for name in kept(data)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return kept(data, folders)
