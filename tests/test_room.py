"""The rules and the fold of a room, as plays."""

from __future__ import annotations

import pytest
from msgspec import to_builtins
from playbook import ADA, BOB, EVE, OWNER, Play, joined, joins

from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.files import RECORDINGS
from axenix.room.state import EPOCH_RATE, Law, freeze, next_deadline, online_count, snapshot, status, thaw

SENDS = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n"
LISTENS = SENDS.replace("sendrecv", "recvonly")
SHOWS = SENDS.replace("m=audio", "m=video")


# ---- coming ---------------------------------------------------------------------------------------------------------


def test_a_newcomer_starts_muted_with_the_camera_off() -> None:
    play = Play().when(*joins(BOB)).then(joined(BOB))
    member = play.room.members[BOB]
    assert member.mic_muted and member.cam_off and member.role == "guest"


def test_the_first_event_of_a_room_is_number_one_even_for_its_owner() -> None:
    play = Play().when(*joins(OWNER)).then(joined(OWNER, "owner"))
    assert play.told[0].seq == 1


def test_coming_back_within_the_grace_is_heard_by_nobody(play: Play) -> None:
    play.given((BOB, c.RaiseHand())).when(BOB, c.Disconnect(1006)).then()
    assert status(play.room, play.room.members[BOB], play.now) == "lost"
    play.later(9.9).when(*joins(BOB), connection=33).then()
    assert status(play.room, play.room.members[BOB], play.now) == "active"
    assert play.room.hands_up == [BOB]


def test_whoever_is_lost_for_longer_than_the_grace_has_left(play: Play) -> None:
    play.when(BOB, c.Disconnect(1006)).then()
    assert next_deadline(play.room) == pytest.approx(play.seconds + 10)
    play.later(9.9).when(0, c.Tick(), None).then()
    play.later(0.1).when(0, c.Tick(), None).then(e.MemberLeft(user_id=BOB))
    assert BOB not in [each.user_id for each in snapshot(play.room).participants]


@pytest.mark.parametrize("code", [1000, 1001, 4001, 4009])
def test_some_closes_end_the_stay_at_once(play: Play, code: int) -> None:
    play.when(BOB, c.Disconnect(code)).then(e.MemberLeft(user_id=BOB))


@pytest.mark.parametrize("code", [1005, 1006, 1011, 1012, 1013, 4008, 4010])
def test_every_other_end_is_a_lost_connection(play: Play, code: int) -> None:
    play.when(BOB, c.Disconnect(code)).then()
    assert play.room.members[BOB].inside


def test_the_end_of_a_replaced_socket_does_not_touch_the_new_one(play: Play) -> None:
    play.when(*joins(BOB), connection=33).then()
    play.when(BOB, c.Disconnect(1000), connection=BOB).then()
    assert play.room.presence.sockets[BOB] == 33
    play.when(BOB, c.Leave(), connection=BOB).refused("not_inside")


def test_a_replaced_socket_is_heard_no_more(play: Play) -> None:
    play.given((*joins(BOB), 33)).when(BOB, c.PostChat(text="hi"), connection=BOB).refused("not_inside")


def test_a_changed_nickname_is_told_on_coming_back(play: Play) -> None:
    play.when(BOB, c.Join("Robert", None), connection=33).then(
        e.MemberUpdated(user_id=BOB, nickname="Robert", avatar_url=None))


def test_a_heartbeat_keeps_one_inside_who_has_no_socket() -> None:
    play = Play().given((BOB, joins(BOB)[1], None))
    play.later(44).when(BOB, c.Beat(), None).then()
    play.later(44).when(0, c.Tick(), None).then()
    play.later(2).when(0, c.Tick(), None).then()
    assert status(play.room, play.room.members[BOB], play.now) == "lost"
    play.later(10).when(0, c.Tick(), None).then(e.MemberLeft(user_id=BOB))


def test_a_lock_stops_everyone_but_mods_and_those_inside_or_in_the_grace(play: Play) -> None:
    play.given((BOB, c.Disconnect(1006)), (OWNER, c.SetState(is_locked=True)), (ADA, c.Leave()))
    play.when(*joins(EVE)).refused("room_locked")
    play.when(*joins(ADA)).then(joined(ADA, "admin"))
    play.when(*joins(BOB)).then()
    play.given((BOB, c.Leave())).when(*joins(BOB)).refused("room_locked")


