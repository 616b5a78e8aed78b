"""The documents, served: made when first asked for, kept packed, and shown by pages that run no script but our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from axenix.web.pages import STATIC, TYPES, Packed, handed, packed_of, sent

routes = web.RouteTableDef()

MARKDOWN = "text/plain; charset=utf-8"
"""Which every browser shows."""
OPEN = {"Access-Control-Allow-Origin": "*"}
"""Nothing in a document is secret; editors on other sites may read it."""


@routes.get("/docs")
async def docs(request: web.Request) -> web.StreamResponse:
    return await sent(request, STATIC / "docs" / "index.html", {})


@routes.get("/docs/socket")
async def socket(request: web.Request) -> web.StreamResponse:
    return handed(request, await asyncio.to_thread(socket_page), TYPES[".html"], {})


@routes.get("/docs/protocol")
async def protocol(request: web.Request) -> web.StreamResponse:
    return handed(request, await asyncio.to_thread(protocol_text), MARKDOWN, {})


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.StreamResponse:
    return handed(request, await asyncio.to_thread(openapi_json), TYPES[".json"], OPEN)


@routes.get("/asyncapi.json")
async def asyncapi(request: web.Request) -> web.StreamResponse:
    return handed(request, await asyncio.to_thread(asyncapi_json), TYPES[".json"], OPEN)


# ---- made once; what makes them is loaded then, too ------------------------------------------------------------------


@cache
def openapi_json() -> Packed:
    from axenix.web.docs.openapi import openapi
    return json(openapi)


@cache
def asyncapi_json() -> Packed:
    from axenix.web.docs.asyncapi import asyncapi
    return json(asyncapi)


@cache
def socket_page() -> Packed:
    from axenix.web.docs.page import page
    return packed_of(page().encode())


@cache
def protocol_text() -> Packed:
    from axenix.web.docs.examples import protocol
    return packed_of(protocol().encode())


def json(make: Callable[[], dict[str, Any]]) -> Packed:
    return packed_of(msgspec.json.encode(make()))
