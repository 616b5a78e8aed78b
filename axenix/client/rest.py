"""The server by requests: somebody with a token, and nobody in particular."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn

import aiohttp
import orjson

from axenix.client.errors import ApiError
from axenix.client.socket import Connection, Frame


class Api:
    """The server's REST face, as seen by nobody in particular."""

    token = ""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url.rstrip("/")
        self.session = session

    async def call(self, method: str, path: str, body: object = None, **query: str | int) -> Frame:
        """One request, with this person's token; a body of None sends none."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = self.base_url + path
        async with self.session.request(method, url, params=query, json=body, headers=headers) as response:
            return read_answer(response.status, await response.read())

    async def get(self, path: str, **query: str | int) -> Frame:
        return await self.call("GET", path, **query)

    async def post(self, path: str, **fields: object) -> Frame:
        return await self.call("POST", path, fields)

    async def guest(self, nickname: str) -> Person:
        """Somebody new."""
        answer = await Api(self.base_url, self.session).post("/api/auth/guest", nickname=nickname)
        return Person(self, answer["user_id"], answer["access_token"])


def read_answer(status: int, content: bytes) -> Frame:
    try:
        answer: Frame = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ApiError("not_json", content[:200].decode(errors="replace"), status=status) from None
    if status >= 400:
        raise ApiError(answer["reason"], answer["detail"], answer.get("retry_after"), status=status)
    return answer


class Person(Api):
    """Somebody with a token, and what they may ask for. Everything else is `get`, `post` or `call` away."""

    def __init__(self, api: Api, user_id: int, token: str) -> None:
        super().__init__(api.base_url, api.session)
        self.id = user_id
        self.token = token

    async def renew(self) -> None:
        """A fresh token for the same person; due at half of the token's life."""
        self.token = (await self.post("/api/auth/guest"))["access_token"]

    async def keep_renewed(self) -> NoReturn:
        """For a task beside a long stay: a fresh token whenever half of the life of the last one is over."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                answer = await self.post("/api/auth/guest")
                self.token, pause = answer["access_token"], answer["expires_in"] / 2
            except (aiohttp.ClientError, OSError, TimeoutError, ApiError) as error:
                if isinstance(error, ApiError) and error.status == 401:
                    raise  # too late
                pause = min(60.0, pause or 1.0)

    async def create_room(self, **fields: object) -> Frame:
        return await self.post("/api/rooms", **fields)

    async def moderate(self, slug: str, action: str, user_id: int, **fields: object) -> Frame:
        """`action` is "kick", "unban", "force_mute", "force_video", "speak", "promote_admin" or "demote_admin"."""
        return await self.post(f"/api/moderation/{slug}/{action}", user_id=user_id, **fields)

    async def history(self, slug: str) -> AsyncIterator[Frame]:
        """Every event of the room that can still be synced, from the oldest to what is the last when we get there."""
        after = 0
        while True:
            page = await self.get(f"/api/sync/{slug}", after_seq=after, limit=1000)
            if "reset" in page:  # what is older has been given up
                after = page["reset"]["floor_seq"] - 1
                continue
            for event in page["items"]:
                after = event["seq"]
                yield event
            if not page["has_more"]:
                return

    async def messages(self, slug: str, before_id: int | None = None) -> list[Frame]:
        """Every chat message older than this one, or all of them: chat stays when events are given up."""
        found: list[Frame] = []
        while True:
            query = {} if before_id is None else {"before_id": before_id}
            page = (await self.get(f"/api/chat/{slug}", limit=200, **query))["items"]
            if not page:
                return found
            found, before_id = page + found, page[0]["id"]

    async def join(self, slug: str, invite_key: str | None = None, after_seq: int | None = None,
                   epoch: str | None = None) -> Connection:
        """Opens the room's socket. Who knows the room up to `after_seq` already receives first what came since."""
        return await Connection(self, slug, invite_key).open(after_seq, epoch)
