// What is not said yet, and our side of the talk: exactly once, in order, through refusals, reloads and new keys.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatLog } from "../../static/chatlog.js";
import { Conversation } from "../../static/conversation.js";
import { Drafts } from "../../static/drafts.js";
import { Unreadable } from "../../static/keyring.js";
import { settled } from "./fakes.mjs";

export function drawer() {
  const kept = new Map();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, text) => void kept.set(name, text),
    removeItem: (name) => void kept.delete(name),
    get size() {
      return kept.size;
    },
  };
}

/** A conversation in a room whose present key is `epoch` (null: none for us). */
function talk({ storage = drawer(), epoch = null, sealed = false, able = true } = {}) {
  const posted = [];
  const holders = { sealed, epoch, seen: { key_epoch: epoch ?? 0, my_epochs: [] }, doubted: [],
    doubt(stale) {
      this.doubted.push(stale);
      this.epoch = null;
    } };
  const keyring = {
    device: able ? {} : null,
    seal: async (at, text) => ({ type: "chat.message.enc", ciphertext_b64: `${at}:${text}`, key_epoch: at }),
    holds: () => true,
    open: async (line) => {
      if (line.sealed.epoch === 9) throw new Unreadable("absent");
      return `opened ${line.sealed.ciphertext}`;
    },
  };
  const log = new ChatLog((line) => void conversation.open(line));
  const drafts = new Drafts(storage, "d");
  const conversation = new Conversation({
    me: 1, log, drafts, keyring, holders, changed: () => {}, post: (command) => posted.push(command),
  });
  return { conversation, drafts, holders, log, posted, storage };
}

test("drafts survive in the window's storage and leave nothing behind when they are said", () => {
  const storage = drawer();
  const drafts = new Drafts(storage, "d");
  drafts.add({ cid: "a", text: "one", at: "now", sealed: false });
  drafts.add({ cid: "b", text: "two", at: "now", sealed: true });
  drafts.fail("a", "forbidden_words");
  const after = new Drafts(storage, "d");
  assert.deepEqual(after.all, drafts.all);
  assert.equal(after.next.cid, "b", "what was refused makes way");
  after.fail("a", null);
  assert.equal(after.next.cid, "a");
  after.drop("a");
  after.drop("b");
  assert.deepEqual([after.next, storage.size], [undefined, 0]);
});

test("lines go one after the other, each under its own name, and are forgotten when they are said", async () => {
  const { conversation, drafts, posted } = talk();
  conversation.say("a", "one");
  conversation.say("b", "two");
  assert.deepEqual(posted, [{ type: "chat.message", text: "one", cid: "a" }]);
  conversation.acked("somebody-elses");
  conversation.acked("a");
  assert.deepEqual(posted.map(({ cid }) => cid), ["a", "b"]);
  conversation.acked("b");
  assert.deepEqual(drafts.all, []);
});

test("a line whose event comes before its ack is not shown twice, and the next still waits for the ack", async () => {
  for (const [seen, event] of /** @type {const} */ ([
    [{}, { type: "chat.message", text: "one" }],
    [{ sealed: true, epoch: 3 }, { type: "chat.message.enc", ciphertext_b64: "3:one", key_epoch: 3, algo: "AES-256-GCM" }],
  ])) {
    const { conversation, drafts, posted } = talk(seen);
    conversation.say("a", "one");
    conversation.say("b", "two");
    await settled();
    const about = { id: 7, user_id: 1, created_at: "2026-01-01T00:00:00Z", room_slug: "r" };
    conversation.take({ ...event, ...about, seq: 6, text: "another", ciphertext_b64: "3:another" });
    assert.deepEqual(drafts.all.map(({ cid }) => cid), ["a", "b"], "that was another line");
    conversation.take({ ...event, ...about, seq: 7 });
    assert.deepEqual(drafts.all.map(({ cid }) => cid), ["b"]);
    assert.equal(posted.length, 1);
    conversation.acked("a");
    await settled();
    assert.deepEqual(posted.map(({ cid }) => cid), ["a", "b"]);
  }
});

test("what a reload cut off goes again under the same name", () => {
  const before = talk();
  before.conversation.say("a", "one");
  before.conversation.say("b", "two");
  const after = talk({ storage: before.storage });
  after.conversation.settle();
  after.conversation.settle();
  assert.deepEqual(after.posted.map(({ cid }) => cid), ["a"]);
  after.conversation.acked("a");
  assert.deepEqual(after.posted.map(({ cid }) => cid), ["a", "b"]);
});

