"""Rooms in every order in which things can happen: a seed is one interleaving, and a failure names its seed.

Eight people come, go, get lost, come back and talk; two of them kick and ban; keys change; the journal stalls, fails
and refuses; the server restarts. The loop shuffles whatever is ready, and hours pass in milliseconds.

    RACE_SEEDS=10000 pytest tests/test_races.py         more of them
    RACE_SEED=4711 pytest tests/test_races.py           that one again
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from memory import Ear, House, MemoryJournal
from model import Dict, bare, fold
from shuffled_loop import Deadlock, play

from axenix.actor import Ended, RoomActor
from axenix.errors import Close, Refused
from axenix.lines import Claim, Then, Writing
from axenix.room import commands as c
from axenix.room.permits import Who
from axenix.room.state import Law, present, snapshot
from axenix.rooms import Rooms
from axenix.turn import Resume

SEEDS = int(os.environ.get("RACE_SEEDS", "400"))
PEOPLE, MODS, ACTIONS = range(1, 9), (1, 2), 10
GRACE = 5.0
TRANSIENT = {"storage_full", "storage_unavailable", "overloaded"}


class Witness(Ear):
    """A socket that checks every frame while it hears it."""

    def __init__(self, play: Meeting, user_id: int, resume: Resume | None, last: int | None) -> None:
        super().__init__(user_id)
        self.play = play
        self.last = last
        """The seq of the state that this person has."""
        self.resume = resume
        self.state: Dict | None = None
        self.answers: Dict = {}
        self.is_over = False
        self.actor: RoomActor | None = None

    def tell(self, data: bytes) -> None:
        if self.code is None:
            super().tell(data)
            for frame in self.take():
                self.hear(frame)

    def hear(self, frame: Dict) -> None:
        kind = frame["type"]
        if kind == "state.snapshot":
            self.snapshot = frame
            if self.resume is None:
                self.adopt(frame)
        elif kind == "sync.reset":
            self.adopt(frame["snapshot"])
        elif kind == "sync.batch":
            gone = {event["id"] for event in frame["items"] if event["type"] == "chat.deleted"}
            for event in frame["items"]:
                self.play.must(event["seq"] not in gone or "deleted" in event, "a deleted text was told again")
                self.event(event)
        elif kind in ("ack", "error"):
            self.answered(frame)
        elif "created_at" in frame:
            self.event(frame)

    def adopt(self, snapshot: Dict) -> None:
        owners = [one for one in snapshot["participants"] if one["role"] == "owner"]
        self.play.must(len(owners) <= 1, "there are two owners")
        self.play.must(snapshot["seq"] <= self.play.durable, "a snapshot showed what is not durable")
        self.last, self.state = snapshot["seq"], copy(snapshot)

    def event(self, event: Dict) -> None:
        self.play.must(not self.is_over or event["type"] == "key.rotate_required", f"the kicked heard {event}")
        self.play.must(event["seq"] == (self.last or 0) + 1, f"{self.last} was followed by {event['seq']}")
        self.play.must(event["seq"] <= self.play.durable, "an event was told before it was durable")
        self.last = event["seq"]
        self.play.compare(event)
        if self.state is not None:
            fold(self.state, event)
        is_mine = event["type"] == "member.kicked" and event["user_id"] == self.user_id
        self.is_over = self.is_over or (is_mine and self.is_live_for(event))

    def is_live_for(self, event: Dict) -> bool:
        """History also tells of kicks from which one has come back since."""
        return bool(event["seq"] > self.snapshot["seq"])

    def answered(self, frame: Dict) -> None:
        self.answers[frame.get("cid")] = frame
        if frame["type"] == "ack" and "seq" in frame:
            self.play.must(frame["seq"] <= self.play.durable, "an ack came before the event was durable")
            self.play.must(frame["seq"] <= (self.last or 0), "an ack overtook its event")


class Journal(MemoryJournal):
    """Like the real one it takes nothing more of a room once something could not be written, until the next claim."""

    is_void = False

    async def claim(self, room: int) -> Claim:
        self.is_void = False
        return await super().claim(room)

    def write(self, room: int, term: int, writing: Writing, then: Then) -> None:
        if term == self.term and (self.is_void or self.refusal):
            self.is_void = True
            asyncio.get_running_loop().call_soon(then, Refused(self.refusal or "storage_unavailable"))
        else:
            super().write(room, term, writing, then)

    def fail(self, reason: str) -> None:
        self.is_void = self.is_void or bool(self.waiting)
        super().fail(reason)


class Meeting:
    """One seed: who does what and when, and what must be true all the while."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.wrong: list[str] = []
        self.ears: dict[int, Witness] = {}
        """The last socket of each, gone or not."""
        self.everybody: list[Witness] = []
        self.said: Counter[str] = Counter()
        self.acked: dict[str, int] = {}
        self.unsaid: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.asking: set[asyncio.Task[Any]] = set()

    def must(self, is_so: bool, otherwise: str) -> None:
        """Noted and not raised: the room would take it for a fault of its own."""
        if not is_so:
            self.wrong.append(otherwise)

    @property
    def durable(self) -> int:
        return len(self.house.journal.lines)

    def compare(self, event: Dict) -> None:
        kept = json.loads(self.house.journal.lines[event["seq"] - 1].body)
        self.must(event == kept or bool(kept.get("deleted")), f"told {event}, kept {kept}")

    # ---- the play ----

    async def run(self) -> None:
        self.house = House(Law(grace=GRACE))
        self.house.journal = Journal()
        self.open_the_house(self.house.rooms._catalogue)
        await self.attempt(1, c.SetRole(2, "admin"))
        lives = [asyncio.create_task(self.live(user_id)) for user_id in PEOPLE]
        world = asyncio.create_task(self.disturb())
        await asyncio.wait_for(asyncio.gather(*lives), 3600)
        world.cancel()
        self.mend()
        await asyncio.sleep(1)
        await self.look_around()
        await self.everyone_goes()
        self.sweep.cancel()

    async def live(self, user_id: int) -> None:
        for n in range(ACTIONS):
            await asyncio.sleep(self.chance.choice([0, 0, 0, 0.001, 0.3, GRACE + 1]))
            await self.act(user_id, n)

    async def act(self, user_id: int, n: int) -> None:
        ear = self.ears.get(user_id)
        is_here = ear is not None and ear.code is None
        deeds: list[Callable[[], Any]] = [lambda: self.come(user_id)]
        if is_here:
            deeds = 4 * [lambda: self.say(user_id, n)] + [
                lambda: self.come(user_id), lambda: self.lose(user_id), lambda: self.leave(user_id),
                lambda: self.hand(user_id), lambda: self.change_key(user_id), lambda: self.delete(user_id)]
        if user_id in MODS:
            deeds += 2 * [lambda: self.kick(user_id)] + [lambda: self.rule(user_id)]
        elif not is_here:
            deeds += [lambda: self.come_by_rest(user_id)]
        await self.chance.choice(deeds)()

    async def attempt(self, user_id: int, command: Any, view: Any = None) -> Any:
        """By REST. None: refused."""
        try:
            return await self.answered(self.house.rooms.ask("stage", Who(user_id), command, view))
        except Refused as refused:
            self.counts[refused.reason] += 1
            return None

    async def come(self, user_id: int) -> None:
        before, resume = self.ears.get(user_id), None
        if before is not None and before.last is not None and self.chance.random() < 0.7:
            resume = Resume(before.last, "e" * 32)
        ear = Witness(self, user_id, resume, resume.after_seq if resume else None)
        if resume and before is not None and before.state is not None:
            ear.state = copy(before.state)  # the older socket may hear more until it is replaced
        self.ears[user_id] = ear
        self.everybody.append(ear)
        key = f"key {user_id}" if user_id % 2 else None
        try:
            join = c.Join(f"user {user_id}", None, None, key)
            ear.actor = await self.answered(self.house.rooms.join("stage", ear, join, resume))
            self.counts["came"] += 1
        except Refused as refused:
            self.counts[refused.reason] += 1
            ear.code = ear.code or Close.REFUSED

    async def come_by_rest(self, user_id: int) -> None:
        await self.attempt(user_id, c.Join(f"user {user_id}", None))

    async def lose(self, user_id: int) -> None:
        ear = self.ears[user_id]
        if ear.code is None:
            ear.code = 1006
        self.tell_of_the_end(ear)

    def tell_of_the_end(self, ear: Witness) -> None:
        """As web/ws.py does: to the actor that let it in, or the one that is awake."""
        actor = ear.actor or self.house.rooms.awake_one("stage")
        if actor is not None:
            actor.tell(Who(ear.user_id, ear.number), c.Disconnect(ear.code or 1006))

    async def leave(self, user_id: int) -> None:
        self.hear(self.ears[user_id], c.Leave())

    def hear(self, ear: Witness, command: c.Command) -> bool:
        if ear.actor is None or ear.code is not None:
            return False
        try:
            ear.actor.hear(ear, command)
        except Ended:
            ear.code = Close.START_OVER
        except Refused:
            return False
        return True

    async def say(self, user_id: int, n: int) -> None:
        """A line that was not answered before the socket broke is said again, with the same cid."""
        line = f"{user_id}/{n}"
        for _ in range(3):
            ear = self.ears[user_id]
            if not self.hear(ear, c.PostChat(text=line, cid=line)):
                return
            self.said[line] += 1
            await asyncio.sleep(self.chance.choice([0, 0.01, 2]))
            if line in ear.answers:
                return self.answer(line, ear.answers[line])
            if ear.code is not None:
                self.counts["said again"] += 1
                await self.come(user_id)

    def answer(self, line: str, answer: Dict) -> None:
        if answer["type"] == "ack":
            self.acked[line] = answer["seq"]
        else:
            self.unsaid.add(line)
            self.must(answer["reason"] in TRANSIENT | {"not_inside"}, f"refused: {answer['reason']}")

    async def delete(self, user_id: int) -> None:
        mine = [seq for line, seq in self.acked.items() if line.startswith(f"{user_id}/")]
        if mine and await self.attempt(user_id, c.DeleteChat(self.chance.choice(mine), user_id)):
            self.counts["deleted"] += 1

    async def hand(self, user_id: int) -> None:
        self.hear(self.ears[user_id], self.chance.choice([c.RaiseHand, c.LowerHand])())

    async def change_key(self, user_id: int) -> None:
        def look(room: Any) -> tuple[int, dict[int, str]]:
            return room.key_epoch + 1, {key: "w" for key in room.presence.device_keys if present(room, key)}
        try:
            key_epoch, shares = await self.answered(self.house.rooms.read("stage", look))
        except Refused:
            return
        await self.attempt(user_id, c.StartKeyEpoch(key_epoch, shares))

    async def rule(self, user_id: int) -> None:
        await self.attempt(user_id, c.SetState(mute_all=False, is_locked=self.chance.random() < 0.2))

    async def kick(self, by: int) -> None:
        whom = self.chance.choice(PEOPLE[2:])
        before = self.ears.get(whom)
        seq = await self.attempt(by, c.Kick(whom, self.chance.choice([0, 0, 2])))
        if seq is None:
            return
        self.counts["kicked"] += 1
        self.must(self.durable >= seq, "a kick was answered before it was durable")
        if before is not None and before.code is None and before.state is not None:
            self.must(before.last is not None and (before.last < seq or before.snapshot["seq"] >= seq),
                      "the kicked is still listening when the kick is answered")

    # ---- the world ----

    async def disturb(self) -> None:
        journal = self.house.journal
        while True:
            await asyncio.sleep(self.chance.choice([0, 0.001, 0.1, 1]))
            match self.chance.choices(range(7), (3, 9, 9, 2, 1, 1, 3))[0]:
                case 0:
                    journal.stalled = True
                case 1 | 2:
                    self.mend()
                case 3:
                    journal.fail("storage_unavailable")
                case 4:
                    journal.refusal = "storage_full"
                    journal.fail("storage_full")
                case 5:
                    self.restart()
                case 6:
                    journal.commit()

    def mend(self) -> None:
        self.house.journal.stalled, self.house.journal.refusal = False, None
        self.house.journal.commit()

    def restart(self) -> None:
        """As if killed: nobody is answered, every socket breaks, and what waited has been written or has not."""
        self.counts["restarted"] += 1
        former = self.house.rooms
        self.sweep.cancel()
        for task in [*self.asking, *former._opening.values()]:
            task.cancel()
        for ear in self.everybody:
            ear.code = ear.code or Close.RESTART
        for actor in former.awake():
            actor.end(Ended("killed"), Close.RESTART)
        if self.chance.random() < 0.5:
            self.house.journal.waiting.clear()
        self.open_the_house(former._catalogue)

    def open_the_house(self, catalogue: Any) -> None:
        self.house.rooms = Rooms(
            self.house.journal, catalogue, Law(grace=GRACE), retention=0, now=self.house.clock)
        self.sweep = asyncio.create_task(self.house.rooms.sweep())

    async def answered(self, asking: Coroutine[Any, Any, Any]) -> Any:
        """Raises Refused, also when the server has gone in between."""
        task = asyncio.create_task(asking)
        self.asking.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            raise Refused("draining") from None
        finally:
            self.asking.discard(task)

    # ---- in the end ----

    async def look_around(self) -> None:
        """No ghosts: everyone inside has an open socket that heard everything, or will be missed, or has no socket."""
        actor = await self.house.rooms.open("stage")
        room: Dict = {}
        await actor.read(lambda now: room.update(json.loads(encoded(now))) or present_by_socket(now, room))
        head = self.durable
        await asyncio.sleep(0.5)
        for user_id, number in room["sockets"].items():
            ear = self.ears[user_id]
            if ear.code is None:
                self.must(ear.number == number, f"{user_id} is inside by a socket that is not theirs")
                self.must((ear.last or 0) >= head, f"{user_id} has heard up to {ear.last} of {head}")
                if ear.state is not None and ear.last == room["seq"]:
                    told = {name: ear.state[name] for name in ("participants", "hands_up", "key_epoch", "seq")}
                    self.must(told == {name: room[name] for name in told}, f"{told} is not the room {room}")
        for ear in self.everybody:
            if ear.code is None and ear.state is not None:
                self.must(room["sockets"].get(ear.user_id) == ear.number, f"{ear.user_id} listens and is not inside")

    async def everyone_goes(self) -> None:
        for ear in self.ears.values():
            ear.code = ear.code or 1006
            self.tell_of_the_end(ear)
        await asyncio.sleep(GRACE + 60)  # also the heartbeats of those without a socket run out
        actor = await self.house.rooms.open("stage")
        left = await actor.read(lambda room: [one.user_id for one in snapshot(room).participants])
        self.must(left == [] and actor.online_count == 0 and not len(actor.audience), f"ghosts: {left}")
        self.read_the_history()

    def read_the_history(self) -> None:
        history = [json.loads(line.body) for line in self.house.journal.lines]
        lines = Counter(event["text"] for event in history if "text" in event)
        self.must([event["seq"] for event in history] == list(range(1, len(history) + 1)), "history has a hole")
        self.must(not lines or max(lines.values()) == 1, f"doubled: {lines}")
        for line, seq in self.acked.items():
            event = history[seq - 1]
            self.must(event.get("text") == line or bool(event.get("deleted")), f"acked and lost: {line}")
        for line in self.unsaid:
            self.must(not lines[line] or self.said[line] > 1, f"refused, and said all the same: {line}")
        self.who_may(history)

    def who_may(self, history: list[Dict]) -> None:
        """Only those inside act as such; nobody is inside twice; the owner stays the owner."""
        inside: set[int] = set()
        for event in history:
            user_id, kind = event.get("user_id"), event["type"]
            if kind == "member.joined":
                self.must(user_id not in inside, f"{user_id} joined twice")
                inside.add(event["user_id"])
            elif kind in ("member.left", "member.kicked"):
                self.must(user_id in inside or kind == "member.kicked", f"{user_id} left twice")
                inside.discard(event["user_id"])
            elif kind in ("chat.message", "hand.raised", "hand.lowered", "media.updated"):
                self.must(user_id in inside, f"{user_id} is outside, and there is {bare(event)}")
            self.must(event.get("role") != "owner" or user_id == 1, "another owner")


