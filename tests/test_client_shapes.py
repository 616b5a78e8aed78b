"""The client against a server that plays a script: gaps, repeats and sudden ends that no real one must produce."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import orjson
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from axenix.client import Api, ApiError, Closed, Connection, Frame, Gap, Person, Refused

Scene = Callable[[web.WebSocketResponse], Awaitable[None]]


class Stage:
    """Plays one scene for each connection, and remembers how the client came in."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.entrances: list[web.Request] = []

    async def play(self, request: web.Request) -> web.WebSocketResponse:
        self.entrances.append(request)
        ws = web.WebSocketResponse(protocols=("axenix.v1",))
        await ws.prepare(request)
        await self.scenes.pop(0)(ws)
        return ws

    async def echo(self, request: web.Request) -> web.Response:
        self.entrances.append(request)
        return web.Response(body=await request.read(), status=int(request.match_info["status"]))


@pytest.fixture
async def stage() -> Stage:
    return Stage()


@pytest.fixture
async def ann(stage: Stage, aiohttp_server: AiohttpServer) -> AsyncIterator[Person]:
    app = web.Application()
    app.router.add_get("/ws/rooms/{slug}", stage.play)
    app.router.add_post("/echo/{status}", stage.echo)
    server = await aiohttp_server(app)
    async with aiohttp.ClientSession() as session:
        yield Person(Api(str(server.make_url("/")), session), 7, "a.b-c.d_e")


async def greet(ws: web.WebSocketResponse, next_seq: int = 1) -> None:
    await tell(ws, {"type": "joined", "user_id": 7}, {"type": "state.snapshot", "seq": next_seq - 1},
               {"type": "sync.info", "next_seq": next_seq, "floor_seq": 1, "epoch": "e1"})


async def tell(ws: web.WebSocketResponse, *frames: Frame) -> None:
    for frame in frames:
        await ws.send_str(orjson.dumps(frame).decode())


def scene(*frames: Frame, next_seq: int = 1, close: int | None = None) -> Scene:
    """Greets, sends the frames, then closes; or waits until the client goes."""
    async def play(ws: web.WebSocketResponse) -> None:
        await greet(ws, next_seq)
        await tell(ws, *frames)
        if close is not None:
            await ws.close(code=close)
        await ws.receive()
    return play


def said(*seqs: int) -> list[Frame]:
    return [{"type": "chat.message", "seq": seq, "text": f"line {seq}"} for seq in seqs]


async def seqs(meeting: Connection) -> list[int]:
    return [event["seq"] async for event in meeting]


async def test_a_refused_request_carries_the_contracts_words(ann: Person) -> None:
    with pytest.raises(ApiError) as refused:
        await ann.post("/echo/429", reason="rate_limited", detail="later", retry_after=3)
    error = refused.value
    assert (error.status, error.reason, error.detail, error.retry_after) == (429, "rate_limited", "later", 3)


async def test_an_answer_that_is_no_json_is_an_error_with_its_status(ann: Person) -> None:
    with pytest.raises(ApiError) as refused:
        await ann.call("POST", "/echo/502")
    assert (refused.value.status, refused.value.reason) == (502, "not_json")


async def test_fields_are_the_body_of_a_request(ann: Person) -> None:
    assert await ann.post("/echo/201", a=[1], b=None) == {"a": [1], "b": None}


async def test_only_a_person_sends_a_token(stage: Stage, ann: Person) -> None:
    await ann.post("/echo/200")
    await Api(ann.base_url, ann.session).post("/echo/200")
    assert [request.headers.get("Authorization") for request in stage.entrances] == ["Bearer a.b-c.d_e", None]


async def test_the_token_travels_in_the_subprotocol_and_not_in_the_address(stage: Stage, ann: Person) -> None:
    stage.scenes = [scene()]
    async with await ann.join("tea", invite_key="k" * 16) as meeting:
        assert meeting.joined["user_id"] == 7
    request = stage.entrances[0]
    assert request.headers["Sec-WebSocket-Protocol"] == "axenix.v1,bearer.a.b-c.d_e"
    assert dict(request.query) == {"invite_key": "k" * 16}


async def test_events_arrive_in_order_until_the_server_closes(stage: Stage, ann: Person) -> None:
    stage.scenes = [scene(*said(5, 6), next_seq=5, close=4005)]
    meeting = await ann.join("tea")
    assert await seqs(meeting) == [5, 6]
    assert await seqs(meeting) == []
    assert meeting.close_code == 4005


@pytest.mark.parametrize("lines", [(1, 3), (2,), (1, 1)])
async def test_a_missing_or_repeated_event_is_never_passed_over(stage: Stage, ann: Person, lines: tuple[int]) -> None:
    stage.scenes = [scene(*said(*lines))]
    meeting = await ann.join("tea")
    with pytest.raises(Gap):
        await seqs(meeting)


