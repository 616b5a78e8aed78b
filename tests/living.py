"""The words in which the contract's tests are written: a server for many of them, rooms with people, plain sockets.

Knows the contract's shapes and codes, and the client; nothing of the server's code. A test module imports the fixtures
that it uses, each of which has a shorter name for the tests.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from documented import must_say
from harness import RATES_OFF, ServerProcess
from yarl import URL

from axenix.client import Api, ApiError, Frame, Person

# ---- the shapes of the contract --------------------------------------------------------------------------------------

USER = {"id", "nickname", "avatar_url", "public_key_pem"}
PASS = {"access_token", "token_type", "expires_in", "user_id", "user"}
ROOM = {"id", "slug", "title", "topic", "is_private", "is_locked", "recording_active", "created_by", "created_at",
        "online_count", "cover_url"}
KEYS_OF_MODS = {"invite_key", "invite_url"}
SHOWN = {"user_id", "nickname", "avatar_url", "role", "mic_muted", "cam_off", "admin_muted", "admin_video_off",
         "can_speak"}
PARTICIPANT = SHOWN | {"status", "is_online", "last_seen", "hand_raised"}
SNAPSHOT = {"topic", "title", "is_locked", "mute_all", "recording_active", "hands_up", "cover_url", "key_epoch",
            "participants", "seq", "epoch"}
STATE = {"topic", "is_locked", "mute_all", "recording_active"}
PAGE = {"items", "next_seq", "floor_seq", "epoch", "has_more"}
RESET = {"reason", "snapshot", "next_seq", "floor_seq", "epoch"}
EVENT = {"type", "seq", "created_at"}
MESSAGE = EVENT | {"id", "room_slug", "user_id", "text"}
DELETED = EVENT | {"id", "user_id", "deleted"}
SECRET = "what the shared server signs its tokens with, long enough for every algorithm"
SITE_SECRET = "what another site signs the tokens of its own people with, and the shared server knows"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

# ---- asking ----------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Any = {}

    @property
    def reason(self) -> tuple[int, str]:
        """Status and reason of a refusal, which also has something for people to read."""
        assert self.body.keys() <= {"detail", "reason", "retry_after", "ok", "checks"} and self.body["detail"], self
        return self.status, self.body["reason"]


async def asked(who: Api, method: str, path: str, body: object = None, *, raw: bytes | None = None,
                headers: dict[str, str] | None = None) -> Answer:
    """One request, as it stands: the path is sent as written, and every answer is one that the document tells of."""
    sent = {"Authorization": f"Bearer {who.token}"} if who.token else {}
    content = orjson.dumps(body) if raw is None and body is not None else raw
    url = URL(who.base_url + path, encoded=True)
    async with who.session.request(method, url, data=content, headers=sent | (headers or {})) as response:
        content = await response.read()
        is_json = response.content_type == "application/json"
        answer = Answer(response.status, orjson.loads(content) if is_json else content, response.headers)
    must_say(method, path, answer.status, answer.body)
    return answer


async def refused(asking: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        await asking
    return caught.value.status, caught.value.reason


_networks = itertools.count(1)


def elsewhere() -> dict[str, str]:
    """Headers of a request from an address that nobody else has: the shared server trusts this proxy."""
    return {"X-Forwarded-For": f"2001:db8:{next(_networks):x}::1"}


# ---- sockets ---------------------------------------------------------------------------------------------------------


class Wire:
    """A socket without any cleverness: what is said and what is heard, frame by frame."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.greeting: list[Frame] = []
        self._frozen: asyncio.Transport | None = None

    async def say(self, type: str, **fields: object) -> None:
        await self.ws.send_str(orjson.dumps({"type": type, **fields}).decode())

    async def hear(self, timeout: float = 10) -> Frame:
        """The next frame."""
        message = await self.ws.receive(timeout)
        assert message.type is aiohttp.WSMsgType.TEXT, f"closed with {self.ws.close_code}"
        frame: Frame = orjson.loads(message.data)
        return frame

    async def until(self, type: str, **fields: object) -> Frame:
        """The next frame like this; what comes before it is thrown away."""
        while True:
            frame = await self.hear()
            if frame["type"] == type and frame.items() >= fields.items():
                return frame

    async def ask(self, type: str, **fields: object) -> list[Frame]:
        """Says it with a cid, and hears everything up to the ack or the error that answers."""
        cid = f"ask {next(_cids)}"
        await self.say(type, cid=cid, **fields)
        heard = [await self.hear()]
        while heard[-1].get("cid") != cid:
            heard.append(await self.hear())
        return heard

    async def refusal(self, type: str, **fields: object) -> str:
        """Says what must be refused, alone and with the shape of a refusal; answers with the reason."""
        heard = await self.ask(type, **fields)
        assert [frame["type"] for frame in heard] == ["error"], heard
        assert heard[0].keys() <= {"type", "reason", "detail", "cid", "retry_after"} and heard[0]["detail"]
        reason: str = heard[0]["reason"]
        return reason

    async def end(self, timeout: float = 10) -> tuple[list[Frame], int | None]:
        """All that comes until the socket closes, and the close code."""
        frames: list[Frame] = []
        async with asyncio.timeout(timeout):
            while (message := await self.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                frames.append(orjson.loads(message.data))
        return frames, self.ws.close_code

    async def vanish(self) -> None:
        """Gone without a word, as a lost network would."""
        plug = self.ws.get_extra_info("socket")
        assert plug is not None
        with socket.fromfd(plug.fileno(), plug.family, plug.type) as same_plug:
            same_plug.shutdown(socket.SHUT_RDWR)
        await self.ws.close()

    def freeze(self) -> None:
        """Reads nothing more, answers nothing more, and takes little from the network."""
        connection = self.ws._response.connection
        assert connection is not None and isinstance(connection.transport, asyncio.Transport)
        self._frozen = connection.transport
        self.ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._frozen.pause_reading()

    async def close(self) -> None:
        if self._frozen is not None:
            self._frozen.abort()
        await self.ws.close()


_cids = itertools.count(1)


class Party:
    """Rooms, people and their sockets, for one test; the sockets are closed after it.

    The room of every party belongs to Olga; Ada is an admin and Gus a guest. All three are inside, by REST.
    """

    def __init__(self, api: Api, cleaning: AsyncExitStack) -> None:
        self.api = api
        self._cleaning = cleaning

    async def begin(self, **room: object) -> Party:
        self.olga, self.ada, self.gus = [await self.api.guest(name) for name in ("Olga", "Ada", "Gus")]
        self.room = await self.olga.create_room(**{"title": "Party", **room})
        self.slug: str = self.room["slug"]
        for person in (self.olga, self.ada, self.gus):
            await self.enter(person)
        await self.olga.moderate(self.slug, "promote_admin", self.ada.id)
        return self

    async def enter(self, person: Person) -> Frame:
        """Inside without a socket."""
        return await person.post(f"/api/participants/{self.slug}/join", invite_key=self.room["invite_key"])

    async def newcomer(self, name: str = "Nina") -> Person:
        person = await self.api.guest(name)
        await self.enter(person)
        return person

    async def dial(self, who: Api, slug: str | None = None, headers: dict[str, str] | None = None,
                   protocols: tuple[str, ...] = (), **query: object) -> Wire:
        """A socket that has said nothing and heard nothing yet; without a token unless the query has one."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        ws = await who.session.ws_connect(
            f"{who.base_url}/ws/rooms/{slug or self.slug}", params=params, headers=headers, protocols=protocols,
            max_msg_size=0)
        wire = Wire(ws)
        self._cleaning.push_async_callback(wire.close)
        return wire

    async def come(self, who: Person, slug: str | None = None, **query: object) -> Wire:
        """A socket in the room, greeted; what follows the greeting is still to be heard."""
        query.setdefault("invite_key", self.room["invite_key"])
        wire = await self.dial(who, slug, token=who.token, **query)
        wire.greeting = [await wire.hear() for _ in range(3)]
        assert [frame["type"] for frame in wire.greeting] == ["joined", "state.snapshot", "sync.info"], wire.greeting
        return wire

    async def everyone(self) -> tuple[Wire, Wire, Wire]:
        """The sockets of Olga, Ada and Gus."""
        return await self.come(self.olga), await self.come(self.ada), await self.come(self.gus)

    async def all_heard(self, *wires: Wire) -> list[list[Frame]]:
        """What each of them has been told up to now, and may not have heard yet."""
        topic = f"up to here {next(_cids)}"
        await self.olga.post(f"/api/state/{self.slug}/set_topic", topic=topic)
        return [await _before(wire, topic) for wire in wires]

    async def members(self, who: Person | None = None, status: str = "active,lost,left,banned") -> dict[int, Frame]:
        statuses = status.split(",")
        shown: list[Frame] = []
        for each in statuses:
            path = f"/api/participants/{self.slug}"
            shown += (await (who or self.olga).get(path, status=each))["participants"]
        return {each["user_id"]: each for each in shown}


async def _before(wire: Wire, topic: str) -> list[Frame]:
    frames: list[Frame] = []
    while (frame := await wire.hear()).get("topic") != topic:
        frames.append(frame)
    return frames


@asynccontextmanager
async def party_at(
    folder: Path, process: type[ServerProcess] = ServerProcess, **environment: str
) -> AsyncIterator[tuple[ServerProcess, Party]]:
    """A party on a server of its own, whose rates are the defaults unless said otherwise."""
    async with process(folder / "data", **environment) as server, AsyncExitStack() as cleaning:
        session = await cleaning.enter_async_context(aiohttp.ClientSession())
        yield server, await Party(Api(server.url, session), cleaning).begin()
        assert_calm(server.stderr)


# ---- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(name="shared_server", scope="module")
def shared_server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of a module, with the rates off, some words banned, and a proxy that it trusts."""
    process = ServerProcess(tmp_path_factory.mktemp("shared") / "data", AXENIX_TRUSTED_PROXIES="127.0.0.1",
                            AXENIX_BANNED_WORDS="radish,редька", AXENIX_JWT_SECRET=SECRET,
                            AXENIX_FOREIGN_SECRET=SITE_SECRET, **RATES_OFF)
    asyncio.run(process.start())
    yield process
    assert asyncio.run(process.terminate()) == 0


@pytest.fixture(name="anyone")
async def anyone_fixture(shared_server: ServerProcess, session: aiohttp.ClientSession) -> AsyncIterator[Api]:
    """The shared server's REST face; no test may make it stumble."""
    before = len(shared_server.stderr)
    yield Api(shared_server.url, session)
    assert_calm(shared_server.stderr[before:])


def assert_calm(log: list[str]) -> None:
    """The log tells of no fault of the server."""
    assert not any(line.startswith("Traceback") or " ERROR " in line for line in log), "\n".join(log)


@pytest.fixture(name="party")
async def party_fixture(anyone: Api) -> AsyncIterator[Party]:
    async with AsyncExitStack() as cleaning:
        yield await Party(anyone, cleaning).begin()


@pytest.fixture(name="secret_party")
async def secret_party_fixture(anyone: Api) -> AsyncIterator[Party]:
    """The same in a private room."""
    async with AsyncExitStack() as cleaning:
        yield await Party(anyone, cleaning).begin(is_private=True, create_invite=True)
