"""A room as a play: `given` what has happened, `when` somebody asks, `then` this happens, or it is refused.

    play().given(joins(1), joins(2)).when(2, RaiseHand()).then(HandRaised(user_id=2, hands_up=[2]))
"""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from axenix.errors import Refused
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.decide import AlreadyDone, decide
from axenix.room.fold import apply
from axenix.room.moment import Moment
from axenix.room.permits import Who
from axenix.room.state import Law, Room, found

START = 1_790_000_000.0
OWNER, ADA, BOB, EVE = 1, 2, 3, 4


class Play:
    """User 1 owns the room. Connections are numbered like their users, unless said otherwise."""

    def __init__(self, law: Law | None = None, **given: Any) -> None:
        self.room: Room = found("stage", "Stage", (OWNER, "Olga", None), "e" * 32, **given)
        self.room.law = law or Law()
        self.seconds = 0.0
        self.told: list[e.Event] = []
        self.passed: list[e.Passed] = []
        self.entries: list[e.Entry] = []

    @property
    def now(self) -> Moment:
        return Moment.of(START + self.seconds, self.seconds)

    def do(self, user_id: int, command: Any, connection: int | None = -1) -> list[e.Fact]:
        number = user_id if connection == -1 else connection
        facts = decide(self.room, Who(user_id, number), command, self.now)
        for fact in facts:
            if isinstance(fact, e.Passed):
                self.passed.append(fact)
                continue
            apply(self.room, fact)
            if isinstance(fact, e.Entry):
                self.told.append(fact.event)
                self.entries.append(fact)
        return facts

    # ---- the language of the tests ----

    def given(self, *scenes: tuple[Any, ...]) -> Play:
        for scene in scenes:
            self.do(*scene)
        return self

    def later(self, seconds: float) -> Play:
        self.seconds += seconds
        return self

    def when(self, user_id: int, command: Any, connection: int | None = -1) -> Play:
        self.before = len(self.told)
        self.passed = []
        self.failure: Refused | None = None
        self.repeated: int | None = None
        try:
            self.do(user_id, command, connection)
        except Refused as refused:
            self.failure = refused
        except AlreadyDone as done:
            self.repeated = done.seq
        return self

    def then(self, *expected: e.Event) -> Play:
        assert self.failure is None, f"refused: {self.failure.reason}"
        got = [bare(event) for event in self.told[self.before:]]
        assert got == [bare(event) for event in expected]
        return self

    def refused(self, reason: str) -> Play:
        assert self.failure is not None, "it was not refused"
        assert self.failure.reason == reason
        assert len(self.told) == self.before, "a refusal leaves no trace"
        return self


def bare(event: e.Event) -> dict[str, Any]:
    """An event without what every event has."""
    fields = to_builtins(event)
    for name in ("seq", "created_at", "id" if isinstance(event, e.ChatPosted) else "", "last_seen"):
        fields.pop(name, None)
    return fields


def joins(user_id: int, nickname: str = "", **more: Any) -> tuple[int, c.Join]:
    return user_id, c.Join(nickname or f"user {user_id}", None, **more)


def joined(user_id: int, role: str = "guest", **more: Any) -> e.MemberJoined:
    return e.MemberJoined(user_id=user_id, nickname=f"user {user_id}", avatar_url=None, role=role, **more)


def begun() -> Play:
    """The owner (1), Ada (2) and Bob (3) are inside; Ada is an admin."""
    return Play().given(joins(OWNER), joins(ADA), joins(BOB), (OWNER, c.SetRole(ADA, "admin"), None))
