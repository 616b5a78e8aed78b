// The room's fold: what each event does to a snapshot, and the golden history that Python folds too.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { Gap, apply, fold, member, silenced, snapshot } from "../../static/room.js";

const ANN = 1;
const BOB = 2;

function person(user_id, other = {}) {
  return {
    user_id, nickname: `User ${user_id}`, avatar_url: null, role: "guest", mic_muted: true, cam_off: true,
    admin_muted: false, admin_video_off: false, can_speak: false, ...other,
  };
}

function room(other = {}) {
  return {
    topic: "", title: "Room", is_locked: false, mute_all: false, recording_active: false, hands_up: [], cover_url: null,
    key_epoch: 0, participants: [person(ANN, { role: "owner" }), person(BOB)], seq: 10, epoch: "e", ...other,
  };
}

/** Folds events, numbering them, onto a room. */
function after(state, ...events) {
  return fold(state, events.map((event, index) => ({ seq: state.seq + 1 + index, created_at: "", ...event })));
}

const open = { topic: "", is_locked: false, mute_all: false, recording_active: false, by_user: ANN };

test("the number counts on with every event", () => {
  assert.equal(after(room(), { type: "chat.message" }, { type: "chat.deleted" }).seq, 12);
});

test("a hole in the numbers throws", () => {
  assert.throws(() => apply(room(), { type: "chat.message", seq: 12 }), Gap);
});

test("a repeated event throws", () => {
  assert.throws(() => apply(room(), { type: "chat.message", seq: 10 }), Gap);
});

test("events that say nothing about the room, and those of a later version, only count on", () => {
  const types = [
    "chat.message", "chat.message.enc", "chat.deleted", "member.unbanned", "recording.added", "recording.deleted",
    "key.shared", "key.rotate_required", "something.new", "constructor", "__proto__",
  ];
  for (const type of types) {
    const changed = after(room(), { type, user_id: BOB, key_epoch: 9, title: "other", topic: "other" });
    assert.deepEqual(changed, { ...room(), seq: 11 }, type);
  }
});

test("the old state stays as it was", () => {
  const state = structuredClone(room({ hands_up: [BOB] }));
  const kept = structuredClone(state);
  after(state, { type: "member.left", user_id: BOB }, { type: "member.joined", ...person(3) },
    { type: "state.changed", ...open, mute_all: true },
    { type: "media.updated", user_id: ANN, mic_muted: false, cam_off: false });
  assert.deepEqual(state, kept);
});

test("a newcomer comes last, with the fields of a participant and no others", () => {
  const { participants } = after(room(), { type: "member.joined", ...person(3), status: "active", is_online: true });
  assert.deepEqual(participants.map(({ user_id }) => user_id), [ANN, BOB, 3]);
  assert.deepEqual(participants[2], person(3));
});

test("who comes back comes last", () => {
  const { participants } = after(room(), { type: "member.left", user_id: ANN },
    { type: "member.joined", ...person(ANN) });
  assert.deepEqual(participants.map(({ user_id }) => user_id), [BOB, ANN]);
});

test("who joins while inside moves to the end and is there once", () => {
  const { participants } = after(room(), { type: "member.joined", ...person(ANN) });
  assert.deepEqual(participants.map(({ user_id }) => user_id), [BOB, ANN]);
});

for (const type of ["member.left", "member.kicked"]) {
  test(`${type} takes the participant and the hand away`, () => {
    const state = after(room({ hands_up: [BOB, ANN] }), { type, user_id: BOB });
    assert.equal(member(state, BOB), undefined);
    assert.deepEqual(state.hands_up, [ANN]);
  });
}

test("a new name and avatar are shown", () => {
  const profile = { nickname: "Robert", avatar_url: "/static/avatars/1" };
  const state = after(room(), { type: "member.updated", user_id: BOB, ...profile });
  assert.deepEqual(member(state, BOB), person(BOB, profile));
});

test("what happens to someone who is away leaves the room as it looks", () => {
  const state = after(room(), { type: "role.changed", user_id: 9, role: "admin" },
    { type: "media.forced", user_id: 9, admin_muted: true }, { type: "speak.changed", user_id: 9, can_speak: true });
  assert.deepEqual(state, { ...room(), seq: 13 });
});

test("media.updated says both flags", () => {
  const state = after(room(), { type: "media.updated", user_id: BOB, mic_muted: false, cam_off: false });
  assert.deepEqual(member(state, BOB), person(BOB, { mic_muted: false, cam_off: false }));
});

test("a forced mute mutes, and lifting it does not unmute", () => {
  const loud = after(room(), { type: "media.updated", user_id: BOB, mic_muted: false, cam_off: true });
  const muted = after(loud, { type: "media.forced", user_id: BOB, admin_muted: true });
  assert.deepEqual(member(muted, BOB), person(BOB, { admin_muted: true }));
  const free = after(muted, { type: "media.forced", user_id: BOB, admin_muted: false });
  assert.deepEqual(member(free, BOB), person(BOB, { mic_muted: true }));
});

