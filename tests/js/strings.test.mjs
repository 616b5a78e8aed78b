// Words: every sentence in every language, with the same gaps to fill.

import assert from "node:assert/strict";
import { test } from "node:test";

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
