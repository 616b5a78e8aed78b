"""What people write with FastAPI: a broadcaster that stores each message in SQLite, at FULL, and then sends it to all.

Arguments: port, folder.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path
from socket import create_server
from typing import Any

import aiosqlite
import orjson
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

rooms: dict[str, set[Any]] = defaultdict(set)
seqs: dict[str, int] = defaultdict(int)
PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiosqlite.connect(FOLDER / "chat.db") as database:
        await database.execute("PRAGMA journal_mode=WAL")
        await database.execute("PRAGMA synchronous=FULL")
        await database.execute("CREATE TABLE messages (room TEXT, seq INTEGER, body BLOB, PRIMARY KEY (room, seq))")
        app.state.database = database
        print(f"ready at http://127.0.0.1:{PORT}", flush=True)
        yield


async def chat(socket: WebSocket, room: str, user: int) -> None:
    await socket.accept()
    rooms[room].add(socket)
    await socket.send_text(f'{{"type":"welcome","next_seq":{seqs[room] + 1}}}')
    try:
        while True:
            said = orjson.loads(await socket.receive_text())
            if said["type"] == "chat.message" and isinstance(said["text"], str) and len(said["text"]) <= 4000:
                await broadcast(room, user, said["text"])
    except (WebSocketDisconnect, RuntimeError):
        rooms[room].discard(socket)


async def broadcast(room: str, user: int, text: str) -> None:
    seqs[room] = seq = seqs[room] + 1
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    body = orjson.dumps({"type": "chat.message", "seq": seq, "created_at": now, "id": seq, "user_id": user,
                         "room_slug": room, "text": text})
    database = app.state.database
    await database.execute("INSERT INTO messages VALUES (?, ?, ?)", (room, seq, body))
    await database.commit()
    for peer in list(rooms[room]):
        try:
            await peer.send_text(body.decode())
        except (WebSocketDisconnect, RuntimeError):
            rooms[room].discard(peer)


app = FastAPI(lifespan=lifespan)
app.add_api_websocket_route("/{room}", chat)
listening = create_server(("127.0.0.1", PORT), backlog=4096)  # or it would say that it is ready before it is
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listening])
