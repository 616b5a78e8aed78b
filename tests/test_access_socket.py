"""Who may say what on a socket: every message there is, by each kind of person; and what those say who are not let in.

The messages are those of `ClientCommand`: one without a row here fails.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, get_args

import orjson
import pytest
from living import SECRET, Party, Wire
from living import anyone_fixture, party_fixture, secret_party_fixture, shared_server_fixture  # noqa: F401

from axenix import tokens
from axenix.client import Person
from axenix.room.commands import ClientCommand


class Row(NamedTuple):
    type: str
    mods_only: bool = False
    fields: dict[str, Any] = {}


SEALED = {"algo": "AES-256-GCM", "ciphertext_b64": "c2VhbGVkIGluIGEgbG9uZyBlbm91Z2ggYm94LCBvaCB5ZXM="}
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
TABLE = [
    Row("offer", False, {"to": "target", "sdp": SDP}),
    Row("answer", False, {"to": "target", "sdp": SDP}),
    Row("ice", False, {"to": "target", "candidate": None}),
    Row("chat.typing", False, {"is_typing": True}),
    Row("chat.message", False, {"text": "by {who}"}),
    Row("chat.message.enc", False, SEALED),
    Row("media.self", False, {"mic_muted": True}),
    Row("hand.raise"),
    Row("hand.lower"),
    Row("hand.lower", True, {"user_id": "target"}),
    Row("state.set", True, {"topic": "by {who}"}),
    Row("state.set", True, {"is_locked": False}),
    Row("state.set", True, {"mute_all": False}),
    Row("record.start", True),
    Row("record.stop", True),
    Row("sync.sub", False, {"after_seq": 0}),
    Row("ping"),
]
LAST = "leave"
"""It ends the socket, so it is said at the end."""


def filled(row: Row, target: Person, who: str) -> dict[str, Any]:
    known = {"target": target.id, "by {who}": f"by {who}"}
    return {name: known.get(value, value) if isinstance(value, str) else value for name, value in row.fields.items()}


def test_every_message_has_a_row() -> None:
    tags = {kind.__struct_config__.tag for kind in get_args(ClientCommand)}
    assert {row.type for row in TABLE} | {LAST} == tags


async def said(wire: Wire, row: Row, fields: dict[str, Any]) -> str:
    answer = (await wire.ask(row.type, **fields))[-1]
    return "done" if answer["type"] == "ack" else str(answer["reason"])


async def test_every_message_is_answered_to_each_as_the_contract_says(party: Party) -> None:
    target, elsewhere, returned = [await party.newcomer(name) for name in ("Tim", "Elsa", "Fay")]
    await elsewhere.create_room(title="Her own")
    await returned.post(f"/api/participants/{party.slug}/leave")
    await party.come(target)
    people = {"owner": party.olga, "admin": party.ada, "guest": party.gus, "owner elsewhere": elsewhere,
              "returned": returned}
    heard, expected = {}, {}
    for name, person in people.items():
        wire = await party.come(person)
        for number, row in enumerate(TABLE):
            heard[name, number] = await said(wire, row, filled(row, target, name))
            forbidden = row.mods_only and name not in ("owner", "admin")
            expected[name, number] = "forbidden" if forbidden else "done"
        await wire.say(LAST)
        assert (await wire.end())[1] == 1000
    assert heard == expected


# ---- those who are not let in ----------------------------------------------------------------------------------------


@pytest.fixture
async def outsiders(secret_party: Party) -> AsyncIterator[dict[str, tuple[str | None, str]]]:
    """What each shows as a token, and what it hears."""
    api, olga, slug = secret_party.api, secret_party.olga, secret_party.slug
    kicked = await secret_party.newcomer("Kit")
    await olga.moderate(slug, "kick", kicked.id)
    stranger, owner = await api.guest("Sam"), await api.guest("Otto")
    await owner.create_room(title="His own")
    now, key = time.time(), SECRET.encode()
    wrong, closed = "invalid_token", "invite_required_or_invalid"
    yield {
        "nobody": (None, wrong), "garbage": ("not.a.token", wrong),
        "expired": (tokens.issue(key, olga.id, now - 100, 50), wrong),
        "forged": (tokens.issue(b"another secret, which is long enough for this", olga.id, now, 900), wrong),
        "no such user": (tokens.issue(key, 2**52, now, 900), wrong),
        "stranger": (stranger.token, closed), "owner elsewhere": (owner.token, closed),
        "banned": (kicked.token, "banned"),
    }


async def whole(party: Party) -> list[Any]:
    shown = [await party.olga.get(f"/api/{what}/{party.slug}") for what in ("state", "sync", "chat")]
    members = {id: {**member, "last_seen": None} for id, member in (await party.members()).items()}
    return [*shown, members]


async def test_what_outsiders_say_before_they_hear_no_is_heard_by_nobody(
    secret_party: Party, outsiders: dict[str, tuple[str | None, str]]
) -> None:
    olga = await secret_party.come(secret_party.olga)
    [noise] = await secret_party.all_heard(olga)
    before = await whole(secret_party)
    for name, (token, reason) in outsiders.items():
        wire = await secret_party.dial(secret_party.api, token=token)
        for row in TABLE:
            try:
                await wire.ws.send_str(orjson.dumps(
                    {"type": row.type, **filled(row, secret_party.olga, name)}).decode())
            except ConnectionError:
                break
        frames, code = await wire.end()
        assert ([frame.get("reason") for frame in frames], code) == ([reason], 1008), name
    assert await whole(secret_party) == before
    assert await secret_party.all_heard(olga) == [[]]


async def test_a_socket_of_one_who_is_kicked_says_nothing_more(party: Party) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    await party.olga.moderate(party.slug, "kick", party.gus.id)
    for row in TABLE:
        try:
            await gus.say(row.type, **filled(row, party.olga, "gus"))
        except ConnectionError:
            break
    _, code = await gus.end()
    assert code == 4005
    [heard] = await party.all_heard(olga)
    after = [frame["type"] for frame in heard]
    assert "member.kicked" in after and after[after.index("member.kicked") + 1:] == []
