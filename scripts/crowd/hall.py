"""All peers of one process in one epoll loop: they come in, talk, signal, leave and come back. Counts as it goes."""

from __future__ import annotations

import random
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from crowd.dialects import DIALECTS, Seat
from crowd.figures import Figures
from crowd.peer import Peer
from crowd.sdp import signal
from crowd.stream import SLICE, Stream

CHUNK = 1 << 18
TICK = 0.02
AT_ONCE = 100
LAST_WORDS = 5.0
PATIENCE = 120.0
"""Seconds that coming in may take."""


class Hall:
    def __init__(self, address: tuple[str, int], dialect: str, seats: Iterable[Seat], size: int, window: int) -> None:
        self.dialect = DIALECTS[dialect]
        self.figures = Figures()
        self.pages: dict[bytes, tuple[int, int]] = {}
        self.streams: dict[str, Stream] = {}
        self.peers = [Peer(self, seat, self.streams.setdefault(seat.room, Stream())) for seat in seats]
        self.talkers = [peer for peer in self.peers if peer.seat.talks]
        self.only_joins = False
        """Then a snapshot must show as many people as there have been events."""
        self._address, self._window = address, window
        self._filling = b"x" * max(0, size - 20)
        self._by_fd: dict[int, Peer] = {}
        self._epoll = select.epoll()
        self._buffer = memoryview(bytearray(CHUNK))
        """One for all: a new one for each piece that comes costs more than all that is done with the piece."""
        self._agenda: list[tuple[float, int, Callable[[], float | None]]] = []
        """Heap of (when, tie-breaker, what, which answers with the time until it is due again)."""
        self._number = 0
        self._entering = 0
        self._snapshots: set[bytes] = set()
        self.measuring = False

    # ---- what peers tell ----

    def entered(self, peer: Peer) -> None:
        self._entering -= 1
        self.figures.joined += 1
        self.figures.join_times.append((time.monotonic_ns() - peer.began) / 1e9)
        if self.measuring and peer.seat.talks and self._window:
            self.say(peer, self._window)

    def signalled(self, peer: Peer, units: int) -> None:
        if self.measuring:
            self.figures.signals += 1
            self.figures.signal_latencies[units] += 1

    def saw(self, peer: Peer, snapshot: bytes) -> None:
        if self.only_joins and snapshot not in self._snapshots:
            self._snapshots.add(snapshot)
            if (shown := snapshot.count(b'"user_id":')) != peer.shown:
                self.error(f"a snapshot shows {shown} people after {peer.shown} have joined")

    def blocked(self, peer: Peer) -> None:
        assert peer.plug is not None
        self._epoll.modify(peer.plug.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def error(self, what: str) -> None:
        if what in self.figures.errors or len(self.figures.errors) < 10:
            self.figures.errors[what] += 1
        else:
            self.figures.errors["and others"] += 1

    # ---- what peers do ----

    def open(self, peer: Peer, after: int | None = None) -> None:
        plug = peer.connect(self._address, after)
        self._entering += 1
        self._by_fd[plug.fileno()] = peer
        self._epoll.register(plug.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def shut(self, peer: Peer) -> None:
        plug, peer.plug = peer.plug, None
        if plug is not None:
            self._entering -= not peer.live
            peer.live = False
            self._by_fd.pop(plug.fileno(), None)
            self._epoll.unregister(plug.fileno())
            plug.close()

    def enter(self, peers: Iterable[Peer], at_once: int = AT_ONCE, resuming: bool = False) -> float:
        """Until all are inside; returns the seconds that it took."""
        waiting, began = deque(peers), time.monotonic()
        while (waiting or self._entering) and time.monotonic() - began < PATIENCE:
            while waiting and self._entering < at_once:
                peer = waiting.popleft()
                self.open(peer, peer.last_seq if resuming else None)
            self.turn(TICK)
        if waiting or self._entering:
            self.error("not everyone came in")
        self.figures.joining_seconds += (took := time.monotonic() - began)
        return took

    def say(self, peer: Peer, times: int = 1) -> None:
        if not peer.live:
            return
        text = b"%d %b" % (time.monotonic_ns(), self._filling)
        peer.send(self.dialect.say(text) * times)
        self.figures.said += times * self.measuring

    def signal(self, peer: Peer) -> None:
        if peer.live and peer.seat.partner is not None:
            kind, body = signal(peer.signals_said, bool(peer.seat.user_id < peer.seat.partner))
            peer.signals_said += 1
            peer.send(self.dialect.signal(kind, peer.seat.partner, body))

    def churn(self) -> None:
        """One leaves and comes back: by turns as somebody new, and as one whose network failed and who resumes."""
        idle = [peer for peer in self.peers if peer.live and not peer.seat.talks and peer.seat.partner is None]
        if not idle:
            return
        peer = random.choice(idle)
        lost, last = random.random() < 0.5, peer.last_seq
        if not lost:
            peer.leave()
        self.shut(peer)
        self.open(peer, last if lost else None)

    # ---- the loop ----

    def every(self, seconds: float, what: Callable[[], object]) -> None:
        def again() -> float:
            what()
            return seconds
        self._number += 1
        heappush(self._agenda, (time.monotonic() + random.random() * seconds, self._number, again))

    def turn(self, wait: float) -> None:
        """Hear whatever has come, do whatever is due."""
        if self._agenda:
            wait = min(wait, max(0.0, self._agenda[0][0] - time.monotonic()))
        for fd, event in self._epoll.poll(wait):
            peer = self._by_fd.get(fd)
            if peer is not None:
                self._attend(peer, fd, event)
        now = time.monotonic()
        while self._agenda and self._agenda[0][0] <= now:
            due, number, what = heappop(self._agenda)
            if (seconds := what()) is not None:
                heappush(self._agenda, (due + seconds, number, what))

    def _attend(self, peer: Peer, fd: int, event: int) -> None:
        plug = peer.plug
        assert plug is not None
        try:
            if event & select.EPOLLOUT:
                peer.flush()
                if not peer.unsent:
                    self._epoll.modify(fd, select.EPOLLIN)
            if event & ~select.EPOLLOUT:
                size = plug.recv_into(self._buffer)
                if not size:
                    raise ConnectionError("the connection ended")
                peer.feed(bytes(self._buffer[:size]), time.monotonic_ns())
                if peer.heard and self.measuring and self._window:
                    times, peer.heard = peer.heard, 0
                    self.say(peer, times)
        except BlockingIOError:
            pass
        except OSError as error:
            if not peer.left:
                self.error(str(error))
            self.shut(peer)

    def run(self, seconds: float, tell: Callable[[int], None] = lambda heard: None) -> None:
        until, next_tell = time.monotonic() + seconds, 0.0
        while (now := time.monotonic()) < until:
            self.turn(TICK)
            if now >= next_tell:
                tell(sum(stream.delivered for stream in self.streams.values()))
                next_tell = now + SLICE / 1e9

    def measure(self, what: Callable[[], object]) -> Figures:
        """Whatever is under way while this happens; only what is said meanwhile counts for latency."""
        self.measuring, began, cpu = True, time.monotonic_ns(), time.process_time()
        if self._window:
            for peer in self.talkers:
                peer.heard = 0
                self.say(peer, self._window)
        what()
        self.measuring, ended = False, time.monotonic_ns()
        figures = self.figures
        figures.seconds = (ended - began) / 1e9
        figures.extra["load_cpu_percent"] = (time.process_time() - cpu) / figures.seconds * 100
        for stream in self.streams.values():
            figures.deliveries += stream.count(began, ended, figures.latencies, figures.slices)
        return figures

    def settle(self) -> None:
        """Nobody says anything more, and everyone inside must have heard everything."""
        self._agenda.clear()
        until = time.monotonic() + LAST_WORDS
        while (behind := self.behind()) and time.monotonic() < until:
            self.turn(TICK)
        if behind:
            self.error(f"{behind} peers have not heard everything")

    def behind(self) -> int:
        return sum(peer.live and peer.index < len(peer.stream) for peer in self.peers)

    def close(self) -> None:
        for peer in self.peers:
            self.shut(peer)
        self._epoll.close()
