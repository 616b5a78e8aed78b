"""RULES: the protocol on one screen. For each command, who may send it and the small function that says what happens.

A function here may refuse and may not write: it returns facts, which `fold.apply` then makes true. An empty list means
that nothing changes. Knows nothing of sockets, storage or the clock.
"""

from __future__ import annotations

import hmac
from typing import Any, Callable, Sequence

from axenix.errors import ENDS_THE_STAY, Refused
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room import permits as p
from axenix.room.moment import Moment, iso, milliseconds
from axenix.room.signals import candidate, describe, typing
from axenix.room.state import BEAT_SECONDS, Member, Room
from axenix.room.text import clean_chat, clean_name, contains_banned

Happening = e.Event | e.Entry | e.Notice | e.Passed


class AlreadyDone(Exception):
    """The command came before, under the same cid; nothing happens twice."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


def decide(room: Room, who: p.Who, command: Any, now: Moment) -> list[e.Fact]:
    """What this command makes happen now, numbered from the room's next seq on. Raises Refused or AlreadyDone."""
    permit, rule = RULES[type(command)]
    case = p.Case(room, who, now)
    permit(case)
    facts: list[e.Fact] = []
    seq = room.seq
    for fact in rule(case, command):
        if isinstance(fact, e.Event):
            fact = e.Entry(fact)
        if isinstance(fact, e.Entry):
            seq += 1
            fact.event.stamp(seq, now.iso)
        facts.append(fact)
    return facts


# ---- coming and going -----------------------------------------------------------------------------------------------


def join(case: p.Case, command: c.Join) -> Sequence[Happening]:
    room, who, now = case
    known = room.members.get(who.user_id)
    here: e.Notice = e.BeatHeard(who.user_id, now.mono)
    if who.connection is not None:
        here = e.SocketOpened(who.user_id, who.connection)
    if known and known.inside:
        return [*show_profile(case, c.ShowProfile(command.nickname, command.avatar_url)), here]
    admit(case, known, command.invite_key)
    kept = known or Member(user_id=who.user_id, nickname="", avatar_url=None, role="guest")
    return [e.MemberJoined(
        user_id=who.user_id, nickname=command.nickname, avatar_url=command.avatar_url, role=kept.role,
        admin_muted=kept.admin_muted, admin_video_off=kept.admin_video_off, can_speak=kept.can_speak,
    ), here]


def admit(case: p.Case, known: Member | None, invite_key: str | None) -> None:
    room, _, now = case
    if known and known.banned(now):
        raise Refused("banned", f"You are banned from this room until {known.ban_until}.")
    stranger = known is None or known.expelled
    if room.is_private and stranger:
        expected, given = (room.invite_key or "").encode(), (invite_key or "").encode()
        if not expected or not hmac.compare_digest(expected, given):  # takes as long for near guesses as for far ones
            raise Refused("invite_required_or_invalid")
    if room.is_locked and (known is None or known.expelled or known.role == "guest"):
        raise Refused("room_locked")


def leave(case: p.Case, command: c.Leave) -> Sequence[Happening]:
    return [e.MemberLeft(user_id=case.who.user_id)]


def disconnect(case: p.Case, command: c.Disconnect) -> Sequence[Happening]:
    room, who, now = case
    if who.connection is None or room.presence.sockets.get(who.user_id) != who.connection:
        return []  # a newer connection has replaced it, or the stay has ended already
    if command.code in ENDS_THE_STAY:
        return [e.MemberLeft(user_id=who.user_id)]
    return [e.ConnectionLost(who.user_id, now.mono)]


def beat(case: p.Case, command: c.Beat) -> Sequence[Happening]:
    return [e.BeatHeard(case.who.user_id, case.now.mono)]


def tick(case: p.Case, command: c.Tick) -> Sequence[Happening]:
    room, _, now = case
    facts: list[Happening] = []
    for user_id, since in room.presence.lost.items():
        if now.mono - since < room.law.grace:
            break
        facts.append(e.MemberLeft(user_id=user_id))
    for user_id, heard in room.presence.heard.items():
        if now.mono - heard < BEAT_SECONDS:
            break
        facts.append(e.ConnectionLost(user_id, now.mono))
    return facts


def show_profile(case: p.Case, command: c.ShowProfile) -> Sequence[Happening]:
    known = case.room.members.get(case.who.user_id)
    if not known or not known.inside or (known.nickname, known.avatar_url) == (command.nickname, command.avatar_url):
        return []
    return [e.MemberUpdated(user_id=known.user_id, nickname=command.nickname, avatar_url=command.avatar_url)]


