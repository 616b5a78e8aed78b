"""The documents made from the code: valid to their own validators, complete, true in every example, and to be read.

test_schemathesis.py tries what they say of requests; `living.asked` holds every answer of the other tests against it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import _tools
import msgspec
import pytest
from harness import ROOT, ServerProcess
from living import asked, elsewhere
from living import anyone_fixture, shared_server_fixture  # noqa: F401
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.async_api import Browser
from test_access import spelled_out
from windows import Windows

from axenix import wire
from axenix.app import make_app
from axenix.client import Api, Person
from axenix.config import Config
from axenix.errors import REASONS
from axenix.room.events import AnyEvent, Entry
from axenix.room.fold import apply
from axenix.room.signals import Relayed, Typing
from axenix.room.state import found
from axenix.store.database import Database
from axenix.web.docs.asyncapi import asyncapi, messages
from axenix.web.docs.notices import NOTICES
from axenix.web.docs.openapi import openapi
from axenix.web.docs.row import WHO
from axenix.web.docs.table import SLUG, TABLE, UNLISTED, WRAP, X25519

GOLDEN = json.loads((ROOT / "tests" / "golden" / "history.json").read_text(encoding="utf-8"))
ON_THE_SOCKET_ONLY = {"missing_to", "unknown_message_type", "peer_not_found", "video_off_by_admin", "empty_ciphertext"}
ANN, BEN = 7, 9
"""The users of the examples."""
ADDRESSES = ("/openapi.json", "/asyncapi.json", "/docs", "/docs/socket", "/docs/protocol")

# ---- complete and valid ----------------------------------------------------------------------------------------------


async def test_every_route_of_the_app_is_in_the_document_and_the_other_way_round(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "data", on_fatal=lambda message, code: None)
    routes: set[str] = set()
    try:
        for route in make_app(Config(), database).router.routes():
            assert route.resource is not None
            pattern = route.resource.get_info().get("pattern", re.compile(""))
            routes |= {f"{route.method} {path}" for path in spelled_out(pattern, route.resource.canonical)}
    finally:
        await database.close()
    gets = {route.removeprefix("GET ") for route in routes if route.startswith("GET ")}
    routes -= {f"HEAD {path}" for path in gets}  # which aiohttp adds by itself
    paths = openapi()["paths"]
    assert {f"{method.upper()} {path}" for path in paths for method in paths[path]} | UNLISTED == routes


def test_openapi_is_valid_to_the_validator_of_openapi() -> None:
    faults = [f"{'/'.join(map(str, error.path))}: {error.message}"
              for error in OpenAPIV31SpecValidator(openapi()).iter_errors()]  # type: ignore[arg-type]
    assert not faults


def test_asyncapi_is_valid_to_the_parser_of_asyncapi(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.json"
    document.write_text(json.dumps(asyncapi()), encoding="utf-8")
    node = _tools.find_node()
    assert node is not None, _tools.NO_NODE
    said = subprocess.run([node, ROOT / "tests" / "js" / "asyncapi.mjs", document], capture_output=True, timeout=60,
                          encoding="utf-8")
    assert said.returncode == 0, said.stderr + _tools.NO_PACKAGES
    answer = json.loads(said.stdout)
    assert answer["parsed"]
    assert [each for each in answer["said"] if each["code"] != "asyncapi-latest-version"] == []


def test_every_reason_there_is_can_be_found_in_one_of_the_documents() -> None:
    said = {reason for row in TABLE for reason in row.reasons()}
    assert set(REASONS) - said == ON_THE_SOCKET_ONLY
    assert {row.who for row in TABLE} == set(WHO)
    assert len({row.name for row in TABLE}) == len(TABLE)


def test_every_message_of_the_socket_is_in_the_document() -> None:
    kinds = {group: {each.kind for each in messages() if each.group == group} for group in
             ("client", "server", "event", "signal")}
    assert kinds["client"] == set(wire.TYPES)
    assert kinds["event"] == {kind.__struct_config__.tag for kind in get_args(AnyEvent)}
    assert kinds["signal"] == {"offer", "answer", "ice", "chat.typing"}
    assert all(each.examples and (each.about or each.group == "server") for each in messages())


# ---- the examples are run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", messages(), ids=lambda message: message.name)
def test_an_example_of_a_message_is_one(message: Any) -> None:
    for example in message.examples:
        if message.group == "client":
            assert type(wire.parse(json.dumps(example).encode())) is message.struct
        elif message.group == "event":
            event = msgspec.convert(example, message.struct)
            assert msgspec.to_builtins(event) == example
            room = room_with_both()
            room.seq = event.seq - 1
            apply(room, Entry(event))
            assert room.seq == event.seq
        else:
            assert message.struct in {*NOTICES, Relayed, Typing}
            assert msgspec.to_builtins(msgspec.convert(example, message.struct)) == example


def room_with_both() -> Any:
    room = found(SLUG, "Tea", (ANN, "Ann", None), "e" * 32)
    for seq, (user_id, name) in enumerate([(ANN, "Ann"), (BEN, "Ben")], 1):
        joined = {"type": "member.joined", "seq": seq, "created_at": "2026-11-22T16:30:00.000Z", "user_id": user_id,
                  "nickname": name, "avatar_url": None, "role": "owner" if user_id == ANN else "guest"}
        apply(room, Entry(msgspec.convert(joined, AnyEvent)))
    return room


def test_the_examples_of_events_have_the_fields_of_events_that_a_room_has_made() -> None:
    made: dict[str, list[set[str]]] = {}
    for step in GOLDEN["steps"]:
        made.setdefault(step["event"]["type"], []).append(set(step["event"]))
    for message in messages():
        if message.group == "event":
            for example in message.examples:
                assert set(example) in made[message.kind] or example.get("deleted"), example


async def test_every_example_of_a_body_is_accepted_by_a_server(api: Api) -> None:
    people = [await api.guest(f"Guest {number}") for number in range(1, BEN + 1)]
    ann, ben = people[ANN - 1], people[BEN - 1]
    assert (ann.id, ben.id) == (ANN, BEN)
    examples = [(row, content["example"]) for row, content in bodies() if "example" in content]
    assert len(examples) > 20 and {row.name for row, _ in bodies()} == {row.name for row, _ in examples}
    for row, example in examples:
        await prepare(row.name, ann, ben, example)
        path = row.path.format(slug=SLUG, id=ANN, key_epoch=2)
        answer = await asked(ann, row.method, path, example)
        assert answer.status == row.status, (row.name, answer)


def bodies() -> list[tuple[Any, Any]]:
    paths = json.loads(json.dumps(openapi()))["paths"]
    shown = [(row, paths[row.path][row.method.lower()].get("requestBody", {}).get("content", {})) for row in TABLE]
    return [(row, content["application/json"]) for row, content in shown if "application/json" in content]


async def prepare(name: str, ann: Person, ben: Person, example: dict[str, Any]) -> None:
    """What has to be so before the example makes sense."""
    if name == "room_by_invite":
        example["invite_key"] = (await ann.get(f"/api/rooms/{SLUG}"))["invite_key"]  # a key cannot be known beforehand
    if name in ("heartbeat", "leave", "post_message", "init_key"):
        await ann.post(f"/api/participants/{SLUG}/join")
    if name in ("promote_admin", "force_mute", "init_key"):
        await ben.post(f"/api/participants/{SLUG}/join")
    if name == "begin_epoch":
        await ben.post(f"/api/participants/{SLUG}/leave")
    if name == "share_key":
        await ben.call("PUT", "/api/users/me/device_key", {"x25519_b64": X25519})
        await ben.post(f"/api/participants/{SLUG}/join")


def test_the_keys_of_the_examples_are_as_long_as_keys_are() -> None:
    assert msgspec.convert(X25519, bytes) and len(msgspec.convert(X25519, bytes)) == 32
    assert len(msgspec.convert(WRAP, bytes)) == 80


# ---- served ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ADDRESSES)
async def test_a_document_is_served_packed_and_not_twice(anyone: Api, path: str) -> None:
    first = await asked(anyone, "GET", path, headers=elsewhere())
    assert first.status == 200 and first.headers["Content-Encoding"] == "gzip"
    again = await asked(anyone, "GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    policy = first.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'self'" in policy


async def test_what_is_served_is_what_was_made(anyone: Api) -> None:
    assert (await asked(anyone, "GET", "/openapi.json")).body == json.loads(json.dumps(openapi()))
    assert (await asked(anyone, "GET", "/asyncapi.json")).body == json.loads(json.dumps(asyncapi()))
    document = (ROOT / "axenix" / "PROTOCOL.md").read_bytes()
    assert (await asked(anyone, "GET", "/docs/protocol")).body == document


def test_a_server_that_starts_makes_no_document() -> None:
    said = subprocess.check_output([sys.executable, "-c", "import sys, axenix.__main__, axenix.app\n"
                                    "print([name for name in sys.modules if 'web.docs' in name])"], cwd=ROOT)
    assert said.strip() == b"[]"


# ---- read ------------------------------------------------------------------------------------------------------------


async def test_the_requests_are_listed_and_can_be_tried_out(windows: Windows, server: ServerProcess) -> None:
    window = await windows.person()
    asked_of: set[str] = set()
    window.page.on("request", lambda request: asked_of.add(request.url.split("/")[2]))
    await window.page.goto(server.url + "/docs")
    operations = window.page.locator(".opblock")
    await operations.first.wait_for()
    assert await operations.count() == len(TABLE)
    guest = window.page.locator("#operations-auth-guest")
    await guest.locator(".opblock-summary-control").click()
    await guest.get_by_role("button", name="Try it out").click()
    await guest.get_by_role("button", name="Execute").click()
    await guest.locator(".live-responses-table").get_by_text("access_token").first.wait_for()
    assert asked_of == {server.url.split("/")[2]}, "nothing comes from elsewhere"


async def test_the_pages_lead_to_one_another_and_the_socket_is_told_of_without_any_script(
    chromium: Browser, server: ServerProcess,
) -> None:
    page = await (await chromium.new_context(java_script_enabled=False)).new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    await page.goto(server.url + "/docs")
    await page.get_by_role("link", name="The socket").click()
    assert await page.locator("section").count() == len(messages())
    for message in messages():
        assert await page.locator(f'[id="{message.name}"] h3').inner_text() == message.kind
    links = await page.locator("main a[href^='#']").evaluate_all("(all) => all.map((each) => each.hash.slice(1))")
    assert set(links) == {message.name for message in messages()}
    assert not faults
    for name, path in (("The protocol in words", "/docs/protocol"), ("asyncapi.json", "/asyncapi.json")):
        assert await page.get_by_role("link", name=name).get_attribute("href") == path


def test_what_is_vendored_says_what_it_is_and_under_which_licence() -> None:
    place = ROOT / "static" / "vendor" / "swagger-ui"
    version = re.fullmatch(r"swagger-ui-dist (\d+\.\d+\.\d+)\n", (place / "VERSION").read_text(encoding="utf-8"))
    assert version and version[1] in (place / "swagger-ui-bundle.js").read_text(encoding="utf-8")
    assert "Apache License" in (place / "LICENSE").read_text(encoding="utf-8")
    assert b"sourceMappingURL" not in (place / "swagger-ui-bundle.js").read_bytes()[-300:]
