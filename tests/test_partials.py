"""The list of unfinished uploads: threads that wait for the disk change it while the loop looks at it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from axenix.store.partials import Partial, Partials, new_id

SECONDS = 1.0


def upload() -> Partial:
    return Partial(id=new_id(), room=1, slug="room", user_id=1, length=10, metadata="", title="", duration_sec=0.0,
                   expires=0.0, offset=10)


def test_uploads_are_counted_while_others_begin_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axenix.store.partials.write_whole", lambda path, content: None)
    partials, over = Partials(tmp_path), Event()
    for _ in range(1000):
        partials.add(upload())

    def come_and_go() -> None:
        while not over.is_set():
            some = [upload() for _ in range(20)]
            for one in some:
                partials.add(one)
            for one in some:
                partials.remove(one)

    thread, interval = Thread(target=come_and_go), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            assert 10_000 <= partials.size_of(1) <= 10_200
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
