// @ts-check
/**
 * The keys of this window: its device key, and the room keys by epoch.
 *
 * What is kept where, and why. The private half of the device key lies in IndexedDB as a CryptoKey that cannot be
 * exported: a script that gets into the page may use it while it is there, and cannot carry it away. Room keys lie
 * nowhere: the server keeps our shares, sealed for the device key, so after a reload each is asked for and opened again
 * when a line needs it. In memory they are CryptoKeys that cannot be exported either, except for one: whoever holds the
 * present key must be able to seal its 32 bytes for a newcomer, so those stay in memory, until the next epoch begins.
 * Clearing the browser's storage ends the device, and with it everything that was ever sealed for it.
 *
 * Knows no socket and no DOM; what it asks the server is given.
 */

import { ApiError } from "./api.js";
import { ALGO, lineKey, makeDevice, openLine, openShare, sealLine } from "./sealed.js";

/** @typedef {import("./hpke.js").Bytes} Bytes */
/** @typedef {import("./chatlog.js").Line} Line */
/** @typedef {{ pair: CryptoKeyPair, x25519_b64: string }} Device */
/** @typedef {{ wrap_algo: string, wrapped_key_b64: string }} Wrapped */

/** What is thrown where there are no such keys, no crypto.subtle, or no IndexedDB. */
const LACKING = [DOMException, TypeError, ReferenceError];

/**
 * Why a line stays closed: `absent`, no key of its time was given to us; `device`, the key was sealed for a device that
 * this browser no longer is; `damaged`; `unable`, this browser lacks the means; `server`, sealed in the server's mode;
 * `waiting`, it may come yet.
 * @typedef {"absent" | "device" | "damaged" | "unable" | "server" | "waiting"} Why
 */

export class Unreadable extends Error {
  /** @param {Why} why */
  constructor(why) {
    super(why);
    this.name = "Unreadable";
    this.why = why;
  }
}

export class Keyring {
  /** null: this browser cannot seal. @type {Device | null} */
  device = null;
  /** The device key is known to the server. */
  shown = false;
  /** @type {Map<number, Promise<CryptoKey>>} */
  #keys = new Map();
  #held = /** @type {Set<number>} */ (new Set());
  #granted = /** @type {Set<number> | null} */ (null); // the epochs in which we have a share; null: not known yet
  #newest = /** @type {{ epoch: number, raw: Bytes } | null} */ (null);

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {string} given.slug
   * @param {import("./keystore.js").KeyStore} given.store
   * @param {(epoch: number) => Promise<Wrapped>} given.myKey
   * @param {(x25519_b64: string) => Promise<unknown>} given.show
   */
  constructor({ me, slug, store, myKey, show }) {
    this.#me = me;
    this.#slug = slug;
    this.#store = store;
    this.#myKey = myKey;
    this.#show = show;
  }

  #me;
  #slug;
  #store;
  #myKey;
  #show;

  /** Finds or makes the device key. A browser that has no such keys, or may not use them here, goes without. */
  async begin() {
    const name = `${this.#me}`; // a user is one window, see identity.js
    try {
      this.device = (await this.#store.get(name)) ?? (await makeDevice());
      await this.#store.put(name, this.device);
    } catch (error) {
      if (!LACKING.some((kind) => error instanceof kind)) throw error;
    }
  }

  /** The others seal room keys for what we show. Nobody could, unless it is shown. */
  async show() {
    if (!this.device || this.shown) return;
    await this.#show(this.device.x25519_b64);
    this.shown = true;
  }

  /** @param {number} epoch */
  holds(epoch) {
    return this.#held.has(epoch);
  }

  /** The bytes of this epoch's key, to seal them for others. @param {number} epoch */
  raw(epoch) {
    return this.#newest?.epoch === epoch ? this.#newest.raw : null;
  }

  /** In which epochs we have a share. @param {number[]} epochs */
  granted(epochs) {
    this.#granted = new Set(epochs);
  }

  /** Throws Unreadable. @param {number} epoch @returns {Promise<CryptoKey>} */
  async key(epoch) {
    if (!this.device) throw new Unreadable("unable");
    if (!this.#granted?.has(epoch)) throw new Unreadable(this.#granted ? "absent" : "waiting");
    let key = this.#keys.get(epoch);
    if (!key) {
      key = this.#fetch(epoch);
      this.#keys.set(epoch, key);
      key.catch(({ why }) => why === "waiting" && this.#keys.delete(epoch));
    }
    return key;
  }

  /** @param {number} epoch @param {string} text */
  async seal(epoch, text) {
    const ciphertext_b64 = await sealLine(await this.key(epoch), this.#slug, epoch, this.#me, text);
    return { type: "chat.message.enc", algo: ALGO, ciphertext_b64, key_epoch: epoch };
  }

  /** Throws Unreadable. @param {Line} line @returns {Promise<string>} */
  async open({ userId, sealed }) {
    if (!sealed || sealed.epoch === null || sealed.algo !== ALGO) throw new Unreadable("damaged");
    const key = await this.key(sealed.epoch);
    return openLine(key, this.#slug, sealed.epoch, userId, sealed.ciphertext).catch(() => {
      throw new Unreadable("damaged");
    });
  }

  /** @param {number} epoch @returns {Promise<CryptoKey>} */
  async #fetch(epoch) {
    const { wrap_algo, wrapped_key_b64 } = await this.#myKey(epoch).catch(notGiven);
    if (!wrap_algo.startsWith("HPKE-")) throw new Unreadable("server");
    const { pair } = /** @type {Device} */ (this.device);
    const raw = await openShare(pair, wrapped_key_b64, this.#slug, epoch, this.#me).catch(() => {
      throw new Unreadable("device");
    });
    const key = await lineKey(raw);
    this.#held.add(epoch);
    if (epoch >= (this.#newest?.epoch ?? 0)) this.#newest = { epoch, raw };
    return key;
  }
}

/** @param {unknown} error @returns {never} */
function notGiven(error) {
  if (!(error instanceof ApiError)) throw error;
  throw new Unreadable(error.reason === "key_not_found" ? "absent" : "waiting");
}