def test_a_private_room_wants_the_key_of_strangers_only() -> None:
    play = Play(is_private=True, invite_key="k" * 16).given(joins(OWNER))
    play.when(*joins(BOB)).refused("invite_required_or_invalid")
    play.when(*joins(BOB, invite_key="x" * 16)).refused("invite_required_or_invalid")
    play.when(*joins(BOB, invite_key="k" * 16)).then(joined(BOB))
    play.given((BOB, c.Leave())).when(*joins(BOB)).then(joined(BOB))


def test_a_private_room_without_a_key_lets_no_stranger_in() -> None:
    Play(is_private=True).when(*joins(BOB, invite_key="")).refused("invite_required_or_invalid")


def test_hand_and_media_flags_end_with_the_stay_and_the_membership_does_not(play: Play) -> None:
    play.given((BOB, c.RaiseHand()), (BOB, c.SetMedia(mic_muted=False)), (ADA, c.ForceVideoOff(BOB), None))
    play.given((ADA, c.LetSpeak(BOB), None), (BOB, c.Leave()))
    assert play.room.hands_up == []
    play.when(*joins(BOB)).then(joined(BOB, admin_video_off=True, can_speak=True))


# ---- chat -----------------------------------------------------------------------------------------------------------


def test_a_message_carries_its_number_as_its_id(play: Play) -> None:
    play.when(BOB, c.PostChat(text=" hi\0 ")).then(e.ChatPosted(room_slug="stage", user_id=BOB, text="hi"))
    assert play.told[-1].id == play.told[-1].seq  # type: ignore[attr-defined]


@pytest.mark.parametrize("text, reason", [("  ", "empty_message"), ("x" * 4001, "message_too_long")])
def test_messages_have_text_and_not_too_much(play: Play, text: str, reason: str) -> None:
    play.when(BOB, c.PostChat(text=text)).refused(reason)


def test_a_banned_word_is_refused_in_the_middle_of_another_and_in_other_case() -> None:
    play = Play(Law(banned_words=("spam",))).given(joins(BOB))
    play.when(BOB, c.PostChat(text="unSPAMmed")).refused("forbidden_words")


def test_five_messages_in_ten_seconds_and_no_more_not_even_by_reconnecting() -> None:
    play = Play(Law(chat_rate=(5, 10))).given(joins(BOB), *[(BOB, c.PostChat(text="hi"))] * 5)
    play.later(4).when(BOB, c.PostChat(text="hi")).refused("rate_limited")
    assert play.failure is not None and play.failure.retry_after == pytest.approx(6, abs=0.01)
    play.given((BOB, c.Leave()), joins(BOB)).when(BOB, c.PostChat(text="hi")).refused("rate_limited")
    play.later(6).when(BOB, c.PostChat(text="hi")).then(e.ChatPosted(room_slug="stage", user_id=BOB, text="hi"))


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    play = Play(Law(chat_rate=(1, 10))).given(joins(BOB), (BOB, c.PostChat(text="hi")))
    play.later(-3600).when(BOB, c.PostChat(text="hi")).then(e.ChatPosted(room_slug="stage", user_id=BOB, text="hi"))


def test_nobody_fills_the_memory_of_a_room_with_key_epochs_not_even_by_coming_back(play: Play) -> None:
    limit, seconds = EPOCH_RATE
    play.given(*[(OWNER, c.DistributeKey(number, {})) for number in range(1, limit + 1)])
    play.later(seconds / 2).given((OWNER, c.Leave()))
    play.room = thaw(freeze(play.room), play.room.law)
    play.given(joins(OWNER), joins(ADA)).when(OWNER, c.DistributeKey(limit + 1, {})).refused("rate_limited")
    assert play.failure is not None and play.failure.retry_after == pytest.approx(seconds / 2, abs=0.01)
    play.given((ADA, c.DistributeKey(limit + 1, {})))  # whom that does not hold up
    play.later(seconds / 2).given((OWNER, c.DistributeKey(limit + 2, {})))
    assert play.room.key_epoch == limit + 2


