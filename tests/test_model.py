"""The whole server against a model of it: whatever people do, in whatever order, both say and show the same.

The server runs in this process and is spoken to over real sockets; its clock stands still unless the walk lets time
pass, so that graces, bans, rates and stale keys end exactly when the document says. MODEL_WALKS and MODEL_STEPS make
the walks more and longer. A failing one is printed step by step, and with MODEL_SHRINK as short as it can be made.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from model import PUBLIC, STATE, Dict, Model, No, bare, fold

import axenix.rooms
from axenix.actor import SERVER
from axenix.app import drain, make_app
from axenix.client import Api, Connection, Refused
from axenix.config import Config
from axenix.room.commands import Tick
from axenix.store.database import Database
from axenix.web.house import HOUSE

WALKS, STEPS = int(os.environ.get("MODEL_WALKS", "40")), int(os.environ.get("MODEL_STEPS", "50"))
SHRINK = [Phase.shrink] if "MODEL_SHRINK" in os.environ else []
"""Takes minutes, because of the restarts."""
NAMES = ["Olga", "Ada", "Ben", "Cem", "Dora"]
KEYS = [base64.b64encode(X25519PrivateKey.from_private_bytes(bytes([n] * 32)).public_key().public_bytes_raw()).decode()
        for n in range(8)]
WRAP = base64.b64encode(bytes(80)).decode()
SEALED = {"algo": "AES-256-GCM", "ciphertext_b64": "c2VhbGVk"}
OLGA = 0


class StillTime:
    """In place of the module `time`, where the rooms ask what time it is."""

    def __init__(self) -> None:
        self.began = float(int(time.time()))
        self.passed = 0.0

    def time(self) -> float:
        return self.began + self.passed

    def monotonic(self) -> float:
        return self.passed


class Stage:
    """A server in this process, which can be restarted, and the loop in which it and its clients live."""

    def __init__(self, folder: Path, clock: StillTime) -> None:
        self.clock = clock
        self._config = Config.load(["--data-dir", str(folder), "--guest-rate", "0", "--message-rate", "0"], {})
        self._loop = asyncio.Runner()
        self._port = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run(asyncio.wait_for(work, 20))

    async def start(self) -> None:
        self._database = await Database.open(self._config.data_dir, lambda message, code: pytest.fail(message))
        self._runner = web.AppRunner(make_app(self._config, self._database), access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.session = aiohttp.ClientSession()
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        await drain(self._runner.app)
        await self._runner.cleanup()
        await self._database.close()
        await self.session.close()

    async def second(self, slug: str) -> None:
        """The room's alarm rings when its time has come; here once a second."""
        self.clock.passed += 1
        rooms = self._runner.app[HOUSE].rooms
        if actor := rooms.awake_one(slug):
            actor.tell(SERVER, Tick())
            await rooms.read(slug, lambda room: None)

    async def put_to_rest(self, slug: str) -> None:
        actor = self._runner.app[HOUSE].rooms.awake_one(slug)
        if actor is not None and actor.idle:
            actor.rest()

    def end(self) -> None:
        self.do(self.stop())
        self._loop.close()


@contextmanager
def a_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    clock = StillTime()
    monkeypatch.setattr(axenix.rooms, "time", clock)
    stage = Stage(folder, clock)
    stage.do(stage.start())
    try:
        yield stage
    finally:
        stage.end()


class Seat:
    """One person's socket, and all that it has said: dense, and equal to what happened."""

    def __init__(self, connection: Connection, before: Seat | None) -> None:
        self.connection = connection
        snapshot = connection.snapshot
        self.state = before.state if before else {name: snapshot[name] for name in (*STATE, "participants", "seq")}

    async def check(self, model: Model, live_from: int) -> None:
        await self.connection.command("ping")  # its answer comes after everything that was told before
        assert self.connection.last_seq == model.seq
        while self.state["seq"] < model.seq:
            event = await self.connection.next()
            if "created_at" in event:
                self.take(event, model, live_from)
        assert self.state == model.snapshot(), "snapshot(S) + events S+1 … T = snapshot(T)"

    def take(self, event: Dict, model: Model, live_from: int) -> None:
        seq = event["seq"]
        assert bare(event) == bare(model.log[seq - 1] if seq > live_from else model.kept(seq))
        fold(self.state, event)


person, others, flag = st.integers(0, 4), st.integers(0, 4), st.booleans()
mods = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4])
cid = st.sampled_from([None, None, "a", "b", "c"])
near = st.sampled_from([0, 1, 1, 1, 1, 1, 2])


