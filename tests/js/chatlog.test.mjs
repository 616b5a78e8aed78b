// The chat's lines: each once, in order, deleted ones without their text, and what is still on its way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatLog } from "../../static/chatlog.js";

const message = (seq, other = {}) => ({
  type: "chat.message", seq, id: seq, user_id: 1, text: `line ${seq}`, created_at: "2025-01-01T00:00:00.000Z", ...other,
});
const texts = (log) => log.lines.map(({ text }) => text);

test("a line is there once, whether it came live, by history or twice", () => {
  const log = new ChatLog();
  log.take(message(7));
  log.history([message(5), message(7)]);
  log.take(message(7));
  assert.deepEqual(texts(log), ["line 5", "line 7"]);
  assert.equal(log.oldest, 5);
});

test("a deleted line keeps its place and loses its text", () => {
  const log = new ChatLog();
  log.take(message(1));
  log.take(message(2));
  log.take({ type: "chat.deleted", seq: 3, id: 1, by_user: 1, created_at: "" });
  assert.deepEqual(log.lines.map(({ kind, text }) => [kind, text]), [["deleted", null], ["text", "line 2"]]);
});

test("a line deleted before we read it from history is deleted there too", () => {
  const log = new ChatLog();
  log.take({ type: "chat.deleted", seq: 9, id: 4, by_user: 1, created_at: "" });
  log.history([message(4), { ...message(5), text: undefined, deleted: true }]);
  assert.deepEqual(log.lines.map(({ kind }) => kind), ["deleted", "deleted"]);
});

test("a sealed line has no text of its own", () => {
  const log = new ChatLog();
  log.take(message(1, { type: "chat.message.enc", text: undefined, ciphertext_b64: "AA==" }));
  assert.deepEqual(log.lines.map(({ kind, text }) => [kind, text]), [["sealed", null]]);
});

test("other events are no lines", () => {
  const log = new ChatLog();
  assert.equal(log.take({ type: "member.left", seq: 1, user_id: 1, created_at: "" }), false);
  assert.deepEqual(log.lines, []);
  assert.equal(log.oldest, undefined);
});

test("what we say is a draft until the room has said it", () => {
  const log = new ChatLog();
  log.say("a", "hello", "now");
  assert.deepEqual(log.drafts, [{ cid: "a", text: "hello", at: "now", failed: null }]);
  assert.equal(log.said("a"), true);
  assert.equal(log.said("a"), false);
  assert.deepEqual(log.drafts, []);
});

test("a refused draft stays, with the reason, until it is taken back", () => {
  const log = new ChatLog();
  log.say("a", "hello", "now");
  assert.equal(log.refused("a", "forbidden_words"), true);
  assert.equal(log.refused("b", "forbidden_words"), false);
  assert.equal(log.drafts[0].failed, "forbidden_words");
  assert.equal(log.takeBack("a").text, "hello");
  assert.deepEqual(log.drafts, []);
});

test("a reset forgets the lines and keeps what is on its way", () => {
  const log = new ChatLog();
  log.take(message(1));
  log.say("a", "hello", "now");
  log.clear();
  assert.deepEqual([log.lines.length, log.drafts.length], [0, 1]);
});
