"""apply(room, fact): the only writer of a room. What happened is folded in; nothing here may refuse or ask.

`static/room.js` is the same fold of the public part, and one golden history holds the two equal.
"""

from __future__ import annotations

from typing import Any, Callable

from axenix.room import events as e
from axenix.room.state import CIDS_KEPT, DELETED_KEPT, EPOCH_RATE, KeyState, Member, Recording, Room, silence


def apply(room: Room, fact: e.Entry | e.Notice) -> None:
    if isinstance(fact, e.Entry):
        event, aside = fact.event, fact.aside
        if event.seq != room.seq + 1:
            raise ValueError(f"{room.slug}: event {event.seq} cannot follow {room.seq}")
        room.seq = event.seq
        FOLD[type(event)](room, event, aside or NOTHING_ASIDE)
    else:
        NOTICED[type(fact)](room, fact)


NOTHING_ASIDE = e.Aside()


def lose_everyone(room: Room, at: float) -> None:
    """A fresh process: whoever was inside has lost the connection, and the grace begins now."""
    room.presence.lost = {member.user_id: at for member in room.members.values() if member.inside}


def member_joined(room: Room, event: e.MemberJoined, aside: e.Aside) -> None:
    member = room.members.pop(event.user_id, None)
    if member is None:
        member = Member(user_id=event.user_id, nickname="", avatar_url=None, role=event.role)
    room.members[event.user_id] = member  # last in the order of joining
    member.nickname, member.avatar_url, member.role = event.nickname, event.avatar_url, event.role
    member.admin_muted, member.admin_video_off = event.admin_muted, event.admin_video_off
    member.can_speak, member.mic_muted, member.cam_off = event.can_speak, event.mic_muted, event.cam_off
    member.inside, member.expelled, member.last_seen = True, False, event.created_at
    member.ban_until = member.ban_by = member.ban_reason = None
    hush(room, member)


def member_left(room: Room, event: e.MemberLeft, aside: e.Aside) -> None:
    end_stay(room, room.members[event.user_id], event.created_at)


