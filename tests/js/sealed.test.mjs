// Room keys and sealed lines: whoever should can read them, and nobody else, nor anywhere else.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  fromBase64, makeDevice, makeRoomKey, makeShares, openLine, openShare, sealLine, toBase64,
} from "../../static/sealed.js";

const member = (user_id, { x25519_b64 }) => ({ user_id, x25519_b64, has_share: false });

test("a room key reaches everyone who has a device, each by a share of their own", async () => {
  const [ann, ben, roomKey] = [await makeDevice(), await makeDevice(), makeRoomKey()];
  const members = [member(1, ann), { user_id: 2, x25519_b64: null, has_share: false }, member(3, ben)];
  const shares = await makeShares(roomKey, "tea", 4, members);
  assert.deepEqual(shares.map((share) => share.user_id), [1, 3]);
  for (const [share, device] of [[shares[0], ann], [shares[1], ben]]) {
    assert.equal(fromBase64(share.wrapped_key_b64).length, 80);
    assert.deepEqual(await openShare(device.pair, share.wrapped_key_b64, "tea", 4, share.user_id), roomKey);
  }
});

test("a share opens nothing in another room, epoch or hand", async () => {
  const [ann, ben] = [await makeDevice(), await makeDevice()];
  const [{ wrapped_key_b64: wrapped }] = await makeShares(makeRoomKey(), "tea", 4, [member(1, ann)]);
  await assert.rejects(openShare(ann.pair, wrapped, "pot", 4, 1));
  await assert.rejects(openShare(ann.pair, wrapped, "tea", 5, 1));
  await assert.rejects(openShare(ann.pair, wrapped, "tea", 4, 2));
  await assert.rejects(openShare(ben.pair, wrapped, "tea", 4, 1));
  await assert.rejects(openShare(ann.pair, "AAAA", "tea", 4, 1));
});

test("a line is read as it was written", async () => {
  const roomKey = makeRoomKey();
  for (const text of ["hello", "", "привет 😀", "\ufefffirst", "x".repeat(20_000)]) {
    const line = await sealLine(roomKey, "tea", 4, 7, text);
    assert.equal(await openLine(roomKey, "tea", 4, 7, line), text);
  }
});

test("the same line is never sealed twice alike, and shows nothing of its text", async () => {
  const roomKey = makeRoomKey();
  const lines = await Promise.all([1, 2, 3].map(() => sealLine(roomKey, "tea", 4, 7, "hello")));
  assert.equal(new Set(lines).size, 3);
  for (const line of lines) {
    assert.equal(fromBase64(line).length, 12 + 5 + 16);
    assert.ok(!Buffer.from(fromBase64(line)).includes("hello"));
  }
});

test("a line moved to another room, epoch or sender, changed, or under another key is not read", async () => {
  const roomKey = makeRoomKey();
  const line = await sealLine(roomKey, "tea", 4, 7, "hello");
  await assert.rejects(openLine(roomKey, "pot", 4, 7, line));
  await assert.rejects(openLine(roomKey, "tea", 5, 7, line));
  await assert.rejects(openLine(roomKey, "tea", 4, 8, line));
  await assert.rejects(openLine(makeRoomKey(), "tea", 4, 7, line));
  for (const at of [0, 11, 12, 32]) {
    const bent = fromBase64(line);
    bent[at] ^= 1;
    await assert.rejects(openLine(roomKey, "tea", 4, 7, toBase64(bent)));
  }
  await assert.rejects(openLine(roomKey, "tea", 4, 7, "AAAA"));
});

test("base64 is the ordinary one", () => {
  assert.equal(toBase64(Uint8Array.of(0xfb, 0xff, 0xfe, 0)), "+//+AA==");
  assert.deepEqual(fromBase64("+//+AA=="), Uint8Array.of(0xfb, 0xff, 0xfe, 0));
});
