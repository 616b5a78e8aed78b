// Words: every sentence in every language, with the same gaps to fill, and one for everything that is worth a word.

import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeOf } from "../../static/notices.js";
import { LANGUAGES, say, speak, t } from "../../static/strings.js";

const gaps = (sentence) => [...sentence.matchAll(/\{\d\}/g)].map(([gap]) => gap).sort();

test("both languages have the same sentences with the same gaps", () => {
  const { en, ru } = LANGUAGES;
  assert.deepEqual(Object.keys(ru).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) assert.deepEqual(gaps(ru[key]), gaps(en[key]), key);
});

test("a browser that speaks neither language gets English", () => {
  speak("ru-RU");
  assert.equal(t("send"), LANGUAGES.ru.send);
  for (const tag of ["de", "", null, undefined]) {
    speak(tag);
    assert.equal(t("send"), LANGUAGES.en.send);
  }
});

test("gaps are filled, and a reason without words is still named", () => {
  speak("en");
  assert.equal(t("inside_now", 3), "Inside now: 3");
  assert.equal(say("no_such_reason"), "Something went wrong (no_such_reason).");
  assert.equal(say("toString"), "Something went wrong (toString).");
});

test("a name with a gap in it is only a name", () => {
  speak("en");
  assert.equal(t("notice_joined", "{1} $& {0}"), "{1} $& {0} is here");
});

const before = { mute_all: false, participants: [{ user_id: 2, nickname: "Bob" }] };

test("what is done to me is said to me, and what others do is not", () => {
  const told = [
    [{ type: "media.forced", user_id: 1, admin_muted: true, reason: "noise" }, "notice_muted"],
    [{ type: "media.forced", user_id: 2, admin_muted: true }, undefined],
    [{ type: "media.forced", user_id: 1, admin_muted: false }, "notice_may_speak"],
    [{ type: "media.video_forced", user_id: 1, admin_video_off: true }, "notice_video_off"],
    [{ type: "role.changed", user_id: 1, role: "admin" }, "notice_role_admin"],
    [{ type: "role.changed", user_id: 2, role: "admin" }, undefined],
    [{ type: "state.changed", mute_all: true }, "notice_mute_all"],
    [{ type: "state.changed", mute_all: false }, undefined],
    [{ type: "member.joined", user_id: 1, nickname: "Ann" }, undefined],
    [{ type: "member.left", user_id: 2 }, "notice_left"],
    [{ type: "record.started" }, "notice_recording"],
    [{ type: "chat.message", user_id: 2 }, undefined],
    [{ type: "constructor", user_id: 1 }, undefined],
  ];
  for (const [event, key] of told) assert.equal(noticeOf(event, before, 1)?.key, key, JSON.stringify(event));
});

test("a notice names people by the name they had, or come with, and there are words for it", () => {
  assert.deepEqual(noticeOf({ type: "member.left", user_id: 2 }, before, 1).args, ["Bob", ""]);
  assert.deepEqual(noticeOf({ type: "member.joined", user_id: 3, nickname: "Cy" }, before, 1).args, ["Cy", ""]);
  speak("en");
  assert.equal(say("notice_left", "Bob", ""), "Bob has left");
});