def copy(state: Dict) -> Dict:
    fresh: Dict = json.loads(json.dumps(state))
    return fresh


def encoded(room: Any) -> bytes:
    from msgspec import json as fast
    return fast.encode(snapshot(room))


def present_by_socket(room: Any, into: Dict) -> None:
    into["sockets"] = dict(room.presence.sockets)


def go(seed: int) -> Meeting:
    meeting = Meeting(seed)
    try:
        play(seed, meeting.run())
    except (Deadlock, TimeoutError, AssertionError) as stuck:
        meeting.wrong.append(repr(stuck))
    assert not meeting.wrong, f"RACE_SEED={seed}\n" + "\n".join(meeting.wrong[:10])
    return meeting


@pytest.mark.timeout(3600)
def test_in_whatever_order_things_happen_the_promises_hold(caplog: pytest.LogCaptureFixture) -> None:
    one, total, began = os.environ.get("RACE_SEED"), Counter[str](), time.monotonic()
    for seed in [int(one)] if one else range(SEEDS):
        meeting = go(seed)
        total += meeting.counts
        total["events"] += meeting.durable
        faults = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert not faults, f"RACE_SEED={seed}\n{faults}"
        caplog.clear()
    print(f"{SEEDS} seeds in {time.monotonic() - began:.1f} s: {dict(total)}")
    if not one:
        happened = ("came", "kicked", "restarted", "storage_full", "banned", "said again", "deleted")
        assert all(total[name] for name in happened), "the walks are too tame"


