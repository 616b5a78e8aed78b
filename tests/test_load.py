"""The load's own honesty: it fills real servers for a moment, and complains of one that lies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crowd.dialects import DIALECTS, Plain, Seat
from crowd.figures import spread
from crowd.frames import client_frame, frame_at
from crowd.peer import Peer
from crowd.servers import free_port
from crowd.stream import UNIT, Stream
from harness import ROOT

LOAD = [sys.executable, str(ROOT / "scripts" / "load.py")]
SMALL = ["--rooms", "2", "--peers", "7", "--talkers", "2", "--duration", "1.5", "--warm-up", "0.2", "--json"]
LIAR = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {rivals!r})
import sketch

def tell(self, lines):
    self.told = lines[-1][1]
    for number, peer in enumerate(sorted(self.peers, key=id)):
        frames = [sketch.frame(body) for _, seq, body in lines]
        if number == 0 and self.told > 40:
            frames = {lie}
        peer.write(b"".join(frames))

sketch.Room.tell = tell
asyncio.run(sketch.main({port}, Path({folder!r})))
"""
TRUTH = "frames"
LIES = {
    "a hole": ("frames[self.told % 10 == 0:]", "gap: expected seq"),
    "a repetition": ("frames + frames[-1:]", "gap: expected seq"),
    "another order": ("frames[::-1] if len(frames) > 1 else [b'', *frames][self.told % 2:]", "gap: expected seq"),
    "another text": ("[frame.replace(b'xxxx', b'yyyy') for frame in frames]", "is not what others heard"),
    "silence": ("[]", "have not heard everything"),
}


@contextmanager
def sketch_server(folder: Path, lie: str) -> Iterator[str]:
    port = free_port()
    code = LIAR.format(rivals=str(ROOT / "scripts" / "rivals"), lie=lie, port=port, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and "ready" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_a_crowd_in_two_processes_hears_everything_while_some_come_and_go(tmp_path: Path) -> None:
    picture = tmp_path / "load.png"
    more = ["--serve", "--processes", "2", "--signals", "5", "--churn", "4", "--plot", str(picture)]
    done = subprocess.run([*LOAD, *SMALL, *more], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["errors"] == {}, done.stdout + done.stderr
    assert found["joined"] > 12 and found["deliveries"] > 100 and found["signals_per_second"] > 5
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"] <= found["latency_ms"]["max"]
    assert found["server"]["cpu_percent"] > 0 and found["server"]["memory_mb"] > 10
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_rate_is_kept(tmp_path: Path) -> None:
    with sketch_server(tmp_path, TRUTH) as url:
        command = [*LOAD, *SMALL, "--url", url, "--dialect", "plain", "--rate", "20"]
        done = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["errors"] == {}
    assert 60 <= found["said_per_second"] <= 90, "four talkers, twenty a second each"


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_to_one_peer_is_found_out(tmp_path: Path, lie: str) -> None:
    code, complaint = LIES[lie]
    with sketch_server(tmp_path, code) as url:
        command = [*LOAD, *SMALL, "--url", url, "--dialect", "plain"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert complaint in " ".join(json.loads(done.stdout)["errors"]), done.stdout


# ---- the parts -------------------------------------------------------------------------------------------------------


class Nobody:
    """A crowd for one peer, that remembers complaints."""

    def __init__(self) -> None:
        self.dialect: Plain = DIALECTS["plain"]
        self.pages: dict[bytes, tuple[int, int]] = {}
        self.complaints: list[str] = []

    def entered(self, peer: Peer) -> None:
        pass

    def signalled(self, peer: Peer, units: int) -> None:
        pass

    def saw(self, peer: Peer, snapshot: bytes) -> None:
        pass

    def blocked(self, peer: Peer) -> None:
        pass

    def error(self, what: str) -> None:
        self.complaints.append(what)


def server_frame(text: str) -> bytes:
    return b"\x81" + len(text).to_bytes(1) + text.encode()


def event(seq: int) -> bytes:
    return server_frame(f'{{"type":"chat.message","seq":{seq},"user_id":7,"text":"1000 hello"}}')


def inside(world: Nobody, stream: Stream, next_seq: int) -> Peer:
    peer = Peer(world, Seat("room", 7), stream)
    peer.feed(server_frame(f'{{"type":"welcome","next_seq":{next_seq}}}'), 0)
    return peer


def test_frames_may_arrive_cut_anywhere() -> None:
    said = b"".join(event(seq) for seq in range(5, 10))
    for cut in range(len(said) + 1):
        world, stream = Nobody(), Stream()
        first, second = inside(world, stream, 5), inside(world, stream, 5)
        for peer, at in ((first, cut), (second, len(said) - cut)):
            peer.feed(said[:at], 2000)
            peer.feed(said[at:], 2000)
        assert (first.last_seq, second.last_seq, first.rest, second.rest) == (9, 9, b"", b"")
        latencies, slices = Counter[int](), Counter[int]()
        assert stream.count(0, 3000, latencies, slices) == 10
        assert not world.complaints


def test_one_who_comes_late_may_be_ahead_of_those_who_read_slowly() -> None:
    world, stream = Nobody(), Stream()
    slow, late = inside(world, stream, 1), inside(world, stream, 4)
    late.feed(event(4) + event(5), 0)
    slow.feed(b"".join(event(seq) for seq in range(1, 6)), 0)
    early = inside(world, stream, 1)
    early.feed(b"".join(event(seq) for seq in range(1, 6)), 0)
    assert [peer.last_seq for peer in (slow, late, early)] == [5, 5, 5]
    assert not world.complaints


def test_a_frame_says_its_length_in_three_ways() -> None:
    for size in (0, 125, 126, 65535, 65536):
        payload = b"x" * size
        masked = client_frame(payload)
        unmasked = bytes([masked[0], masked[1] & 127]) + masked[2:len(masked) - size - 4] + payload
        found = frame_at(unmasked, 0)
        assert found is not None and unmasked[found.start:found.end] == payload
        assert frame_at(unmasked[:-1], 0) is None


def test_percentiles_are_of_everything_that_was_measured() -> None:
    counted = Counter({number * 1_000_000 >> UNIT: 1 for number in range(1, 1001)})
    found = spread(counted)
    assert [round(found[name]) for name in ("p50", "p90", "p99", "p99.9", "max")] == [500, 900, 990, 999, 1000]
    assert spread(Counter()) == {}
