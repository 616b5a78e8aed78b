"""The protocol document and the code say the same: nothing is missing there, and nothing there is made up.

The document is read as its readers read it: headings, tables, JSON blocks and names in backticks. What the code says is
asked of the code (its structs, tables and routes) and, where that is surer, of a room in memory or of a running server.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from aiohttp import web
from memory import House, settle
from msgspec import Struct

from axenix import __main__, actor, audience, catchup, frames, multipart, picture_worker, wire
from axenix.app import BODY, RESOURCES
from axenix.client import Api, ApiError
from axenix.config import markdown_table
from axenix.errors import ENDS_THE_STAY, PASSING, REASONS, Close
from axenix.room import commands as c
from axenix.room import files
from axenix.room.events import AnyEvent, ChatDeleted, RecordingDeleted
from axenix.room.signals import Relayed, Typing
from axenix.room.state import CIDS_KEPT, EPOCH_RATE, Law, Snapshot
from axenix.room.text import CHAT_LIMIT
from axenix.web import arrivals, doorway, guard, house, joining, moderation, pictures, socket, sync, tus, uploads, ws

PACKAGE = Path(wire.__file__).parent
TEXT = (PACKAGE / "PROTOCOL.md").read_text(encoding="utf-8")

Value = dict[str, Any]

FROM_THE_SERVER = {"joined", "state.snapshot", "sync.info", "sync.batch", "sync.reset", "ack", "error", "pong"}
"""Messages that are neither events nor signals."""
OF_WEBSOCKETS = {1001, 1002, 1006, 1007, 1009}
"""Closing codes that come from clients, from aiohttp, or from nobody."""
FREE_FOR_CLIENTS = 4000
NEVER_SAID = {"chat.message.enc": {"text"}}
"""A field that a struct has from its parent alone."""
EVENTS = {kind.__struct_config__.tag: kind for kind in get_args(AnyEvent)}

# ---- reading the document --------------------------------------------------------------------------------------------


def json_values(text: str) -> Iterator[Any]:
    """Everything in the JSON blocks; a block may hold several values."""
    for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        while block := block.strip():
            value, end = json.JSONDecoder().raw_decode(block)
            yield value
            block = block[end:]


def objects(value: Any) -> Iterator[Value]:
    """The value, and whatever it holds, as far as they are objects."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def section(title: str) -> str:
    """What stands under this heading, the headings below it included."""
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##?#? |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {title!r}"
    if found[1] == "###":
        return found[2]
    return re.split(r"^## ", TEXT[found.start(2):], flags=re.MULTILINE)[0]


def shown(title: str) -> list[Any]:
    return list(json_values(section(title)))


def messages() -> list[Value]:
    """Every message that is shown anywhere."""
    return [each for value in json_values(TEXT) for each in objects(value) if "type" in each]


def rows(title: str) -> Iterator[dict[str, str]]:
    """The rows of a section's tables: what stands under each of the columns."""
    for table in re.findall(r"(?:^\|.*\|\n)+", section(title), re.MULTILINE):
        head, _, *others = ([cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines())
        for cells in others:
            yield dict(zip(head, cells, strict=True))


def named(text: str) -> list[str]:
    """Single names in backticks."""
    return re.findall(r"`([A-Za-z][\w.]*)`", text)


def keys(values: list[Value]) -> set[str]:
    return {key for value in values for key in value}


def is_event(message: Value) -> bool:
    return "created_at" in message


def is_signal(message: Value) -> bool:
    return "from" in message or (message["type"] == "chat.typing" and "user_id" in message)


def is_command(message: Value) -> bool:
    return not (is_event(message) or is_signal(message) or message["type"] in FROM_THE_SERVER)


# ---- what is shown is right ------------------------------------------------------------------------------------------


def test_every_block_is_json_that_parses() -> None:
    assert list(json_values(TEXT))
    assert {fence for fence in re.findall("^```.*$", TEXT, re.MULTILINE)} == {
        "```json", "```python", "```js", "```php", "```"}


def test_every_message_that_is_shown_as_a_clients_is_understood_by_the_server() -> None:
    commands = [message for message in messages() if is_command(message)]
    assert commands
    for message in commands:
        wire.parse(json.dumps(message).encode())


def test_every_event_that_is_shown_is_one_and_reads_back_the_same() -> None:
    events = [message for message in messages() if is_event(message)]
    assert events
    for message in events:
        event = msgspec.convert(message, AnyEvent)
        assert msgspec.to_builtins(event) == message, "fields are missing or not known"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.created_at)
        assert message.get("id", event.seq) == event.seq or isinstance(event, ChatDeleted | RecordingDeleted)


