// @ts-check
/**
 * Our side of the chat: what we say, plain or sealed, exactly once and in order; what is unread; what is opened.
 *
 * One line is on its way at a time, and is sealed only when its turn comes: a line that the room refuses because its
 * key has changed is sealed anew and goes again under the same `cid`, before those after it. Knows no socket, no DOM.
 */

import { Unreadable } from "./keyring.js";

/** @typedef {import("./chatlog.js").Line} Line */
/** @typedef {import("./drafts.js").Draft} Draft */
/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Refusal} Refusal */

const MOST_SEALS = 6; // of one line, before a person is asked

export class Conversation {
  /** The person has chosen to write plainly in a sealed room. */
  plainly = false;
  unread = 0;
  /** The first line that was unread when the chat was last away from view. @type {number | null} */
  mark = null;
  #sending = /** @type {string | null} */ (null);
  /** What the line on its way will look like in an event: its text or its ciphertext. */
  #content = "";
  #seals = 0;
  #unlocked = "";
  #watching = false;

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {import("./chatlog.js").ChatLog} given.log
   * @param {import("./drafts.js").Drafts} given.drafts
   * @param {import("./keyring.js").Keyring} given.keyring
   * @param {import("./holders.js").Holders} given.holders
   * @param {(command: Command & { cid: string }) => void} given.post
   * @param {() => void} given.changed
   */
  constructor({ me, log, drafts, keyring, holders, post, changed }) {
    this.#me = me;
    this.#log = log;
    this.#drafts = drafts;
    this.#keyring = keyring;
    this.#holders = holders;
    this.#post = post;
    this.#changed = changed;
  }

  #me;
  #log;
  #drafts;
  #keyring;
  #holders;
  #post;
  #changed;

  /** What is written now will be sealed. */
  get seals() {
    return this.#holders.sealed && this.#keyring.device !== null && !this.plainly;
  }

  /** @param {string} cid @param {string} text */
  say(cid, text) {
    this.#drafts.add({ cid, text, at: new Date().toISOString(), sealed: this.seals });
    this.mark = null;
    this.#changed();
    void this.#pump();
  }

  /** A line that was refused goes again. @param {string} cid */
  sayAgain(cid) {
    this.#drafts.fail(cid, null);
    this.#changed();
    void this.#pump();
  }

  /** A line that was refused, or waits for a key, is given up. @param {string} cid */
  discard(cid) {
    if (cid === this.#sending) return; // it may be said already
    this.#drafts.drop(cid);
    this.#changed();
  }

  /** @param {boolean} plainly */
  write(plainly) {
    this.plainly = plainly;
    this.#changed();
  }

  /** @param {"end" | "above" | "away"} where  What of the chat is on view: its end, earlier lines, or nothing. */
  look(where) {
    this.#watching = where === "end";
    if (where === "away" && this.unread === 0) this.mark = null;
    if (where !== "end" || this.unread === 0) return;
    this.unread = 0;
    this.#changed();
  }

  adopt() {
    this.#log.clear();
    this.unread = 0;
    this.mark = null;
  }

  /** @param {RoomEvent} event */
  take(event) {
    const isLine = this.#log.take(event) && event.type !== "chat.deleted";
    if (isLine && event.user_id === this.#me) return this.#arrived(event);
    if (!isLine || this.#watching) return;
    this.unread++;
    this.mark ??= event.seq;
  }

  /** The event of our own line may come before its ack, and it is not to be shown twice. @param {RoomEvent} event */
  #arrived(event) {
    const content = event.type === "chat.message.enc" ? event.ciphertext_b64 : event.text;
    if (this.#sending !== null && content === this.#content) this.#drafts.drop(this.#sending);
  }

  settle() {
    this.#log.again(({ why }) => why === "waiting");
    void this.#pump();
  }

  /** @param {string} cid */
  acked(cid) {
    if (cid !== this.#sending) return;
    this.#drafts.drop(cid);
    this.#next();
  }

  /** @param {Refusal} refusal */
  refused({ cid, reason }) {
    if (cid === undefined || cid !== this.#sending) return;
    const draft = this.#drafts.next;
    if (reason === "stale_epoch" && draft?.sealed && ++this.#seals < MOST_SEALS) {
      this.#sending = null;
      return this.#holders.doubt(this.#holders.seen.key_epoch); // it goes again with the next key
    }
    this.#drafts.fail(cid, reason);
    this.#next();
  }

  /** There may be a key that was not there before. */
  unlocked() {
    const { epoch, seen } = this.#holders;
    const state = `${seen.key_epoch} ${epoch} ${seen.my_epochs.length}`;
    if (state === this.#unlocked) return;
    this.#unlocked = state;
    this.#log.again(({ why, sealed }) => why === "waiting" || this.#keyring.holds(sealed?.epoch ?? 0));
    void this.#pump();
  }

  /** @param {Line} line */
  async open(line) {
    try {
      this.#log.opened(line.seq, await this.#keyring.open(line));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      const soon = error.why === "absent" && (line.sealed?.epoch ?? 0) >= this.#holders.seen.key_epoch;
      this.#log.closed(line.seq, soon ? "waiting" : error.why);
    }
    this.#changed();
  }

  #next() {
    this.#sending = null;
    this.#seals = 0;
    void this.#pump();
  }

  /** The next line sets out, if none is on its way and, for a sealed one, there is a key. */
  async #pump() {
    const draft = this.#drafts.next;
    const epoch = this.#holders.epoch;
    if (this.#sending !== null || !draft || (draft.sealed && epoch === null)) return;
    const { cid, text } = draft;
    this.#sending = cid;
    const sealed = draft.sealed && epoch !== null ? await this.#keyring.seal(epoch, text) : null;
    this.#content = sealed?.ciphertext_b64 ?? text;
    this.#post({ ...(sealed ?? { type: "chat.message", text }), cid });
  }
}
