"""Messages and bodies that are nearly right, by the thousand: refused or obeyed, and the server keeps its countenance.

More, from another seed: `python scripts/soak.py fuzz --messages 1000000 --requests 100000 --seed 7`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from fuzzing import is_leave, mutated
from soaking import fuzz


async def test_no_message_and_no_body_however_bent_costs_a_connection_or_makes_the_server_stumble(
    tmp_path: Path
) -> None:
    assert await fuzz.run(tmp_path, messages=8000, requests=1000, seed=1, say=print) == []


def test_what_is_thrown_never_ends_the_stay_and_leaves_nothing_else_out() -> None:
    chance = random.Random(1)
    goodbyes = [mutated({"type": "leave", "cid": "c"}, chance) for _ in range(500)]
    assert b"{}" in goodbyes and not any(is_leave(text) for text in goodbyes)
    others = [mutated({"type": "ping", "cid": "leave"}, chance) for _ in range(500)]
    assert any(b"\\u" in text and b"l" not in text for text in others) and any(b"leave" in text for text in others)
    assert is_leave(json.dumps({"type": "leave"}).encode()) and is_leave(b'{"type":"\\u006ceave"}')
    assert not is_leave(b'{"text":"leave"}') and not is_leave(b"leave") and not is_leave(b"[" * 5000)
