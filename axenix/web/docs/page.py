"""The socket's document as a page: HTML made from what `asyncapi.py` knows, to be read without any script."""

from __future__ import annotations

import json
import re
from html import escape

from axenix.web.docs.asyncapi import OPERATIONS, Message, asyncapi, messages
from axenix.web.docs.row import Json

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The socket: Axenix Conference</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/docs/docs.css">
</head>
<body>
<nav class="ways"><a href="/docs">Requests</a> <b>The socket</b> <a href="/docs/protocol">The protocol in words</a>
<a href="/asyncapi.json">asyncapi.json</a></nav>
<main>
<h1>The socket</h1>
{about}
<p><code>GET /ws/rooms/{{slug}}?invite_key=…&amp;after_seq=…&amp;epoch=…</code></p>
{contents}
{chapters}
</main>
</body>
</html>
"""


def page() -> str:
    document, known = asyncapi(), messages()
    schemas = document["components"]["schemas"]
    groups = {group: [each for each in known if each.group == group] for group in OPERATIONS}
    return PAGE.format(
        about=paragraphs(document["info"]["description"]),
        contents="".join(listed(OPERATIONS[group][1], some) for group, some in groups.items()),
        chapters="".join(chapter(OPERATIONS[group][1], some, schemas) for group, some in groups.items()))


def listed(title: str, some: list[Message]) -> str:
    links = " ".join(f'<a href="#{each.name}"><code>{each.kind}</code></a>' for each in some)
    return f"<p><b>{escape(title)}:</b> {links}</p>\n"


def chapter(title: str, some: list[Message], schemas: Json) -> str:
    return f"<h2>{escape(title)}</h2>\n" + "".join(message(each, schemas) for each in some)


def message(each: Message, schemas: Json) -> str:
    schema = schemas[each.struct.__name__]
    examples = "".join(f"<pre>{escape(json.dumps(one, ensure_ascii=False, indent=1))}</pre>\n" for one in each.examples)
    return (f'<section id="{each.name}"><h3><code>{each.kind}</code></h3>\n{paragraphs(each.about)}'
            f"{fields(schema, schemas)}{examples}</section>\n")


def fields(schema: Json, schemas: Json) -> str:
    needed = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{name}</code></td><td>{'' if name in needed else 'optional'}</td>"
        f"<td>{escape(kind(field, schemas))}</td></tr>\n"
        for name, field in schema["properties"].items() if name != "type")
    return f"<table>{rows}</table>\n" if rows else ""


LIMITS = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most"}
SOME = 4


def kind(field: Json, schemas: Json) -> str:
    """A type in words."""
    if "$ref" in field:
        inner = schemas[field["$ref"].rpartition("/")[2]]
        return "{" + ", ".join(inner["properties"]) + "}"
    if "anyOf" in field:
        found = [kind(each, schemas) for each in field["anyOf"]]
        return "any event" if len(found) > SOME else " or ".join(found)
    if "enum" in field:
        return ", ".join(json.dumps(value) for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {kind(field['items'], schemas)}"
    limits = " ".join(f"{word} {field[key]}" for key, word in LIMITS.items() if key in field)
    return f"{field.get('type', 'anything')} {limits}".strip()


def paragraphs(text: str) -> str:
    return "".join(f"<p>{inline(each)}</p>\n" for each in re.split(r"\n\n+", text.strip()) if each)


def inline(text: str) -> str:
    """Markdown's code, links and stress; nothing else of it is used there."""
    found = escape(text, quote=False)
    found = re.sub(r"`([^`]*)`", r"<code>\1</code>", found)
    found = re.sub(r"\[([^\]]*)\]\((/[\w/.]*)\)", r'<a href="\2">\1</a>', found)
    return re.sub(r"\*\*?([^*]+)\*\*?", r"<em>\1</em>", found)