test("a refused line waits for the person, and those behind it do not", () => {
  const { conversation, drafts, posted } = talk();
  conversation.say("a", "one");
  conversation.say("b", "two");
  conversation.refused({ cid: "a", reason: "forbidden_words" });
  conversation.acked("b");
  assert.deepEqual(drafts.all.map(({ cid, failed }) => [cid, failed]), [["a", "forbidden_words"]]);
  conversation.sayAgain("a");
  assert.equal(posted.at(-1).cid, "a");
  conversation.discard("a");
  assert.equal(drafts.has("a"), true, "it is on its way, and may be said already");
  conversation.refused({ cid: "a", reason: "forbidden_words" });
  conversation.discard("a");
  assert.deepEqual(drafts.all, []);
});

test("in a sealed room a line waits for the key and never leaves without it", async () => {
  const { conversation, holders, posted } = talk({ sealed: true });
  conversation.say("a", "secret");
  await settled();
  assert.deepEqual(posted, []);
  holders.epoch = 3;
  conversation.unlocked();
  await settled();
  assert.deepEqual(posted, [{ type: "chat.message.enc", ciphertext_b64: "3:secret", key_epoch: 3, cid: "a" }]);
});

test("a line that was to be sealed stays so when the person turns to writing plainly", async () => {
  const { conversation, posted } = talk({ sealed: true });
  conversation.say("a", "secret");
  conversation.write(true);
  conversation.say("b", "open");
  await settled();
  assert.deepEqual(posted, [], "and nothing overtakes it");
});

test("a line of a stale key is sealed anew, under the same name and before those behind it", async () => {
  const { conversation, holders, posted } = talk({ sealed: true, epoch: 1 });
  conversation.say("a", "one");
  conversation.say("b", "two");
  await settled();
  holders.seen.key_epoch = 1;
  conversation.refused({ cid: "a", reason: "stale_epoch" });
  assert.deepEqual(holders.doubted, [1]);
  holders.epoch = holders.seen.key_epoch = 2;
  conversation.unlocked();
  await settled();
  assert.deepEqual(posted.map(({ cid, key_epoch }) => [cid, key_epoch]), [["a", 1], ["a", 2]]);
});

test("a key that never stays the same ends in a question to the person", async () => {
  const { conversation, drafts, holders } = talk({ sealed: true, epoch: 1 });
  conversation.say("a", "one");
  for (let epoch = 2; epoch < 12 && !drafts.all[0].failed; epoch++) {
    await settled();
    conversation.refused({ cid: "a", reason: "stale_epoch" });
    holders.epoch = holders.seen.key_epoch = epoch;
    conversation.unlocked();
  }
  assert.equal(drafts.all[0].failed, "stale_epoch");
});

test("a browser that cannot seal writes plainly", () => {
  const { conversation, posted } = talk({ sealed: true, able: false });
  conversation.say("a", "one");
  assert.deepEqual(posted, [{ type: "chat.message", text: "one", cid: "a" }]);
});

const said = (seq, user_id, other = {}) => ({
  type: "chat.message", seq, id: seq, user_id, text: "x", created_at: "", ...other,
});

test("what others say while one does not look is unread, from the first of it on", () => {
  const { conversation } = talk();
  conversation.look("away");
  conversation.take(said(1, 1));
  conversation.take(said(2, 2));
  conversation.take(said(3, 3));
  conversation.take({ type: "chat.deleted", seq: 4, id: 2, by_user: 2, created_at: "" });
  assert.deepEqual([conversation.unread, conversation.mark], [2, 2]);
  conversation.look("above");
  assert.equal(conversation.unread, 2);
  conversation.look("end");
  assert.deepEqual([conversation.unread, conversation.mark], [0, 2], "read, and still to be found");
  conversation.take(said(5, 2));
  assert.equal(conversation.unread, 0, "it came before our eyes");
  conversation.look("away");
  assert.equal(conversation.mark, null);
});

test("a sealed line is opened, or says why not; one whose key may come yet says so", async () => {
  const { conversation, holders, log } = talk({ sealed: true });
  const sealed = (seq, key_epoch) =>
    said(seq, 2, { type: "chat.message.enc", text: undefined, algo: "A", ciphertext_b64: "c", key_epoch });
  holders.seen.key_epoch = 9;
  conversation.take(sealed(1, 8));
  conversation.take(sealed(2, 9));
  await settled();
  assert.deepEqual(log.lines.map(({ text, why }) => [text, why]), [["opened c", null], [null, "waiting"]]);
  holders.seen.key_epoch = 10;
  conversation.unlocked();
  await settled();
  assert.equal(log.lines[1].why, "absent");
});
