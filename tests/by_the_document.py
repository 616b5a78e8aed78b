"""A client written from PROTOCOL.md alone, with another WebSocket library and the standard library's HTTP.

Knows nothing of axenix and shares nothing with its client: what works here can be written by anybody who reads.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]
COMES_BACK = {1006, 1011, 1012, 1013, 4001, 4008, 4010}
"""Closing codes after which a client connects again."""


class No(Exception):
    """The server refused: `reason` is for programs."""

    def __init__(self, body: Json) -> None:
        super().__init__(body["reason"], body["detail"])
        self.reason: str = body["reason"]


class Somebody:
    """Step 1: a token, kept and renewed."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.id, self.token = 0, ""

    async def ask(self, method: str, path: str, body: Json | None = None, **query: object) -> Json:
        return await asyncio.to_thread(self._ask, method, f"{path}?{urlencode(query)}", body)

    def _ask(self, method: str, path: str, body: Json | None) -> Json:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = json.dumps(body or {}).encode() if method != "GET" else None
        try:
            with urlopen(Request(self.server + path, content, headers, method=method), timeout=10) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            with error:
                raise No(json.load(error)) from None

    async def take_token(self, nickname: str | None = None) -> None:
        answer = await self.ask("POST", "/api/auth/guest", {"nickname": nickname} if nickname else {})
        self.id, self.token = answer["user_id"], answer["access_token"]


class Room:
    """Steps 3 to 10: the socket, the state as the snapshot and the events make it, and coming back."""

    def __init__(self, me: Somebody, slug: str) -> None:
        self.me, self.slug = me, slug
        self.state: Json = {}
        self.last, self.epoch = 0, ""
        self.events: list[Json] = []
        self.signals: list[Json] = []
        self.resets = self.ends = 0
        self.resumed: bool | None = None
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._unanswered: dict[str, Json] = {}
        self._changed = asyncio.Condition()
        self._life: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None

    async def enter(self) -> Room:
        self._life = asyncio.create_task(self._live())
        await self.until(lambda: self.state)
        return self

    async def _live(self) -> None:
        """The table of closing codes: coming back after a pause that grows and has some chance in it."""
        pause = 0.5
        while True:
            code = 1006
            try:
                async with await self._connect() as self._socket:
                    async for text in self._socket:
                        await self._take(json.loads(text))
                        pause = 0.5
                code = self._socket.close_code or 1006
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
            except OSError:
                pause = min(2 * pause, 4)
            self.ends += 1
            if code not in COMES_BACK:
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1))

    async def _connect(self) -> ClientConnection:
        query = {"after_seq": self.last, "epoch": self.epoch} if self.state else {}
        address = f"{self.me.server.replace('http', 'ws', 1)}/ws/rooms/{self.slug}?{urlencode(query)}"
        return await connect(address, subprotocols=["axenix.v1", f"bearer.{self.me.token}"])  # type: ignore[list-item]

    async def _take(self, message: Json) -> None:
        async with self._changed:
            match message["type"]:
                case "joined":
                    self.resumed = message["resumed"]
                case "state.snapshot" if not self.state:
                    self._adopt(message)
                case "sync.info":
                    await self._say_again()
                case "sync.batch":
                    for event in message["items"]:
                        await self._fold(event)
                case "sync.reset":
                    self.resets += 1
                    self._adopt(message["snapshot"])
                case "ack" | "error":
                    self._answered(message)
                case _ if "seq" in message:
                    await self._fold(message)
                case _ if "from" in message:
                    self.signals.append(message)
            self._changed.notify_all()

    def _adopt(self, snapshot: Json) -> None:
        self.state, self.last, self.epoch = snapshot, snapshot["seq"], snapshot["epoch"]

    async def _fold(self, event: Json) -> None:
        """The rule for a client."""
        if event["seq"] <= self.last:
            return
        if event["seq"] > self.last + 1:
            return await self._send({"type": "sync.sub", "after_seq": self.last})
        self.last = event["seq"]
        self.events.append(event)
        if event["type"] in ("hand.raised", "hand.lowered"):
            self.state["hands_up"] = event["hands_up"]

    def _answered(self, message: Json) -> None:
        self._unanswered.pop(message.get("cid", ""), None)
        answer = self._answers.pop(message.get("cid", ""), None)
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _say_again(self) -> None:
        for message in list(self._unanswered.values()):
            await self._send(message)

    async def _send(self, message: Json) -> None:
        assert self._socket is not None
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed:
            pass  # whoever waits for an answer says it again after coming back

    async def say(self, type: str, cid: str | None = None, **fields: object) -> int | None:
        """With a `cid`, until it is acked: the seq of the event, if there is one. Chat outlives lost connections."""
        message = {"type": type, "cid": cid or secrets.token_hex(8), **fields}
        answer = self._answers[message["cid"]] = asyncio.get_running_loop().create_future()
        if type == "chat.message":
            self._unanswered[message["cid"]] = message
        await self._send(message)
        said: Json = await asyncio.wait_for(answer, 15)
        if said["type"] == "error":
            raise No(said)
        return said.get("seq")

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(15), self._changed:
            await self._changed.wait_for(true)

    def cut(self) -> None:
        """As a tunnel would."""
        assert self._socket is not None
        self._socket.transport.abort()

    async def leave(self) -> None:
        await self._send({"type": "leave"})
        assert self._life is not None
        await asyncio.wait_for(self._life, 15)
