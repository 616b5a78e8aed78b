// Who one is: kept between visits, renewed in time, and not lost to a clock that is wrong.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { ApiError } from "../../static/api.js";
import { Identity } from "../../static/identity.js";

const MONTH = 30 * 24 * 3600;
const opened = [];
let made = 0;

/** An identity in a storage, and a server that knows whose token is whose by its own clock. */
function begun(good = () => true, storage = new Map()) {
  const api = {
    async guest(_nickname, token) {
      if (token && !good(token)) throw new ApiError(401, "invalid_token", "");
      const user_id = token ? Number(token.split(" ")[0]) : ++made;
      return { access_token: `${user_id} ${++made}`, expires_in: MONTH, user_id };
    },
    user: async (_token, id) => ({ id, nickname: "Ann" }),
  };
  const shelf = {
    getItem: (name) => storage.get(name) ?? null,
    setItem: (name, text) => storage.set(name, text),
    removeItem: (name) => storage.delete(name),
  };
  const identity = new Identity(api, shelf, "slot");
  opened.push(identity);
  return { identity, storage };
}

afterEach(() => opened.splice(0).forEach((identity) => identity.forget()));

for (const [what, days] of [["behind", -20_000], ["ahead", 400]]) {
  test(`who came with a clock far ${what} is the same person once the clock is right`, async (context) => {
    const right = Date.now();
    context.mock.timers.enable({ apis: ["Date", "setTimeout"], now: right + days * 86_400_000 });
    const first = begun();
    await first.identity.token();
    const who = first.identity.userId;
    context.mock.timers.setTime(right);
    const again = begun(() => true, first.storage);
    await again.identity.introduce("Ann");
    assert.equal(again.identity.userId, who);
    assert.equal(await again.identity.sameUser(false), again.identity.known);
    assert.ok(again.identity.known);
  });
}

test("at half of its life a token is renewed, and whoever lives by it is told", async (context) => {
  context.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.now() });
  const { identity } = begun();
  const old = await identity.token();
  let told = 0;
  identity.renewed = () => told++;
  for (let hour = 0; hour < (MONTH / 3600) * 0.6; hour++) {
    context.mock.timers.tick(3_600_000);
    for (let turn = 0; turn < 5; turn++) await null;
  }
  assert.equal(told, 1);
  assert.notEqual(identity.known, old);
});

test("who went with a right clock is the same person when the clock has jumped ahead", async (context) => {
  context.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.now() });
  const first = begun();
  await first.identity.token();
  context.mock.timers.setTime(Date.now() + 400 * 86_400_000);
  const again = begun(() => true, first.storage);
  assert.ok(await again.identity.sameUser(false));
  assert.equal(again.identity.userId, first.identity.userId);
});

test("what the server no longer takes is forgotten, and somebody new begins", async (context) => {
  context.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.now() });
  const first = begun();
  await first.identity.token();
  const who = first.identity.userId;
  context.mock.timers.setTime(Date.now() + 400 * 86_400_000);
  const again = begun(() => false, first.storage);
  assert.equal(await again.identity.sameUser(false), null);
  assert.ok(await again.identity.token());
  assert.notEqual(again.identity.userId, who);
});
