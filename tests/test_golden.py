"""The golden history: one room's life, folded here and by static/room.js (`node --test tests/js/`) to the same room.

`python tests/test_golden.py` writes tests/golden/history.json anew; do that when the protocol gains an event, and look
at what changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from axenix.lines import read_line, write_line  # noqa: E402
from axenix.room import commands as c  # noqa: E402
from axenix.room import events as e  # noqa: E402
from axenix.room.fold import apply  # noqa: E402
from axenix.room.state import freeze, snapshot, thaw  # noqa: E402
from playbook import ADA, BOB, EVE, OWNER, Play, joins  # noqa: E402

FILE = Path(__file__).parent / "golden" / "history.json"

LIFE: list[tuple[Any, ...]] = [
    joins(OWNER, "Olga"), joins(ADA, "Ada"), joins(BOB, "Боб"),
    (OWNER, c.SetRole(ADA, "admin"), None),
    (OWNER, c.SetMedia(mic_muted=False, cam_off=False)), (BOB, c.SetMedia(mic_muted=False, cam_off=False)),
    (ADA, c.PostChat(text="привет, \"мир\" <b>&amp;</b> 👋", cid="a")),
    (BOB, c.PostSealedChat(algo="AES-256-GCM", ciphertext_b64="bm9uY2Ujtext", key_epoch=None)),
    (BOB, c.RaiseHand()), (ADA, c.RaiseHand()), (ADA, c.LowerHand(user_id=BOB)), (BOB, c.RaiseHand()),
    (ADA, c.SetMedia(mic_muted=False)),
    (OWNER, c.SetState(topic="планы", mute_all=True)),
    (ADA, c.LetSpeak(BOB), None), (BOB, c.SetMedia(mic_muted=False)), (ADA, c.LetSpeak(BOB, can_speak=False), None),
    (OWNER, c.SetRole(ADA, "guest"), None), (OWNER, c.SetRole(ADA, "admin"), None),
    (OWNER, c.SetState(mute_all=False, is_locked=True)),
    (ADA, c.ForceMute(BOB, reason="noise"), None), (ADA, c.ForceVideoOff(BOB), None),
    (ADA, c.ForceVideoOff(BOB, video_off=False), None), (BOB, c.SetMedia(cam_off=False)),
    (ADA, c.StartRecording()), (OWNER, c.StopRecording()),
    (OWNER, c.UpdateRoom("A new title", True, "k" * 16), None),
    (BOB, c.ShowProfile("Bob", "/static/avatars/b.webp")),
    (OWNER, c.DeleteChat(7, ADA), None),
    (BOB, c.Leave()), (OWNER, c.SetState(is_locked=False)), joins(BOB, "Bob"), joins(EVE, "Eve", invite_key="k" * 16),
    (EVE, c.RaiseHand()), (ADA, c.Kick(EVE, reason="rude"), None), (ADA, c.Unban(EVE), None),
    (OWNER, c.Kick(ADA, ban_sec=0), None), joins(EVE, "Eve", invite_key="k" * 16),
    (OWNER, c.ChangeCover("/static/covers/c.webp"), None), (OWNER, c.DistributeKey(1, {OWNER: "d3JhcA=="}), None),
    (BOB, c.AddRecording("Monday", 61.5, 1000, "video/webm", "0" * 64, "r.webm", None), None),
    (BOB, c.DeleteRecording(41), None),
    (OWNER, c.ShowDeviceKey("T2xnYQ==")), (OWNER, c.StartKeyEpoch(2, {OWNER: "d3JhcA=="})),
    (BOB, c.ShowDeviceKey("Qm9i")), (OWNER, c.ShareKey(2, {BOB: "d3JhcA=="})), (BOB, c.ShowDeviceKey("bmV3")),
    (OWNER, c.SetState(mute_all=True)), joins(ADA, "Ada", invite_key="k" * 16), (OWNER, c.Leave()),
]


def live() -> tuple[bytes, Play, list[dict[str, Any]]]:
    """The room before it began, the room at the end, and every event with the snapshot after it."""
    play = Play()
    before, steps = freeze(play.room), []
    for user_id, command, *connection in LIFE:
        for fact in play.later(1).do(user_id, command, *connection):
            if isinstance(fact, e.Entry):
                steps.append({"event": msgspec.to_builtins(fact.event), "snapshot": seen(play)})
    return before, play, steps


def seen(play: Play) -> dict[str, Any]:
    shown = msgspec.to_builtins(snapshot(play.room))
    return {name: value for name, value in shown.items() if name != "type"}


def written() -> str:
    _, _, steps = live()
    start = seen(Play())
    return json.dumps({"snapshot": start, "steps": steps}, ensure_ascii=False, indent=1) + "\n"


def test_the_golden_history_is_what_the_rules_make_today() -> None:
    assert FILE.read_text(encoding="utf-8") == written()


def test_the_golden_history_tells_of_every_event() -> None:
    told = {step["event"]["type"] for step in json.loads(FILE.read_text(encoding="utf-8"))["steps"]}
    assert told == {event.__struct_config__.tag for event in get_args(e.AnyEvent)}


def test_a_room_folded_again_from_its_journal_is_the_same_room() -> None:
    before, play, steps = live()
    again = thaw(before, play.room.law)
    for entry, step in zip(play.entries, steps, strict=True):
        apply(again, read_line(write_line(entry)))
        shown = msgspec.to_builtins(snapshot(again))
        assert {**step["snapshot"], "type": "state.snapshot"} == shown
    assert freeze(again) == freeze(play.room)


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
