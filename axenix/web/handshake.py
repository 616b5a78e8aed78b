"""From a request to a WebSocket: the handshake of RFC 6455 section 4.2, and the step that takes the connection over.

aiohttp reads a socket through a queue, a task and a heartbeat of its own for each connection. Sockets are what this
server is made of, so they get a protocol that does no more than they need (see socket.py), and aiohttp is told that the
connection is none of its business any more.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Container

from aiohttp import web

from axenix.errors import Refused
from axenix.web.accounts import ID, ID_HEADER
from axenix.web.socket import Socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"


def switch_protocols(request: web.Request, offers: Container[str], max_behind: int) -> Socket | None:
    """The socket that this request asks for; None: the client has gone. Raises what to answer when it may not be.

    `offers` are the subprotocols we speak. Nothing but the handler's own return may be done with the request after it.
    """
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {accept_of(request)}", f"{ID_HEADER}: {request[ID]}"]
    for wish in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if wish.strip() in offers:
            lines.append(f"Sec-WebSocket-Protocol: {wish.strip()}")
            break
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    transport.write("\r\n".join([*lines, "", ""]).encode())
    return take_over(request, transport, max_behind)


def accept_of(request: web.Request) -> str:
    """What proves to the client that we have understood."""
    headers = request.headers
    key = headers.get("Sec-WebSocket-Key", "").strip().encode(errors="replace")
    if headers.get("Upgrade", "").strip().lower() != "websocket" or not _upgrades(headers.get("Connection", "")):
        raise Refused("upgrade_required")
    if not (headers.get("Sec-WebSocket-Version", "").strip() == VERSION and _is_nonce(key)):
        raise web.HTTPBadRequest
    return b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode()


def _is_nonce(key: bytes) -> bool:
    try:
        return len(b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _upgrades(connection: str) -> bool:
    return "upgrade" in (token.strip() for token in connection.lower().split(","))


def take_over(request: web.Request, transport: asyncio.Transport, max_behind: int) -> Socket:
    """From here on the transport feeds the socket, and aiohttp forgets the connection as if it had been lost."""
    http = request.protocol
    socket = Socket(transport, max_behind)
    transport.set_protocol(socket)
    early, http.transport = http._message_tail, None  # without a transport there is nothing that it could close
    http.connection_lost(None)
    if early:  # a client that did not wait for our answer
        socket.data_received(early)
    return socket
