// @ts-check
/**
 * Who makes the room's keys and gives them to whom, so that exactly those inside can read what is said.
 *
 * Everyone hears the same events and would do the same at once. So all take turns by a common order: those who hold the
 * present key, by user id, then those who do not; the first acts at once, each other one a second later, if it is still
 * to do. A newcomer is given the present key while nothing has been sealed with it; after that the next epoch begins,
 * so that nobody reads what was said before they came. Knows no DOM; server, clock and chance are given.
 */

import { ApiError } from "./api.js";
import { makeRoomKey, makeShares, toBase64 } from "./sealed.js";
import { Unreadable } from "./keyring.js";
import { BROWSER } from "./world.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./sealed.js").Member} Member */
/** @typedef {import("./sealed.js").Share} Share */

/**
 * @typedef {object} Seen  The keys of a room, as the server shows them.
 * @property {number} key_epoch
 * @property {"e2e" | "server" | null} mode  null: there is no key, or we have not looked yet.
 * @property {boolean} stale
 * @property {number[]} my_epochs
 * @property {Member[]} members
 */

/**
 * @typedef {object} Server  The questions, for this room.
 * @property {() => Promise<Seen>} look
 * @property {(epoch: number, shares: Share[]) => Promise<unknown>} begin
 * @property {(epoch: number, shares: Share[]) => Promise<unknown>} share
 */

const TURN = 1_000;
const LAST_TURN = 4_000; // of the five seconds that a stale key may still be used
const TRIES = 6;
const OVERTAKEN = new Set(["epoch_conflict", "member_set_mismatch", "stale_epoch"]);
const GONE = new Set(["invalid_token", "not_inside", "not_a_member", "banned", "room_not_found"]); // the socket says it
const COMING_AND_GOING = /^(member\.(joined|left|kicked)|key\.)/;

export class Holders {
  /** @type {Seen} */
  seen = { key_epoch: 0, mode: null, stale: false, my_epochs: [], members: [] };
  #pristine = 0; // the epoch in which nothing has been sealed, for all we know
  #made = /** @type {Set<string>} */ (new Set()); // keys of ours that have not come back yet
  #tries = 0;
  #queue = Promise.resolve();
  #asked = false;
  #turn = /** @type {any} */ (null);
  #inMyName = 0; // the epoch that we are said to have begun
  #broken = 0; // the epoch whose share for us does not open
  #closed = false;

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {string} given.slug
   * @param {import("./keyring.js").Keyring} given.keyring
   * @param {Server} given.server
   * @param {() => void} given.changed  Also: lines may be readable now that were not.
   * @param {(key: string) => void} given.notice
   * @param {(members: Member[]) => void} given.met
   * @param {Pick<import("./world.js").World, "after" | "cancel" | "random">} [given.world]
   */
  constructor({ me, slug, keyring, server, changed, notice, met, world = BROWSER }) {
    this.#me = me;
    this.#slug = slug;
    this.#keyring = keyring;
    this.#server = server;
    this.#changed = changed;
    this.#notice = notice;
    this.#met = met;
    this.#world = world;
  }

  #me;
  #slug;
  #keyring;
  #server;
  #changed;
  #notice;
  #met;
  #world;

  /** The room has a key that members make. While that is not known, a room with a key counts as such. */
  get sealed() {
    return this.seen.key_epoch > 0 && this.seen.mode !== "server";
  }

  /** The epoch to seal with now; null: there is none, or not for us yet. */
  get epoch() {
    const { key_epoch, stale } = this.seen;
    return this.sealed && !stale && this.#keyring.holds(key_epoch) ? key_epoch : null;
  }

  /** @param {Snapshot} state */
  adopt({ key_epoch }) {
    this.seen = { key_epoch, mode: null, stale: false, my_epochs: [], members: [] };
    this.#pristine = 0;
  }