def test_every_signal_that_is_shown_is_one_and_reads_back_the_same() -> None:
    signals = [message for message in messages() if is_signal(message)]
    for message in signals:
        kind = Typing if message["type"] == "chat.typing" else Relayed
        assert msgspec.to_builtins(msgspec.convert(message, kind)) == message
    assert keys([each for each in signals if "from" in each]) == set(Relayed.__struct_encode_fields__)
    assert keys([each for each in signals if "from" not in each]) == {"type", *Typing.__struct_fields__}
    assert {each["type"] for each in signals} == {"offer", "answer", "ice", "chat.typing"}


def test_every_snapshot_that_is_shown_is_one_and_reads_back_the_same() -> None:
    snapshots = [message for message in messages() if message["type"] == "state.snapshot"]
    assert any(each["participants"] for each in snapshots)
    for message in snapshots:
        assert msgspec.to_builtins(msgspec.convert(message, Snapshot)) == message


def test_every_link_leads_to_a_heading() -> None:
    headings = re.findall("^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors


def test_every_name_with_an_underscore_is_one_that_the_code_knows() -> None:
    words: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for field in ("id", "attr", "arg", "value", "name"):
                if isinstance(word := getattr(node, field, None), str):
                    words |= set(re.findall(r"\w+", word))
    words |= set(re.findall(r"\w+", markdown_table()))
    prose = re.sub(r"^```\w+\n.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    names = {name for code in re.findall("`([^`]*)`", prose) for name in re.findall(r"\w*[a-z]_[a-z]\w*", code)}
    assert names and not names - words


# ---- nothing is missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", wire.TYPES)
def test_a_message_that_a_client_may_send_is_shown_with_all_its_fields(kind: str) -> None:
    examples = [message for message in shown("What a client sends") if message["type"] == kind]
    assert examples
    common = {"type", *c.Command.__struct_fields__}
    assert keys(examples) | common == set(wire.TYPES[kind].__struct_fields__) | common


def test_the_fields_common_to_all_messages_are_described() -> None:
    assert set(c.Command.__struct_fields__) <= set(named(section("cid and ack")))


def test_a_candidate_is_shown_in_each_of_its_forms() -> None:
    forms = [message["candidate"] for message in shown("What a client sends") if message["type"] == "ice"]
    assert {type(form) for form in forms} == {str, dict, type(None)}
    assert keys([form for form in forms if isinstance(form, dict)]) == set(c.CandidateInit.__struct_fields__)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_is_shown_with_all_its_fields(kind: str) -> None:
    assert any(value["type"] == kind for value in shown("Events"))
    examples = [message for message in messages() if is_event(message) and message["type"] == kind]
    assert keys(examples) == {"type", *EVENTS[kind].__struct_fields__} - NEVER_SAID.get(kind, set())


async def test_what_else_a_room_says_is_shown_with_all_its_fields() -> None:
    stage = House(Law(chat_rate=(1, 10.0)))
    ann = await stage.enter(1)
    for cid in ("a", "b"):
        await stage.say(ann, c.PostChat(text="hello", cid=cid))
    await settle()
    ben = [await stage.enter(2), await stage.enter(2, after_seq=1), await stage.enter(2, after_seq=1, epoch="f" * 32)]
    await settle()
    heard = [message for ear in (ann, *ben) for message in ear.take() if not is_event(message)]
    assert {message["type"] for message in heard} == FROM_THE_SERVER - {"pong"}
    for kind in FROM_THE_SERVER - {"pong"}:
        said, documented = ([each for each in where if each["type"] == kind] for where in (heard, messages()))
        assert keys(documented) == keys(said), kind


def test_the_reasons_and_their_statuses_are_those_of_the_code() -> None:
    listed = [(int(row["status"]), reason) for row in rows("Reasons") for reason in named(row["reason"])]
    assert sorted(listed) == sorted((reason.status, code) for code, reason in REASONS.items())


def test_whoever_is_refused_is_refused_with_a_reason_that_exists() -> None:
    claimed = re.findall(r"Refused with ((?:`\w+`\s*)+)\.", TEXT)
    assert len(claimed) == len(re.findall("Refused with", TEXT))
    claimed += [row["refused with"] for row in rows("REST") if "refused with" in row]
    claimed += [row["beyond it"] for row in rows("Limits")]
    reasons = {reason for text in claimed for reason in named(text)}
    reasons |= {each["reason"] for value in json_values(TEXT) for each in objects(value) if "detail" in each}
    assert reasons and reasons <= set(REASONS)


def test_the_closing_codes_are_those_of_the_code() -> None:
    listed = [int(row["code"].strip("`")) for row in rows("Closing codes")]
    assert sorted(listed) == sorted({*map(int, Close), *OF_WEBSOCKETS})
    mentioned = {int(code) for code in re.findall(r"\b(1[01][01]\d|40[01]\d)\b", TEXT)}
    assert mentioned <= {*listed, FREE_FOR_CLIENTS}