def test_a_repeated_cid_makes_no_second_message_and_costs_no_rate() -> None:
    play = Play(Law(chat_rate=(1, 10))).given(joins(BOB), (BOB, c.PostChat(text="hi", cid="a")))
    first = play.told[-1].seq
    play.when(BOB, c.PostChat(text="hi", cid="a")).then()
    assert play.repeated == first


def test_a_refused_cid_is_not_remembered(play: Play) -> None:
    play.when(BOB, c.PostChat(text="", cid="a")).refused("empty_message")
    play.when(BOB, c.PostChat(text="hi", cid="a")).then(e.ChatPosted(room_slug="stage", user_id=BOB, text="hi"))


def test_the_last_thousand_cids_of_a_member_are_remembered(play: Play) -> None:
    play.given(*[(BOB, c.PostChat(text="hi", cid=str(n))) for n in range(1001)])
    assert len(play.room.members[BOB].cids) == 1000
    play.when(BOB, c.PostChat(text="hi", cid="1")).then()
    play.when(BOB, c.PostChat(text="hi", cid="0")).then(e.ChatPosted(room_slug="stage", user_id=BOB, text="hi"))


def test_sealed_chat_has_ciphertext_and_not_too_much(play: Play) -> None:
    sealed = c.PostSealedChat(algo="AES-256-GCM", ciphertext_b64="QUJD", key_epoch=1)
    play.when(BOB, sealed).then(e.SealedChatPosted(
        room_slug="stage", user_id=BOB, algo="AES-256-GCM", ciphertext_b64="QUJD", key_epoch=1))
    play.when(BOB, c.PostSealedChat(algo="x", ciphertext_b64="")).refused("empty_ciphertext")
    play.when(BOB, c.PostSealedChat(algo="x", ciphertext_b64="A" * 44_000)).refused("message_too_long")


def test_a_message_is_deleted_by_its_author_or_a_mod_of_higher_rank(play: Play) -> None:
    play.given((BOB, c.PostChat(text="hi")), (OWNER, c.PostChat(text="hi")))
    play.when(BOB, c.DeleteChat(6, OWNER), None).refused("forbidden")
    play.when(ADA, c.DeleteChat(6, OWNER), None).refused("forbidden")
    play.when(ADA, c.DeleteChat(5, BOB), None).then(e.ChatDeleted(id=5, by_user=ADA))
    play.when(OWNER, c.DeleteChat(6, OWNER), None).then(e.ChatDeleted(id=6, by_user=OWNER))


# ---- signals and media ----------------------------------------------------------------------------------------------


def test_a_signal_goes_to_one_peer_with_its_sender_and_nothing_is_numbered(play: Play) -> None:
    play.when(BOB, c.Offer(to=ADA, sdp=SENDS)).then()
    (passed,) = play.passed
    assert to_builtins(passed.message) == {"type": "offer", "from": BOB, "sdp": SENDS} and passed.to == ADA


@pytest.mark.parametrize("to", [BOB, EVE, 99])
def test_a_signal_to_oneself_or_to_the_absent_finds_no_peer(play: Play, to: int) -> None:
    play.when(BOB, c.Ice(to=to, candidate=None)).refused("peer_not_found")


def test_a_signal_to_the_lost_finds_no_peer(play: Play) -> None:
    play.given((ADA, c.Disconnect(1006))).when(BOB, c.Ice(to=ADA, candidate="x")).refused("peer_not_found")


def test_the_muted_may_negotiate_to_listen_and_not_to_speak(play: Play) -> None:
    play.given((ADA, c.ForceMute(BOB), None))
    play.when(BOB, c.Offer(to=ADA, sdp=SENDS)).refused("muted_by_admin")
    play.when(BOB, c.Answer(to=ADA, sdp=SENDS)).refused("muted_by_admin")
    play.when(BOB, c.Offer(to=ADA, sdp=LISTENS)).then()
    play.when(BOB, c.Offer(to=ADA, sdp=SHOWS)).then()
    play.when(BOB, c.Ice(to=ADA, candidate="x")).then()
    play.when(BOB, c.PostChat(text="hi")).refused("muted_by_admin")
    play.when(BOB, c.SetMedia(mic_muted=False)).refused("muted_by_admin")
    play.when(BOB, c.Type(is_typing=True)).then()


