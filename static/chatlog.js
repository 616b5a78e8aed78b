// @ts-check
/**
 * The lines of a chat: what the room has said, by number, and what we have said and the room has not yet.
 *
 * A line is known by its `seq`, so it cannot be there twice, whether it came live, by resuming or from history.
 */

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */

/**
 * @typedef {object} Line
 * @property {number} seq
 * @property {number} userId
 * @property {string | null} text  null: deleted or sealed, see `kind`
 * @property {"text" | "sealed" | "deleted"} kind
 * @property {string} at
 */

/** @typedef {{ cid: string, text: string, at: string, failed: string | null }} Draft */

const CHAT = new Set(["chat.message", "chat.message.enc"]);

export class ChatLog {
  #lines = /** @type {Map<number, Line>} */ (new Map());
  #drafts = /** @type {Map<string, Draft>} */ (new Map());
  #deleted = /** @type {Set<number>} */ (new Set());

  /** @param {RoomEvent} event any event of the room @returns {boolean} whether it changed the chat */
  take(event) {
    if (event.type === "chat.deleted") return this.#delete(event.id);
    if (!CHAT.has(event.type)) return false;
    this.#lines.set(event.seq, lineOf(event, this.#deleted.has(event.seq)));
    return true;
  }

  /** Older lines, or all of them after a reset. @param {RoomEvent[]} items */
  history(items) {
    for (const item of items) if (!this.#lines.has(item.seq)) this.take(item);
  }

  /** History is not a continuation of what we have; what we have not said yet stays. */
  clear() {
    this.#lines.clear();
    this.#deleted.clear();
  }

  /** @param {string} cid @param {string} text @param {string} at */
  say(cid, text, at) {
    this.#drafts.set(cid, { cid, text, at, failed: null });
  }

  /** @param {string} cid */
  said(cid) {
    return this.#drafts.delete(cid);
  }

  /** @param {string} cid @param {string} reason */
  refused(cid, reason) {
    const draft = this.#drafts.get(cid);
    if (draft) draft.failed = reason;
    return draft !== undefined;
  }

  /** Take a refused draft back, to say it again. @param {string} cid */
  takeBack(cid) {
    const draft = this.#drafts.get(cid);
    this.#drafts.delete(cid);
    return draft;
  }

  get lines() {
    return [...this.#lines].sort(([a], [b]) => a - b).map(([, line]) => line);
  }

  get drafts() {
    return [...this.#drafts.values()];
  }

  /** The number of the oldest line we have. */
  get oldest() {
    return this.#lines.size === 0 ? undefined : Math.min(...this.#lines.keys());
  }

  /** @param {number} seq */
  #delete(seq) {
    this.#deleted.add(seq);
    const line = this.#lines.get(seq);
    if (line) this.#lines.set(seq, { ...line, kind: "deleted", text: null });
    return line !== undefined;
  }
}

/** @param {RoomEvent} event @param {boolean} deleted @returns {Line} */
function lineOf({ seq, type, user_id, text, created_at, deleted: gone }, deleted) {
  const kind = gone || deleted ? "deleted" : type === "chat.message" ? "text" : "sealed";
  return { seq, userId: user_id, text: kind === "text" ? text : null, kind, at: created_at };
}