def test_it_says_which_ends_end_the_stay_and_which_refusals_pass() -> None:
    codes = {int(code) for code in re.findall(r"\b\d{4}\b", section("Leaving"))}
    assert codes - {FREE_FOR_CLIENTS} == ENDS_THE_STAY
    passing = re.search(r"passes by itself\s+\(([^)]*)\)", section("Connecting"))
    assert passing and set(named(passing[1])) == PASSING


def test_the_options_are_those_of_the_code() -> None:
    table = re.search("<!-- options.*?-->\n(.*?)\n<!-- /options -->", TEXT, re.DOTALL)
    assert table and table[1] == markdown_table()


def test_the_limits_are_those_of_the_code() -> None:
    limits = {row["what"]: row["how much"] for row in rows("Limits")}
    assert limits["a frame from a client"] == f"{socket.FRAME} bytes"
    assert limits["bytes that wait for one who is catching up"] == str(audience.CATCHING_UP_BEHIND)
    assert limits["fragments of a message"] == str(frames.PIECES)
    assert limits["pings and pongs of a client, a connection"] == "{:g} a second, {} at once".format(*socket.CONTROLS)
    assert limits["frames that cannot be understood, a connection"] == "{} in {:g} s".format(*ws.BAD_FRAMES)
    assert limits["refusals for going too fast, a connection"] == "{} in {:g} s".format(*ws.REFUSALS)
    assert limits["a REST body"] == f"{BODY} bytes, in {guard.BODY_SECONDS:g} s"
    assert limits["the headers of a request"] == f"in {__main__.KEEPALIVE_SECONDS:g} s"
    assert limits["an answer by REST that nobody takes"] == f"{doorway.PATIENCE:g} s without a byte"
    assert limits["commands that wait in a room"] == str(actor.INBOX)
    assert limits["events of a room that wait for the disk"] == str(actor.UNTOLD)
    assert limits["a page of `sync`"] == f"{sync.MOST} events; it ends early beyond {catchup.PAGE_BYTES} bytes"
    assert limits["a `cid`"] == f"1 to {length(c.Cid)} characters; {CIDS_KEPT} are remembered, a member in a room"
    assert limits["key epochs, a member in a room"] == "{} in {:g} s".format(*EPOCH_RATE)
    assert limits["bytes that wait for a slow reader"].endswith(f"not longer than {audience.STUCK_SECONDS:g} s")
    assert limits["recordings of a room"] == str(files.RECORDINGS)
    assert limits["the text of a chat message"] == f"{CHAT_LIMIT} characters"
    assert limits["ciphertext, decoded"] == f"{c.MAX_CIPHERTEXT} bytes"
    assert limits["SDP"] == f"{length(c.Sdp)} characters"
    assert limits["each text of an ICE candidate"] == f"{length(c.Short)} characters"
    assert limits["the reason of a measure"] == f"{length(c.Note)} characters"
    assert limits["a picture"] == f"{pictures.BYTES} bytes, {picture_worker.PIXELS} pixels"
    assert limits["uploads at once, a person"] == str(arrivals.AT_ONCE)
    assert limits["unfinished uploads in pieces, a person"] == str(tus.UNFINISHED)
    assert limits["parts that are joined into one recording"] == str(joining.PARTS)
    assert limits["parts of a form"] == str(multipart.MAX_PARTS)
    assert limits["progress of an upload"] == f"{uploads.PROGRESS} bytes in {uploads.PATIENCE:g} s"
    assert limits["wrong invite keys, an address"] == f"{house.GUESSES} in {house.GUESS_SECONDS:g} s"