class Meeting(RuleBasedStateMachine):
    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.seats: dict[int, Seat] = {}
        self.former: dict[int, Seat] = {}
        """Those who may come back to where they were."""
        self.closing: dict[int, int] = {}
        self.live_from = 0

    @initialize()
    def begin(self) -> None:
        self.stage.do(self.prepare())
        for n in (0, 1, 2):
            self.come(n, True, True, False)
        self.set_role(OLGA, 1, "promote_admin")

    async def prepare(self) -> None:
        api = Api(self.stage.url, self.stage.session)
        self.people = [await api.guest(name) for name in NAMES]
        self.room = await self.people[OLGA].create_room(title="Tea", create_invite=True)
        self.slug = self.room["slug"]
        names = {who.id: name for who, name in zip(self.people, NAMES)}
        self.model = Model(self.slug, "Tea", self.people[OLGA].id, names)
        for n in range(4):  # Dora has none
            await self.show(n, KEYS[n])
            self.model.show_key(self.people[n].id, KEYS[n])

    # ---- both at once ----

    def both(self, expected: Callable[[], Any], asking: Coroutine[Any, Any, Any]) -> tuple[Any, Any] | None:
        """The model and the server answer the same; None: they refuse for the same reason."""
        refusal, answer, told, got = None, None, None, None
        try:
            answer = expected()
        except No as no:
            refusal = str(no)
        try:
            got = self.stage.do(asking)
        except Refused as refused:
            told = refused.reason
        assert told == refusal, f"the server says {told}, the model {refusal}"
        return None if refusal else (answer, got)

    def rest(self, by: int, area: str, **fields: Any) -> Coroutine[Any, Any, Any]:
        area, _, rest = area.partition("/")
        return self.people[by].post(f"/api/{area}/{self.slug}/{rest}".rstrip("/"), **fields)

    def id(self, n: int) -> int:
        return self.people[n].id

    def seated(self, n: int) -> tuple[int, Connection] | None:
        """Somebody who has a socket: this one, or the next."""
        for each in [*range(n, 5), *range(n)]:
            if each in self.seats:
                return each, self.seats[each].connection
        return None

    def gone(self, n: int, code: int) -> None:
        if n in self.seats:
            self.former[n] = self.seats.pop(n)
            self.stage.do(self.closed(self.former[n].connection, code))

    async def closed(self, connection: Connection, code: int) -> None:
        async for event in connection:
            if "created_at" in event:
                self.last_words = event
        assert connection.close_code == code

    async def settle(self) -> None:
        """The server notices by and by that a socket has gone; it may take a moment, not five seconds."""
        deadline = time.monotonic() + 5
        while not await self.agrees():
            assert time.monotonic() < deadline, "a socket's end was never noticed"
            await asyncio.sleep(0.002)

    async def agrees(self) -> bool:
        shown = await self.people[OLGA].get(f"/api/participants/{self.slug}", status="active,lost,left,banned")
        seen = {one["user_id"]: tuple(one[name] for name in ("status", *PUBLIC)) for one in shown["participants"]}
        return seen == {user_id: (self.model.status(user_id), *(one[name] for name in PUBLIC))
                        for user_id, one in self.model.members.items()}

    # ---- coming and going ----

    @rule(n=person, socket=st.sampled_from([True, True, False]), invited=flag, back=flag)
    def come(self, n: int, socket: bool, invited: bool, back: bool) -> None:
        key, former = self.room["invite_key"] if invited else None, self.seats.get(n) or self.former.get(n)
        before = self.model.snapshot()
        had_seat = n in self.seats
        if not socket:
            fields = {"invite_key": key} if key else {}
            self.both(lambda: self.model.join(self.id(n), socket=False, invited=invited),
                      self.rest(n, "participants/join", **fields))
            return
        after = (former.state["seq"], former.connection.epoch) if former and back else (None, None)
        answer = self.both(lambda: self.model.join(self.id(n), socket=True, invited=invited),
                           self.people[n].join(self.slug, key, *after))
        if answer is None:
            return
        resumed, connection = answer
        if had_seat:
            self.gone(n, 4006)
        self.seats[n] = Seat(connection, former if back else None)
        assert connection.joined["resumed"] == resumed
        assert connection.joined["role"] == self.model.members[self.id(n)]["role"]
        greeting = {name: connection.snapshot[name] for name in before}
        assert greeting == before and connection.info["next_seq"] == before["seq"] + 1

    @rule(n=person)
    def come_back(self, n: int) -> None:
        self.come(n, True, True, True)

    @rule(n=person, how=st.sampled_from(["lost", "lost", "closed", "leave", "REST"]))
    def go(self, n: int, how: str) -> None:
        if how == "REST":
            if self.both(lambda: self.model.leave(self.id(n)), self.rest(n, "participants/leave")):
                self.gone(n, 1000)
        elif n in self.seats:
            if how == "lost":
                self.model.lose(self.id(n))
            else:
                self.model.leave(self.id(n))
            self.stage.do(self.part(n, how))

    async def part(self, n: int, how: str) -> None:
        seat = self.former[n] = self.seats.pop(n)
        if how == "lost":
            await seat.connection.drop()
        elif how == "closed":
            await seat.connection.close()
        else:
            await seat.connection.send("leave")
            await self.closed(seat.connection, 1000)
            assert self.last_words["type"] in ("member.left", "key.rotate_required")
        await self.settle()

    @rule(n=person, seconds=st.sampled_from([9, 10]))
    def go_for_a_while(self, n: int, seconds: int) -> None:
        self.go(n, "lost")
        self.time_passes(seconds)

    @rule(n=person)
    def beat(self, n: int) -> None:
        self.both(lambda: self.model.beat(self.id(n)), self.rest(n, "participants/heartbeat"))

    @rule(seconds=st.sampled_from([1, 4, 5, 6, 9, 10, 11, 46, 61]))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.model.second()
            self.stage.do(self.stage.second(self.slug))

    @rule()
    def the_server_restarts(self) -> None:
        self.stage.do(self.stage.stop())
        for n in list(self.seats):
            self.gone(n, 1012)
        self.stage.do(self.stage.start())
        for each in self.people:
            each.session = self.stage.session
        self.model.restart()

    @rule()
    def the_room_goes_to_rest_if_it_may(self) -> None:
        self.stage.do(self.stage.put_to_rest(self.slug))

    @rule(n=person, name=st.sampled_from(["Mo", "Li"]))
    def rename(self, n: int, name: str) -> None:
        self.model.rename(self.id(n), name)
        self.stage.do(self.people[n].call("PATCH", f"/api/users/{self.id(n)}", {"nickname": name}))
        self.stage.do(self.settle())

    # ---- moderation ----

    @rule(by=mods, whom=others, ban=st.sampled_from([0, 30, 86400]))
    def kick(self, by: int, whom: int, ban: int) -> None:
        asking = self.people[by].moderate(self.slug, "kick", self.id(whom), ban_sec=ban)
        if self.both(lambda: self.model.kick(self.id(by), self.id(whom), ban), asking) and whom in self.seats:
            self.gone(whom, 4005)
            assert self.last_words["type"] in ("member.kicked", "key.rotate_required")

    @rule(by=mods, whom=others)
    def unban(self, by: int, whom: int) -> None:
        self.both(lambda: self.model.unban(self.id(by), self.id(whom)),
                  self.people[by].moderate(self.slug, "unban", self.id(whom)))

    @rule(by=mods, whom=others, value=flag, what=st.sampled_from([
        ("force_mute", "muted", "media.forced", "admin_muted"),
        ("force_video", "video_off", "media.video_forced", "admin_video_off"),
        ("speak", "can_speak", "speak.changed", "can_speak")]))
    def force(self, by: int, whom: int, value: bool, what: tuple[str, str, str, str]) -> None:
        action, field, kind, name = what
        self.both(lambda: self.model.force(self.id(by), self.id(whom), kind, name, value),
                  self.people[by].moderate(self.slug, action, self.id(whom), **{field: value}))

    @rule(by=st.sampled_from([0, 0, 1, 2]), whom=others, action=st.sampled_from(["promote_admin", "demote_admin"]))
    def set_role(self, by: int, whom: int, action: str) -> None:
        role = "admin" if action == "promote_admin" else "guest"
        self.both(lambda: self.model.set_role(self.id(by), self.id(whom), role),
                  self.people[by].moderate(self.slug, action, self.id(whom)))

    @rule(by=mods, value=flag, what=st.sampled_from([("set_lock", "is_locked"), ("set_mute_all", "mute_all")]))
    def set_state(self, by: int, value: bool, what: tuple[str, str]) -> None:
        self.both(lambda: self.model.set_state(self.id(by), **{what[1]: value}),
                  self.rest(by, f"state/{what[0]}", value=value))

    @rule(n=mods, topic=st.sampled_from(["", "Biscuits"]))
    def set_topic(self, n: int, topic: str) -> None:
        if found := self.seated(n):
            by, connection = found
            self.both(lambda: self.model.set_state(self.id(by), topic=topic),
                      connection.command("state.set", topic=topic))

    @rule(n=mods, on=flag)
    def record(self, n: int, on: bool) -> None:
        if found := self.seated(n):
            by, connection = found
            self.acked(self.both(lambda: self.model.record(self.id(by), on),
                                 connection.command("record.start" if on else "record.stop")))

    @rule(by=st.sampled_from([0, 0, 1]), title=st.sampled_from(["Tea", "High tea"]), private=flag)
    def update_room(self, by: int, title: str, private: bool) -> None:
        asking = self.people[by].call("PATCH", f"/api/rooms/{self.slug}", {"title": title, "is_private": private})
        self.both(lambda: self.model.update(self.id(by), title, private), asking)

    # ---- what members do ----

    def acked(self, answer: tuple[Any, Any] | None) -> None:
        if answer:
            assert answer[1].get("seq") == answer[0], "the ack names the event, or none"

    @rule(n=person, text=st.sampled_from(["hello", "again", ""]), cid=cid)
    def say(self, n: int, text: str, cid: str | None) -> None:
        if found := self.seated(n):
            by, connection = found
            fields = {"cid": cid} if cid else {}
            self.acked(self.both(lambda: self.model.say(self.id(by), cid, text=text),
                                 connection.command("chat.message", text=text, **fields)))

    @rule(n=person, cid=cid)
    def say_by_rest(self, n: int, cid: str | None) -> None:
        answer = self.both(lambda: self.model.say(self.id(n), cid, text="by REST"),
                           self.rest(n, "chat", text="by REST", cid=cid))
        if answer:
            assert bare(answer[1]) == bare(self.model.kept(answer[0]))

    @rule(n=person, cid=cid, off=st.sampled_from([None, 0, 0, 0, 1]))
    def say_sealed(self, n: int, cid: str | None, off: int | None) -> None:
        if found := self.seated(n):
            by, connection = found
            key_epoch = None if off is None else self.model.state["key_epoch"] + off
            fields = {"cid": cid} if cid else {}
            self.acked(self.both(
                lambda: self.model.say(self.id(by), cid, **SEALED, key_epoch=key_epoch),
                connection.command("chat.message.enc", **SEALED, **fields, key_epoch=key_epoch)))

    @rule(by=person, back=st.integers(0, 5))
    def delete(self, by: int, back: int) -> None:
        said = [event["seq"] for event in self.model.chat()]
        seq = said[-1 - back] if back < len(said) else back + 1
        self.both(lambda: self.model.delete(self.id(by), seq),
                  self.people[by].call("DELETE", f"/api/chat/{self.slug}/{seq}"))

    @rule(n=person, mic_muted=flag, cam_off=flag)
    def media(self, n: int, mic_muted: bool, cam_off: bool) -> None:
        if found := self.seated(n):
            by, connection = found
            self.acked(self.both(lambda: self.model.media(self.id(by), mic_muted, cam_off),
                                 connection.media(mic_muted=mic_muted, cam_off=cam_off)))

    @rule(n=person, whose=others, up=flag)
    def hand(self, n: int, whose: int, up: bool) -> None:
        if found := self.seated(n):
            by, connection = found
            asking = connection.raise_hand() if up else connection.lower_hand(user_id=self.id(whose))
            self.acked(self.both(
                lambda: self.model.hand(self.id(by), self.id(by if up else whose), up), asking))

    @rule(n=person, to=others)
    def signal(self, n: int, to: int) -> None:
        if found := self.seated(n):
            by, connection = found
            self.both(lambda: self.model.signal(self.id(by), self.id(to)),
                      connection.ice(to=self.id(to), candidate=None))

    # ---- keys ----

    async def show(self, n: int, key: str | None) -> None:
        await self.people[n].call("PUT", "/api/users/me/device_key", {"x25519_b64": key})

    @rule(n=person, key=st.sampled_from([None, *KEYS]))
    def show_key(self, n: int, key: str | None) -> None:
        self.model.show_key(self.id(n), key)
        self.stage.do(self.show(n, key))
        self.stage.do(self.settle())

    @rule(by=person, ahead=near, without=st.sampled_from([None, None, None, 1]))
    def begin_epoch(self, by: int, ahead: int, without: int | None) -> None:
        ids = self.model.key_owners() - ({self.id(without)} if without else set())
        number = self.model.state["key_epoch"] + ahead
        shares = [{"user_id": user_id, "wrapped_key_b64": WRAP} for user_id in ids]
        self.both(lambda: self.model.begin_epoch(self.id(by), number, ids),
                  self.rest(by, "crypto/epochs", key_epoch=number, shares=shares))

    @rule(n=person)
    def begin_the_next_epoch(self, n: int) -> None:
        if found := self.seated(n):
            self.begin_epoch(found[0], 1, None)

    @rule(by=person, behind=st.sampled_from([0, 0, 0, 1]), whom=st.none() | others)
    def share(self, by: int, behind: int, whom: int | None) -> None:
        new = self.model.key_owners() - set(self.model.holders)
        ids = new if whom is None else {self.id(whom)}
        number = max(1, self.model.state["key_epoch"] - behind)
        shares = [{"user_id": user_id, "wrapped_key_b64": WRAP} for user_id in ids]
        self.both(lambda: self.model.share(self.id(by), number, ids),
                  self.rest(by, f"crypto/epochs/{number}/shares", shares=shares))

    @rule(by=mods)
    def init(self, by: int) -> None:
        self.both(lambda: self.model.init(self.id(by)), self.rest(by, "crypto/init"))

    # ---- after every step ----

    @invariant()
    def all_agree(self) -> None:
        if hasattr(self, "model"):
            self.stage.do(self.check())
            self.live_from = self.model.seq

    async def check(self) -> None:
        assert {self.id(n) for n in self.seats} == self.model.sockets, "the walk itself has lost count"
        await asyncio.gather(*(seat.check(self.model, self.live_from) for seat in self.seats.values()))
        olga, model = self.people[OLGA], self.model
        seen = await olga.get(f"/api/state/{self.slug}")
        assert {name: seen[name] for name in seen.keys() - {"type", "epoch"}} == model.snapshot()
        assert await self.agrees()
        keys = await olga.get(f"/api/crypto/{self.slug}")
        assert (keys["key_epoch"], keys["mode"]) == (model.state["key_epoch"], model.mode)
        assert keys["stale"] == (model.stale_at is not None)
        here = [user_id for user_id in model.members if model.is_here(user_id)]
        assert keys["members"] == [
            {"user_id": user_id, "x25519_b64": model.device_keys.get(user_id), "has_share": user_id in model.holders}
            for user_id in here]

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.stage.do(self.audit())
            self.stage.do(self.people[OLGA].call("DELETE", f"/api/rooms/{self.slug}"))
            for n in list(self.seats):
                self.gone(n, 4007)

    async def audit(self) -> None:
        """What is kept, from the beginning."""
        olga, model, history, next_seq = self.people[OLGA], self.model, list[Dict](), 1
        while len(history) < model.seq:
            page = await olga.get(f"/api/sync/{self.slug}", after_seq=next_seq - 1, limit=17)
            history, next_seq = history + page["items"], page["next_seq"]
        assert [bare(event) for event in history] == [bare(model.kept(seq)) for seq in range(1, model.seq + 1)]
        chat = await olga.get(f"/api/chat/{self.slug}", limit=200)
        assert [bare(event) for event in chat["items"]] == [bare(event) for event in model.chat()][-200:]
        deeds = await olga.get(f"/api/moderation/{self.slug}/log", limit=200)
        assert [deed["seq"] for deed in deeds["items"]] == model.deeds()[::-1][:200]
        bans = (await olga.get(f"/api/moderation/{self.slug}/bans"))["items"]
        assert {ban["user_id"] for ban in bans} == {
            user_id for user_id in model.members if model.status(user_id) == "banned"}
        await self.my_epochs()

    async def my_epochs(self) -> None:
        for who in self.people:
            try:
                self.model.standing(who.id)
            except No:
                continue
            keys = await who.get(f"/api/crypto/{self.slug}")
            assert keys["my_epochs"] == sorted(self.model.members[who.id]["epochs"])


@pytest.mark.timeout(3600)
def test_whatever_people_do_server_and_model_say_and_show_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = settings(max_examples=WALKS, stateful_step_count=STEPS, deadline=None,
                    derandomize="MODEL_WALKS" not in os.environ, suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate, *SHRINK])
    with a_stage(tmp_path / "data", monkeypatch) as stage:
        Meeting.stage = stage
        run_state_machine_as_test(Meeting, settings=walk)
