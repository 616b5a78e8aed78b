"""A server that dies again and again under load, at random moments and at the worst ones; and what must be true then.

Nothing that was acked or shown is lost, doubled or renumbered; what was granted to be gone is gone from the files too;
uploads go on from where they were. The people's own records are compared with what the server says in the end.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp
from harness import ServerDidNotStart, ServerProcess

from axenix.client import Api, Frame
from soaking.people import Eraser, Record, Talker, Uploader, is_same, whole_history
from soaking.subject import stumbles, subject

DOOM = "soaking.inside.doom"
MOMENT = ""
"""No named point: at any moment."""
POINTS = [
    (MOMENT, 0), ("axenix.store.writer:commit:before", 30), ("axenix.store.writer:commit:during", 30),
    ("axenix.store.writer:commit:after", 30), ("axenix.audience:Audience._send:before", 30),
    ("axenix.audience:Audience._send:after", 30), ("axenix.store.partials:Tail.write:after", 6),
    ("recorded::before", 2), ("batch::middle", 3), ("axenix.store.wal:cut:during", 5),
    ("axenix.web.pieces:put:after", 2), ("migration::middle", 1), (MOMENT, 0),
    ("axenix.store.partials:Partials.save:after", 6), ("axenix.store.wal:cut:before", 5),
    ("axenix.store.wal:cut:after", 5), ("axenix.store.wal:move:during", 3),
    ("axenix.scribe:Scribe._checkpoint:after", 3), ("axenix.store.journal:Batch.write:after", 30),
    ("axenix.store.partials:Tail.flush:during", 6), ("axenix.store.partials:Partials.save:before", 6),
    ("axenix.store.partials:Partials.remove:before", 2), ("axenix.web.pieces:put:before", 2),
    ("axenix.store.database:migrate:before", 1),
]
"""Where, and at which call at the latest."""
PATIENCE = 3.0
"""Seconds in which a named point is reached; else it is a kill at a moment."""
REACHED = 0.5
"""Of the named points at least; a busy machine does not come so far in time."""
KILLED = "exit code -9"
GOES_ON_SECONDS = 20.0
ERASED = re.compile(rb"erased-\d+-\d+\.")

Person = Talker | Eraser | Uploader


class Crowd:
    """Two rooms, and people in each."""

    def __init__(self, slugs: list[str]) -> None:
        self.records = {slug: Record() for slug in slugs}
        self.people: list[Person] = []

    async def arrive(self, api: Api) -> None:
        for slug, record in self.records.items():
            people = [await api.guest(name) for name in ("Tom", "Tea", "Rae", "Eve", "Una")]
            for each in people[3:]:
                await each.post(f"/api/participants/{slug}/join")
            self.people += [
                Talker(people[0], slug, record), Talker(people[1], slug, record),
                Talker(people[2], slug, record, stay=0.3), Eraser(people[3], slug), Uploader(people[4], slug)]

    def of(self, slug: str) -> list[Person]:
        return [each for each in self.people if each.slug == slug]


async def run(folder: Path, times: int, say: Callable[[str], None], seed: int = 1) -> list[str]:
    """Says what is wrong."""
    chance, data = random.Random(seed), folder / "data"
    first = subject(data)
    async with aiohttp.ClientSession() as session:
        await first.start()
        api = Api(first.url, session)
        owner = await api.guest("Olga")
        crowd = Crowd([(await owner.create_room(title=name))["slug"] for name in ("one", "two")])
        await crowd.arrive(api)
        tasks = [asyncio.create_task(each.live()) for each in crowd.people]
        try:
            faults = await kill_often(first, times, chance, tasks, say)
            last = subject(data, port=first.port)
            await last.start()
            faults += await all_go_on(crowd, tasks)
        finally:
            await first.kill()
            faults_of_people = await ended(tasks)
        faults += faults_of_people + await contradictions(crowd, api)
        await last.terminate()
    return faults + marks(data, crowd) + stumbles(last)


async def kill_often(server: ServerProcess, times: int, chance: random.Random, tasks: list[asyncio.Task[None]],
                     say: Callable[[str], None]) -> list[str]:
    """The first dies at any moment; each heir has a doom of its own."""
    died, slowest, points = Counter[str](), 0.0, [POINTS[number % len(POINTS)] for number in range(times - 1)]
    await asyncio.sleep(0.5)
    await server.kill()
    for number, (point, latest) in enumerate(points, 2):
        doom = f"{point}:{chance.randint(1, latest)}" if point else ""
        heir = subject(server.data_dir, *([DOOM] if point else []), port=server.port, DOOM=doom)
        where, seconds, faults = await live_and_die(heir, point, chance)
        died[where] += 1
        slowest = max(slowest, seconds)
        if faults or any(task.done() for task in tasks):
            return faults
        if number % 10 == 0:
            say(f"{number} kills, {died.total() - died[MOMENT]} of them at named points; "
                f"the slowest start took {slowest:.2f} s")
    say("died at: " + ", ".join(f"{point or 'any moment'} {times}" for point, times in sorted(died.items())))
    named, meant = died.total() - died[MOMENT], sum(bool(point) for point, _ in points)
    return [f"only {named} of {meant} named points were reached"] if named < REACHED * meant else []


async def live_and_die(heir: ServerProcess, point: str, chance: random.Random) -> tuple[str, float, list[str]]:
    """Where it died, how long it took to start, and what is wrong with that."""
    began = time.monotonic()
    try:
        await heir.start()
    except ServerDidNotStart as error:  # its doom may come before it is ready
        return point, 0.0, [] if KILLED in str(error) else [f"with the doom {point}: {error}"]
    took, until = time.monotonic() - began, time.monotonic() + (PATIENCE if point else chance.uniform(0.05, 0.8))
    while heir.is_running and time.monotonic() < until:
        await asyncio.sleep(0.005)
    by_itself, code = not heir.is_running, await heir.kill()
    faults = stumbles(heir) + ([] if code == -signal.SIGKILL else [f"it ended by itself, with {code}"])
    return point if by_itself else MOMENT, took, faults


async def all_go_on(crowd: Crowd, tasks: list[asyncio.Task[None]]) -> list[str]:
    """After the last start everybody gets something done, or it is said who does not."""
    before = [each.progress for each in crowd.people]
    until = time.monotonic() + GOES_ON_SECONDS
    while time.monotonic() < until and not any(task.done() for task in tasks):
        if all(each.progress > was for each, was in zip(crowd.people, before)):
            return []
        await asyncio.sleep(0.05)
    if any(task.done() for task in tasks):
        return []  # that says more
    return [f"a {type(each).__name__} does not go on" for each, was in zip(crowd.people, before)
            if each.progress <= was]


async def ended(tasks: list[asyncio.Task[None]]) -> list[str]:
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return [f"{type(end).__name__}: {end}" for end in ends if not isinstance(end, asyncio.CancelledError)]


# ---- what must be true in the end -----------------------------------------------------------------------------------


async def contradictions(crowd: Crowd, api: Api) -> list[str]:
    faults = []
    for slug, record in crowd.records.items():
        reader = await api.guest("reader")
        await reader.post(f"/api/participants/{slug}/join")
        history, people = await whole_history(reader, slug), crowd.of(slug)
        faults += wrong_in(history, record, people)
        items = (await reader.get(f"/api/recordings/{slug}"))["items"]
        digests = Counter(each["sha256"] for each in items)
        for each in people:
            if isinstance(each, Uploader):
                faults += wrong_with_files(digests, each)
        for item in items:
            async with api.session.get(api.base_url + item["file_url"]) as response:
                if len(await response.read()) != item["size"]:
                    faults.append(f"recording {item['id']} is not whole")
    return faults


def wrong_in(history: list[Frame], record: Record, people: list[Person]) -> list[str]:
    if [event["seq"] for event in history] != list(range(1, len(history) + 1)):
        return ["the history has a hole"]
    faults = [f"event {seq} was shown, and is not there: {event}" for seq, event in record.events.items()
              if seq > len(history) or not is_same(history[seq - 1], event)]
    said = Counter(event["text"] for event in history if event["type"] == "chat.message" and "text" in event)
    faults += [f"said {times} times: {text}" for text, times in said.items() if times > 1]
    for each in people:
        if isinstance(each, Talker):
            faults += [f"{cid} was acked as {seq}, and is not there" for cid, seq in each.acked.items()
                       if seq > len(history) or history[seq - 1].get("text") != cid]
        elif isinstance(each, Eraser):
            faults += [f"{text} was deleted, and is there" for seq, text in each.erased.items()
                       if seq > len(history) or not history[seq - 1].get("deleted")]
    return faults


def wrong_with_files(there: Counter[str], uploader: Uploader) -> list[str]:
    faults = [f"recording {digest} is there {there[digest]} times" for digest in uploader.done
              if there[digest] > 1 or not (there[digest] or digest in uploader.going)]
    faults += [f"recording {digest} was deleted, and is there" for digest in uploader.deleted if there[digest]]
    return faults + [f"recording {digest} was never uploaded" for digest in there if digest not in uploader.begun]


def marks(data: Path, crowd: Crowd) -> list[str]:
    """What the files say that they should not: the server has ended."""
    erased = {text.encode() for each in crowd.people if isinstance(each, Eraser) for text in each.erased.values()}
    found = {text for path in data.glob("axenix.db*") for text in ERASED.findall(path.read_bytes())}
    faults = [f"{text.decode()} was deleted, and is in a file" for text in erased & found]
    database = sqlite3.connect(data / "axenix.db")
    try:
        [verdict] = database.execute("PRAGMA integrity_check").fetchone()
        half = database.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'later%'").fetchall()
    finally:
        database.close()
    faults += [f"half of a migration is there: {half}"] if half else []
    return faults + ([] if verdict == "ok" else [f"the database is damaged: {verdict}"])
