"""What one turn of a room decided, written down as a script: to be played to the audience once it is durable.

A turn takes every command that is waiting. Its script keeps the order of everything the room will say about them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from axenix import wire
from axenix.audience import Audience, Peer, Reply, Step, Whisper
from axenix.errors import Close, Refused
from axenix.frames import text_frame
from axenix.lines import Line, write_line
from axenix.room.commands import Command
from axenix.room.events import CoverChanged, Entry, Event, MemberKicked, MemberLeft, RecordingStarted
from axenix.room.events import RecordingStopped, RoomUpdated, StateChanged
from axenix.room.permits import Who
from axenix.room.resume import Horizon, lost_track
from axenix.room.state import Room, snapshot

ON_CARD = {StateChanged, RoomUpdated, RecordingStarted, RecordingStopped, CoverChanged}
GONE: dict[type[Event], int] = {MemberLeft: Close.NORMAL, MemberKicked: Close.KICKED}

View = Callable[[Room], Any]


class Resume(Struct, frozen=True):
    after_seq: int
    epoch: str | None = None


class Envelope(Struct, frozen=True):
    """A command on its way to the room, and where the answer goes."""

    who: Who
    command: Any
    """None: nothing is to happen, only `view` is wanted."""
    reply: asyncio.Future[Any] | Peer | None = None
    view: View | None = None
    """What the asker wants to see of the room just after the command; without it, the seq."""
    peer: Peer | None = None
    """With a Join: the socket to admit."""
    resume: Resume | None = None

    @property
    def cid(self) -> str | None:
        return self.command.cid if isinstance(self.command, Command) else None


class Opening(Struct):
    """The first join of a turn opens the door for all that follow: they share one snapshot and come in at one place."""

    head: int
    preamble: bytes
    snapshot: bytes
    arrivals: list[Callable[[], None]]

    def __call__(self) -> None:
        for arrive in self.arrivals:
            arrive()


class Turn:
    def __init__(self, audience: Audience, floor: Callable[[int], int], refusal: str | None = None) -> None:
        """`refusal`: the reason code with which the journal refuses to write now."""
        self.refusal = refusal
        self.lines: list[Line] = []
        self.script: list[Step] = []
        self.durable = False
        self.card_changed = False
        self._audience = audience
        self._floor = floor
        self._opening: Opening | None = None
        self._departures: list[Callable[[], None]] = []

    # ---- what happened ----

    def record(self, room: Room, entry: Entry) -> None:
        """Call before the entry is applied: a departure needs to know the connection that it ends."""
        event, kind = entry.event, type(entry.event)
        line = write_line(entry)
        self.lines.append(line)
        self.script.append(text_frame(line.body))
        if kind in ON_CARD:
            self.card_changed = True
        elif kind in GONE:
            assert isinstance(event, MemberLeft | MemberKicked)
            self._opening = None  # who comes back in this turn must not hear of its own going
            number = room.presence.sockets.get(event.user_id)
            if number is not None:
                self._departures.append(partial(self._part, event.user_id, number, GONE[kind]))

    def _part(self, user_id: int, number: int, code: int) -> None:
        peer = self._audience.of(user_id)
        if peer is not None and peer.number == number:
            self._audience.part(peer, code)

    def forget(self, envelope: Envelope) -> None:
        """The socket has ended by itself; it stops hearing, in its turn."""
        who = envelope.who
        self.script.append(partial(self._part, who.user_id, who.connection or 0, Close.NORMAL))

    # ---- what is answered ----

    def answer(self, room: Room, envelope: Envelope, seq: int | None) -> None:
        reply = envelope.reply
        if isinstance(reply, asyncio.Future):
            self.script.append(Reply(reply, envelope.view(room) if envelope.view else seq))
        elif reply is not None and (cid := envelope.cid) is not None:
            self.script.append(Whisper(reply, wire.ack(cid, seq)))
        if self._departures:
            self.script.extend(self._departures)
            self._departures = []

    def show(self, room: Room, envelope: Envelope) -> None:
        """Answer one who only looks."""
        assert envelope.view is not None and envelope.reply is not None
        try:
            seen, to = envelope.view(room), envelope.reply
            if isinstance(to, asyncio.Future):
                self.script.append(Reply(to, seen, looked=True))
            else:  # a step of its own: what one peer sees of the room must not slip behind later events
                self.script.append(partial(self._audience.whisper, to, seen))
        except Exception as error:  # a refusal, or a fault of the view; the room is untouched
            self.refuse(envelope, error)

    def refuse(self, envelope: Envelope, error: Exception) -> None:
        reply = envelope.reply
        if isinstance(reply, asyncio.Future):
            self.script.append(Reply(reply, None, error))
        elif reply is not None and isinstance(error, Refused):
            self._audience.tally.refusals[error.reason] += 1
            self.script.append(Whisper(reply, wire.error(error, envelope.cid)))

    def void(self, refused: Exception, ended: Exception) -> list[Reply]:
        """Nothing of this turn has happened after all: what its askers are told. Who only looked may look again."""
        replies = [step for step in self.script if isinstance(step, Reply)]
        return [replace(step, refused=step.refused or (ended if step.looked else refused)) for step in replies]

    # ---- who comes in ----

    def open_door(self, room: Room) -> None:
        """Call before the join is applied: the newcomer's snapshot ends just before its own `member.joined`."""
        if self._opening is None:
            seen = wire.encode(snapshot(room))
            floor = self._floor(room.seq)
            info = wire.message("sync.info", next_seq=room.seq + 1, floor_seq=floor, epoch=room.epoch)
            self._opening = Opening(room.seq, text_frame(seen) + info, seen, [])
            self.script.append(self._opening)

    def admit(
        self, room: Room, envelope: Envelope, resumed: bool, catch_up: Callable[[Peer, int], None]
    ) -> None:
        """Arrange for the peer of this join to come in through the open door."""
        opening, peer = self._opening, envelope.peer
        assert opening is not None and peer is not None
        role = room.members[peer.user_id].role
        joined = wire.message("joined", room_slug=room.slug, user_id=peer.user_id, role=role, resumed=resumed)
        horizon = Horizon(opening.head, self._floor(opening.head), room.epoch)
        arrive = partial(_arrive, self._audience, peer, joined, opening, horizon, envelope.resume, catch_up)
        opening.arrivals.append(arrive)


def _arrive(
    audience: Audience, peer: Peer, joined: bytes, opening: Opening, horizon: Horizon, resume: Resume | None,
    catch_up: Callable[[Peer, int], None],
) -> None:
    preamble = joined + opening.preamble
    if resume is None:
        audience.admit(peer, live=True)
        peer.write(preamble)
    elif reason := lost_track(horizon, resume.after_seq, resume.epoch):
        audience.admit(peer, live=True)
        body = wire.reset(reason, opening.snapshot, horizon.head + 1, horizon.floor, horizon.epoch)
        peer.write(preamble + wire.typed("sync.reset", body))
    else:
        audience.admit(peer, live=False)
        peer.write(preamble)
        catch_up(peer, resume.after_seq)