test("a forced camera goes off, and lifting it does not turn it on", () => {
  const shown = after(room(), { type: "media.updated", user_id: BOB, mic_muted: false, cam_off: false });
  const forced = after(shown, { type: "media.video_forced", user_id: BOB, admin_video_off: true });
  assert.deepEqual(member(forced, BOB), person(BOB, { mic_muted: false, admin_video_off: true }));
  const free = after(forced, { type: "media.video_forced", user_id: BOB, admin_video_off: false });
  assert.equal(member(free, BOB).cam_off, true);
});

test("muting everyone mutes guests, and neither moderators nor those who may speak", () => {
  const others = [{ role: "owner" }, { role: "admin" }, {}, { can_speak: true }];
  const people = others.map((other, index) => person(index + 1, { mic_muted: false, ...other }));
  const state = after(room({ participants: people }), { type: "state.changed", ...open, mute_all: true });
  assert.deepEqual(state.participants.map(({ mic_muted }) => mic_muted), [false, false, true, false]);
  const lifted = after(state, { type: "state.changed", ...open });
  assert.deepEqual(lifted.participants.map(({ mic_muted }) => mic_muted), [false, false, true, false]);
});

test("losing the right to speak or the role while everyone is muted mutes", () => {
  const people = [person(1, { role: "admin", mic_muted: false }), person(2, { can_speak: true, mic_muted: false })];
  const state = after(room({ participants: people, mute_all: true }),
    { type: "role.changed", user_id: 1, role: "guest", by_user: 9 },
    { type: "speak.changed", user_id: 2, can_speak: false, by_user: 9 });
  assert.deepEqual(state.participants, [person(1), person(2)]);
});

test("a silenced newcomer is muted whatever the event says", () => {
  const state = after(room({ mute_all: true }), { type: "member.joined", ...person(3, { mic_muted: false }) });
  assert.equal(member(state, 3).mic_muted, true);
});

test("silenced is who is force-muted, or a guest without the right to speak while everyone is muted", () => {
  const told = [
    [false, person(1), false],
    [true, person(1), true],
    [true, person(1, { can_speak: true }), false],
    [true, person(1, { role: "admin" }), false],
    [true, person(1, { role: "owner" }), false],
    [false, person(1, { role: "owner", admin_muted: true }), true],
    [true, person(1, { can_speak: true, admin_muted: true }), true],
  ];
  for (const [mute_all, participant, expected] of told) assert.equal(silenced({ mute_all }, participant), expected);
});

test("hands stand in the order the event says", () => {
  const raised = after(room(), { type: "hand.raised", user_id: BOB, hands_up: [BOB] },
    { type: "hand.raised", user_id: ANN, hands_up: [BOB, ANN] });
  assert.deepEqual(raised.hands_up, [BOB, ANN]);
  const lowered = after(raised, { type: "hand.lowered", user_id: BOB, hands_up: [ANN], by_user: ANN });
  assert.deepEqual(lowered.hands_up, [ANN]);
});

test("state, recording, title, cover and key epoch follow their events", () => {
  const state = after(room(),
    { type: "state.changed", ...open, topic: "Plans", is_locked: true },
    { type: "record.started" },
    { type: "room.updated", title: "New title", is_private: true },
    { type: "cover.changed", cover_url: "/static/covers/a" },
    { type: "key.changed", key_epoch: 3, mode: "e2e" });
  assert.deepEqual(state, {
    ...room(), topic: "Plans", is_locked: true, recording_active: true, title: "New title",
    cover_url: "/static/covers/a", key_epoch: 3, seq: 15,
  });
  assert.equal(after(state, { type: "record.stopped" }).recording_active, false);
  assert.equal(after(room(), { type: "state.changed", ...open, recording_active: true }).recording_active, true);
});

test("a snapshot has exactly the fields of the protocol, and is a copy", () => {
  const state = room();
  const taken = snapshot({ ...state, type: "state.snapshot", extra: 1, participants: [{ ...person(ANN), extra: 1 }] });
  assert.deepEqual(taken, { ...state, participants: [person(ANN)] });
  taken.hands_up.push(7);
  assert.deepEqual(state.hands_up, []);
});

test("the golden history gives the same room as in Python, after every step", async () => {
  const history = JSON.parse(await readFile(new URL("../golden/history.json", import.meta.url), "utf8"));
  let state = history.snapshot;
  assert.ok(history.steps.length > 0);
  for (const { event, snapshot: expected } of history.steps) {
    state = apply(state, event);
    assert.deepEqual(snapshot(state), expected, `after ${event.type}, event ${event.seq}`);
  }
});