async def test_whoever_goes_and_comes_back_in_one_turn_hears_only_of_the_coming() -> None:
    house = House()
    await house.ask(3, c.Join("user 3", None))
    actor = await house.actor()
    four, three = Ear(4), Ear(3)
    await asyncio.gather(
        actor.join(four, c.Join("user 4", None)),  # opens the door for all who come in this turn
        actor.ask(Who(1), c.Kick(3, 0)), actor.join(three, c.Join("user 3", None)))
    heard = [event for event in three.take() if event.get("user_id") == 3 and "created_at" in event]
    assert [event["type"] for event in heard] == ["member.joined"]


def test_a_seed_is_one_order_and_another_is_another() -> None:
    async def race() -> list[int]:
        order: list[int] = []

        async def step(n: int) -> None:
            await asyncio.sleep(0)
            order.append(n)
        await asyncio.gather(*(step(n) for n in range(9)))
        return order
    orders = {tuple(play(seed, race())) for seed in range(50)}
    assert len(orders) > 30
    assert [play(7, race()) for _ in range(3)] == 3 * [play(7, race())]


def test_hours_pass_in_a_moment_and_a_deadlock_is_seen() -> None:
    async def wait() -> float:
        await asyncio.sleep(36_000)
        return asyncio.get_running_loop().time()
    assert play(1, wait()) == 36_000

    async def forever() -> None:
        await asyncio.Event().wait()
    with pytest.raises(Deadlock):
        play(1, forever())
