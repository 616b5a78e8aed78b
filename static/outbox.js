// @ts-check
/**
 * Commands that must arrive exactly once and in order: one at a time, each sent again until it is answered.
 *
 * The server remembers the `cid` of what it accepted, so sending again after a lost connection makes no second event.
 * Knows no socket and no clock: `send` and `after` are given.
 */

import { PASSING } from "./protocol.js";

/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").Refusal} Refusal */

export class Outbox {
  /** @type {(Command & { cid: string })[]} */
  #waiting = [];
  #open = false;
  #sent = false;

  /**
   * @param {(command: Command) => void} send
   * @param {(ms: number, then: () => void) => void} after
   */
  constructor(send, after) {
    this.#send = send;
    this.#after = after;
  }

  #send;
  #after;

  /** @param {Command & { cid: string }} command */
  push(command) {
    this.#waiting.push(command);
    this.#pump();
  }

  /** The connection can carry commands. */
  open() {
    this.#open = true;
    this.#pump();
  }

  /** The connection is gone, and with it any answer that was under way. */
  shut() {
    this.#open = false;
    this.#sent = false;
  }

  /** @param {string} cid @returns {boolean} whether it was ours */
  acked(cid) {
    if (this.#waiting[0]?.cid !== cid) return false;
    this.#waiting.shift();
    this.#next();
    return true;
  }

  /**
   * @param {Refusal} refusal
   * @returns {"ours" | "later" | "not ours"} "later": it will be sent again by itself.
   */
  refused({ cid, reason, retry_after }) {
    if (cid === undefined || this.#waiting[0]?.cid !== cid) return "not ours";
    if (PASSING.has(reason)) {
      this.#after((retry_after ?? 1) * 1000, () => this.#waiting[0]?.cid === cid && this.#next());
      return "later";
    }
    this.#waiting.shift();
    this.#next();
    return "ours";
  }

  #next() {
    this.#sent = false;
    this.#pump();
  }

  #pump() {
    if (!this.#open || this.#sent || this.#waiting.length === 0) return;
    this.#sent = true;
    this.#send(this.#waiting[0]);
  }
}
