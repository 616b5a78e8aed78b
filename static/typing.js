// @ts-check
/**
 * Who is writing: said of ourselves seldom, believed of others for a few seconds.
 *
 * Knows no socket and no clock: both are given.
 */

import { BROWSER } from "./world.js";

/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Signal} Signal */

const SAY_EVERY = 3_000;
const PAUSE = 4_000; // whoever has touched no key for so long is thinking, not writing
const BELIEVED = 7_000; // longer than SAY_EVERY and a slow network together

/** @typedef {Pick<import("./world.js").World, "now" | "after" | "cancel">} Clock */

export class Typing {
  #said = -Infinity; // when we last said that we are writing; -Infinity: we are not
  #pause = /** @type {any} */ (null);
  /** @type {Map<number, any>} */
  #others = new Map();
  #send;
  #changed;
  #clock;

  /** @param {{ send: (command: Command) => boolean, changed: () => void, clock?: Clock }} given */
  constructor({ send, changed, clock = BROWSER }) {
    this.#send = send;
    this.#changed = changed;
    this.#clock = clock;
  }

  /** User ids, in the order in which they began. */
  get others() {
    return [...this.#others.keys()];
  }

  /** A key was touched. */
  touched() {
    this.#clock.cancel(this.#pause);
    this.#pause = this.#clock.after(PAUSE, () => this.stopped());
    const now = this.#clock.now();
    if (now - this.#said >= SAY_EVERY && this.#send({ type: "chat.typing", is_typing: true })) this.#said = now;
  }

  /** The line is said, or given up. */
  stopped() {
    this.#clock.cancel(this.#pause);
    if (this.#said !== -Infinity) this.#send({ type: "chat.typing", is_typing: false });
    this.#said = -Infinity;
  }

  /** @param {Signal} signal */
  signal({ type, user_id, is_typing }) {
    if (type !== "chat.typing") return;
    this.#forget(user_id);
    if (is_typing) this.#others.set(user_id, this.#clock.after(BELIEVED, () => this.#forget(user_id)));
    this.#changed();
  }

  /** Whoever has said it, or has gone, is not writing any more. @param {RoomEvent} event */
  take({ type, user_id }) {
    if (/^(chat\.message|member\.(left|kicked))/.test(type)) this.#forget(user_id);
  }

  adopt() {
    [...this.#others.keys()].forEach((userId) => this.#forget(userId));
  }

  close() {
    this.#clock.cancel(this.#pause);
    this.adopt();
  }

  /** @param {number} userId */
  #forget(userId) {
    this.#clock.cancel(this.#others.get(userId));
    if (this.#others.delete(userId)) this.#changed();
  }
}
