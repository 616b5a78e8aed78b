"""A client of Axenix Conference, written from its protocol document alone, by somebody who never saw the code.

    python tests/by_the_document.py http://127.0.0.1:8088

Two guests meet in a private room and try what the document promises. Each promise that holds is printed; the first
that does not ends the tour with an AssertionError. Besides the standard library it needs `websockets`.
"""
import asyncio
import json
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]


class Refused(Exception):
    """The server said no; the text is its reason."""


class Client:
    """One user in one room."""

    def __init__(self, url: str, nickname: str) -> None:
        self.url, self.nickname, self.token, self.user_id = url, nickname, "", 0
        self.last, self.epoch = 0, ""  # the last event that this client has, and the history it belongs to
        self.events: list[Message] = []  # the events since this client came in, or since a reset
        self.others: list[Message] = []  # everything else that came: signals, acks, errors, pages
        self.ws: ClientConnection
        self.reader: asyncio.Task[int]

    async def rest(self, method: str, path: str, body: Message | None = None, **query: Any) -> Message:
        """Make a request, with the token if there is one."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}?{urlencode(query)}", data, headers, method=method)
        try:
            with await asyncio.to_thread(urlopen, request, timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise Refused(json.load(error)["reason"]) from None

    async def sign_in(self) -> None:
        """Become a guest; or, being one, get a fresh token for the same user."""
        answer = await self.rest("POST", "/api/auth/guest", {"nickname": self.nickname})
        self.token, self.user_id = answer["access_token"], answer["user_id"]

    async def connect(self, slug: str, **query: Any) -> Message:
        """Go into a room, or back into it where `last` stands; gives what the server says in `joined`."""
        query |= {"after_seq": self.last, "epoch": self.epoch} if self.epoch else {}
        address = f"{self.url.replace('http', 'ws', 1)}/ws/rooms/{slug}?{urlencode(query)}"
        self.others.clear()
        self.ws = await connect(address, additional_headers={"Authorization": f"Bearer {self.token}"})
        self.reader = asyncio.create_task(self._read())
        await self.hear(type="sync.info")
        return self.others[0]

    async def _read(self) -> int:
        """Take what comes until the connection ends; the result is the closing code."""
        try:
            while True:
                await self._take(json.loads(await self.ws.recv()))
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006

    async def _take(self, message: Message) -> None:
        start = message.get("snapshot", message)  # who resumes has a state, and heeds the snapshot of a reset only
        if message["type"] == "sync.reset" or (message["type"] == "state.snapshot" and not self.epoch):
            self.last, self.epoch, self.events = start["seq"], start["epoch"], []
        for event in message.get("items", [message] if "created_at" in message else []):
            if event["seq"] == self.last + 1:  # the next is new; an older one is known; beyond the next is a gap
                self.last += 1
                self.events.append(event)
            elif event["seq"] > self.last:
                await self.send("sync.sub", after_seq=self.last, epoch=self.epoch)
        if "created_at" not in message:
            self.others.append(message)

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a message and wait for nothing."""
        await self.ws.send(json.dumps({"type": kind, **fields}))

    async def ask(self, kind: str, cid: str, **fields: Any) -> int | None:
        """Send a message and wait for its ack, whose `seq` it gives."""
        await self.send(kind, cid=cid, **fields)
        answer = await self.hear(cid=cid)
        self.others.remove(answer)
        if answer["type"] == "error":
            raise Refused(answer["reason"])
        return answer.get("seq")

    async def hear(self, **fields: Any) -> Message:
        """Wait, at most ten seconds, for something with these fields."""
        async with asyncio.timeout(10):
            while True:
                for one in self.events + self.others:
                    if fields.items() <= one.items():
                        return one
                if self.reader.done():
                    raise ConnectionError(self.others[-1:])
                await asyncio.sleep(0.01)


def check(promise: str, kept: object) -> None:
    """Print a promise that was kept."""
    assert kept, promise
    print("ok  ", promise)


async def meet(ann: Client, ben: Client) -> str:
    """Make two guests and a private room, go in, and chat both ways; gives the slug."""
    await ann.sign_in()
    await ben.sign_in()
    room = await ann.rest("POST", "/api/rooms", {"title": "Tea", "is_private": True, "create_invite": True})
    check("the owner comes into the new room", (await ann.connect(room["slug"]))["role"] == "owner")
    joined = await ben.connect(room["slug"], invite_key=room["invite_key"])
    check("the key lets a guest in", joined["role"] == "guest")
    check("the owner hears of it", await ann.hear(type="member.joined", user_id=ben.user_id))
    for one, other, text in (ann, ben, "hello Ben"), (ben, ann, "hello Ann"):
        seq = await one.ask("chat.message", text, text=text)
        check(f"the sender has '{text}' before the ack", one.last >= seq)
        check(f"'{text}' comes to the other", (await other.hear(text=text))["seq"] == seq)
    return room["slug"]


