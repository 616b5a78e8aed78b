// The arithmetic behind the stage: where tiles go, who is speaking, how good a line is, what a key means.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Voices } from "../../static/levels.js";
import { assess } from "../../static/quality.js";
import { budgetFor } from "../../static/sections.js";
import { shortcutOf } from "../../static/shortcuts.js";
import { arrange } from "../../static/view/layout.js";

const WINDOWS = [[1400, 760], [1040, 760], [374, 700], [374, 320], [800, 300]];
const COUNTS = Array.from({ length: 16 }, (_, index) => index + 1);

const apart = (a, b) =>
  a.left + a.width <= b.left || b.left + b.width <= a.left || a.top + a.height <= b.top || b.top + b.height <= a.top;

/** Every window, every number of tiles, none of them large or the last one. */
function* layouts() {
  for (const [width, height] of WINDOWS) {
    for (const count of COUNTS) {
      for (const large of [-1, count - 1]) {
        yield { width, height, count, large, rects: arrange({ width, height }, count, large) };
      }
    }
  }
}

test("one to sixteen tiles are all on the stage, and none lies over another", () => {
  for (const { width, height, count, large, rects } of layouts()) {
    const where = `${count} tiles on ${width}x${height}, large: ${large}`;
    assert.equal(rects.length, count, where);
    rects.forEach((rect, index) => {
      assert.ok(rect.left >= 0 && rect.top >= 0, where);
      assert.ok(rect.width >= 30 && rect.height >= 30, where);
      assert.ok(rect.left + rect.width <= width + 1 && rect.top + rect.height <= height + 1, where);
      rects.slice(index + 1).forEach((other) => assert.ok(apart(rect, other), where));
    });
  }
});

test("a large tile is larger than all the others together are tall or wide", () => {
  for (const { count, large, rects, width, height } of layouts()) {
    if (large < 0 || count < 2) continue;
    const area = ({ width: w, height: h }) => w * h;
    assert.ok(area(rects[large]) > 0.5 * width * height);
    rects.forEach((rect, index) => assert.ok(index === large || area(rect) < area(rects[large]) / 2));
  }
});

test("a last row that is not full stands in the middle", () => {
  const rects = arrange({ width: 1400, height: 760 }, 5);
  const last = rects.filter(({ top }) => top === rects[4].top);
  const middle = (last[0].left + last.at(-1).left + last.at(-1).width) / 2;
  assert.ok(last.length < 5 && Math.abs(middle - 700) <= 1);
});

/** Who is speaking after each of these levels of person 1, one every 150 ms. */
function listened(levels) {
  const voices = new Voices();
  return levels.map((level, index) => {
    voices.hear([{ id: 1, level }], 1_000 + index * 150);
    return voices.speaking.length;
  });
}

test("a voice is seen at once and stays through the pauses between words", () => {
  assert.deepEqual(listened([0.2, 0.3, 0, 0, 0.2, 0, 0, 0.3, 0, 0]), Array(10).fill(1));
});

test("a quiet room is nobody speaking, and silence ends within two and a half seconds", () => {
  assert.deepEqual(listened(Array(20).fill(0.01)), Array(20).fill(0));
  assert.equal(listened([0.3, 0.3, ...Array(16).fill(0)]).at(-1), 0);
});

test("it is told only when somebody begins or ends, and whoever is gone is not speaking", () => {
  const voices = new Voices();
  assert.equal(voices.hear([{ id: 7, level: 0.4 }], 1_000), true);
  assert.equal(voices.hear([{ id: 7, level: 0.5 }], 1_150), false);
  assert.equal(voices.hear([], 1_300), true);
  assert.deepEqual(voices.speaking, []);
});

const report = (roundTrip, received, lost) => [
  { type: "candidate-pair", nominated: true, currentRoundTripTime: roundTrip },
  { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 },
  { type: "inbound-rtp", packetsReceived: received, packetsLost: lost },
];

test("a line is graded by its round trip and by what was lost since it was last asked", () => {
  const none = { received: 0, lost: 0 };
  assert.equal(assess(report(0.05, 1000, 2), none).grade, 3);
  assert.equal(assess(report(0.4, 1000, 2), none).grade, 2);
  assert.equal(assess(report(1.2, 1000, 2), none).grade, 1);
  assert.equal(assess(report(0.05, 900, 100), none).grade, 2);
  assert.equal(assess(report(0.05, 700, 300), none).grade, 1);
  const { counted } = assess(report(0.05, 700, 300), none);
  assert.equal(assess(report(0.05, 1700, 301), counted).grade, 3);
  const theirs = [...report(0.05, 1000, 0), { type: "remote-inbound-rtp", fractionLost: 0.2 }];
  assert.equal(assess(theirs, none).grade, 1);
});

test("the more there are, the less each is sent", () => {
  for (const section of ["video", "screen"]) {
    const rates = COUNTS.map((others) => budgetFor(section, others).maxBitrate);
    assert.deepEqual(rates, [...rates].sort((a, b) => b - a));
    assert.ok(rates[7] * 8 <= 8_000_000);
  }
});

const stroke = (key, code = "", more = {}) => ({ key, code, ctrlKey: false, altKey: false, metaKey: false, ...more });

test("a key means the same in every layout, and nothing together with a key of the browser's", () => {
  assert.equal(shortcutOf(stroke("m", "KeyM")), "mic");
  assert.equal(shortcutOf(stroke("ь", "KeyM")), "mic");
  assert.equal(shortcutOf(stroke("M", "KeyM")), "mic");
  assert.equal(shortcutOf(stroke(",", "KeyM")), null); // AZERTY: the letter is elsewhere, and counts there
  assert.equal(shortcutOf(stroke("m", "Semicolon")), "mic");
  assert.equal(shortcutOf(stroke("?", "Slash")), "help");
  assert.equal(shortcutOf(stroke(" ", "Space")), "talk");
  assert.equal(shortcutOf(stroke("м", "KeyV")), "cam");
  assert.equal(shortcutOf(stroke("c", "KeyC", { ctrlKey: true })), null);
  assert.equal(shortcutOf(stroke("constructor")), null);
});
