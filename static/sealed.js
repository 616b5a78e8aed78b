// @ts-check
/**
 * Room keys and the chat lines sealed with them: what the server passes on and cannot read.
 *
 * A room key is 32 random bytes that some member's browser made; it travels sealed for each device (see hpke.js), bound
 * to its room, epoch and receiver. A line is bound to its room, epoch and sender. Knows no DOM, no socket and no REST.
 */

import { OVERHEAD, join, makePair, open, rawPublicKey, seal, utf8 } from "./hpke.js";

export const ALGO = "AES-256-GCM";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const NO_AAD = new Uint8Array(0);

/** @typedef {import("./hpke.js").Bytes} Bytes */

/**
 * @typedef {object} Member  As `GET /api/crypto/{slug}` lists those who are here.
 * @property {number} user_id
 * @property {string | null} x25519_b64
 * @property {boolean} has_share
 */

/** @typedef {{ user_id: number, wrapped_key_b64: string }} Share */

/**
 * What a device is known by. The private half cannot be exported; it can be kept in IndexedDB as it is.
 * @returns {Promise<{ pair: CryptoKeyPair, x25519_b64: string }>}
 */
export async function makeDevice() {
  const pair = await makePair();
  return { pair, x25519_b64: toBase64(await rawPublicKey(pair.publicKey)) };
}

/** A new room key. It stays in this browser; only shares of it leave. */
export function makeRoomKey() {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/**
 * The room key for each of these members that has a device key.
 * @param {Bytes} roomKey
 * @param {string} slug
 * @param {number} epoch  The key epoch that the shares are for.
 * @param {Member[]} members
 * @returns {Promise<Share[]>}
 */
export function makeShares(roomKey, slug, epoch, members) {
  return Promise.all(members.flatMap(({ user_id, x25519_b64 }) => x25519_b64 === null ? [] : [
    seal(fromBase64(x25519_b64), shareInfo(slug, epoch, user_id), NO_AAD, roomKey)
      .then((sealed) => ({ user_id, wrapped_key_b64: toBase64(sealed) })),
  ]));
}

/**
 * One's own share, opened. Rejects when it was not made for this device, room, epoch and user.
 * @param {CryptoKeyPair} pair
 * @param {string} wrapped  What `my_key` gave as `wrapped_key_b64`.
 * @param {string} slug
 * @param {number} epoch
 * @param {number} me
 * @returns {Promise<Bytes>}
 */
export async function openShare(pair, wrapped, slug, epoch, me) {
  const sealed = fromBase64(wrapped);
  if (sealed.length !== KEY_BYTES + OVERHEAD) throw new Error("not a share");
  return open(pair, shareInfo(slug, epoch, me), NO_AAD, sealed);
}

/**
 * A room key for lines only: one can seal and open with it, and nobody can read it out again.
 * @param {Bytes} roomKey
 */
export function lineKey(roomKey) {
  return crypto.subtle.importKey("raw", roomKey, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/**
 * The `ciphertext_b64` of a line.
 * @param {Bytes | CryptoKey} roomKey
 * @param {string} slug
 * @param {number} epoch
 * @param {number} me
 * @param {string} text
 * @returns {Promise<string>}
 */
export async function sealLine(roomKey, slug, epoch, me, text) {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const how = { name: "AES-GCM", iv, additionalData: lineAad(slug, epoch, me) };
  return toBase64(join(iv, new Uint8Array(await crypto.subtle.encrypt(how, await aes(roomKey), utf8(text)))));
}

/**
 * The text of a line. Rejects when it was not sealed with this key, by this sender, for this room and epoch.
 * @param {Bytes | CryptoKey} roomKey
 * @param {string} slug
 * @param {number} epoch
 * @param {number} sender  The `user_id` of the message.
 * @param {string} ciphertext
 * @returns {Promise<string>}
 */
export async function openLine(roomKey, slug, epoch, sender, ciphertext) {
  const sealed = fromBase64(ciphertext);
  const how = { name: "AES-GCM", iv: sealed.slice(0, NONCE_BYTES), additionalData: lineAad(slug, epoch, sender) };
  const text = await crypto.subtle.decrypt(how, await aes(roomKey), sealed.slice(NONCE_BYTES));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
}

/**
 * @param {string} slug
 * @param {number} epoch
 * @param {number} receiver
 */
function shareInfo(slug, epoch, receiver) {
  return utf8(`axenix/room-key/v1|${slug}|${epoch}|${receiver}`);
}

/**
 * @param {string} slug
 * @param {number} epoch
 * @param {number} sender
 */
function lineAad(slug, epoch, sender) {
  return utf8(`axenix/chat/v1|${slug}|${epoch}|${sender}`);
}

/** @param {Bytes | CryptoKey} roomKey */
const aes = (roomKey) => (roomKey instanceof CryptoKey ? roomKey : lineKey(roomKey));

/** @param {Bytes} bytes */
export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** @param {string} text */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
