// @ts-check
/**
 * Safety numbers, and whose device is another than it was.
 *
 * The server says which device key is whose, and could lie. People who find the same number on their screens, by
 * another way than this page, know that it did not. Pure but for the storage, which is given.
 */

import { fromBase64 } from "./sealed.js";
import { join, utf8 } from "./hpke.js";

/** @typedef {{ user_id: number, x25519_b64: string | null }} Owner */
/** @typedef {{ key: string, changed: string | null }} Met */

const NAME = utf8("axenix/safety/v1");
const GROUP_BYTES = 5;
const GROUPS_A_HASH = 6;
const MOST = 500; // people we remember

/**
 * Twelve groups of five digits for all of these who have a device key, in whatever order they come.
 *
 * Sixty digits are about 199 bits. Half as many would do against somebody who looks for a key that fits a given number,
 * but a server in the middle may vary its key on both sides until the two numbers meet, which takes only the root of
 * that work.
 * @param {Owner[]} people
 * @returns {Promise<string[]>}
 */
export async function safetyNumber(people) {
  const owners = people.flatMap(({ user_id, x25519_b64 }) => (x25519_b64 === null ? [] : [{ user_id, x25519_b64 }]));
  const sorted = owners.sort((a, b) => a.user_id - b.user_id);
  const entries = sorted.map(({ user_id, x25519_b64 }) => join(utf8(`|${user_id}|`), fromBase64(x25519_b64)));
  const halves = await Promise.all([0, 1].map((half) => hash(join(NAME, Uint8Array.of(half), ...entries))));
  return halves.flatMap(digits);
}

/** @param {import("./hpke.js").Bytes} bytes */
const hash = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** @param {Uint8Array} bytes */
function digits(bytes) {
  return Array.from({ length: GROUPS_A_HASH }, (_, group) => {
    const some = bytes.slice(group * GROUP_BYTES, (group + 1) * GROUP_BYTES);
    const number = some.reduce((sum, byte) => sum * 256 + byte, 0); // below 2^40, so exact
    return String(number % 100_000).padStart(5, "0");
  });
}

/** The device keys of those we have met, as this browser has seen them. */
export class Acquaintances {
  /** @type {Record<string, Met>} */
  #met;
  #storage;
  #name;

  /** @param {Pick<Storage, "getItem" | "setItem">} storage @param {string} name */
  constructor(storage, name) {
    this.#storage = storage;
    this.#name = name;
    this.#met = JSON.parse(storage.getItem(name) ?? "{}");
  }

  /** When the device of this one was exchanged for another, if it ever was. @param {number} userId */
  changedAt(userId) {
    return this.#met[userId]?.changed ?? null;
  }

  /** @param {Owner[]} people @param {string} now @returns {number[]} whose device is not the one we knew */
  meet(people, now) {
    const others = people.filter(({ user_id, x25519_b64 }) => x25519_b64 && this.#met[user_id]?.key !== x25519_b64);
    const changed = others.filter(({ user_id }) => Object.hasOwn(this.#met, user_id)).map(({ user_id }) => user_id);
    for (const { user_id, x25519_b64 } of others) {
      this.#met[user_id] = { key: /** @type {string} */ (x25519_b64), changed: changed.includes(user_id) ? now : null };
    }
    if (others.length > 0) this.#keep();
    return changed;
  }

  #keep() {
    this.#met = Object.fromEntries(Object.entries(this.#met).slice(-MOST));
    this.#storage.setItem(this.#name, JSON.stringify(this.#met));
  }
}
