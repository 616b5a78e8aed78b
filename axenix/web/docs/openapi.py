"""OpenAPI 3.1, made from the table of requests and the structs that handlers read and answer with."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from axenix import __version__
from axenix.web.docs.row import File, Json, Param, Raw, Row, detail_of, status_of
from axenix.web.docs.schemas import ecma, told
from axenix.web.docs.table import PATH, TABLE
from axenix.web.shapes import Refusal

REF = "#/components/schemas/{name}"
ABOUT = """\
Everything that can be asked for by a request. A token says who asks: `POST /api/auth/guest` gives one, and *Authorize*
takes it. What comes live is said on [the socket](/docs/socket); [the protocol](/docs/protocol) tells it all in words.

- A refusal has a `reason` for programs and a `detail` for people. Which there may be stands under each request.
- Unknown fields are ignored, and a client should do the same: later versions add some.
- Whole numbers in a query are brought into the range that is given.
- There is no need to say who asks. A request that does, as `actor_user_id` or `uploader_user_id` (and to `auth/guest`
  and `participants/*` as `user_id`), in the query or the body, must name the token's own user.
"""
TAGS = {
    "auth": "Tokens", "users": "People", "rooms": "Rooms", "covers": "Pictures of rooms",
    "participants": "Who is there",
    "moderation": "Keeping order", "state": "The room's state", "chat": "Messages", "sync": "Catching up",
    "rtc": "Calls", "crypto": "Room keys", "recordings": "Recordings, in one piece or by tus 1.0",
    "the server": "Operation, pages and files",
}
BEARER: Json = {"bearer": []}
LINK: Json = {"link": []}
SECURITY: dict[str, list[Json]] = {"open": [], "any": [{}, BEARER]}
WORDS = {460: "Checksum Mismatch"}
"""tus has a status of its own."""
HEADERS = {
    "Retry-After": "seconds to wait", "Location": "the address of the upload", "ETag": "which version this is",
    "Upload-Offset": "bytes that are safely on the disk", "Upload-Expires": "when it is forgotten",
}


def openapi() -> Json:
    paths: Json = {}
    for row in TABLE:
        paths.setdefault(row.path, {})[row.method.lower()] = operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Axenix Conference", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas(), "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                       "description": "`access_token` of POST /api/auth/guest"},
            "link": {"type": "apiKey", "in": "query", "name": "s", "description": "the signature of a `file_url`"},
        }},
    }


def schemas() -> Json:
    types = {kind for row in TABLE for kind in structs(row)} | {Refusal}
    _, found = msgspec.json.schema_components(sorted(types, key=lambda kind: kind.__name__), ref_template=REF)
    asked = {row.body.__name__ for row in TABLE if isinstance(row.body, type)}
    return {name: ecma(schema if name in asked else told(schema)) for name, schema in found.items()}


def structs(row: Row) -> list[type[Struct]]:
    answers = row.answer if isinstance(row.answer, tuple) else (row.answer,)
    return [kind for kind in (row.body, *answers) if isinstance(kind, type)]


def operation(row: Row) -> Json:
    made: Json = {
        "operationId": row.name, "tags": [row.tag], "summary": row.about, "description": who_may(row),
        "parameters": [*path_parameters(row), *map(parameter, row.params)],
        "responses": {str(status): shown for status, shown in sorted(responses(row).items())},
        "security": [BEARER, LINK] if row.name == "recording_file" else SECURITY.get(row.who, [BEARER]),
    }
    if row.body is not None:
        made["requestBody"] = body(row)
    return made


def who_may(row: Row) -> str:
    said = {
        "open": "For everyone.", "any": "For everyone; a token, if there is one, must be valid.",
        "user": "For everyone with a token.", "self": "For that user.", "entering": "For whoever is let in.",
        "member": "For members.", "inside": "For those inside.", "mod": "For the owner and admins.",
        "owner": "For the owner.",
    }
    return said[row.who]


# ---- what goes in ---------------------------------------------------------------------------------------------------


def path_parameters(row: Row) -> list[Json]:
    found, path = [], row.path
    for name in re.findall(r"\{(\w+)\}", path):
        schema = dict(PATH[name])
        if row.who == "open" or path.endswith("/exists"):  # answered for what could not be a slug, too
            schema.pop("pattern", None)
        example = schema.pop("example", None)
        found.append({"name": name, "in": "path", "required": True, "schema": schema}
                     | ({} if example is None else {"example": example}))
    return found


def parameter(param: Param) -> Json:
    shown: Json = {"name": param.name, "in": param.where, "description": param.about, "schema": param.schema}
    return {**shown, "required": True} if param.required else shown


def body(row: Row) -> Json:
    if isinstance(row.body, Raw):
        return {"content": {row.body.media: {"schema": {"type": "string", "format": "binary"}}}}
    if isinstance(row.body, File):
        file = {"type": "string", "format": "binary", "description": row.body.about}
        fields = {name: {"type": "string", "description": about} for name, about in row.body.fields.items()}
        form = {"type": "object", "properties": {"file": file, **fields}, "required": ["file"]}
        return {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    assert row.body is not None
    content: Json = {"schema": reference(row.body)}
    if row.example is not None:
        content["example"] = row.example
    needed = any(field.required for field in msgspec.structs.fields(row.body))
    return {"required": needed, "content": {"application/json": content}}


# ---- what comes out -------------------------------------------------------------------------------------------------


def responses(row: Row) -> dict[int, Json]:
    headers = {name: {"schema": {"type": "string"}, "description": HEADERS.get(name, "of tus")} for name in row.headers}
    success: Json = {"description": HTTPStatus(row.status).phrase} | ({"headers": headers} if headers else {})
    if row.answer is not None:
        success["content"] = content(row.answer)
    found = {row.status: success}
    for status in row.also:
        found[status] = {"description": HTTPStatus(status).phrase} | (
            {"content": content(row.answer)} if status == 206 and row.answer is not None else {})
    said: dict[int, list[str]] = {}
    for reason in row.reasons():
        said.setdefault(status_of(reason), []).append(reason)
    return found | {status: refusal(reasons, row.method) for status, reasons in said.items()}


def content(answer: Any) -> Json:
    if isinstance(answer, Raw):
        return {answer.media: {"schema": {} if answer.media == "application/json" else {"type": "string"}}}
    if isinstance(answer, tuple):
        return {"application/json": {"schema": {"anyOf": [reference(each) for each in answer]}}}
    return {"application/json": {"schema": reference(answer)}}


def refusal(reasons: list[str], method: str) -> Json:
    status = status_of(reasons[0])
    phrase = WORDS.get(status) or HTTPStatus(status).phrase
    lines = "".join(f"\n- `{reason}`: {detail_of(reason)}" for reason in reasons)
    shown: Json = {"description": f"{phrase}\n{lines}"}
    if method != "HEAD":
        only = {"properties": {"reason": {"enum": reasons}}}
        shown["content"] = {"application/json": {"schema": {"allOf": [reference(Refusal), only]}}}
    if status in (401, 429):
        name, about = ("WWW-Authenticate", "Bearer") if status == 401 else ("Retry-After", HEADERS["Retry-After"])
        shown["headers"] = {name: {"schema": {"type": "string"}, "description": about}}
    return shown


def reference(kind: Any) -> Json:
    return {"$ref": REF.format(name=kind.__name__)}
