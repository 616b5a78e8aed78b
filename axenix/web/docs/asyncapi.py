"""AsyncAPI 3.0 of the socket, made from the structs of `room/`, with the examples of PROTOCOL.md."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import Struct

from axenix import __version__
from axenix.errors import REASONS, Close
from axenix.room.commands import ClientCommand
from axenix.room.events import AnyEvent
from axenix.room.signals import Relayed, Typing
from axenix.web.docs.examples import EVENTS, FROM_CLIENTS, SIGNALS, anywhere, chapter, prose, shown, values
from axenix.web.docs.notices import NOTICES, Error
from axenix.web.docs.row import Json
from axenix.web.docs.schemas import ecma, plain, told

REF = "#/components/schemas/{name}"
RELAYED = ("offer", "answer", "ice")


class Message(NamedTuple):
    group: str
    """Which of the operations it belongs to."""
    kind: str
    struct: type[Struct]
    about: str
    examples: list[Json]

    @property
    def name(self) -> str:
        return f"{self.group}.{self.kind}"


OPERATIONS = {
    # group    action     what it is
    "client": ("receive", "What a client sends"),
    "server": ("send",    "Answers, and what is said on joining"),
    "event":  ("send",    "What happened in the room: numbered, told to everyone inside, kept in history"),
    "signal": ("send",    "What passes from one client to another and is forgotten"),
}


def messages() -> list[Message]:
    commands = [one("client", kind, FROM_CLIENTS) for kind in get_args(ClientCommand)]
    notices = [Message("server", tag(kind), kind, about, anywhere(tag(kind))[:2]) for kind, about in NOTICES.items()]
    events = [one("event", kind, EVENTS) for kind in get_args(AnyEvent)]
    signals = [signal(each, Relayed) for each in RELAYED] + [signal(tag(Typing), Typing)]
    return [*commands, *notices, *events, *signals]


def one(group: str, kind: Any, title: str) -> Message:
    found = shown(title, tag(kind))
    return Message(group, tag(kind), kind, found.prose, found.examples)


def signal(kind: str, struct: type[Struct]) -> Message:
    said = [value for value in values(chapter(SIGNALS)) if value["type"] == kind]
    return Message("signal", kind, struct, prose(chapter(SIGNALS)).partition("\n\n")[0], said)


def tag(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def asyncapi() -> Json:
    known = messages()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Axenix Conference: the socket", "version": __version__, "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {"here": {
            "host": "{host}", "protocol": "ws", "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            "variables": {"host": {"default": "127.0.0.1:8088", "description": "its address; wss behind https"}},
        }},
        "channels": {"room": channel(known)},
        "operations": {group: {
            "action": action, "channel": {"$ref": "#/channels/room"}, "summary": about,
            "messages": [{"$ref": f"#/channels/room/messages/{each.name}"} for each in known if each.group == group],
        } for group, (action, about) in OPERATIONS.items()},
        "components": {
            "messages": {each.name: described(each) for each in known}, "schemas": schemas(known),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                                           "description": "or as a subprotocol, or as `token` in the query"}},
        },
    }


def channel(known: list[Message]) -> Json:
    return {
        "address": "/ws/rooms/{slug}", "title": "A room",
        "parameters": {"slug": {"description": "the address of the room", "examples": ["tea-3f9a1c20"]}},
        "messages": {each.name: {"$ref": f"#/components/messages/{each.name}"} for each in known},
        "bindings": {"ws": {"bindingVersion": "0.1.0", "method": "GET", "query": {"type": "object", "properties": {
            "token": {"type": "string"}, "invite_key": {"type": "string"},
            "after_seq": {"type": "integer", "minimum": 0}, "epoch": {"type": "string"},
        }}}},
    }


def described(each: Message) -> Json:
    payload: Json = {"$ref": REF.format(name=each.struct.__name__)}
    if each.struct is Relayed:
        payload = {"allOf": [payload, {"properties": {"type": {"const": each.kind}}}]}
    if each.struct is Error:
        payload = {"allOf": [payload, {"properties": {"reason": {"enum": list(REASONS)}}}]}
    return {
        "name": each.kind, "title": each.kind, "description": each.about, "payload": payload,
        "examples": [{"payload": example} for example in each.examples],
    }


def schemas(known: list[Message]) -> Json:
    asked = {each.struct.__name__ for each in known if each.group == "client"}
    types = sorted({each.struct for each in known}, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(types, ref_template=REF)
    return {name: plain(ecma(schema if name in asked else told(schema))) for name, schema in found.items()}


ABOUT = f"""\
One socket a room, JSON in text frames. How to join, to resume and to fold events stands in
[the protocol](/docs/protocol); what is asked for by requests in [OpenAPI](/docs).

The socket is closed with {", ".join(f"{code.value} ({code.name.lower().replace('_', ' ')})" for code in Close)}.
"""
