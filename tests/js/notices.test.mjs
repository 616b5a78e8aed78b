// Notices: what of all that happens is said to whom, in whose name, and for what reason.

import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeOf } from "../../static/notices.js";
import { apply } from "../../static/room.js";
import { say, speak } from "../../static/strings.js";

const person = (user_id, nickname, other = {}) => ({
  user_id, nickname, avatar_url: null, role: "guest", mic_muted: false, cam_off: false, admin_muted: false,
  admin_video_off: false, can_speak: false, ...other,
});
const room = (other = {}, mine = {}) => ({
  topic: "", title: "Tea", is_locked: false, mute_all: false, recording_active: false, hands_up: [], cover_url: null,
  key_epoch: 0, seq: 1, epoch: "e", participants: [person(1, "Ann", mine), person(2, "Bob"), person(7, "Olga", { role: "owner" })],
  ...other,
});
const state = (other) => ({ type: "state.changed", topic: "", is_locked: false, mute_all: false, by_user: 7, ...other });

/** What Ann (1) is told, in English. */
function told(event, before = room()) {
  speak("en");
  const after = apply(before, { seq: 2, created_at: "", ...event });
  const notice = noticeOf(event, { before, after, me: 1, name: (id) => `somebody ${id}` });
  return notice && say(notice.key, ...notice.args);
}

test("what is done to me is said with who did it and why, and not what is done to others", () => {
  const forced = { type: "media.forced", admin_muted: true, by_user: 7, reason: "noise" };
  assert.equal(told({ ...forced, user_id: 1 }), "Olga has muted you: noise");
  assert.equal(told({ ...forced, user_id: 1, reason: null }), "Olga has muted you");
  assert.equal(told({ ...forced, user_id: 1, by_user: 9 }), "somebody 9 has muted you: noise");
  assert.equal(told({ ...forced, user_id: 2 }), null);
  const off = { type: "media.video_forced", user_id: 1, admin_video_off: true, by_user: 7, reason: null };
  assert.equal(told(off), "Olga has turned your camera off");
  assert.equal(told({ type: "hand.lowered", user_id: 1, hands_up: [], by_user: 7 }), "Olga has lowered your hand");
  assert.equal(told({ type: "role.changed", user_id: 1, role: "admin", by_user: 7 }), "You are a moderator now");
  assert.equal(told({ type: "role.changed", user_id: 2, role: "admin", by_user: 7 }), null);
});

test("that I may speak again is said when it is so, and only then", () => {
  const lifted = { type: "media.forced", user_id: 1, admin_muted: false, by_user: 7, reason: null };
  const speak = (can_speak) => ({ type: "speak.changed", user_id: 1, can_speak, by_user: 7 });
  assert.match(told(lifted, room({}, { admin_muted: true })), /^You may speak/);
  assert.match(told(lifted, room({ mute_all: true }, { admin_muted: true })), /everyone is muted still/);
  assert.match(told(speak(true), room({ mute_all: true })), /^You may speak/);
  assert.equal(told(speak(true), room({ mute_all: true }, { admin_muted: true })), null);
  assert.match(told(speak(false), room({ mute_all: true }, { can_speak: true })), /taken the floor back/);
});

test("of the room is said what has changed, and nothing when nothing has", () => {
  assert.equal(told(state({ mute_all: true })), "Olga has muted everyone");
  assert.equal(told(state({}), room({ mute_all: true })), "Everyone may speak again");
  assert.match(told(state({ is_locked: true })), /^Olga has locked the room/);
  assert.equal(told(state({ topic: "<b>{1}</b>" })), "Olga has set the topic: <b>{1}</b>");
  assert.equal(told(state({}), room({ topic: "Old" })), "Olga has taken the topic away");
  assert.equal(told(state({})), null);
  assert.equal(told(state({ mute_all: true, by_user: 1 })), null, "I know what I did");
  assert.equal(told({ type: "room.updated", title: "Coffee", by_user: 7 }), "The room is called “Coffee” now");
  assert.equal(told({ type: "room.updated", title: "Tea", by_user: 7 }), null);
  assert.equal(told({ type: "record.started", by_user: 1 }), "This meeting is being recorded");
});

test("people are named by the name they had, or come with", () => {
  assert.equal(told({ type: "member.left", user_id: 2 }), "Bob has left");
  assert.equal(told({ type: "member.joined", ...person(3, "Cy") }), "Cy is here");
  assert.equal(told({ type: "member.kicked", user_id: 2, by_user: 7, reason: "spam" }),
    "Bob was removed from the room by Olga: spam");
  assert.equal(told({ type: "member.joined", ...person(1, "Ann") }), null);
  assert.equal(told({ type: "chat.message", user_id: 2, text: "hi" }), null);
  assert.equal(told({ type: "constructor", user_id: 1 }), null);
});
