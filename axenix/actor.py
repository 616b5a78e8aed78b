"""One room, one actor: its inbox serialises every mutation, and nothing in it ever waits.

A turn takes every command that is waiting, decides and applies them one after the other, and hands what happened to the
journal. The room goes on; each turn is told, in order, once it is durable. Signals leave at once. The journal, the
audience and the clock are given; HTTP and SQLite are unknown here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from axenix import wire
from axenix.alarm import Alarm
from axenix.audience import Audience, Peer, Reply
from axenix.catchup import Pages, Tail, catch_up, page_of
from axenix.errors import Close, Fenced, Refused
from axenix.frames import text_frame
from axenix.room import commands as c
from axenix.room.decide import AlreadyDone, decide
from axenix.room.events import Entry, Fact, Passed
from axenix.room.fold import apply
from axenix.room.moment import Moment
from axenix.room.permits import Who
from axenix.room.resume import Horizon
from axenix.room.state import Room, next_deadline, online_count
from axenix.scribe import Scribe
from axenix.turn import Envelope, Resume, Turn, View

log = logging.getLogger(__name__)

INBOX = 10_000
"""Commands that may wait; beyond it the room is overloaded."""
TURN = 500
"""Commands decided in one go, so that one busy room does not keep the others waiting."""
UNTOLD = 20_000
"""Events that may wait for the journal."""

SERVER = Who(0)


class Ended(Exception):
    """This actor is no more; ask for the room again."""


class RoomActor:
    def __init__(self, room: Room, scribe: Scribe, audience: Audience, clock: Callable[[], Moment]) -> None:
        self.audience = audience
        self.on_end: Callable[[RoomActor], None] = lambda actor: None
        self.closing: Refused | None = None
        """Set while the room is being deleted: nothing more is heard."""
        self._room = room
        self._scribe = scribe
        self._clock = clock
        self._loop = asyncio.get_running_loop()  # kept: asking for it costs a system call in Python 3.11
        self._inbox: deque[Envelope] = deque()
        self._woken = False
        self._turns: deque[Turn] = deque()
        """Decided and not yet told."""
        self._tail = Tail(room.seq, Pages(scribe.journal, scribe.number))
        self._alarm = Alarm(self._loop, partial(self.tell, SERVER, c.Tick()))
        self._catching_up: set[asyncio.Task[None]] = set()
        self._ended: Exception | None = None
        self._alarm.set(next_deadline(room), clock().mono)

    @property
    def slug(self) -> str:
        return self._room.slug

    @property
    def number(self) -> int:
        return self._scribe.number

    @property
    def online_count(self) -> int:
        return online_count(self._room)

    @property
    def waiting(self) -> int:
        """Commands in the inbox."""
        return len(self._inbox)

    # ---- the inbox ----

    def ask(self, who: Who, command: Any, view: View | None = None) -> asyncio.Future[Any]:
        """Answered once durable: with the event's seq, or what `view` saw just after it. Raises Refused, Ended."""
        self._post(Envelope(who, command, future := self._loop.create_future(), view))
        return future

    def read(self, view: View) -> asyncio.Future[Any]:
        """What `view` sees of the room, once all that it could see is durable."""
        return self.ask(SERVER, None, view)

    def whisper(self, peer: Peer, view: Callable[[Room], bytes]) -> None:
        """A frame for one peer, made of the room between two events that it hears. Raises Refused, Ended."""
        self._post(Envelope(SERVER, None, peer, view))

    def join(self, peer: Peer, command: c.Join, resume: Resume | None = None) -> asyncio.Future[Any]:
        """Like `ask`; the peer has then been told `joined`, the snapshot and where history stands."""
        who, future = Who(peer.user_id, peer.number), self._loop.create_future()
        self._post(Envelope(who, command, future, None, peer, resume))
        return future

    def hear(self, peer: Peer, command: c.Command) -> None:
        """A command from a socket: acks and errors go back to it as frames. Raises Refused("overloaded"), Ended."""
        self._post(Envelope(Who(peer.user_id, peer.number), command, peer))

    def tell(self, who: Who, command: Any) -> None:
        """A command that nobody waits for, and that may not be lost: no bound, no answer."""
        if self._ended is None:
            self._inbox.append(Envelope(who, command))
            self._wake()

    def _post(self, envelope: Envelope) -> None:
        if stop := self._ended or self.closing:
            raise stop from None
        if len(self._inbox) >= INBOX:
            raise Refused("overloaded")
        self._inbox.append(envelope)
        self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._take_turn)

    # ---- a turn: nothing here awaits ----

    def _take_turn(self) -> None:
        self._woken = False
        if self._ended is not None:
            return
        turn, envelope = Turn(self.audience, self._scribe.floor, self._scribe.refusal), None
        self._turns.append(turn)
        try:
            now = self._clock()
            self.audience.tally.commands += (taken := min(len(self._inbox), TURN))
            for _ in range(taken):
                envelope = self._inbox.popleft()
                self._settle(envelope, turn, now)
            self._write(turn)
            self._alarm.set(next_deadline(self._room), now.mono)
            self._tell()
        except Exception as bug:  # the room in memory can no longer be trusted, the journal can
            log.exception("room %s: a turn could not be taken", self.slug)
            if envelope is not None and isinstance(envelope.reply, asyncio.Future):
                Reply(envelope.reply, None, bug).give()
            self.end(Ended("a bug"), Close.START_OVER)
        if self._inbox:
            self._wake()

    def _settle(self, envelope: Envelope, turn: Turn, now: Moment) -> None:
        command = envelope.command
        if command is None:
            return turn.show(self._room, envelope)
        if type(command) in c.SIGNALS:
            return self._pass_on(envelope, now)
        try:
            facts = decide(self._room, envelope.who, command, now)
            self._may_write(turn, facts)
        except AlreadyDone as done:
            turn.answer(self._room, envelope, done.seq)
        except Refused as refused:
            turn.refuse(envelope, refused)
        else:
            self._happen(envelope, turn, facts)

    def _happen(self, envelope: Envelope, turn: Turn, facts: list[Fact]) -> None:
        room, peer, seq = self._room, envelope.peer, None
        if peer is not None:
            turn.open_door(room)
            resumed = peer.user_id in room.members and room.members[peer.user_id].inside
        for fact in facts:
            assert not isinstance(fact, Passed)
            if isinstance(fact, Entry):
                turn.record(room, fact)
                seq = fact.event.seq
            apply(room, fact)
        if peer is not None:
            turn.admit(room, envelope, resumed, self._catch_up)
        if isinstance(envelope.command, c.Disconnect):
            turn.forget(envelope)
        turn.answer(room, envelope, seq)

    def _may_write(self, turn: Turn, facts: list[Fact]) -> None:
        """While the storage refuses, what would be an event is refused before it leaves a trace."""
        too_much = self._room.seq - self._tail.head > UNTOLD
        if (too_much or turn.refusal) and any(isinstance(fact, Entry) for fact in facts):
            raise Refused(turn.refusal or "overloaded")

    def _pass_on(self, envelope: Envelope, now: Moment) -> None:
        """Signals leave at once, but only between members whose joining has been told."""
        sender, cid = envelope.reply, envelope.cid
        assert sender is not None and not isinstance(sender, asyncio.Future)
        try:
            for fact in decide(self._room, envelope.who, envelope.command, now):
                assert isinstance(fact, Passed)
                self.audience.pass_on(fact.to, text_frame(wire.encode(fact.message)), sender)
        except Refused as refused:
            self.audience.tally.refusals[refused.reason] += 1
            self.audience.whisper(sender, wire.error(refused, cid))
        else:
            if cid is not None:
                self.audience.whisper(sender, wire.ack(cid, None))

    # ---- the journal ----

    def _write(self, turn: Turn) -> None:
        if turn.lines:
            self._scribe.write(self._room, turn.lines, turn.card_changed, partial(self._written, turn))
        else:
            turn.durable = True

    def _written(self, turn: Turn, failure: Exception | None) -> None:
        if self._ended is not None:
            return
        if failure is None:
            turn.durable = True
            try:
                self._tell()
            except Exception:  # some have heard it and some have not
                log.exception("room %s: a turn could not be told", self.slug)
                self.end(Ended("a bug"), Close.START_OVER)
        elif isinstance(failure, Fenced | Refused):
            self.end(Ended("fenced") if isinstance(failure, Fenced) else failure, Close.START_OVER)
        else:
            log.error("room %s: the journal failed", self.slug, exc_info=failure)
            self.end(Refused("storage_unavailable"), Close.START_OVER)

    # ---- telling ----

    def _tell(self) -> None:
        while self._turns and self._turns[0].durable:
            turn = self._turns.popleft()
            self.audience.tell(turn.script)
            self._tail.add(turn.lines)

    def horizon(self) -> Horizon:
        """How far the history reaches that everyone inside has heard."""
        return Horizon(self._tail.head, self._scribe.floor(self._tail.head), self._room.epoch)

    def go_live(self, peer: Peer, after: int, first: bool) -> bool:
        """The seam: a peer that has all up to `after` gets the rest from memory and is live; False: too far behind."""
        if (missed := self._tail.since(after)) is None:
            return False
        if missed or first:
            peer.write(wire.typed("sync.batch", page_of(missed, self._tail.head, self.horizon())))
        return self.audience.caught_up(peer)

    def _catch_up(self, peer: Peer, after: int) -> None:
        self._catching_up.add(task := asyncio.create_task(catch_up(self, self._tail.pages, peer, after)))
        task.add_done_callback(self._catching_up.discard)

    # ---- rest and the end ----

    def forget_history(self) -> asyncio.Future[None]:
        """Lines have been changed in the journal: memory keeps none of them, and a checkpoint is left behind now."""
        self._tail.forget()
        return self._scribe.checkpoint(self._room)

    def concerns(self, user_id: int) -> bool:
        """What becomes of this user may matter here: it is inside, or somebody is just coming in."""
        member = self._room.members.get(user_id)
        return bool(self._inbox) or (member is not None and member.inside)

    @property
    def idle(self) -> bool:
        """Nobody is here and nothing is under way."""
        is_busy = self._inbox or self._turns or self.closing or next_deadline(self._room) is not None
        return not (len(self.audience) or is_busy)

    def rest(self) -> None:
        """Leave a checkpoint behind and end; the next one who asks opens the room again from it."""
        self._scribe.rest(self._room)
        self.end(Ended("asleep"), Close.START_OVER)

    def end(self, why: Exception, code: int) -> None:
        """Answer everyone who waits, close every socket, and be no more."""
        if self._ended is not None:
            return
        self._ended = why if code == Close.ROOM_DELETED else Ended(str(why))
        self._alarm.cancel()
        replies = [reply for turn in self._turns for reply in turn.void(why, self._ended)]
        waiting = [each.reply for each in self._inbox if isinstance(each.reply, asyncio.Future)]
        self._turns.clear()
        self._inbox.clear()
        for reply in [*replies, *(Reply(future, None, self._ended) for future in waiting)]:
            reply.give()
        for task in self._catching_up:
            task.cancel()
        self.audience.disperse(code)
        self._scribe.end()
        self.on_end(self)