def test_whose_video_is_off_may_not_negotiate_to_show(play: Play) -> None:
    play.given((BOB, c.SetMedia(cam_off=False)), (ADA, c.ForceVideoOff(BOB), None))
    assert play.room.members[BOB].cam_off
    play.when(BOB, c.Offer(to=ADA, sdp=SHOWS)).refused("video_off_by_admin")
    play.when(BOB, c.Offer(to=ADA, sdp=SENDS)).then()
    play.when(BOB, c.SetMedia(cam_off=False)).refused("video_off_by_admin")
    play.given((ADA, c.ForceVideoOff(BOB, video_off=False), None))
    assert play.room.members[BOB].cam_off, "nobody's camera is turned on by another"
    play.when(BOB, c.SetMedia(cam_off=False)).then(e.MediaUpdated(user_id=BOB, mic_muted=True, cam_off=False))


def test_a_guest_is_silent_while_everyone_is_muted(play: Play) -> None:
    play.given((BOB, c.SetMedia(mic_muted=False)), (ADA, c.SetMedia(mic_muted=False)))
    play.when(ADA, c.SetState(mute_all=True)).then(e.StateChanged(
        topic="", is_locked=False, mute_all=True, recording_active=False, by_user=ADA))
    assert play.room.members[BOB].mic_muted and not play.room.members[ADA].mic_muted
    play.when(BOB, c.PostChat(text="hi")).refused("mute_all")
    play.given((ADA, c.LetSpeak(BOB), None))
    play.when(BOB, c.SetMedia(mic_muted=False)).then(e.MediaUpdated(user_id=BOB, mic_muted=False, cam_off=True))
    play.given((ADA, c.LetSpeak(BOB, can_speak=False), None))
    assert play.room.members[BOB].mic_muted


def test_whoever_is_no_longer_admin_is_silenced_like_all_others(play: Play) -> None:
    play.given((OWNER, c.SetState(mute_all=True)), (ADA, c.SetMedia(mic_muted=False)))
    play.when(OWNER, c.SetRole(ADA, "guest"), None).then(e.RoleChanged(user_id=ADA, role="guest", by_user=OWNER))
    assert play.room.members[ADA].mic_muted


# ---- hands ----------------------------------------------------------------------------------------------------------


def test_hands_are_in_the_order_of_raising_and_raising_twice_changes_nothing(play: Play) -> None:
    play.given((BOB, c.RaiseHand())).when(ADA, c.RaiseHand()).then(e.HandRaised(user_id=ADA, hands_up=[BOB, ADA]))
    play.when(BOB, c.RaiseHand()).then()
    play.when(BOB, c.LowerHand()).then(e.HandLowered(user_id=BOB, hands_up=[ADA], by_user=BOB))
    play.when(BOB, c.LowerHand()).then()


def test_only_a_mod_lowers_the_hand_of_another(play: Play) -> None:
    play.given((BOB, c.RaiseHand()), (ADA, c.RaiseHand()))
    play.when(BOB, c.LowerHand(user_id=ADA)).refused("forbidden")
    play.when(ADA, c.LowerHand(user_id=BOB)).then(e.HandLowered(user_id=BOB, hands_up=[ADA], by_user=ADA))


# ---- moderation -----------------------------------------------------------------------------------------------------


def test_a_kick_ends_the_stay_takes_the_role_and_keeps_out(play: Play) -> None:
    play.when(OWNER, c.Kick(ADA, reason="rude"), None).then(e.MemberKicked(user_id=ADA, by_user=OWNER, reason="rude"))
    assert play.room.members[ADA].role == "guest" and online_count(play.room) == 2
    play.when(*joins(ADA)).refused("banned")
    play.when(ADA, c.PostChat(text="hi")).refused("not_inside")
    play.when(ADA, c.PostChat(text="hi"), None).refused("banned")
    play.later(86400 + 1).when(*joins(ADA)).then(joined(ADA))