async def tunnel(ann: Client, ben: Client, slug: str) -> None:
    """Lose the connection with a message on its way, come back, and say it again."""
    await ben.send("chat.message", cid="m-1", text="into the tunnel")
    ben.ws.transport.abort()
    check("an aborted connection has no closing code", await ben.reader == 1006)
    await ann.ask("chat.message", "m-2", text="Ben?")
    check("who comes back within the grace has kept the place", (await ben.connect(slug))["resumed"])
    seq = await ben.ask("chat.message", "m-1", text="into the tunnel")
    check("the same cid gets the same seq", await ben.ask("chat.message", "m-1", text="into the tunnel") == seq)
    await ben.ask("hand.raise", "m-3")
    check("a hand goes up", (await ann.hear(type="hand.raised", user_id=ben.user_id))["hands_up"] == [ben.user_id])
    texts = [event.get("text") for event in ben.events]
    check("each line is heard once", texts.count("into the tunnel") == texts.count("Ben?") == 1)
    check("both have heard the same", ann.events[-len(ben.events):] == ben.events)


async def call(ann: Client, ben: Client) -> None:
    """Pass an offer, an answer and a candidate."""
    candidate = {"candidate": "candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host", "sdpMid": "0"}
    for one, other, kind, what in ((ben, ann, "offer", {"sdp": "v=0\r\n"}), (ann, ben, "answer", {"sdp": "v=0\r\n"}),
                                   (ben, ann, "ice", {"candidate": candidate})):
        await one.ask(kind, f"s-{kind}", to=other.user_id, **what)
        check(f"'{kind}' arrives", await other.hear(type=kind, **{"from": one.user_id}, **what))


async def hush(ann: Client, ben: Client, slug: str) -> None:
    """Be muted by the owner, and no longer."""
    mute = f"/api/moderation/{slug}/force_mute"
    await ann.rest("POST", mute, {"user_id": ben.user_id})
    check("one hears that one is muted", await ben.hear(type="media.forced", user_id=ben.user_id, admin_muted=True))
    try:
        await ben.ask("chat.message", "m-4", text="but")
        check("the muted may not chat", False)
    except Refused as error:
        check("the muted may not chat", str(error) == "muted_by_admin")
    await ann.rest("POST", mute, {"user_id": ben.user_id, "muted": False})
    check("later one may again", await ben.ask("chat.message", "m-5", text="thanks"))
    await ann.hear(text="thanks")


async def history(ann: Client, slug: str) -> None:
    """Read everything again by REST."""
    path, lines, items, more = f"/api/chat/{slug}", [], [], True
    while page := (await ann.rest("GET", path, limit=2, **({"before_id": lines[0]["id"]} if lines else {})))["items"]:
        lines = page + lines
    check("older chat is as it came", lines == [event for event in ann.events if event["type"] == "chat.message"])
    while more:
        page = await ann.rest("GET", f"/api/sync/{slug}", limit=3, after_seq=len(items), epoch=ann.epoch)
        items, more = items + page["items"], page["has_more"]
    check("sync gives every event, without holes", items == ann.events and items[-1]["seq"] == len(items))


async def reset(ann: Client, ben: Client, slug: str) -> None:
    """Come back with a fresh token and with the epoch of another history; then leave."""
    user_id = ben.user_id
    await ben.sign_in()
    check("a fresh token is for the same user", ben.user_id == user_id)
    ben.epoch = "0" * 32
    await ben.ws.close(4000)
    check("who closes with 4000 keeps the place", (await ben.connect(slug))["resumed"])
    told = await ben.hear(type="sync.reset", reason="epoch")
    check("a reset leads back to the others", (ben.last, ben.epoch) == (told["next_seq"] - 1, ann.epoch))
    check("after a reset chat goes on", await ben.ask("chat.message", "m-6", text="back") == ben.last)
    await ben.send("leave")
    check("who leaves is closed with 1000", await ben.reader == 1000)
    check("the other hears of it", await ann.hear(type="member.left", user_id=ben.user_id))
    await ann.send("leave")
    check("the last one leaves too", await ann.reader == 1000)


async def main(url: str) -> None:
    """The whole tour."""
    ann, ben = Client(url.rstrip("/"), "Ann"), Client(url.rstrip("/"), "Ben")
    slug = await meet(ann, ben)
    await tunnel(ann, ben, slug)
    await call(ann, ben)
    await hush(ann, ben, slug)
    await history(ann, slug)
    await reset(ann, ben, slug)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