async def test_after_a_gap_resuming_goes_on_from_the_last_good_event(stage: Stage, ann: Person) -> None:
    page = {"type": "sync.batch", "items": said(2, 3), "has_more": False}
    stage.scenes = [scene(*said(1, 3)), scene(page, *said(4), next_seq=4, close=1012)]
    meeting = await ann.join("tea")
    assert (await meeting.next())["seq"] == 1
    with pytest.raises(Gap):
        await meeting.next()
    await meeting.resume()
    assert dict(stage.entrances[1].query) == {"after_seq": "1", "epoch": "e1"}
    assert await seqs(meeting) == [2, 3, 4]


async def test_what_was_received_before_a_resume_can_still_be_read_after_it(stage: Stage, ann: Person) -> None:
    pages = [{"type": "sync.batch", "items": said(*numbers), "has_more": more}
             for numbers, more in (((3, 4), True), ((5,), False), ((), False))]
    stage.scenes = [scene(*said(1, 2)), scene(*pages, *said(6), next_seq=6, close=1000)]
    meeting = await ann.join("tea")
    while meeting.last_seq < 2:
        await asyncio.sleep(0.01)
    await meeting.resume()
    assert await seqs(meeting) == [1, 2, 3, 4, 5, 6]


async def test_a_reset_replaces_the_snapshot_and_counts_on_from_it(stage: Stage, ann: Person) -> None:
    reset = {"type": "sync.reset", "reason": "epoch", "snapshot": {"topic": "new"}, "next_seq": 9, "epoch": "e2"}
    stage.scenes = [scene(reset, *said(9), next_seq=9, close=1000)]
    meeting = await ann.join("tea", after_seq=100, epoch="e0")
    assert (await meeting.next("sync.reset"))["reason"] == "epoch"
    assert (await meeting.next())["seq"] == 9
    assert (meeting.epoch, meeting.snapshot, meeting.last_seq) == ("e2", {"topic": "new"}, 9)


async def test_a_connection_lost_before_the_reset_comes_back_with_the_old_epoch(stage: Stage, ann: Person) -> None:
    stage.scenes = [scene(next_seq=9, close=1012), scene(next_seq=9, close=1000)]
    meeting = await ann.join("tea", after_seq=100, epoch="e0")
    assert await seqs(meeting) == []
    await meeting.resume()
    assert dict(stage.entrances[1].query) == {"after_seq": "100", "epoch": "e0"}


async def test_a_batch_that_was_asked_for_is_an_answer_and_not_news(stage: Stage, ann: Person) -> None:
    async def page_again(ws: web.WebSocketResponse) -> None:
        await greet(ws, 5)
        await ws.receive()
        await tell(ws, {"type": "sync.batch", "items": said(1, 2), "has_more": True}, *said(5))
        await ws.receive()

    stage.scenes = [page_again]
    async with await ann.join("tea") as meeting:
        await meeting.send("sync.sub", after_seq=0, limit=2)
        assert [item["seq"] for item in (await meeting.next())["items"]] == [1, 2]
        assert (await meeting.next())["seq"] == 5


async def test_a_refused_join_says_why_and_with_which_code_it_was_closed(stage: Stage, ann: Person) -> None:
    async def refuse(ws: web.WebSocketResponse) -> None:
        await tell(ws, {"type": "error", "reason": "room_locked", "detail": "locked"})
        await ws.close(code=1008)

    stage.scenes = [refuse]
    with pytest.raises(Refused) as refused:
        await ann.join("tea")
    assert (refused.value.reason, refused.value.close_code) == ("room_locked", 1008)


async def test_each_command_gets_its_own_answer(stage: Stage, ann: Person) -> None:
    async def answer_backwards(ws: web.WebSocketResponse) -> None:
        await greet(ws)
        first, second = [orjson.loads((await ws.receive()).data) for _ in range(2)]
        await tell(ws, {"type": "error", "cid": second["cid"], "reason": "mute_all", "detail": "no"},
                   {"type": "ack", "cid": first["cid"], "seq": 12})

    stage.scenes = [answer_backwards]
    meeting = await ann.join("tea")
    spoken, refused = await asyncio.gather(meeting.chat("one"), meeting.chat("two"), return_exceptions=True)
    assert spoken == 12
    assert isinstance(refused, Refused) and refused.reason == "mute_all"


async def test_a_command_whose_answer_never_comes_ends_with_the_socket(stage: Stage, ann: Person) -> None:
    async def hang_up(ws: web.WebSocketResponse) -> None:
        await greet(ws)
        await ws.receive()
        await ws.close(code=1013)

    stage.scenes = [hang_up]
    meeting = await ann.join("tea")
    for _ in range(2):
        with pytest.raises(Closed) as closed:
            await meeting.chat("hello?")
        assert closed.value.code == 1013


async def test_dropping_ends_without_a_close_frame(stage: Stage, ann: Person) -> None:
    farewell = asyncio.get_running_loop().create_future()

    async def listen(ws: web.WebSocketResponse) -> None:
        await greet(ws)
        try:
            await ws.receive()
        finally:  # aiohttp's test server cancels whoever is still listening to a lost connection.
            farewell.set_result(ws.close_code)

    stage.scenes = [listen]
    meeting = await ann.join("tea")
    await meeting.drop()
    assert meeting.close_code == 1006
    assert await farewell is None
