// What a stay does by itself, whatever the network says: the relays' passwords are renewed as long as it lasts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { settled } from "./fakes.mjs";
import { FakeStorage } from "./storage.mjs";

const browser = {
  location: { origin: "http://tea.example" }, navigator: {}, MediaStream: class {}, addEventListener: () => {},
  localStorage: new FakeStorage(), sessionStorage: new FakeStorage(),
};
for (const [name, value] of Object.entries(browser)) Object.defineProperty(globalThis, name, { value });
const { Session } = await import("../../static/session.js");

/** A stay of somebody whose token takes as long, and ends so, as the test says. */
function stay(t, sameUser) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const media = { tracks: { audio: null, video: null }, close: () => {} };
  const hooks = { changed: () => {}, notice: () => {}, ended: () => {} };
  return new Session({
    slug: "tea", api: {}, identity: { userId: 7, sameUser }, media, rtc: { iceServers: [], ttl: 100 }, hooks,
  });
}

test("a network that is away once does not end the renewals", async (t) => {
  let asked = 0;
  const session = stay(t, async () => { asked++; throw new TypeError("no network"); });
  for (const [ms, times] of [[80_000, 1], [10_000, 2], [10_000, 3]]) {
    t.mock.timers.tick(ms);
    await settled();
    assert.equal(asked, times);
  }
  session.leave();
});

test("whoever leaves while one is under way leaves no clock behind", async (t) => {
  let asked = 0;
  let answer = (token) => token;
  const session = stay(t, () => new Promise((resolve) => { asked++; answer = resolve; }));
  t.mock.timers.tick(80_000);
  session.leave();
  answer(null);
  await settled();
  t.mock.timers.tick(3_600_000);
  await settled();
  assert.equal(asked, 1);
});
