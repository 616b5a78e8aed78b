"""One socket: let in or turned away, then commands in order until it ends.

Reads frames, counts what is too much, and hands commands to the room; what the room says goes out through the audience.
Awaits nothing of the room while reading, so a waiting commit never holds up the signals behind it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from aiohttp import web
from msgspec import ValidationError, convert

from axenix import wire
from axenix.actor import Ended, RoomActor
from axenix.errors import Close, Refused
from axenix.frames import NOT_UTF8
from axenix.logs import tell
from axenix.room import commands as c
from axenix.room.permits import Who
from axenix.room.text import SLUG
from axenix.store.people import Person
from axenix.tokens import Token
from axenix.turn import Resume
from axenix.web.accounts import REASON
from axenix.web.device_keys import show_latest
from axenix.web.guard import address, bearer, known, must_be_named
from axenix.web.handshake import switch_protocols
from axenix.web.house import House, house_of
from axenix.web.limits import SlidingCount, TokenBucket
from axenix.web.origins import origin_allowed
from axenix.web.rooms import guessed_wrong, joining, no_more_guesses
from axenix.web.socket import Socket
from axenix.web.sync import PAGE, page_or_reset
from axenix.written import Bucket

log = logging.getLogger(__name__)
routes = web.RouteTableDef()

PROTOCOL = "axenix.v1"
BAD_FRAMES = 20, 60.0
REFUSALS = 200, 10.0


class Invalid(Exception):
    """The text is not UTF-8 (RFC 6455 section 8.1)."""


@routes.get("/ws/rooms/{slug}")
async def connect(request: web.Request) -> web.StreamResponse:
    """Returns as soon as the socket is inside or turned away; from then on only what arrives on it costs anything."""
    if not origin_allowed(request):
        raise Refused("forbidden", "Pages of this origin may not use this server (AXENIX_ALLOWED_ORIGINS).")
    house, sender = house_of(request), address(request)
    async with house.door:
        socket = switch_protocols(request, (PROTOCOL,), house.config.max_behind)
        if socket is not None:
            house.enter(socket, sender)
            stay = Stay(house, socket, request.match_info["slug"])
            socket.when_gone(partial(stay.ended, sender))
            await stay.begin(request, house.sockets_by_address[sender])
    return web.Response(status=101)  # heard by nobody: the connection is no longer aiohttp's


class Stay:
    __slots__ = ("_house", "_socket", "_slug", "_gate", "_actor", "_expiry", "_paging", "_since")

    def __init__(self, house: House, socket: Socket, slug: str) -> None:
        self._house = house
        self._socket = socket
        self._slug = slug
        self._gate = Gate(house.config.message_rate, house.config.signal_rate)
        self._actor: RoomActor | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._paging: asyncio.Task[None] | None = None
        self._since = time.monotonic()

    async def begin(self, request: web.Request, from_here: int) -> None:
        socket = self._socket
        try:
            person, token = await admit(request, self._house, from_here)
            self._house.belongs(socket, person.id)
            self._actor = await enter(request, self._house, socket, person)
        except Refused as refused:
            self._house.tally.refusals[refused.reason] += 1
            request[REASON] = refused.reason
            tell(log, logging.INFO, "socket refused", user=socket.user_id or None, reason=refused.reason)
            socket.write(wire.error(refused, None))
            socket.close(Close.for_refusal(refused.reason))
        except BaseException:
            socket.cut_off()
            raise
        else:
            self._expiry = asyncio.get_running_loop().call_later(
                max(0.0, token.expires_at - time.time()), socket.close, Close.TOKEN_EXPIRED)
            tell(log, logging.INFO, "socket joined", room=self._slug, user=person.id, socket=socket.number)
        finally:
            if socket.is_gone:
                self._leave()
        socket.listen(self._hear)

    def ended(self, sender: str) -> None:
        """The connection is no more."""
        self._house.leave(self._socket, sender)
        self._house.tally.closings[self._socket.end_code] += 1
        if self._actor is not None:
            seconds = round(time.monotonic() - self._since, 1)
            tell(log, logging.INFO, "socket left", room=self._slug, user=self._socket.user_id,
                 socket=self._socket.number, code=self._socket.end_code, seconds=seconds)
        self._leave()

    def _leave(self) -> None:
        """Told to the room even when it was cut off, or refused, in the middle of joining: a join may be on its way."""
        for each in (self._expiry, self._paging):
            if each is not None:
                each.cancel()
        actor = self._actor or self._house.rooms.awake_one(self._slug)
        if actor is not None and self._socket.user_id:
            actor.tell(Who(self._socket.user_id, self._socket.number), c.Disconnect(self._socket.end_code))

    def _hear(self, text: bytes) -> None:
        """One text message."""
        try:
            self._obey(wire.parse(utf8(text)))
        except wire.Malformed as malformed:
            self._refuse(malformed, malformed.cid)
            if self._gate.talking_nonsense(time.monotonic()):
                self._socket.close(Close.FLOODING)
        except Invalid:
            self._socket.close(NOT_UTF8)
        except Ended:
            self._socket.close(Close.START_OVER)

    def _obey(self, command: c.Command) -> None:
        now = time.monotonic()
        if wait := self._gate.wait(command, now):
            self._refuse(Refused("rate_limited", retry_after=round(wait, 3)), command.cid)
            if self._gate.flooding(now):
                self._socket.close(Close.FLOODING)
            return
        try:
            if isinstance(command, c.Subscribe):
                self._socket.hold()
                self._paging = asyncio.create_task(self._page(command))
            elif isinstance(command, c.Ping):
                self._say(wire.message("pong"), command.cid)
            else:
                self._room.hear(self._socket, command)
        except Refused as refused:
            self._refuse(refused, command.cid)

    @property
    def _room(self) -> RoomActor:
        assert self._actor is not None
        return self._actor

    async def _page(self, wanted: c.Subscribe) -> None:
        """The one command whose answer takes time and room; what is said after it waits until it has been sent."""
        try:
            await self._send_page(wanted)
        except Refused as refused:
            self._refuse(refused, wanted.cid)
        except Ended:
            self._socket.close(Close.START_OVER)
        except ConnectionError:
            self._house.tally.evictions += not self._socket.is_gone
            self._socket.close(Close.TOO_SLOW)
        except Exception:
            log.exception("room %s: a page could not be sent", self._slug)
            self._socket.close(Close.START_OVER)
        self._socket.listen(self._hear)

    async def _send_page(self, wanted: c.Subscribe) -> None:
        limit = min(max(1, PAGE if wanted.limit is None else wanted.limit), 1000)
        page = await page_or_reset(self._house.journal, self._room, wanted.after_seq, limit, wanted.epoch)
        acked = b"" if wanted.cid is None else wire.ack(wanted.cid, None)
        if isinstance(page, bytes):
            self._room.audience.whisper(self._socket, wire.typed("sync.batch", page) + acked)
        else:  # between two events that the peer hears, or its next one would not follow
            self._room.whisper(self._socket, lambda room: wire.typed("sync.reset", page(room)) + acked)
        await self._socket.drained()

    def _say(self, frame: bytes, cid: str | None) -> None:
        self._room.audience.whisper(self._socket, frame + (wire.ack(cid, None) if cid is not None else b""))

    def _refuse(self, refused: Refused, cid: str | None) -> None:
        self._house.tally.refusals[refused.reason] += 1
        self._room.audience.whisper(self._socket, wire.error(refused, cid))


async def admit(request: web.Request, house: House, from_here: int) -> tuple[Person, Token]:
    if house.rooms.draining:
        raise Refused("draining")
    most = house.config.connections_per_address
    if most and from_here > most:
        raise Refused("rate_limited", f"At most {most} connections from one address.")
    raw = bearer(request) or offered(request) or request.query.get("token")
    person, token = await known(request, raw or "")
    must_be_named(request, person)
    return person, token


def offered(request: web.Request) -> str | None:
    """The token as a subprotocol, which browsers can send and logs do not keep."""
    for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if protocol.strip().startswith("bearer."):
            return protocol.strip().removeprefix("bearer.")
    return None


async def enter(request: web.Request, house: House, socket: Socket, person: Person) -> RoomActor:
    slug, invite_key = request.match_info["slug"], request.query.get("invite_key")
    if not SLUG.match(slug):
        raise Refused("room_not_found")
    if invite_key is not None:
        no_more_guesses(request)
    try:
        command = joining(request, person, invite_key)
        actor = await house.rooms.join(slug, socket, command, resume_of(request))
    except Refused as refused:
        if refused.reason == "invite_required_or_invalid" and invite_key is not None:
            guessed_wrong(request)
        raise
    await show_latest(house, slug, person)
    return actor


def resume_of(request: web.Request) -> Resume | None:
    raw = request.query.get("after_seq")
    if raw is None:
        return None
    try:
        after = convert(raw, c.Seq, strict=False) if raw.isascii() and raw.isdigit() else None
    except ValidationError:
        after = None
    if after is None:
        raise Refused("bad_payload", "`after_seq` must be a whole number.")
    return Resume(after, request.query.get("epoch") or None)


class Gate:
    """How much one connection may say: what is beyond is refused, and a flood ends it."""

    def __init__(self, messages: Bucket | None, signals: Bucket | None) -> None:
        self._messages = TokenBucket(*messages) if messages else None
        self._signals = TokenBucket(*signals) if signals else None
        self._refused = SlidingCount(*REFUSALS)
        self._malformed = SlidingCount(*BAD_FRAMES)

    def wait(self, command: c.Command, now: float) -> float:
        """0.0: let it pass; else the seconds until the next would pass."""
        bucket = self._signals if type(command) in c.SIGNALS else self._messages
        return bucket.take(now) if bucket else 0.0

    def flooding(self, now: float) -> bool:
        """One more was refused."""
        return self._refused.add(now)

    def talking_nonsense(self, now: float) -> bool:
        """One more could not be understood."""
        return self._malformed.add(now)


def utf8(frame: bytes) -> bytes:
    if not frame.isascii():
        try:
            frame.decode()
        except UnicodeDecodeError:
            raise Invalid from None
    return frame
