// The chat's lines: each once, in order, deleted ones without their text, sealed ones until somebody opens them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatLog } from "../../static/chatlog.js";

const message = (seq, other = {}) => ({
  type: "chat.message", seq, id: seq, user_id: 1, text: `line ${seq}`, created_at: "2025-01-01T00:00:00.000Z", ...other,
});
const sealed = (seq, epoch = 1) =>
  message(seq, { type: "chat.message.enc", text: undefined, algo: "A", ciphertext_b64: "AA==", key_epoch: epoch });
const deletion = (seq, id) => ({ type: "chat.deleted", seq, id, by_user: 1, created_at: "" });
const texts = (log) => log.lines.map(({ text }) => text);

test("a line is there once and in its place, whether it came live, by history or twice", () => {
  const log = new ChatLog();
  log.take(message(7));
  log.history([message(5), message(7), message(2)]);
  log.take(message(7));
  log.history([message(6)]);
  assert.deepEqual(texts(log), ["line 2", "line 5", "line 6", "line 7"]);
  assert.equal(log.oldest, 2);
});

test("a deleted line keeps its place and loses its text", () => {
  const log = new ChatLog();
  log.take(message(1));
  log.take(message(2));
  log.take(deletion(3, 1));
  assert.deepEqual(log.lines.map(({ kind, text }) => [kind, text]), [["deleted", null], ["plain", "line 2"]]);
});

test("a line deleted before we read it from history is deleted there too", () => {
  const log = new ChatLog();
  log.take(deletion(9, 4));
  log.history([message(4), { ...message(5), text: undefined, deleted: true }]);
  assert.deepEqual(log.lines.map(({ kind }) => kind), ["deleted", "deleted"]);
});

test("a sealed line is handed to whoever opens it, and shows what they found", () => {
  const asked = [];
  const log = new ChatLog((line) => asked.push(line.seq));
  log.history([sealed(1), sealed(2), sealed(3)]);
  log.opened(1, "read");
  log.closed(2, "waiting");
  log.take(deletion(9, 3));
  log.opened(3, "too late");
  assert.deepEqual(asked, [1, 2, 3]);
  assert.deepEqual(log.lines.map(({ kind, text, why }) => [kind, text, why]),
    [["opened", "read", null], ["sealed", null, "waiting"], ["deleted", null, null]]);
  log.again(({ why }) => why === "waiting");
  assert.deepEqual(asked, [1, 2, 3, 2], "only what may open now is tried again");
});

test("the version tells every change, and nothing else", () => {
  const log = new ChatLog();
  const changed = (act) => {
    const before = log.version;
    act();
    return log.version !== before;
  };
  assert.equal(changed(() => log.take(sealed(1))), true);
  assert.equal(changed(() => log.take(sealed(1))), false);
  assert.equal(changed(() => log.closed(1, "absent")), true);
  assert.equal(changed(() => log.closed(1, "absent")), false);
  assert.equal(changed(() => log.take(deletion(2, 1))), true);
  assert.equal(changed(() => log.take({ type: "member.left", seq: 3, user_id: 1, created_at: "" })), false);
});

test("a reset forgets the lines", () => {
  const log = new ChatLog();
  log.take(message(1));
  log.clear();
  assert.deepEqual(log.lines, []);
  assert.equal(log.oldest, undefined);
});
