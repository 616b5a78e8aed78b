// Who is writing: said seldom, stopped in time, believed for a while.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Typing } from "../../static/typing.js";
import { FakeWorld } from "./fakes.mjs";

function typist({ live = true } = {}) {
  const clock = new FakeWorld();
  const said = [];
  const typing = new Typing({ clock, changed: () => {}, send: ({ is_typing }) => live && said.push(is_typing) > 0 });
  return { clock, said, typing };
}
const signal = (user_id, is_typing = true) => ({ type: "chat.typing", user_id, is_typing });

test("however fast one types, it is said every few seconds only", async () => {
  const { clock, said, typing } = typist();
  for (let key = 0; key < 70; key++) {
    typing.touched();
    await clock.pass(100);
  }
  assert.deepEqual(said, [true, true, true]);
});

test("whoever pauses has stopped, and says so once", async () => {
  const { clock, said, typing } = typist();
  typing.touched();
  await clock.pass(60_000);
  typing.stopped();
  assert.deepEqual(said, [true, false]);
});

test("what could not be said is said at the next key", () => {
  const { said, typing } = typist({ live: false });
  typing.touched();
  typing.stopped();
  assert.deepEqual(said, []);
});

test("others are writing until they stop, say it, leave, or fall silent", async () => {
  const { clock, typing } = typist();
  [2, 3, 4, 5].forEach((user) => typing.signal(signal(user)));
  assert.deepEqual(typing.others, [2, 3, 4, 5]);
  typing.signal(signal(2, false));
  typing.take({ type: "chat.message.enc", user_id: 3 });
  typing.take({ type: "member.left", user_id: 4 });
  typing.take({ type: "media.updated", user_id: 5 });
  assert.deepEqual(typing.others, [5]);
  await clock.pass(5_000);
  typing.signal(signal(5));
  await clock.pass(5_000);
  assert.deepEqual(typing.others, [5]);
  await clock.pass(5_000);
  assert.deepEqual(typing.others, []);
});