def member_kicked(room: Room, event: e.MemberKicked, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    end_stay(room, member, event.created_at)
    member.role, member.expelled, member.shares = "guest", True, {}
    member.ban_until, member.ban_by, member.ban_reason = aside.until, event.by_user, event.reason


def end_stay(room: Room, member: Member, at: str) -> None:
    """Hand and media flags end with the stay; the membership remains."""
    if member.inside:
        member.last_seen = at
    member.inside, member.mic_muted, member.cam_off = False, True, True
    lower(room, member.user_id)
    here = room.presence
    for way in (here.sockets, here.heard, here.lost, here.device_keys):
        way.pop(member.user_id, None)


def member_unbanned(room: Room, event: e.MemberUnbanned, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.ban_until = member.ban_by = member.ban_reason = None


def member_updated(room: Room, event: e.MemberUpdated, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.nickname, member.avatar_url = event.nickname, event.avatar_url


def role_changed(room: Room, event: e.RoleChanged, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.role = event.role
    hush(room, member)


def media_updated(room: Room, event: e.MediaUpdated, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.mic_muted, member.cam_off = event.mic_muted, event.cam_off


def media_forced(room: Room, event: e.MediaForced, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.admin_muted = event.admin_muted
    hush(room, member)


def video_forced(room: Room, event: e.VideoForced, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.admin_video_off = event.admin_video_off
    hush(room, member)


def speak_changed(room: Room, event: e.SpeakChanged, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    member.can_speak = event.can_speak
    hush(room, member)


def hush(room: Room, member: Member) -> None:
    """Becoming silenced mutes the microphone, and a forced camera goes off, without an event of their own."""
    if silence(room, member):
        member.mic_muted = True
    if member.admin_video_off:
        member.cam_off = True


def hand_raised(room: Room, event: e.HandRaised, aside: e.Aside) -> None:
    room.hands_up = list(event.hands_up)


def hand_lowered(room: Room, event: e.HandLowered, aside: e.Aside) -> None:
    room.hands_up = list(event.hands_up)


def lower(room: Room, user_id: int) -> None:
    if user_id in room.hands_up:
        room.hands_up.remove(user_id)


def chat_posted(room: Room, event: e.ChatPosted, aside: e.Aside) -> None:
    member = room.members[event.user_id]
    if room.law.chat_rate:
        member.chat_marks.append(event.created_at)
        del member.chat_marks[: -room.law.chat_rate[0]]
    if aside.cid is not None:
        member.cids[aside.cid] = event.seq
        if len(member.cids) > CIDS_KEPT:
            del member.cids[next(iter(member.cids))]


def chat_deleted(room: Room, event: e.ChatDeleted, aside: e.Aside) -> None:
    """The text goes from history, which is the journal's; the room holds no text."""
    room.deleted.append(event.id)
    del room.deleted[:-DELETED_KEPT]


def state_changed(room: Room, event: e.StateChanged, aside: e.Aside) -> None:
    room.topic, room.is_locked, room.mute_all = event.topic, event.is_locked, event.mute_all
    room.recording_active = event.recording_active
    if room.mute_all:
        for member in room.members.values():
            hush(room, member)


def room_updated(room: Room, event: e.RoomUpdated, aside: e.Aside) -> None:
    room.title, room.is_private = event.title, event.is_private
    room.invite_key = aside.invite_key or room.invite_key


def recording_changed(room: Room, event: e.RecordingStarted | e.RecordingStopped, aside: e.Aside) -> None:
    room.recording_active = event.recording_active


def cover_changed(room: Room, event: e.CoverChanged, aside: e.Aside) -> None:
    room.cover_url = event.cover_url


def recording_added(room: Room, event: e.RecordingAdded, aside: e.Aside) -> None:
    room.recordings[event.id] = Recording(
        event.id, event.title, event.duration_sec, event.size, event.mime, event.sha256, event.uploader_user_id,
        event.created_at, event.expires_at, aside.name or "",
    )


def recording_deleted(room: Room, event: e.RecordingDeleted, aside: e.Aside) -> None:
    room.recordings.pop(event.id, None)


def key_changed(room: Room, event: e.KeyChanged, aside: e.Aside) -> None:
    room.key_epoch, room.key = event.key_epoch, KeyState(event.mode)
    room.key_ids[event.key_epoch] = event.seq
    marks = room.members[event.by_user].epoch_marks
    marks.append(event.created_at)
    del marks[:-EPOCH_RATE[0]]
    key_shared(room, event, aside)


def key_shared(room: Room, event: e.KeyChanged | e.KeyShared, aside: e.Aside) -> None:
    room.key.holders |= aside.holders
    for user_id in aside.holders:
        room.members[user_id].shares[event.key_epoch] = event.seq


def key_rotate_required(room: Room, event: e.KeyRotateRequired, aside: e.Aside) -> None:
    room.key.stale_at = event.stale_at


FOLD: dict[type, Callable[[Room, Any, e.Aside], None]] = {
    e.MemberJoined: member_joined,
    e.MemberLeft: member_left,
    e.MemberKicked: member_kicked,
    e.MemberUnbanned: member_unbanned,
    e.MemberUpdated: member_updated,
    e.RoleChanged: role_changed,
    e.MediaUpdated: media_updated,
    e.MediaForced: media_forced,
    e.VideoForced: video_forced,
    e.SpeakChanged: speak_changed,
    e.HandRaised: hand_raised,
    e.HandLowered: hand_lowered,
    e.ChatPosted: chat_posted,
    e.SealedChatPosted: chat_posted,
    e.ChatDeleted: chat_deleted,
    e.StateChanged: state_changed,
    e.RoomUpdated: room_updated,
    e.RecordingStarted: recording_changed,
    e.RecordingStopped: recording_changed,
    e.CoverChanged: cover_changed,
    e.RecordingAdded: recording_added,
    e.RecordingDeleted: recording_deleted,
    e.KeyChanged: key_changed,
    e.KeyShared: key_shared,
    e.KeyRotateRequired: key_rotate_required,
}


def socket_opened(room: Room, notice: e.SocketOpened) -> None:
    room.presence.heard.pop(notice.user_id, None)
    room.presence.lost.pop(notice.user_id, None)
    room.presence.sockets[notice.user_id] = notice.connection


def beat_heard(room: Room, notice: e.BeatHeard) -> None:
    if notice.user_id not in room.presence.sockets:
        room.presence.lost.pop(notice.user_id, None)
        room.presence.heard.pop(notice.user_id, None)  # so that the dict stays in order of time
        room.presence.heard[notice.user_id] = notice.at


def connection_lost(room: Room, notice: e.ConnectionLost) -> None:
    room.presence.sockets.pop(notice.user_id, None)
    room.presence.heard.pop(notice.user_id, None)
    room.presence.lost[notice.user_id] = notice.at


def device_key_shown(room: Room, notice: e.DeviceKeyShown) -> None:
    if notice.x25519_b64 is None:
        room.presence.device_keys.pop(notice.user_id, None)
    else:
        room.presence.device_keys[notice.user_id] = notice.x25519_b64


def member_forgotten(room: Room, notice: e.MemberForgotten) -> None:
    room.presence.device_keys.pop(notice.user_id, None)
    room.key.holders.pop(notice.user_id, None)
    room.members[notice.user_id].shares.clear()
    for recording in room.recordings.values():
        if recording.uploader_user_id == notice.user_id:
            recording.title = ""


NOTICED: dict[type, Callable[[Room, Any], None]] = {
    e.SocketOpened: socket_opened,
    e.BeatHeard: beat_heard,
    e.ConnectionLost: connection_lost,
    e.DeviceKeyShown: device_key_shown,
    e.MemberForgotten: member_forgotten,
}