  /** @param {RoomEvent} event @param {Snapshot} _ @param {boolean} live */
  take(event, _, live) {
    if (event.type === "chat.message.enc" && event.key_epoch === this.#pristine) this.#pristine = 0;
    if (event.type === "key.changed") this.#changedTo(event);
    if (event.type === "key.rotate_required") this.#outdated(event.key_epoch);
    if (event.type === "member.kicked" && event.user_id === this.#me) return this.close(); // nothing left to ask for
    if (!live || !COMING_AND_GOING.test(event.type)) return;
    this.#tries = 0;
    this.#look();
  }

  settle() {
    this.#look();
  }

  close() {
    this.#closed = true;
    this.#world.cancel(this.#turn);
  }

  /** The server took a line of this epoch no more. @param {number} epoch */
  doubt(epoch) {
    this.#outdated(epoch);
    this.#look();
  }

  /** From now on the room is sealed. Throws what the server says. */
  async turnOn() {
    for (let tries = 1; ; tries++) {
      await this.#keyring.show();
      this.#note(await this.#server.look());
      if (this.seen.mode === "e2e") return;
      try {
        return await this.#begin();
      } catch (error) {
        if (tries === TRIES || !(error instanceof ApiError && OVERTAKEN.has(error.reason))) throw error;
      }
    }
  }

  /** @param {RoomEvent} event */
  #changedTo({ key_epoch, mode, by_user }) {
    if (key_epoch < this.seen.key_epoch) return; // we have looked ahead
    const members = this.seen.members.map((member) => ({ ...member, has_share: false }));
    this.seen = { ...this.seen, key_epoch, mode, stale: false, members };
    this.#pristine = key_epoch;
    if (by_user === this.#me) this.#inMyName = key_epoch;
  }

  /** Somebody who can make the server lie could begin an epoch in our name, with a key of their own. */
  #verify() {
    const raw = this.#keyring.raw(this.#inMyName);
    if (!raw) return;
    this.#inMyName = 0;
    if (!this.#made.delete(toBase64(raw))) this.#notice("notice_key_in_my_name");
  }

  /** @param {number} epoch */
  #outdated(epoch) {
    if (epoch === this.seen.key_epoch) this.seen = { ...this.seen, stale: true };
    this.#changed();
  }

  /** One look after the other; one that has not begun yet will see whatever has happened until it does.
   * @param {boolean} [due] it is our turn, whatever the order says */
  #look(due = false) {
    if (this.#asked && !due) return;
    this.#asked = true;
    this.#queue = this.#queue.then(() => this.#act(due)).catch((error) => console.error("The room's keys:", error));
  }

  /** What is to do, and whether it is our turn. @param {boolean} due */
  async #act(due) {
    this.#asked = false;
    if (!this.#keyring.device || this.#closed) return;
    try {
      await this.#keyring.show();
      this.#note(await this.#server.look());
      await this.#learn();
      this.#verify();
      await this.#takeTurn(due);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (OVERTAKEN.has(error.reason)) this.#later(this.#world.random() * 300, true);
      else if (error.status === 0 || error.status >= 429) this.#later(TURN, due);
      else if (!GONE.has(error.reason)) this.#notice(error.reason);
    }
  }

  /** @param {Seen} seen */
  #note(seen) {
    if (seen.key_epoch < this.seen.key_epoch) return; // it was asked before the last change
    this.seen = seen;
    this.#keyring.granted(seen.my_epochs);
    this.#met(seen.members);
    this.#changed();
  }

  /** The present key, if there is one for us. */
  async #learn() {
    const { key_epoch, mode, members } = this.seen;
    const mine = members.find(({ user_id }) => user_id === this.#me);
    if (mode !== "e2e" || this.#keyring.holds(key_epoch) || !mine?.has_share) return;
    await this.#keyring.key(key_epoch).catch((error) => {
      if (!(error instanceof Unreadable)) throw error;
      if (error.why === "device") this.#broken = key_epoch; // made for an older device key of ours
    });
    this.#changed();
  }

  /** @param {boolean} due */
  async #takeTurn(due) {
    const { key_epoch, members, stale, mode } = this.seen;
    const owners = members.filter(({ x25519_b64 }) => x25519_b64 !== null);
    const waiting = owners.some(({ has_share }) => !has_share);
    const broken = this.#broken === key_epoch;
    if (mode !== "e2e" || !(stale || waiting || broken) || !owners.some(({ user_id }) => user_id === this.#me)) {
      this.#tries = 0;
      return this.#world.cancel(this.#turn);
    }
    const wait = broken ? this.#world.random() * TURN : this.#place(owners) * TURN;
    if (!due && wait > 0) return this.#later(Math.min(wait, LAST_TURN), true);
    if (this.#tries++ >= TRIES) return; // whatever happens next in the room begins anew
    const raw = this.#keyring.raw(key_epoch);
    if (stale || broken || !raw || this.#pristine !== key_epoch) return this.#begin();
    const newcomers = owners.filter(({ has_share }) => !has_share);
    await this.#server.share(key_epoch, await makeShares(raw, this.#slug, key_epoch, newcomers));
  }

  /** @param {Member[]} owners */
  #place(owners) {
    const order = owners.toSorted((a, b) => Number(b.has_share) - Number(a.has_share) || a.user_id - b.user_id);
    return order.findIndex(({ user_id }) => user_id === this.#me);
  }

  async #begin() {
    const { key_epoch, members } = this.seen;
    const raw = makeRoomKey();
    const shares = await makeShares(raw, this.#slug, key_epoch + 1, members);
    const name = toBase64(raw);
    this.#made.add(name);
    await this.#server.begin(key_epoch + 1, shares).catch((error) => {
      if (error.status !== 0) this.#made.delete(name); // 0: nobody knows whether it was taken
      throw error;
    });
  }

  /** @param {number} ms @param {boolean} due */
  #later(ms, due) {
    this.#world.cancel(this.#turn);
    if (!this.#closed) this.#turn = this.#world.after(ms, () => this.#look(due));
  }
}
