// @ts-check
/**
 * HPKE (RFC 9180), one message at a time, in base mode: X25519 with HKDF-SHA256, HKDF-SHA256, AES-256-GCM.
 *
 * Whoever has the private key can open what anybody sealed for the public one. Knows WebCrypto and nothing of rooms.
 * Needs a secure context (https, or localhost), as WebCrypto does.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const KEM = Uint8Array.of(0x00, 0x20);
const KDF = Uint8Array.of(0x00, 0x01);
const AEAD = Uint8Array.of(0x00, 0x02);
const VERSION = utf8("HPKE-v1");
const KEM_SUITE = join(utf8("KEM"), KEM);
const SUITE = join(utf8("HPKE"), KEM, KDF, AEAD);
const NONE = new Uint8Array(0);
const BASE_MODE = Uint8Array.of(0);

/** Bytes of the encapsulated key that every sealed message begins with. */
export const ENCAPSULATED = 32;
/** Bytes by which a sealed message is longer than its text. */
export const OVERHEAD = ENCAPSULATED + 16;

/**
 * A pair to seal for and to open with. Its private half cannot be read, not even by this page.
 * @returns {Promise<CryptoKeyPair>}
 */
export async function makePair() {
  return /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]));
}

/**
 * @param {CryptoKey} publicKey
 * @returns {Promise<Bytes>}
 */
export async function rawPublicKey(publicKey) {
  return new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
}

/**
 * The encapsulated key and the ciphertext, one after the other. Rejects when `receiver` is no good key.
 * @param {Bytes} receiver  The raw public key.
 * @param {Bytes} info
 * @param {Bytes} aad
 * @param {Bytes} plaintext
 * @param {CryptoKeyPair} [ephemeral]  Only for tests: it must be another one every time.
 * @returns {Promise<Bytes>}
 */
export async function seal(receiver, info, aad, plaintext, ephemeral) {
  const mine = ephemeral ?? await makePair();
  const enc = await rawPublicKey(mine.publicKey);
  const secret = await sharedSecret(mine.privateKey, receiver, join(enc, receiver));
  const { key, nonce } = await keySchedule(secret, info, "encrypt");
  const ct = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, key, plaintext);
  return join(enc, new Uint8Array(ct));
}

/**
 * Rejects when it was not sealed for this pair, with this info and aad, or has been changed since.
 * @param {CryptoKeyPair} pair
 * @param {Bytes} info
 * @param {Bytes} aad
 * @param {Bytes} sealed
 * @returns {Promise<Bytes>}
 */
export async function open(pair, info, aad, sealed) {
  const enc = sealed.slice(0, ENCAPSULATED);
  const secret = await sharedSecret(pair.privateKey, enc, join(enc, await rawPublicKey(pair.publicKey)));
  const { key, nonce } = await keySchedule(secret, info, "decrypt");
  const ct = sealed.slice(ENCAPSULATED);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, key, ct));
}

/**
 * Section 4.1: what both sides come to, each with its own private key. An all-zero result rejects, as it must.
 * @param {CryptoKey} privateKey
 * @param {Bytes} theirs
 * @param {Bytes} context
 */
async function sharedSecret(privateKey, theirs, context) {
  const publicKey = await crypto.subtle.importKey("raw", theirs, { name: "X25519" }, true, []);
  const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: publicKey }, privateKey, 256));
  if (dh.every((byte) => byte === 0)) throw new Error("a key of low order");
  const prk = await labeledExtract(KEM_SUITE, NONE, "eae_prk", dh);
  return labeledExpand(KEM_SUITE, prk, "shared_secret", context, 32);
}

/**
 * Section 5.1, in base mode.
 * @param {Bytes} secret
 * @param {Bytes} info
 * @param {"encrypt" | "decrypt"} usage
 */
async function keySchedule(secret, info, usage) {
  const pskIdHash = await labeledExtract(SUITE, NONE, "psk_id_hash", NONE);
  const infoHash = await labeledExtract(SUITE, NONE, "info_hash", info);
  const context = join(BASE_MODE, pskIdHash, infoHash);
  const prk = await labeledExtract(SUITE, secret, "secret", NONE);
  const raw = await labeledExpand(SUITE, prk, "key", context, 32);
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, [usage]);
  return { key, nonce: await labeledExpand(SUITE, prk, "base_nonce", context, 12) };
}

/**
 * @param {Bytes} suite
 * @param {Bytes} salt
 * @param {string} label
 * @param {Bytes} ikm
 */
function labeledExtract(suite, salt, label, ikm) {
  return hmac(salt, join(VERSION, suite, utf8(label), ikm));
}

/**
 * Nothing here is longer than one block of HKDF, so one step of its expansion is all there is.
 * @param {Bytes} suite
 * @param {Bytes} prk
 * @param {string} label
 * @param {Bytes} info
 * @param {number} length  At most 32.
 */
async function labeledExpand(suite, prk, label, info, length) {
  const block = await hmac(prk, join(Uint8Array.of(0, length), VERSION, suite, utf8(label), info, Uint8Array.of(1)));
  return block.slice(0, length);
}

/**
 * @param {Bytes} key
 * @param {Bytes} data
 */
async function hmac(key, data) {
  const padded = key.length ? key : new Uint8Array(32); // the same to HMAC; WebCrypto takes no empty keys
  const imported = await crypto.subtle.importKey("raw", padded, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @param {...Bytes} parts
 * @returns {Bytes}
 */
export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
