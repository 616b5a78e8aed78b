// The moderation log: what was done in words that say what it was, and no more than is known.

import assert from "node:assert/strict";
import { test } from "node:test";

import { entries, isVague } from "../../static/ledger.js";
import { LANGUAGES } from "../../static/strings.js";

const deed = (seq, action) => ({ seq, action, by_user: 1, user_id: 2, reason: null, created_at: "" });
const state = (seq, other) => [seq, { seq, type: "state.changed", topic: "", is_locked: false, mute_all: false, ...other }];
const keys = (deeds, events, whole = true) => entries(deeds, new Map(events), whole).map(({ key }) => key);

test("a measure and its lifting are told apart, and when that is not known it is not guessed", () => {
  const muted = (seq, admin_muted) => [seq, { seq, type: "media.forced", admin_muted }];
  const deeds = [deed(9, "force_mute"), deed(8, "force_mute"), deed(7, "force_mute"), deed(6, "kick")];
  const said = keys(deeds, [muted(9, false), muted(8, true)]);
  assert.deepEqual(said, ["log_force_mute_off", "log_force_mute", "log_measure", "log_kick"]);
});

test("of the room is told what differs from before", () => {
  const deeds = [9, 7, 5, 3, 2].map((seq) => deed(seq, "set_state"));
  const events = [
    state(9, { mute_all: true }), state(7, { mute_all: true, is_locked: true }), state(5, { is_locked: true }),
    state(3, { topic: "Tea" }), state(2, { topic: "" }),
  ];
  const later = ["log_lock_off", "log_mute_all", "log_lock", "log_topic"];
  assert.deepEqual(keys(deeds, events), [...later, "log_topic_off"]);
  assert.deepEqual(keys(deeds, events, false), [...later, "log_set_state"], "what was before the first is not known");
  assert.deepEqual(keys(deeds.slice(-1), [state(2, { is_locked: true })]), ["log_lock"]);
  assert.deepEqual(keys(deeds.slice(0, 1), []), ["log_set_state"]);
});

test("there is a sentence for every deed of the server", () => {
  const actions = [
    "promote_admin", "demote_admin", "kick", "unban", "force_mute", "force_video", "speak", "delete_message",
    "set_state", "update_room", "record_start", "record_stop",
  ];
  for (const key of keys(actions.map((action, index) => deed(20 - index, action)), [])) assert.ok(LANGUAGES.en[key], key);
  assert.deepEqual(actions.filter((action) => isVague({ action })), ["force_mute", "force_video", "speak", "set_state"]);
});
