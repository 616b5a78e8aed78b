"""People who go on through crashes and cut lines: they talk, vanish and come back, delete, and upload.

Each writes down what was granted and what was shown, and says `Wrong` when one contradicts the other. Knows the
contract and nothing of the server's code.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from hashlib import sha256
from itertools import count
from typing import Any

import aiohttp

from axenix.client import Closed, Connection, Frame, Person, Refused

TROUBLE = (Closed, Refused, aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a crash looks like from outside; and what is said after it to those who are not inside any more."""
RETRY_SECONDS = 0.02
STAYS = ("type", "seq", "id", "user_id", "created_at")
"""Of a message whose text is gone."""


class Wrong(Exception):
    """A promise is broken."""


class Record:
    """All that anyone was shown of a room, by seq."""

    def __init__(self, remembered: int = 1 << 62) -> None:
        """`remembered`: how many are kept when it is told to forget."""
        self.events: dict[int, Frame] = {}
        self._remembered = remembered

    def forget(self) -> None:
        for seq in sorted(self.events)[:-self._remembered]:
            del self.events[seq]

    def saw(self, event: Frame) -> None:
        known = self.events.setdefault(event["seq"], event)
        if known is event:
            return
        if not is_same(known, event):
            raise Wrong(f"event {event['seq']} was {known}, and is {event}")
        if known.get("deleted"):
            self.events[event["seq"]] = event  # more is known now


def is_same(one: Frame, other: Frame) -> bool:
    """Or what has become of it."""
    if one.get("deleted") or other.get("deleted"):
        return all(one[name] == other[name] for name in STAYS)
    return one == other


class Talker:
    """Says one line after the other, each until it is acked, and writes down all that is heard."""

    def __init__(self, person: Person, slug: str, record: Record, pause: float = 0.01, stay: float = 1e9) -> None:
        """`stay`: seconds after which it vanishes without a word, and comes back."""
        self.person, self.slug, self.record = person, slug, record
        self._pause, self._stay = pause, stay
        self.acked: dict[str, int] = {}
        self.waited: list[float] = []
        """Seconds until each ack."""
        self.last = 0
        self.line = 0

    @property
    def progress(self) -> int:
        return self.line

    async def live(self) -> None:
        epoch = None
        while True:
            try:
                connection = await self.person.join(self.slug, after_seq=self.last, epoch=epoch)
            except TROUBLE:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            epoch = connection.epoch
            await self._stay_in(connection)

    async def _stay_in(self, connection: Connection) -> None:
        listening = asyncio.create_task(self._listen(connection))
        try:
            async with asyncio.timeout(random.uniform(0, 2 * self._stay)):
                await self._talk(connection)
        except TROUBLE:
            pass
        finally:
            await connection.drop()
        await listening

    async def _talk(self, connection: Connection) -> None:
        while True:
            cid, began = f"{self.person.id}-{self.line}", time.monotonic()
            self.acked[cid] = await connection.chat(cid, cid)
            self.waited.append(time.monotonic() - began)
            self.line += 1
            await asyncio.sleep(random.uniform(0, 2 * self._pause))

    async def _listen(self, connection: Connection) -> None:
        """A hole in what comes is the client's to find: `Gap`."""
        async for event in connection:
            if event["type"] == "sync.reset":
                raise Wrong(f"what was shown up to {self.last} is not known any more: {event['reason']}")
            if "created_at" in event:
                self.record.saw(event)
                self.last = event["seq"]


class Eraser:
    """Says something and takes it back, again and again; remembers what was granted to be gone."""

    def __init__(self, person: Person, slug: str, pause: float = 0.02, remembers: bool = True) -> None:
        self.person, self.slug, self._pause, self._remembers = person, slug, pause, remembers
        self.erased: dict[int, str] = {}

    @property
    def progress(self) -> int:
        return len(self.erased)

    async def live(self) -> None:
        for number in count():
            text, cid = f"erased-{self.person.id}-{number}.", f"{self.person.id}/{number}"
            said = (await self._insist("POST", f"/api/chat/{self.slug}", {"text": text, "cid": cid}))["id"]
            await self._insist("DELETE", f"/api/chat/{self.slug}/{said}")
            if self._remembers:
                self.erased[said] = text
            await asyncio.sleep(self._pause)

    async def _insist(self, method: str, path: str, body: Frame | None = None) -> Frame:
        """Until it is granted: a repeat with the same cid says nothing twice, and deleting twice is deleting once."""
        while True:
            try:
                return await self.person.call(method, path, body)
            except Refused as refused:
                if method == "DELETE" and refused.reason == "message_not_found":  # the answer to the first try was lost
                    return {}
                await self._come_back(refused)
            except TROUBLE:
                await asyncio.sleep(RETRY_SECONDS)

    async def _come_back(self, refused: Refused) -> None:
        """Whoever is inside by request alone is lost after a restart, and has to join again."""
        if refused.reason not in ("not_inside", "not_a_member", "draining", "storage_unavailable"):
            raise Wrong(f"refused: {refused}")
        try:
            await self.person.post(f"/api/participants/{self.slug}/join")
        except TROUBLE:
            await asyncio.sleep(RETRY_SECONDS)


