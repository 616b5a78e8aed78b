// HPKE of the page against the vectors of RFC 9180: see tests/test_hpke.py, which shares the file.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { OVERHEAD, makePair, open, rawPublicKey, seal, utf8 } from "../../static/hpke.js";

const vector = JSON.parse(readFileSync(new URL("../golden/hpke.json", import.meta.url), "utf8"));
const first = vector.encryptions[0];
const NONE = new Uint8Array(0);

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (raw) => Buffer.from(raw).toString("hex");

/** A pair from a vector: PKCS #8 is sixteen fixed bytes before the key (RFC 8410). */
async function pairOf(privateHex, publicHex) {
  const pkcs8 = bytes("302e020100300506032b656e04220420" + privateHex);
  return {
    privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, { name: "X25519" }, false, ["deriveBits"]),
    publicKey: await crypto.subtle.importKey("raw", bytes(publicHex), { name: "X25519" }, true, []),
  };
}

test("what is sealed with the vector's keys is the vector's ciphertext, byte for byte", async () => {
  const ephemeral = await pairOf(vector.skEm, vector.pkEm);
  const sealed = await seal(bytes(vector.pkRm), bytes(vector.info), bytes(first.aad), bytes(first.pt), ephemeral);
  assert.equal(hex(sealed), vector.enc + first.ct);
});

test("the vector's ciphertext is opened with the vector's key", async () => {
  const receiver = await pairOf(vector.skRm, vector.pkRm);
  const text = await open(receiver, bytes(vector.info), bytes(first.aad), bytes(vector.enc + first.ct));
  assert.equal(hex(text), first.pt);
});

test("nothing is sealed twice alike, and everything can be opened", async () => {
  const pair = await makePair();
  const receiver = await rawPublicKey(pair.publicKey);
  const [one, other] = [await seal(receiver, NONE, NONE, utf8("hi")), await seal(receiver, NONE, NONE, utf8("hi"))];
  assert.notEqual(hex(one), hex(other));
  assert.equal(one.length, 2 + OVERHEAD);
  for (const sealed of [one, other]) assert.deepEqual(await open(pair, NONE, NONE, sealed), utf8("hi"));
});

test("the private half of a pair cannot be read", async () => {
  const { privateKey } = await makePair();
  assert.equal(privateKey.extractable, false);
  for (const format of ["pkcs8", "jwk", "raw"]) {
    await assert.rejects(crypto.subtle.exportKey(format, privateKey));
  }
});

test("another pair, info or aad, or a changed byte, opens nothing", async () => {
  const pair = await makePair();
  const [info, aad] = [utf8("info"), utf8("aad")];
  const sealed = await seal(await rawPublicKey(pair.publicKey), info, aad, utf8("hi"));
  await assert.rejects(open(await makePair(), info, aad, sealed));
  await assert.rejects(open(pair, NONE, aad, sealed));
  await assert.rejects(open(pair, info, NONE, sealed));
  for (const at of [0, 31, 32, sealed.length - 1]) {
    const bent = sealed.slice();
    bent[at] ^= 1;
    await assert.rejects(open(pair, info, aad, bent));
  }
  for (const length of [0, 31, 32, 47]) await assert.rejects(open(pair, info, aad, sealed.slice(0, length)));
});

test("a key of low order is no receiver", async () => {
  for (const bad of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(31)]) {
    await assert.rejects(seal(bad, NONE, NONE, utf8("hi")));
  }
});