# ---- chat -----------------------------------------------------------------------------------------------------------


def post_chat(case: p.Case, command: c.PostChat) -> Sequence[Happening]:
    once(case, command.cid)
    p.audible(case)
    text = clean_chat(command.text)
    if contains_banned(text, case.room.law.banned_words):
        raise Refused("forbidden_words")
    in_time(case)
    posted = e.ChatPosted(room_slug=case.room.slug, user_id=case.who.user_id, text=text)
    return [e.Entry(posted, e.Aside(cid=command.cid) if command.cid else None)]


def post_sealed_chat(case: p.Case, command: c.PostSealedChat) -> Sequence[Happening]:
    once(case, command.cid)
    p.audible(case)
    if not command.ciphertext_b64:
        raise Refused("empty_ciphertext")
    if len(command.ciphertext_b64) * 3 // 4 > c.MAX_CIPHERTEXT:
        raise Refused("message_too_long", f"At most {c.MAX_CIPHERTEXT} bytes of ciphertext.")
    in_time(case)
    posted = e.SealedChatPosted(
        room_slug=case.room.slug, user_id=case.who.user_id, algo=command.algo, ciphertext_b64=command.ciphertext_b64,
        key_epoch=command.key_epoch,
    )
    return [e.Entry(posted, e.Aside(cid=command.cid) if command.cid else None)]


def once(case: p.Case, cid: str | None) -> None:
    if cid is not None and cid in case.member.cids:
        raise AlreadyDone(case.member.cids[cid])


def in_time(case: p.Case) -> None:
    """The chat rate. Marks from the future (a clock that was set back) do not count."""
    if not case.room.law.chat_rate:
        return
    limit, seconds = case.room.law.chat_rate
    since = iso(case.now.ms - int(seconds * 1000))
    recent = [mark for mark in case.member.chat_marks if since < mark <= case.now.iso]
    if len(recent) >= limit:
        wait = (milliseconds(recent[-limit]) - case.now.ms) / 1000 + seconds
        raise Refused("rate_limited", f"At most {limit} messages in {seconds:g} s.", retry_after=round(wait, 3))


def delete_chat(case: p.Case, command: c.DeleteChat) -> Sequence[Happening]:
    if command.author != case.who.user_id:
        p.moderator(case)
        p.target(case, command.author)
    return [e.ChatDeleted(id=command.id, by_user=case.who.user_id)]


# ---- media and hands ------------------------------------------------------------------------------------------------


def set_media(case: p.Case, command: c.SetMedia) -> Sequence[Happening]:
    if command.mic_muted is None and command.cam_off is None:
        raise Refused("bad_payload", "`mic_muted` or `cam_off` is needed.")
    if command.mic_muted is False:
        p.audible(case)
    if command.cam_off is False:
        p.visible(case)
    member = case.member
    return [e.MediaUpdated(
        user_id=member.user_id,
        mic_muted=member.mic_muted if command.mic_muted is None else command.mic_muted,
        cam_off=member.cam_off if command.cam_off is None else command.cam_off,
    )]


def raise_hand(case: p.Case, command: c.RaiseHand) -> Sequence[Happening]:
    user_id, hands = case.who.user_id, case.room.hands_up
    return [] if user_id in hands else [e.HandRaised(user_id=user_id, hands_up=[*hands, user_id])]


def lower_hand(case: p.Case, command: c.LowerHand) -> Sequence[Happening]:
    me, hands = case.who.user_id, case.room.hands_up
    whose = command.user_id or me
    if whose != me:
        p.moderator(case)
        p.target(case, whose)
    if whose not in hands:
        return []
    return [e.HandLowered(user_id=whose, hands_up=[hand for hand in hands if hand != whose], by_user=me)]


# ---- moderation -----------------------------------------------------------------------------------------------------


def kick(case: p.Case, command: c.Kick) -> Sequence[Happening]:
    p.target(case, command.user_id)
    until = iso(case.now.ms + command.ban_sec * 1000) if command.ban_sec else None
    kicked = e.MemberKicked(user_id=command.user_id, by_user=case.who.user_id, reason=command.reason)
    return [e.Entry(kicked, e.Aside(until=until))]