def test_a_kick_with_no_ban_lets_one_come_back_as_a_stranger() -> None:
    play = Play(is_private=True, invite_key="k" * 16).given(joins(OWNER), joins(BOB, invite_key="k" * 16))
    play.given((OWNER, c.Kick(BOB, ban_sec=0), None)).when(*joins(BOB)).refused("invite_required_or_invalid")
    play.when(*joins(BOB, invite_key="k" * 16)).then(joined(BOB))


def test_an_unban_lets_in_again_and_restores_nothing_else(play: Play) -> None:
    play.given((OWNER, c.ForceMute(ADA), None), (OWNER, c.Kick(ADA), None))
    play.when(OWNER, c.Unban(ADA), None).then(e.MemberUnbanned(user_id=ADA, by_user=OWNER))
    play.when(OWNER, c.Unban(ADA), None).then()
    play.when(*joins(ADA)).then(joined(ADA, admin_muted=True))


@pytest.mark.parametrize("command", [
    c.Kick(OWNER), c.Kick(ADA), c.ForceMute(OWNER), c.ForceVideoOff(ADA), c.LetSpeak(OWNER),
])
def test_nobody_acts_on_an_equal_or_a_superior(play: Play, command: object) -> None:
    play.when(ADA, command, None).refused("forbidden")


@pytest.mark.parametrize("command", [
    c.Kick(ADA), c.Unban(ADA), c.ForceMute(ADA), c.ForceVideoOff(ADA), c.LetSpeak(ADA), c.SetRole(BOB, "admin"),
    c.SetState(topic="x"), c.UpdateRoom(title="x"), c.StartRecording(), c.StopRecording(),
])
def test_a_guest_moderates_nothing(play: Play, command: object) -> None:
    play.when(BOB, command, None).refused("forbidden")


def test_only_the_owner_makes_admins_and_nobody_unmakes_the_owner(play: Play) -> None:
    play.when(ADA, c.SetRole(BOB, "admin"), None).refused("forbidden")
    play.when(OWNER, c.SetRole(OWNER, "guest"), None).refused("forbidden")
    play.when(OWNER, c.SetRole(EVE, "admin"), None).refused("member_not_found")


def test_strangers_learn_that_a_public_room_is_closed_to_them_and_nothing_of_a_private_one() -> None:
    Play().when(EVE, c.SetState(topic="x"), None).refused("not_a_member")
    Play(is_private=True).when(EVE, c.SetState(topic="x"), None).refused("room_not_found")


# ---- the room itself ------------------------------------------------------------------------------------------------


def test_a_room_has_so_many_recordings_and_no_more(play: Play) -> None:
    one = c.AddRecording("T", 1.0, 1, "video/webm", "0" * 64, "name", None)
    for _ in range(RECORDINGS):
        play.do(BOB, one)
    play.when(BOB, one).refused("quota_exceeded")
    play.do(BOB, c.DeleteRecording(next(iter(play.room.recordings))))
    play.do(BOB, one)


def test_the_recording_flag_changes_once(play: Play) -> None:
    play.when(ADA, c.StartRecording()).then(e.RecordingStarted(by_user=ADA))
    play.when(OWNER, c.StartRecording()).then()
    assert snapshot(play.room).recording_active
    play.when(OWNER, c.StopRecording()).then(e.RecordingStopped(by_user=OWNER))


def test_state_is_set_field_by_field_and_an_empty_command_is_refused(play: Play) -> None:
    play.given((ADA, c.SetState(topic=" plans ")), (ADA, c.SetState(is_locked=True)))
    assert (play.room.topic, play.room.is_locked) == ("plans", True)
    play.when(ADA, c.SetState()).refused("bad_payload")
    play.when(ADA, c.SetState(topic="x" * 201)).refused("bad_payload")


def test_a_new_invite_key_is_told_to_nobody(play: Play) -> None:
    play.when(OWNER, c.UpdateRoom(is_private=True, invite_key="n" * 16), None).then(
        e.RoomUpdated(title="Stage", is_private=True, by_user=OWNER))
    assert play.room.invite_key == "n" * 16 and "n" * 16 not in str(play.told)
