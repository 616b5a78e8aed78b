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
from axenix.room.chat import AlreadyDone, delete_chat, post_chat, post_sealed_chat
from axenix.room.erasure import delete_texts, forget
from axenix.room.files import add_recording, change_cover, delete_recording
from axenix.room.keys import distribute_key, rotate_without, share_key, show_device_key, start_key_epoch
from axenix.room.events import Role
from axenix.room.moment import Moment, iso
from axenix.room.signals import candidate, describe, typing
from axenix.room.state import BEAT_SECONDS, Member, Room
from axenix.room.text import clean_name

__all__ = ["AlreadyDone", "RULES", "decide"]

Happening = e.Event | e.Entry | e.Notice | e.Passed


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
    room, who, now = case.room, case.who, case.now
    known = room.members.get(who.user_id)
    here: e.Notice = e.BeatHeard(who.user_id, now.mono)
    if who.connection is not None:
        here = e.SocketOpened(who.user_id, who.connection)
    if known and known.inside:
        profile = show_profile(case, c.ShowProfile(command.nickname, command.avatar_url))
        return [*profile, *lowered(case, command), here, *show_device_key(case, c.ShowDeviceKey(command.device_key))]
    kept = known or Member(user_id=who.user_id, nickname="", avatar_url=None, role="guest")
    role = command.role if command.role is not None and kept.role != "owner" else kept.role
    admit(case, known, command, role)
    return [e.MemberJoined(
        user_id=who.user_id, nickname=command.nickname, avatar_url=command.avatar_url, role=role,
        admin_muted=kept.admin_muted, admin_video_off=kept.admin_video_off, can_speak=kept.can_speak,
    ), here, e.DeviceKeyShown(who.user_id, command.device_key)]


def lowered(case: p.Case, command: c.Join) -> Sequence[Happening]:
    """Whose site has taken the role back loses it with the next connection. None is given on the way: what a moderator
    here has taken is taken until the next coming in."""
    if command.role != "guest" or case.member.role != "admin":
        return []
    return [e.RoleChanged(user_id=case.who.user_id, role="guest", by_user=case.who.user_id)]


def admit(case: p.Case, known: Member | None, command: c.Join, role: Role) -> None:
    room, now = case.room, case.now
    if known and known.banned(now):
        raise Refused("banned", f"You are banned from this room until {known.ban_until}.")
    stranger = known is None or known.expelled
    if room.is_private and stranger and not command.vouched:
        expected, given = (room.invite_key or "").encode(), (command.invite_key or "").encode()
        if not expected or not hmac.compare_digest(expected, given):  # takes as long for near guesses as for far ones
            raise Refused("invite_required_or_invalid")
    if room.is_locked and role == "guest":
        raise Refused("room_locked")


def leave(case: p.Case, command: c.Leave) -> Sequence[Happening]:
    return [e.MemberLeft(user_id=case.who.user_id), *rotate_without(case, case.who.user_id)]


def disconnect(case: p.Case, command: c.Disconnect) -> Sequence[Happening]:
    room, who, now = case.room, case.who, case.now
    if who.connection is None or room.presence.sockets.get(who.user_id) != who.connection:
        return []  # a newer connection has replaced it, or the stay has ended already
    if command.code in ENDS_THE_STAY:
        return [e.MemberLeft(user_id=who.user_id), *rotate_without(case, who.user_id)]
    return [e.ConnectionLost(who.user_id, now.mono)]


def beat(case: p.Case, command: c.Beat) -> Sequence[Happening]:
    return [e.BeatHeard(case.who.user_id, case.now.mono), *show_device_key(case, c.ShowDeviceKey(command.device_key))]


def tick(case: p.Case, command: c.Tick) -> Sequence[Happening]:
    room, now = case.room, case.now
    facts: list[Happening] = []
    for user_id, since in room.presence.lost.items():
        if now.mono - since < room.law.grace:
            break
        facts.append(e.MemberLeft(user_id=user_id))
    facts += rotate_without(case, *(fact.user_id for fact in facts if isinstance(fact, e.MemberLeft)))
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
    kicked = e.MemberKicked(user_id=command.user_id, by_user=case.who.user_id, reason=cleaned(command.reason))
    return [e.Entry(kicked, e.Aside(until=until)), *rotate_without(case, command.user_id)]


def cleaned(reason: str | None) -> str | None:
    return clean_name(reason, 500, "reason", least=0) or None if reason is not None else None


def unban(case: p.Case, command: c.Unban) -> Sequence[Happening]:
    member = p.target(case, command.user_id)
    return [e.MemberUnbanned(user_id=member.user_id, by_user=case.who.user_id)] if member.banned(case.now) else []


def force_mute(case: p.Case, command: c.ForceMute) -> Sequence[Happening]:
    p.target(case, command.user_id)
    return [e.MediaForced(
        user_id=command.user_id, admin_muted=command.muted, by_user=case.who.user_id,
        reason=cleaned(command.reason),
    )]


def force_video_off(case: p.Case, command: c.ForceVideoOff) -> Sequence[Happening]:
    p.target(case, command.user_id)
    return [e.VideoForced(
        user_id=command.user_id, admin_video_off=command.video_off, by_user=case.who.user_id,
        reason=cleaned(command.reason),
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
    if (command.title, command.is_private, command.invite_key) == (None, None, None):
        return []
    updated = e.RoomUpdated(
        title=room.title if command.title is None else clean_name(command.title, 200, "title"),
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
    c.Forget:          (p.anyone,     forget),
    c.DeleteTexts:     (p.anyone,     delete_texts),

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

    c.ChangeCover:     (p.moderator,  change_cover),
    c.AddRecording:    (p.member,     add_recording),
    c.DeleteRecording: (p.anyone,     delete_recording),

    c.ShowDeviceKey:   (p.anyone,     show_device_key),
    c.DistributeKey:   (p.moderator,  distribute_key),
    c.StartKeyEpoch:   (p.inside,     start_key_epoch),
    c.ShareKey:        (p.inside,     share_key),
}
