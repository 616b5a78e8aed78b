"""Random walks through the rules: whatever people try, in whatever order, the promises hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from axenix.errors import Refused
from axenix.lines import nameless
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.decide import RULES, AlreadyDone
from axenix.room.fold import apply
from axenix.room.state import Law, Room, freeze, present, silence, snapshot, thaw
from axenix.room.text import NOBODY
from playbook import OWNER, Play

PEOPLE = range(1, 6)
SENDS = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n"
people, flags = st.sampled_from(PEOPLE), st.booleans()
texts = st.sampled_from(["hi", "", "spam", "x" * 4001, " \0 "])
cids = st.sampled_from([None, "a", "b", "c"])
epochs, shares = st.integers(0, 3), st.sets(people, max_size=3).map(lambda some: dict.fromkeys(sorted(some), "w"))

COMMANDS: dict[type, st.SearchStrategy[Any]] = {
    c.Join: st.builds(c.Join, st.just("N"), st.none(), st.sampled_from([None, "k" * 16, "x" * 16])),
    c.Leave: st.builds(c.Leave), c.Beat: st.builds(c.Beat), c.Tick: st.builds(c.Tick),
    c.Disconnect: st.builds(c.Disconnect, st.sampled_from([1000, 1001, 1006, 1012, 4008, 4001])),
    c.ShowProfile: st.builds(c.ShowProfile, st.sampled_from(["N", "M"]), st.none()),
    c.Offer: st.builds(c.Offer, to=people, sdp=st.just(SENDS)),
    c.Answer: st.builds(c.Answer, to=people, sdp=st.just(SENDS)),
    c.Ice: st.builds(c.Ice, to=people, candidate=st.none()), c.Type: st.builds(c.Type, is_typing=flags),
    c.PostChat: st.builds(c.PostChat, text=texts, cid=cids),
    c.PostSealedChat: st.builds(
        c.PostSealedChat, algo=st.just("x"), ciphertext_b64=st.sampled_from(["", "QUJD"]), cid=cids),
    c.DeleteChat: st.builds(c.DeleteChat, st.integers(1, 20), people),
    c.SetMedia: st.builds(c.SetMedia, mic_muted=st.none() | flags, cam_off=st.none() | flags),
    c.RaiseHand: st.builds(c.RaiseHand), c.LowerHand: st.builds(c.LowerHand, user_id=st.none() | people),
    c.Kick: st.builds(c.Kick, people, st.sampled_from([0, 60])), c.Unban: st.builds(c.Unban, people),
    c.ForceMute: st.builds(c.ForceMute, people, flags), c.ForceVideoOff: st.builds(c.ForceVideoOff, people, flags),
    c.LetSpeak: st.builds(c.LetSpeak, people, flags),
    c.SetRole: st.builds(c.SetRole, people, st.sampled_from(["admin", "guest"])),
    c.SetState: st.builds(c.SetState, is_locked=st.none() | flags, mute_all=st.none() | flags),
    c.UpdateRoom: st.builds(c.UpdateRoom, st.none(), st.none() | flags, st.sampled_from([None, "k" * 16])),
    c.ChangeCover: st.builds(c.ChangeCover, st.sampled_from([None, "/a", "/b"])),
    c.AddRecording: st.builds(
        c.AddRecording, st.just("t"), st.just(1.0), st.just(1), st.just("video/webm"), st.just("0"), st.just("n"),
        st.none()),
    c.DeleteRecording: st.builds(c.DeleteRecording, st.integers(1, 20)),
    c.ShowDeviceKey: st.builds(c.ShowDeviceKey, st.sampled_from([None, "A", "B"])),
    c.DistributeKey: st.builds(c.DistributeKey, epochs, shares), c.ShareKey: st.builds(c.ShareKey, epochs, shares),
    c.StartKeyEpoch: st.builds(c.StartKeyEpoch, epochs, shares),
    c.Forget: st.builds(c.Forget, people),
    c.DeleteTexts: st.builds(c.DeleteTexts, people, st.lists(st.integers(1, 20), max_size=3)),
    c.StartRecording: st.builds(c.StartRecording), c.StopRecording: st.builds(c.StopRecording),
}


def steps_of(kind: type) -> st.SearchStrategy[tuple[int, Any, Any, int]]:
    connections = st.integers(0, 7).map(lambda n: n or None)
    return st.tuples(people, COMMANDS[kind], connections, st.sampled_from([0, 0, 1, 7, 50]))


walks = st.lists(st.sampled_from([*RULES, c.Join, c.Join, c.Join, c.PostChat]).flatmap(steps_of), max_size=60)


def test_the_walks_know_every_command() -> None:
    assert set(COMMANDS) == set(RULES)


@settings(max_examples=400, deadline=None)
@given(walks)
def test_whatever_people_do_the_promises_hold(walk: list[tuple[int, Any, Any, int]]) -> None:
    play = Play(Law(chat_rate=(2, 10), banned_words=("spam",)), is_private=True, invite_key="k" * 16)
    begin = freeze(play.room)
    for user_id, command, connection, seconds in walk:
        if type(command) in (c.Kick, c.SetState, c.SetRole) and seconds:
            user_id, connection = OWNER, None  # most walks would be too polite otherwise
        play.later(seconds)
        before = freeze(play.room)
        was_silent = silenced(play.room, user_id)
        try:
            facts = play.do(user_id, command, connection)
        except (Refused, AlreadyDone):
            assert freeze(play.room) == before, "a refusal leaves no trace"
            continue
        if isinstance(command, c.Forget):  # as the journal does it
            play.entries = [nameless(entry, command.user_id) for entry in play.entries]
            assert not shows(play.room, command.user_id)
        for fact in facts:
            watch(play, fact, was_silent)
        check(play.room)
    assert [event.seq for event in play.told] == list(range(1, len(play.told) + 1))
    fold_again(begin, play)


def shows(room: Room, user_id: int) -> bool:
    """Whether anything of this person is still in the room but the number."""
    member = room.members.get(user_id)
    return member is not None and bool(
        member.inside or member.nickname != NOBODY or member.avatar_url or member.role == "admin" or member.shares
        or user_id in room.key.holders or user_id in room.presence.device_keys)


def silenced(room: Room, user_id: int) -> bool:
    member = room.members.get(user_id)
    return member is not None and silence(room, member) is not None


def watch(play: Play, fact: e.Fact, was_silent: bool) -> None:
    """Nobody silenced speaks, nobody who is out is spoken to or speaks."""
    if isinstance(fact, e.Passed):
        kind = to_builtins(fact.message)["type"]
        assert kind in ("ice", "chat.typing") or not was_silent
        assert fact.to is None or present(play.room, fact.to)
    elif isinstance(fact, e.Entry) and isinstance(fact.event, e.ChatPosted):
        assert not was_silent and present(play.room, fact.event.user_id)
        assert fact.event.text != "spam"
    elif isinstance(fact, e.Entry) and isinstance(fact.event, e.MediaUpdated) and not fact.event.mic_muted:
        assert not was_silent or play.room.members[fact.event.user_id].mic_muted is False


def check(room: Room) -> None:
    owners = [member.user_id for member in room.members.values() if member.role == "owner"]
    assert owners == [OWNER]
    here = [*room.presence.sockets, *room.presence.heard, *room.presence.lost]
    inside = [member.user_id for member in room.members.values() if member.inside]
    assert sorted(here) == sorted(inside), "everyone inside is here in exactly one way"
    for member in room.members.values():
        assert not (member.inside and (member.expelled or member.ban_until)), "nobody banned hears"
        assert not (silence(room, member) and not member.mic_muted), "nobody silenced has the microphone on"
        assert not (member.admin_video_off and not member.cam_off)
        assert not (member.expelled and member.shares), "nobody kicked has keys"
    assert set(room.presence.device_keys) <= set(inside)
    assert set(room.hands_up) <= set(inside) and len(set(room.hands_up)) == len(room.hands_up)


def fold_again(begin: bytes, play: Play) -> None:
    """snapshot(S) + events(S+1 … T) = snapshot(T), from the beginning and from the middle."""
    again = thaw(begin, play.room.law)
    for n, entry in enumerate(play.entries):
        if n == len(play.entries) // 2:
            again = thaw(freeze(again), play.room.law)
        apply(again, entry)
    assert snapshot(again) == snapshot(play.room)
    assert freeze(again) == freeze(play.room)
