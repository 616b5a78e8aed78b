// @ts-check
/**
 * Who this window is: a guest's token, kept between visits and renewed at half of its life.
 *
 * Two windows of one browser are two people: each takes the first kept identity that no other window is using, and
 * prefers the one it had before a reload. Tokens stay in storage and headers and are never part of an address.
 *
 * Another site may send somebody here with a token of its own: then we are that person, until we are ourselves again.
 */

import { ApiError } from "./api.js";

/** @typedef {{ token: string, userId: number, expiresAt: number, renewAt: number }} Kept */

const MOST_WINDOWS = 16;
const LONGEST_TIMER = 3_600_000; // setTimeout cannot count to half a month
const TRY_AGAIN = 30_000;

export class Identity {
  #kept = /** @type {Kept | null} */ (null);
  #timer = /** @type {any} */ (null);
  #lent = /** @type {{ token: string, userId: number, nickname: string } | null} */ (null);
  renewed = () => {}; // the same person has a fresh token

  /** @param {import("./api.js").Api} api @param {Storage} storage @param {string} slot */
  constructor(api, storage, slot) {
    this.#api = api;
    this.#storage = storage;
    this.#slot = slot;
    const text = storage.getItem(slot);
    this.#kept = text === null ? null : JSON.parse(text);
    this.#keepFresh();
  }

  #api;
  #storage;
  #slot;

  get userId() {
    return this.#lent ? this.#lent.userId : this.#kept?.userId;
  }

  /** Another site says who we are. */
  get isLent() {
    return this.#lent !== null;
  }

  /** As whom another site sends us; null: as ourselves. Throws when the server takes no such token.
   * @param {string | null} token */
  async borrow(token) {
    if (token === null) this.#lent = null;
    else if (token !== this.#lent?.token) {
      this.#lent = null;
      const { id, nickname } = await this.#api.me(token);
      this.#lent = { token, userId: id, nickname };
    }
  }

  get nickname() {
    return this.#lent ? this.#lent.nickname : this.#storage.getItem(`${this.#slot}.nickname`) ?? "";
  }

  /** The token we have, if we have one that is still good. */
  get known() {
    if (this.#lent) return this.#lent.token; // whether it is still good, the server says
    return this.#kept && this.#kept.expiresAt > Date.now() ? this.#kept.token : undefined;
  }

  /** A token for somebody, whoever it is; a new guest when nobody is known. */
  async token() {
    await this.#recall();
    return this.known ?? (await this.#begin()).token;
  }

  /** A token for the same user as before; null when that user can no longer be proved. @param {boolean} renew */
  async sameUser(renew) {
    if (this.#lent) return renew ? null : this.#lent.token; // only the other site could renew it
    if (renew) await this.#renew();
    else await this.#recall();
    return this.known ?? null;
  }

  /** From now on we are called so. Whoever the server no longer knows begins anew. @param {string} nickname */
  async introduce(nickname) {
    if (this.#lent) this.#lent.nickname = nickname;
    else {
      this.#storage.setItem(`${this.#slot}.nickname`, nickname);
      await this.#recall();
    }
    const token = this.known;
    if (!token || this.userId === undefined) return this.#begin();
    try {
      const user = await this.#api.user(token, this.userId);
      if (user.nickname !== nickname) await this.#api.rename(token, this.userId, nickname);
    } catch (error) {
      if (this.#lent || !(error instanceof ApiError) || ![401, 404].includes(error.status)) throw error;
      return this.#begin();
    }
  }

  forget() {
    if (this.#lent) return; // it is the other site's, and ourselves we have not lost
    this.#storage.removeItem(this.#slot);
    this.#kept = null;
  }

  async #begin() {
    return this.#keep(await this.#api.guest(this.nickname || undefined));
  }

  /** By our clock it has run out; but clocks of laptops are wrong now and then, and only the server's counts. */
  async #recall() {
    if (this.#kept && !this.known) await this.#renew();
  }

  /** Throws when the server cannot be asked; a token it no longer takes is forgotten. */
  async #renew() {
    try {
      if (this.#kept) this.#keep(await this.#api.guest(undefined, this.#kept.token));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.forget();
    }
  }

  /** @param {import("./api.js").Grant} grant */
  #keep({ access_token, expires_in, user_id }) {
    const life = expires_in * 1000;
    const now = Date.now();
    this.#kept = { token: access_token, userId: user_id, expiresAt: now + life, renewAt: now + life / 2 };
    this.#storage.setItem(this.#slot, JSON.stringify(this.#kept));
    this.#keepFresh();
    return this.#kept;
  }

  #keepFresh() {
    clearTimeout(this.#timer);
    if (!this.#kept) return;
    const wait = Math.min(Math.max(this.#kept.renewAt - Date.now(), 0), LONGEST_TIMER);
    this.#timer = setTimeout(() => this.#due(), wait);
  }

  async #due() {
    if (!this.#kept || this.#kept.renewAt > Date.now()) return this.#keepFresh();
    await this.#renew().then(() => this.renewed(), () => {
      this.#timer = setTimeout(() => this.#due(), TRY_AGAIN); // the server is away; the other half of its life is left
    });
  }
}

/**
 * The name of an identity no other open window has. Held until the window is closed.
 * @param {Storage} memory of this window alone
 */
export async function claimSlot(memory) {
  const all = Array.from({ length: MOST_WINDOWS }, (_, index) => `axenix.identity.${index}`);
  const before = memory.getItem("axenix.slot");
  for (const slot of before === null ? all : [before, ...all]) {
    if (!(await held(slot))) continue;
    memory.setItem("axenix.slot", slot);
    return slot;
  }
  return all[0];
}

/** @param {string} name @returns {Promise<boolean>} */
function held(name) {
  if (!navigator.locks) return Promise.resolve(true); // only in secure contexts; calls need one too
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {}); // never settled: ours until the window goes
    });
  });
}