def unban(case: p.Case, command: c.Unban) -> Sequence[Happening]:
    member = p.target(case, command.user_id)
    return [e.MemberUnbanned(user_id=member.user_id, by_user=case.who.user_id)] if member.banned(case.now) else []


def force_mute(case: p.Case, command: c.ForceMute) -> Sequence[Happening]:
    p.target(case, command.user_id)
    return [e.MediaForced(
        user_id=command.user_id, admin_muted=command.muted, by_user=case.who.user_id, reason=command.reason,
    )]


def force_video_off(case: p.Case, command: c.ForceVideoOff) -> Sequence[Happening]:
    p.target(case, command.user_id)
    return [e.VideoForced(
        user_id=command.user_id, admin_video_off=command.video_off, by_user=case.who.user_id, reason=command.reason,
    )]


def let_speak(case: p.Case, command: c.LetSpeak) -> Sequence[Happening]:
    p.target(case, command.user_id)
    return [e.SpeakChanged(user_id=command.user_id, can_speak=command.can_speak, by_user=case.who.user_id)]


def set_role(case: p.Case, command: c.SetRole) -> Sequence[Happening]:
    if p.target(case, command.user_id).expelled:
        raise Refused("member_not_found")
    return [e.RoleChanged(user_id=command.user_id, role=command.role, by_user=case.who.user_id)]


# ---- the room itself ------------------------------------------------------------------------------------------------


def set_state(case: p.Case, command: c.SetState) -> Sequence[Happening]:
    if (command.topic, command.is_locked, command.mute_all) == (None, None, None):
        raise Refused("bad_payload", "`topic`, `is_locked` or `mute_all` is needed.")
    room = case.room
    return [e.StateChanged(
        topic=room.topic if command.topic is None else clean_name(command.topic, 200, "topic", least=0),
        is_locked=room.is_locked if command.is_locked is None else command.is_locked,
        mute_all=room.mute_all if command.mute_all is None else command.mute_all,
        recording_active=room.recording_active, by_user=case.who.user_id,
    )]


def update_room(case: p.Case, command: c.UpdateRoom) -> Sequence[Happening]:
    room = case.room
    updated = e.RoomUpdated(
        title=room.title if command.title is None else clean_name(command.title, 200, "title", least=0),
        is_private=room.is_private if command.is_private is None else command.is_private,
        by_user=case.who.user_id,
    )
    return [e.Entry(updated, e.Aside(invite_key=command.invite_key))]


def start_recording(case: p.Case, command: c.StartRecording) -> Sequence[Happening]:
    return [] if case.room.recording_active else [e.RecordingStarted(by_user=case.who.user_id)]


def stop_recording(case: p.Case, command: c.StopRecording) -> Sequence[Happening]:
    return [e.RecordingStopped(by_user=case.who.user_id)] if case.room.recording_active else []


RULES: dict[type, tuple[Callable[[p.Case], None], Callable[[p.Case, Any], Sequence[Happening]]]] = {
    # command          who may        what then
    c.Join:            (p.anyone,     join),
    c.Leave:           (p.staying,    leave),
    c.Disconnect:      (p.anyone,     disconnect),
    c.Beat:            (p.staying,    beat),
    c.Tick:            (p.anyone,     tick),
    c.ShowProfile:     (p.anyone,     show_profile),

    c.Offer:           (p.inside,     describe),
    c.Answer:          (p.inside,     describe),
    c.Ice:             (p.inside,     candidate),
    c.Type:            (p.inside,     typing),

    c.PostChat:        (p.inside,     post_chat),
    c.PostSealedChat:  (p.inside,     post_sealed_chat),
    c.DeleteChat:      (p.member,     delete_chat),

    c.SetMedia:        (p.inside,     set_media),
    c.RaiseHand:       (p.inside,     raise_hand),
    c.LowerHand:       (p.inside,     lower_hand),

    c.Kick:            (p.moderator,  kick),
    c.Unban:           (p.moderator,  unban),
    c.ForceMute:       (p.moderator,  force_mute),
    c.ForceVideoOff:   (p.moderator,  force_video_off),
    c.LetSpeak:        (p.moderator,  let_speak),
    c.SetRole:         (p.owner,      set_role),

    c.SetState:        (p.moderator,  set_state),
    c.UpdateRoom:      (p.owner,      update_room),
    c.StartRecording:  (p.moderator,  start_recording),
    c.StopRecording:   (p.moderator,  stop_recording),
}
