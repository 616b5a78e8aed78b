"""What people write with socketify: uWebSockets (C++) under Python, its own publish, nothing stored. Argument: port."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import Any

import orjson
from socketify import App, AppListenOptions, CompressOptions, OpCode

seqs: dict[str, int] = {}


def upgrade(response: Any, request: Any, context: Any) -> None:
    key = request.get_header("sec-websocket-key")
    about = {"room": request.get_url()[1:], "user": int(request.get_query("user"))}
    response.upgrade(key, request.get_header("sec-websocket-protocol"),
                     request.get_header("sec-websocket-extensions"), context, about)


def opened(socket: Any) -> None:
    room = socket.get_user_data()["room"]
    socket.subscribe(room)
    socket.send(orjson.dumps({"type": "welcome", "next_seq": seqs.get(room, 0) + 1}), OpCode.TEXT)


def heard(socket: Any, message: Any, opcode: Any) -> None:
    said, about = orjson.loads(message), socket.get_user_data()
    text, room = said["text"], about["room"]
    if said["type"] != "chat.message" or not isinstance(text, str) or len(text) > 4000:
        return
    seqs[room] = seq = seqs.get(room, 0) + 1
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    app.publish(room, orjson.dumps({"type": "chat.message", "seq": seq, "created_at": now, "id": seq,
                                    "user_id": about["user"], "room_slug": room, "text": text}), OpCode.TEXT)


app = App()
app.ws("/*", {"compression": CompressOptions.DISABLED, "max_payload_length": 65536, "idle_timeout": 60,
              "max_backpressure": 1 << 20, "upgrade": upgrade, "open": opened, "message": heard})
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"),
           lambda config: print(f"ready at http://127.0.0.1:{config.port}", flush=True))
app.run()
