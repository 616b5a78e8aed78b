// Safety numbers: the same for everyone who sees the same keys, another for every other set; and devices that change.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Acquaintances, safetyNumber } from "../../static/safety.js";
import { toBase64 } from "../../static/sealed.js";

const key = (fill) => toBase64(new Uint8Array(32).fill(fill));
const one = (user_id, fill) => ({ user_id, x25519_b64: fill === null ? null : key(fill) });

function drawer() {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => void kept.set(name, text) };
}

test("twelve groups of five digits, the same in whatever order people are listed", async () => {
  const number = await safetyNumber([one(1, 1), one(20, 2), one(3, 3)]);
  assert.equal(number.length, 12);
  number.forEach((group) => assert.match(group, /^\d{5}$/));
  assert.deepEqual(await safetyNumber([one(20, 2), one(3, 3), one(1, 1)]), number);
  assert.deepEqual(await safetyNumber([one(1, 1), one(3, 3), one(4, null), one(20, 2)]), number);
});

test("another key, another person or somebody more makes another number", async () => {
  const all = [[one(1, 1), one(2, 2)], [one(1, 1), one(2, 3)], [one(1, 2), one(2, 1)], [one(1, 1), one(3, 2)],
    [one(1, 1)], [one(1, 1), one(2, 2), one(3, 3)]];
  const numbers = await Promise.all(all.map(async (people) => (await safetyNumber(people)).join(" ")));
  assert.equal(new Set(numbers).size, all.length);
});

test("the number of a known set stays what it is, so that versions of the page agree", async () => {
  assert.equal((await safetyNumber([one(1, 1), one(2, 2)])).join(" "), KNOWN);
});
const KNOWN = "51485 67428 57555 27899 30254 47916 28943 25949 21386 35510 21565 98997";

test("a device that is another than before is told once, and kept with its day", () => {
  const storage = drawer();
  const first = new Acquaintances(storage, "k");
  assert.deepEqual(first.meet([one(1, 1), one(2, 2)], "monday"), []);
  assert.deepEqual(first.meet([one(1, 1), one(2, null)], "tuesday"), [], "no key is no other key");
  const later = new Acquaintances(storage, "k");
  assert.deepEqual(later.meet([one(1, 1), one(2, 5)], "wednesday"), [2]);
  assert.deepEqual(later.meet([one(1, 1), one(2, 5)], "thursday"), []);
  assert.deepEqual([later.changedAt(1), later.changedAt(2)], [null, "wednesday"]);
});