class Uploader:
    """Uploads one recording after the other in pieces, each from where the server says it is; deletes every other."""

    TUS = {"Tus-Resumable": "1.0.0"}
    PIECE, PIECES = 20_000, 5
    HEAD = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d4287810442858102"
                         "1853806701ffffffffffffff1549a966")
    """How WebM begins."""

    def __init__(self, person: Person, slug: str, pause: float = 0.1, keeps: bool = True) -> None:
        """`keeps`: every other one; else none."""
        self.person, self.slug, self._pause, self._keeps = person, slug, pause, keeps
        self.begun: set[str] = set()
        self.done: set[str] = set()
        self.going: set[str] = set()
        """Whose deletion has been asked for: granted or not, nobody knows until it is among the `deleted`."""
        self.deleted: set[str] = set()

    @property
    def progress(self) -> int:
        return len(self.done) + len(self.deleted)

    async def live(self) -> None:
        for number in count():
            content = self.HEAD + secrets.token_bytes(self.PIECE * self.PIECES - len(self.HEAD))
            digest = sha256(content).hexdigest()
            self.begun.add(digest)
            if (path := await self._begin(len(content))) is None:
                continue
            await self._upload(content, path)
            self.done.add(digest)
            if number % 2 or not self._keeps:
                await self._delete(digest)
            await asyncio.sleep(self._pause)

    async def _begin(self, size: int) -> str | None:
        try:
            status, headers = await self._send(
                "POST", f"/api/recordings/{self.slug}/tus", b"", {"Upload-Length": str(size)})
        except TROUBLE:
            await asyncio.sleep(RETRY_SECONDS)
            return None
        return str(headers["Location"]).removeprefix(self.person.base_url) if self._goes(status, 201) else None

    async def _upload(self, content: bytes, path: str) -> None:
        acked = 0
        while acked < len(content):
            try:
                status, headers = await self._send("HEAD", path, b"", {})
                if not self._goes(status, 200):
                    continue
                if (offset := int(headers["Upload-Offset"])) < acked:
                    raise Wrong(f"{acked} bytes of an upload were acked, and {offset} are there")
                acked = offset if offset == len(content) else await self._piece(content, path, offset)
            except TROUBLE:
                await asyncio.sleep(RETRY_SECONDS)

    async def _piece(self, content: bytes, path: str, offset: int) -> int:
        status, headers = await self._send("PATCH", path, content[offset:offset + self.PIECE], {
            "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"})
        return int(headers["Upload-Offset"]) if self._goes(status, 204) else offset

    def _goes(self, status: int, expected: int) -> bool:
        if status not in (expected, 503):
            raise Wrong(f"an upload was answered {status}")
        return status == expected

    async def _send(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        mine = {"Authorization": f"Bearer {self.person.token}"}
        url = self.person.base_url + path
        async with self.person.session.request(method, url, data=content, headers=mine | self.TUS | headers) as answer:
            await answer.read()
            return answer.status, answer.headers

    async def _delete(self, digest: str) -> None:
        self.going.add(digest)
        while digest not in self.deleted:
            try:
                for each in (await self.person.get(f"/api/recordings/{self.slug}"))["items"]:
                    if each["sha256"] == digest:
                        await self.person.call("DELETE", f"/api/recordings/{self.slug}/{each['id']}")
                self.deleted.add(digest)  # granted, or not in the list any more after an answer that was lost
            except TROUBLE:
                await asyncio.sleep(RETRY_SECONDS)


async def whole_history(person: Person, slug: str) -> list[Frame]:
    items: list[Frame] = []
    while True:
        page = await person.get(f"/api/sync/{slug}", after_seq=len(items), limit=1000)
        items += page["items"]
        if not page["has_more"]:
            return items
