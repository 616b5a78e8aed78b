"""Secrets stay where they belong: each is a word found nowhere else, and is looked for everywhere else.

The server runs in this process, so that libraries can be heard at DEBUG too, which no operator can ask for; and once
more in a process of its own, whose log is what operators read.
"""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from harness import RATES_OFF
from living import Party, Wire, asked, party_at
from test_limits_live import party_inside

from axenix.client import Person
from axenix.config import Config
from axenix.logs import Log

JWT, TURN, TITLE = "canary-of-the-jwt-secret-which-is-long-enough", "canary-of-the-turn-secret", "Canary title"
LINE, NAME, SEALED = "canary line", "Canary Nick", "Y2FuYXJ5LXNlYWxlZC1saW5lLXdoaWNoLWlzLWxvbmctZW5vdWdo"
"""What is said in the private room, by whom, and what is sealed there."""


def in_all_places(secret: str, slug: str) -> list[tuple[str, str, dict[str, str], bytes | None]]:
    """Requests that have it where it does not belong: path, query, header, body, and a body that is no JSON."""
    text = quote(secret, safe="")
    return [
        ("GET", f"/api/rooms/{text}", {}, None), ("GET", f"/nowhere/{text}", {}, None),
        ("GET", f"/api/sync/{slug}?after_seq={text}&token={text}", {}, None), ("GET", f"/static/{text}", {}, None),
        ("GET", f"/static/records/{slug}/x?u=1&e=9999999999&s={text}", {}, None),
        ("GET", "/api/rooms", {"Authorization": f"Bearer {text}"}, None),
        ("GET", "/api/rooms", {"Authorization": f"Basic {text}"}, None),
        ("POST", "/api/auth/guest", {}, f'{{"nickname": ["{secret}"]}}'.encode()),
        ("POST", "/api/auth/guest", {}, f'{{"{secret}'.encode()),
        ("POST", "/api/rooms/join/by-invite", {}, f'{{"invite_key": "{secret}"}}'.encode()),
        ("POST", f"/api/recordings/{slug}/tus", {"Tus-Resumable": "1.0.0", "Upload-Length": text}, None),
    ]


async def misused(party: Party, who: Person, slug: str, secrets: list[str]) -> str:
    """All answers to requests and sockets that show the secrets where they do not belong, headers too."""
    heard = ""
    for secret in secrets:
        for method, path, headers, raw in in_all_places(secret, slug):
            answer = await asked(who, method, path, raw=raw, headers=headers)
            heard += f"{answer.status} {answer.body} {dict(answer.headers)}\n"
        for query in ({"token": secret}, {"token": who.token, "invite_key": secret},
                      {"token": who.token, "after_seq": secret}):
            wire = await party.dial(party.api, slug, **query)
            heard += f"{await wire.hear()}\n"
        wire = await party.dial(party.api, slug, protocols=("axenix.v1", f"bearer.{quote(secret, safe='')}"))
        heard += f"{wire.ws.protocol} {await wire.hear()}\n"
    return heard


async def told_to_a_stranger(party: Party, stranger: Person, wire: Wire) -> str:
    """What one hears who is in another room and looks at everything there is to see."""
    paths = [f"/api/{what}/{party.slug}" for what in (
        "rooms", "state", "sync", "chat", "participants", "crypto", "covers", "recordings", "moderation")]
    paths += ["/api/rooms", "/api/rtc/config", "/livez", "/readyz", "/", f"/r/{party.slug}", "/metrics"]
    heard = ""
    for path in paths:
        answer = await asked(stranger, "GET", path)
        heard += f"{answer.status} {answer.body!r} {dict(answer.headers)}\n"
    await wire.ask("sync.sub", after_seq=0)
    await wire.say("leave")
    return heard + str(wire.greeting) + str(await wire.end())


async def live(party: Party) -> tuple[list[str], list[str]]:
    """All that can be done with secrets, and all that can be done wrong with them; answers with what stays secret."""
    await party.begin(title=TITLE, is_private=True, create_invite=True)
    nick = await party.newcomer(NAME)
    inside, olga = await party.come(nick), await party.come(party.olga)
    assert (await inside.ask("chat.message", text=LINE))[-1]["type"] == "ack"
    sealed = await inside.ask("chat.message.enc", algo="AES-256-GCM", ciphertext_b64=SEALED)
    assert sealed[-1]["type"] == "ack"
    assert (await olga.until("chat.message"))["text"] == LINE
    credential = (await nick.get("/api/rtc/config"))["iceServers"][-1]["credential"]
    stranger = await party.api.guest("Sam")
    theirs = await stranger.create_room(title="Elsewhere")
    outside = await party.come(stranger, theirs["slug"], invite_key=None)
    key = party.room["invite_key"]
    everyones = [JWT, TURN, TITLE, key, nick.token, party.olga.token, LINE, NAME, SEALED, credential]
    heard = await told_to_a_stranger(party, stranger, outside)
    assert [secret for secret in everyones if secret in heard] == []
    tokens_and_keys = [JWT, TURN, nick.token, LINE, SEALED, credential]
    heard = await misused(party, stranger, theirs["slug"], tokens_and_keys)
    assert [secret for secret in tokens_and_keys if secret in heard] == []
    for wire in (inside, olga):
        await wire.say("leave")
        frames, _ = await wire.end()
        assert not any(secret in str(frames) for secret in (JWT, TURN, key, nick.token, party.olga.token))
    return everyones, [JWT, TURN, nick.token, party.olga.token, credential]


def found_in(log: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if any(shape in log for shape in (
        secret, quote(secret, safe=""), json.dumps(secret)[1:-1]))]


async def test_no_secret_gets_to_where_it_does_not_belong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = Config(jwt_secret=JWT.encode(), turn_secret=TURN, turn_urls=("turn:t.example:3478",), chat_rate=None)
    lines = io.StringIO()
    with Log("text", "debug", lines):
        async with party_inside(tmp_path, config) as party:
            everyones, kept_nowhere = await live(party)
    assert found_in(caplog.text + lines.getvalue(), everyones) == []
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert LINE.encode() in stored, "the search finds what is there"
    assert [secret for secret in kept_nowhere if secret.encode() in stored] == []


@pytest.mark.parametrize("format", ["text", "json"])
async def test_no_secret_is_in_the_log_of_a_real_server(format: str, tmp_path: Path) -> None:
    told = {"AXENIX_LOG_FORMAT": format, "AXENIX_LOG_LEVEL": "debug", "AXENIX_JWT_SECRET": JWT,
            "AXENIX_TURN_SECRET": TURN, "AXENIX_TURN_URLS": "turn:t.example:3478"}
    async with party_at(tmp_path, **RATES_OFF, **told) as (server, party):
        everyones, _ = await live(party)
        assert await server.terminate() == 0
    log = "\n".join(server.stderr)
    assert found_in(log, everyones) == []
    for what in ("request", "socket joined", "socket refused", "socket left", "/api/state/{slug}", party.slug):
        assert what in log, "the search looks where something is"
