"""The server by a socket: being in a room, hearing of everything once and in order, and asking for things."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
from collections.abc import AsyncIterator
from functools import partialmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import orjson

from axenix.client.errors import Closed, Gap, Refused

if TYPE_CHECKING:
    from axenix.client.rest import Person

Frame = dict[str, Any]


COME_BACK = frozenset({None, 1001, 1006, 1011, 1012, 1013, 4001, 4008, 4010})
"""Close codes after which the room expects us again; after 4001 with a token that was renewed meanwhile."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 4.0


class End(NamedTuple):
    """The last thing in the queue of a socket that has ended."""

    socket: aiohttp.ClientWebSocketResponse
    gap: Gap | None


class Connection:
    """A person's socket in a room. `async for event in connection` ends when the socket does.

    `joined`, `snapshot` and `info` are what the server greeted with; `snapshot` is also replaced by a reset. `last_seq`
    is the last event that has arrived, read or not yet. `close_code` is None while the socket is open.
    """

    def __init__(self, person: Person, slug: str, invite_key: str | None = None) -> None:
        self.person = person
        self.slug = slug
        self._invite_key = invite_key
        self._events: asyncio.Queue[Frame | End] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Frame | None]] = {}

    async def open(self, after_seq: int | None = None, epoch: str | None = None) -> Connection:
        query = {"invite_key": self._invite_key, "after_seq": after_seq, "epoch": epoch}
        ws = await self.person.session.ws_connect(
            f"{self.person.base_url}/ws/rooms/{self.slug}",
            params={name: value for name, value in query.items() if value is not None},
            protocols=("axenix.v1", f"bearer.{self.person.token}"), heartbeat=30, max_msg_size=0,
        )
        try:
            self.joined = await expect(ws, "joined")
            self.snapshot = await expect(ws, "state.snapshot")
            self.info = await expect(ws, "sync.info")
        except BaseException:
            await ws.close(code=4000)
            raise
        if after_seq is None:
            after_seq, epoch = self.info["next_seq"] - 1, None
        self.last_seq: int = after_seq
        self.epoch: str = epoch or self.info["epoch"]  # If history has another by now, a reset will follow and say so.
        self.close_code: int | None = None
        self._batches_asked_for = 0
        self._goodbye = 4000
        self._has_gap = False
        self._socket = ws
        self._reader = asyncio.create_task(self._read())
        return self

    async def resume(self) -> None:
        """Comes back after the socket has ended, or drops it first; what was missed arrives before anything new."""
        await self.drop()
        await self.open(self.last_seq, self.epoch)

    async def come_back(self) -> bool:
        """After the end: resumes as soon as the server lets us, however long that takes.

        False: we are not to come back (kicked, replaced, the room is gone, we have left). Refused: we may not come in.
        """
        if not self._has_gap and self.close_code not in COME_BACK:
            return False
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(random.uniform(0, pause))  # not all at once, after a restart
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                await self.resume()
                return True
            except Refused as refused:
                if refused.close_code != 1013:  # 1013: it passes by itself
                    raise
                pause = max(pause, refused.retry_after or 0)
            except (aiohttp.ClientError, OSError, TimeoutError, Closed):
                pass

    async def send(self, type: str, **fields: object) -> None:
        """Sends and forgets: a refusal arrives as an event of type "error"."""
        self._batches_asked_for += type == "sync.sub"
        await self.send_raw(orjson.dumps({"type": type, **fields}).decode())

    async def send_raw(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except ConnectionError:
            raise Closed(self.close_code) from None

    async def command(self, type: str, **fields: object) -> Frame:
        """Sends, and waits until it has happened: answers with the ack, or raises Refused or Closed."""
        cid = str(fields.setdefault("cid", secrets.token_hex(8)))
        if self._reader.done():
            raise Closed(self.close_code)
        answer = self._answers.setdefault(cid, asyncio.get_running_loop().create_future())
        try:
            await self.send(type, **fields)
            async with asyncio.timeout(30):
                frame = await answer
        finally:
            self._answers.pop(cid, None)
        if frame is None:
            raise Closed(self.close_code)
        if frame["type"] == "error":
            raise refusal(frame)
        return frame

    async def chat(self, text: str, cid: str | None = None) -> int:
        """Answers with the message's seq. After Closed, the same `cid` asks again without saying it twice."""
        seq: int = (await self.command("chat.message", text=text, cid=cid or secrets.token_hex(8)))["seq"]
        return seq

    offer = partialmethod(command, "offer")
    answer = partialmethod(command, "answer")
    ice = partialmethod(command, "ice")
    media = partialmethod(command, "media.self")
    raise_hand = partialmethod(command, "hand.raise")
    lower_hand = partialmethod(command, "hand.lower")
    typing = partialmethod(send, "chat.typing")

    async def leave(self) -> None:
        """Says goodbye, and waits until the server has closed."""
        await self.send("leave")
        await self._reader

    async def close(self, code: int = 1000) -> None:
        """1000 and 1001 end the stay; after any other code the room keeps the place for a while."""
        self._goodbye = code  # the reader may be the one who sends it
        await self._socket.close(code=code)
        await self._reader

    async def drop(self) -> None:
        """Vanishes without a word, as a lost network would."""
        plug = self._socket.get_extra_info("socket")
        if plug is not None and not self._socket.closed:
            with socket.fromfd(plug.fileno(), plug.family, plug.type) as same_plug:
                same_plug.shutdown(socket.SHUT_RDWR)
        await self._reader

    async def next(self, type: str | None = None, timeout: float = 10, **fields: object) -> Frame:
        """The next event, or the next one like this; what comes before it is thrown away."""
        async with asyncio.timeout(timeout):
            async for event in self:
                if type in (None, event["type"]) and event.items() >= fields.items():
                    return event
        raise Closed(self.close_code)

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        event = await self._events.get()
        while isinstance(event, End) and event.socket is not self._socket:  # There has been a resume since.
            event = await self._events.get()
        if isinstance(event, End):
            self._events.put_nowait(event)  # It stays the end, however often one asks.
            raise event.gap or StopAsyncIteration
        return event

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _read(self) -> None:
        """The one task that receives: events go into the queue, answers to those who wait for them."""
        gap = None
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(orjson.loads(message.data))
        except Gap as found:
            gap, self._has_gap = found, True
        finally:
            await self._socket.close(code=self._goodbye)
            self.close_code = self._socket.close_code
            for cid in list(self._answers):
                self._settle(cid, None)
            self._events.put_nowait(End(self._socket, gap))

    def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind in ("ack", "error") and frame.get("cid") in self._answers:
            self._settle(frame["cid"], frame)
        elif kind == "sync.batch" and not self._batches_asked_for:  # A page of what a resume has missed.
            for event in frame["items"]:
                self._deliver(event)
        else:
            self._batches_asked_for -= kind == "sync.batch"
            self._deliver(frame)

    def _settle(self, cid: str, frame: Frame | None) -> None:
        answer = self._answers.pop(cid)
        if not answer.done():  # Nobody has given it up meanwhile.
            answer.set_result(frame)

    def _deliver(self, frame: Frame) -> None:
        if frame["type"] == "sync.reset":
            self.snapshot, self.epoch, self.last_seq = frame["snapshot"], frame["epoch"], frame["next_seq"] - 1
        elif "seq" in frame and frame["type"] != "ack":
            if frame["seq"] != self.last_seq + 1:
                raise Gap(self.last_seq + 1, frame["seq"])
            self.last_seq = frame["seq"]
        self._events.put_nowait(frame)


async def expect(ws: aiohttp.ClientWebSocketResponse, kind: str) -> Frame:
    """The next of the frames that greet a newcomer; a refusal is followed by the socket's end."""
    message = await ws.receive(timeout=30)
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise Closed(ws.close_code)
    frame: Frame = orjson.loads(message.data)
    if frame["type"] == kind:
        return frame
    await ws.receive(timeout=30)
    raise refusal(frame, ws.close_code)


def refusal(frame: Frame, close_code: int | None = None) -> Refused:
    return Refused(frame["reason"], frame["detail"], frame.get("retry_after"), close_code)
