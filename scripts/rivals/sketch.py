"""The design of this server and nothing else, to read off what every feature costs. Arguments: port, folder.

One actor a room, one commit (at FULL) for all that waits, one frame an event, one write a peer and commit. There are no
tokens, roles, limits, snapshots or resumes; a peer that does not read is not noticed. What the server does beyond the
design to be faster (a commit that waits for what is just coming) is not here either.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

import msgspec
import uvloop

GREETING = re.compile(rb"GET /(\S+)\?user=(\d+) HTTP.*sec-websocket-key: (\S+)", re.S | re.I)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Post(msgspec.Struct, tag_field="type", tag="chat.message"):
    text: str


class Posted(msgspec.Struct, tag_field="type", tag="chat.message"):
    seq: int
    created_at: str
    id: int
    user_id: int
    room_slug: str
    text: str


decode = msgspec.json.Decoder(Post).decode
encode = msgspec.json.Encoder().encode


def frame(payload: bytes) -> bytes:
    size = len(payload)
    return (b"\x81" + size.to_bytes(1) if size < 126 else b"\x81\x7e" + size.to_bytes(2)) + payload


class Store:
    """All that waits while one commit runs goes into the next."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "sketch.db", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE lines (room TEXT, seq INTEGER, body BLOB, PRIMARY KEY (room, seq))")
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Room, list[tuple[str, int, bytes]]]] = []
        self._busy = False

    def append(self, room: Room, lines: list[tuple[str, int, bytes]]) -> None:
        self._waiting.append((room, lines))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, group)
            for room, lines in group:
                room.tell(lines)
        self._busy = False

    def _commit(self, group: list[tuple[Room, list[tuple[str, int, bytes]]]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO lines VALUES (?, ?, ?)", [line for _, lines in group for line in lines])
        self._db.execute("COMMIT")


class Room:
    def __init__(self, slug: str, store: Store) -> None:
        self.slug, self.seq, self.told = slug, 0, 0
        self.peers: set[asyncio.Transport] = set()
        self._store = store
        self._inbox: list[tuple[int, str]] = []

    def post(self, user: int, text: str) -> None:
        self._inbox.append((user, text))
        if len(self._inbox) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        inbox, self._inbox = self._inbox, []
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        lines = []
        for user, text in inbox:
            self.seq += 1
            lines.append((self.slug, self.seq, encode(Posted(self.seq, now, self.seq, user, self.slug, text))))
        self._store.append(self, lines)

    def tell(self, lines: list[tuple[str, int, bytes]]) -> None:
        shared = b"".join([frame(body) for _, _, body in lines])
        self.told = lines[-1][1]
        for peer in self.peers:
            peer.write(shared)


class Peer(asyncio.Protocol):
    def __init__(self, rooms: dict[str, Room], store: Store) -> None:
        self._rooms, self._store = rooms, store
        self._room: Room | None = None
        self._user = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._room is not None:
            self._room.peers.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if self._room is None:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._room = self._greet(head)
        for payload in self._frames(data):
            if len(text := decode(payload).text) <= 4000:
                self._room.post(self._user, text)

    def _greet(self, head: bytes) -> Room:
        found = GREETING.match(head)
        assert found is not None
        slug, self._user = found[1].decode(), int(found[2])
        accept = base64.b64encode(hashlib.sha1(found[3] + GUID).digest())
        self._transport.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        room = self._rooms.setdefault(slug, Room(slug, self._store))
        self._transport.write(frame(b'{"type":"welcome","next_seq":%d}' % (room.told + 1)))
        room.peers.add(self._transport)
        return room

    def _frames(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while len(data) - at >= 6:
            size, start = data[at + 1] & 127, at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2:at + 4]), at + 4
            end = start + 4 + size
            if end > len(data):
                break
            if data[at] & 15 == 1:
                key = int.from_bytes(data[start:start + 4] * (size // 4 + 1))
                mask = key >> 8 * (4 - size % 4)
                yield (int.from_bytes(data[start + 4:end]) ^ mask).to_bytes(size)
            at = end
        self._rest = data[at:]


async def main(port: int, folder: Path) -> None:
    rooms: dict[str, Room] = {}
    store = Store(folder)
    server = await asyncio.get_running_loop().create_server(lambda: Peer(rooms, store), "127.0.0.1", port, backlog=4096)
    print(f"ready at http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