def length(kind: Any) -> int:
    (meta,) = kind.__metadata__
    return int(meta.max_length)


# ---- REST ------------------------------------------------------------------------------------------------------------


def routes_of(resource: Any) -> set[str]:
    found = set()
    for route in resource.routes:
        assert isinstance(route, web.RouteDef)
        choice = re.search(r"\{\w+:([\w|]+)\}", route.path)
        for path in [route.path.replace(choice[0], one) for one in choice[1].split("|")] if choice else [route.path]:
            found.add(route.method + " " + re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path))
    return found


def documented_routes() -> set[str]:
    return set(re.findall("`([A-Z]+ /[^`]*)`", " ".join(row["request"] for row in rows("REST") if "request" in row)))


def exchange(route: str) -> tuple[str, str]:
    """The body that a route takes, and its answer."""
    (row,) = (row for row in rows("REST") if f"`{route}`" in row.get("request", ""))
    body, _, answer = row.get("body → answer", row.get("answer", "")).partition("→")
    return body, answer


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    assert documented_routes() == set().union(*map(routes_of, RESOURCES))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda module: module.__name__)
def test_every_field_of_a_body_stands_in_the_row_of_a_route_that_takes_it(resource: Any) -> None:
    bodies = [kind for kind in vars(resource).values() if isinstance(kind, type) and issubclass(kind, Struct)]
    bodies = [kind for kind in bodies if kind.__module__ == resource.__name__]
    taken = [set(re.findall(r"\w+", exchange(route)[0])) for route in routes_of(resource) & documented_routes()]
    for body in bodies:
        assert any(set(body.__struct_fields__) <= names for names in taken), body


@pytest.mark.parametrize("action", moderation.ACTIONS)
def test_an_action_of_moderation_is_documented_with_its_body_and_its_answer(action: str) -> None:
    body, answer = moderation.ACTIONS[action]
    taken, answered = exchange(f"POST /api/moderation/{{slug}}/{action}")
    assert re.findall(r"\w+", taken) == list(body.__struct_fields__)
    assert re.findall(r"\w+", answered) == list(answer.__struct_fields__)


def test_the_actions_of_the_moderation_log_are_all_named() -> None:
    actions = {*moderation.ACTIONS, *moderation.EVENT_ACTIONS.values()}
    described = section("Moderation").partition("\n`action` is ")[2]
    assert set(named(described)) == actions


