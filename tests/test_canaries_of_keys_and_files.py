"""Secrets of one member, and who else may come upon them: shares of room keys, links to recordings, what was said with
an upload. The server is a process of its own, and what it prints is looked through as well."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from urllib.parse import quote

from harness import ServerProcess
from living import Party, Wire, asked, party_at
from sealing import Device
from test_canaries import in_all_places, misused, told_to_a_stranger
from uploading import sent, webm

from axenix.client import Person

TITLE, FILENAME = "canary recording", "canary-file-name.webm"


async def upload(party: Party, who: Person) -> tuple[str, str]:
    """In pieces, and two of them; answers with the upload's id and what was said with it."""
    said = f"title {b64(TITLE)},filename {b64(FILENAME)}"
    content = webm(20_000)
    tus = {"Tus-Resumable": "1.0.0"}
    made = await sent(who, "POST", f"/api/recordings/{party.slug}/tus", None,
                      tus | {"Upload-Length": str(len(content)), "Upload-Metadata": said})
    assert made.status == 201, made
    place = made.headers["Location"]
    path = place.removeprefix(party.api.base_url)
    for start in (0, 10_000):
        piece = {"Upload-Offset": str(start), "Content-Type": "application/offset+octet-stream"}
        assert (await sent(who, "PATCH", path, content[start:start + 10_000], tus | piece)).status == 204
    return path.rpartition("/")[2], b64(FILENAME)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def seen_inside(party: Party, who: Person, wire: Wire) -> str:
    """All that a member hears, and reads by REST."""
    heard = str(wire.greeting) + str(await wire.ask("sync.sub", after_seq=0))
    for what in ("rooms", "state", "sync", "chat", "participants", "crypto", "recordings"):
        answer = await asked(who, "GET", f"/api/{what}/{party.slug}")
        assert answer.status == 200
        heard += f"{answer.body} {dict(answer.headers)}\n"
    await wire.say("leave")
    return heard + str(await wire.end())


async def test_what_belongs_to_one_member_reaches_no_other_and_no_log(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_CHAT_RATE="0", AXENIX_MESSAGE_RATE="0") as (server, party):
        await party.begin(is_private=True, create_invite=True)
        olga, gus = Device(party.olga), Device(party.gus)
        for device in (olga, gus):
            await device.show()
        ada, of_gus = await party.come(party.ada), await party.come(party.gus)
        await olga.begin_epoch(party.slug)
        share = (await party.gus.get(f"/api/crypto/{party.slug}/my_key"))["wrapped_key_b64"]
        upload_id, filename = await upload(party, party.gus)
        [recording] = (await party.gus.get(f"/api/recordings/{party.slug}"))["items"]
        signature = recording["file_url"].partition("s=")[2]
        assert recording["title"] == TITLE and await gus.fetch(party.slug) == olga.room_keys[1]
        room_key = base64.b64encode(olga.room_keys[1]).decode()
        his = [share, upload_id, filename, FILENAME, signature, party.gus.token, room_key]
        stranger = await party.api.guest("Sam")
        theirs = await stranger.create_room(title="Elsewhere")
        outside = await party.come(stranger, theirs["slug"], invite_key=None)
        seen = await seen_inside(party, party.ada, ada)
        assert TITLE in seen and [secret for secret in his if secret in seen] == []
        seen = await told_to_a_stranger(party, stranger, outside)
        assert [secret for secret in (*his, TITLE) if secret in seen] == []
        seen = await misused(party, stranger, theirs["slug"], [share, signature, party.gus.token])
        assert [secret for secret in (share, signature, party.gus.token) if secret in seen] == []
        await of_gus.say("leave")
        await of_gus.end()
        secrets = [*his, TITLE, party.olga.token, party.room["invite_key"]]
        await cut_off_while_asking(server, secrets, party.slug)
        assert await server.terminate() == 0
        printed = "\n".join(server.stdout + server.stderr)
        assert "ready at" in printed
        assert [secret for secret in secrets if secret in printed or quote(secret, safe="") in printed] == []
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert TITLE.encode() in stored and share.encode() in stored, "the search finds what is there"
    nowhere = [olga.room_keys[1], room_key.encode(), signature.encode(), party.gus.token.encode()]
    assert [secret for secret in nowhere if secret in stored] == []


async def cut_off_while_asking(server: ServerProcess, secrets: list[str], slug: str) -> None:
    """Requests that are not HTTP, or end in the middle, with secrets in them."""
    for secret in secrets:
        for method, path, headers, raw in in_all_places(secret, slug):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join([*lines, f"Bad header {secret}", "", ""]).encode() + (raw or os.urandom(9)))
            await writer.drain()
            writer.transport.abort()
