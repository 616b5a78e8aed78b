// Ranks: what is offered to whom about whom, and what is held against oneself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { deedsOn, measuresOn, moderates, outranks } from "../../static/ranks.js";

const person = (role, other = {}) => ({
  user_id: 1, nickname: "", avatar_url: null, role, mic_muted: true, cam_off: true, admin_muted: false,
  admin_video_off: false, can_speak: false, ...other,
});
const room = (other = {}) => ({ mute_all: false, hands_up: [], participants: [], ...other });
const [owner, admin, guest] = ["owner", "admin", "guest"].map((role) => person(role));

test("nobody acts on an equal or a superior, and guests on nobody", () => {
  const ranked = [owner, admin, guest];
  const allowed = ranked.map((one) => ranked.map((other) => outranks(one, other)));
  assert.deepEqual(allowed, [[false, true, true], [false, false, true], [false, false, false]]);
  assert.equal(outranks(undefined, guest), false);
  assert.deepEqual(ranked.map(moderates), [true, true, false]);
  for (const one of ranked) assert.deepEqual(deedsOn(room(), guest, one), []);
});

test("only the owner makes moderators and unmakes them", () => {
  assert.deepEqual(deedsOn(room(), owner, guest), ["mute", "hide", "promote", "kick"]);
  assert.deepEqual(deedsOn(room(), owner, admin), ["mute", "hide", "demote", "kick"]);
  assert.deepEqual(deedsOn(room(), admin, guest), ["mute", "hide", "kick"]);
});

test("offered is what would change something", () => {
  const forced = person("guest", { admin_muted: true, admin_video_off: true });
  assert.deepEqual(deedsOn(room(), admin, forced), ["unmute", "unhide", "kick"]);
  const muted = room({ mute_all: true, hands_up: [1] });
  assert.deepEqual(deedsOn(muted, admin, guest), ["give_floor", "lower_hand", "mute", "hide", "kick"]);
  assert.equal(deedsOn(muted, admin, person("guest", { can_speak: true }))[0], "take_floor");
  assert.deepEqual(deedsOn(room({ mute_all: true }), owner, admin), ["mute", "hide", "demote", "kick"]);
});

test("what is held against me is listed while it lasts, the nearest cause of silence alone", () => {
  const keys = (state, mine) => measuresOn(state, mine).map(({ key }) => key);
  assert.deepEqual(keys(room(), guest), []);
  assert.deepEqual(keys(room({ mute_all: true }), guest), ["measure_mute_all"]);
  assert.deepEqual(keys(room({ mute_all: true }), admin), []);
  assert.deepEqual(keys(room({ mute_all: true }), person("guest", { can_speak: true })), []);
  const forced = person("guest", { admin_muted: true, admin_video_off: true });
  assert.deepEqual(keys(room({ mute_all: true }), forced), ["measure_muted", "measure_hidden"]);
  assert.deepEqual(measuresOn(null, guest), []);
});