async def test_rest_answers_in_the_shapes_that_are_shown(api: Api) -> None:
    ann, ben = await api.guest("Ann"), await api.guest("Ben")
    assert shape(await api.post("/api/auth/guest")) == shape(shown("Tokens")[0])
    assert shape(await ann.get(f"/api/users/{ann.id}")) == shape(shown("The user")[0])
    room = await ann.create_room(title="Tea", is_private=True, create_invite=True)
    for_mods, for_strangers = shown("The room")
    slug = room["slug"]
    assert shape(room) == shape(for_mods)
    assert shape(await api.get(f"/api/rooms/{slug}")) == shape(for_strangers)
    joined = await ben.post(f"/api/participants/{slug}/join", invite_key=room["invite_key"])
    assert shape(joined) == shape(shown("The participant")[0])
    assert shape(await ann.get(f"/api/state/{slug}")) == shape(shown("The snapshot")[0])
    assert shape(await ann.get(f"/api/sync/{slug}", limit=1)) >= shape(shown("Sync")[0]) - {"hands_up"}
    await ann.moderate(slug, "kick", ben.id, reason="noise")
    (deed,) = (await ann.get(f"/api/moderation/{slug}/log"))["items"]
    (ban,) = (await ann.get(f"/api/moderation/{slug}/bans"))["items"]
    assert shape(deed) == shape(shown("Moderation")[0])
    assert f"`{{{', '.join(ban)}}}`" in section("Moderation")
    assert shape(await ann.get("/api/rtc/config")) <= shape(shown("Calls")[0])
    async with await ann.join(slug) as meeting:
        await meeting.command("ping")
        assert await meeting.next("pong") in shown("ping and leave")


def shape(answer: Any) -> set[str]:
    return keys(list(objects(answer)))


async def test_refusals_look_as_they_are_shown_also_where_http_refuses(api: Api) -> None:
    for method, path, reason in (("GET", "/nowhere", "not_found"), ("PUT", "/livez", "method_not_allowed"),
                                 ("GET", "/ws/rooms/tea", "upgrade_required"),
                                 ("GET", "/api/rooms/tea", "room_not_found")):
        with pytest.raises(ApiError) as refused:
            await api.call(method, path)
        assert refused.value.reason == reason
        prose = " ".join(section("Reasons").split())
        assert f'"{reason}" ({refused.value.status}' in prose or f"| {refused.value.status} | `{reason}` |" in prose


async def test_what_is_asked_about_keys_is_answered_as_it_is_shown(api: Api) -> None:
    ann = await api.guest("Ann")
    await ann.call("PUT", "/api/users/me/device_key", {"x25519_b64": shown("Room keys")[0]["members"][0]["x25519_b64"]})
    slug = (await ann.create_room(title="Tea"))["slug"]
    await ann.post(f"/api/participants/{slug}/join")
    answers = [await ann.post(f"/api/crypto/{slug}/init")]
    share = {"user_id": ann.id, "wrapped_key_b64": shown("Room keys")[1]["wrapped_key_b64"]}
    answers.append(await ann.post(f"/api/crypto/{slug}/epochs", key_epoch=2, shares=[share]))
    for route, answer in zip(("init", "epochs"), answers, strict=True):
        _, described = exchange(f"POST /api/crypto/{{slug}}/{route}")
        assert f"`{{{', '.join(answer)}}}`" in described
    assert shape(await ann.get(f"/api/crypto/{slug}")) == shape(shown("Room keys")[0])
    assert shape(await ann.get(f"/api/crypto/{slug}/my_key")) == shape(shown("Room keys")[1])


@pytest.mark.parametrize("text", ["axenix/room-key/v1|", "axenix/chat/v1|"])
def test_what_keys_and_lines_are_bound_to_is_what_the_page_binds_them_to(text: str) -> None:
    assert text in section("Keys") and text in (PACKAGE.parent / "static" / "sealed.js").read_text(encoding="utf-8")
