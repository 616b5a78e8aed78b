// @ts-check
/**
 * The lines of a chat, in order: what the room has said, whether it came live, by resuming or from history.
 *
 * A line is known by its `seq`, so it cannot be there twice. A line that changes becomes a new object, and `version`
 * goes up with every change: whoever shows thousands of them can tell at once that there is nothing to do.
 */

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {{ algo: string, ciphertext: string, epoch: number | null }} Sealed */

/**
 * @typedef {object} Line
 * @property {number} seq
 * @property {number} userId
 * @property {"plain" | "opened" | "sealed" | "deleted"} kind  opened: it came sealed and has been read.
 * @property {string | null} text  null: deleted, or still sealed.
 * @property {Sealed | null} sealed
 * @property {string | null} why  Why a sealed line cannot be read (see keyring.js); null: it is being opened.
 * @property {string} at
 */

const CHAT = new Set(["chat.message", "chat.message.enc"]);

export class ChatLog {
  /** By `seq`. Not to be changed by others. @type {Line[]} */
  lines = [];
  version = 0;
  #deleted = /** @type {Set<number>} */ (new Set());
  #onsealed;

  /** @param {(line: Line) => void} [onsealed]  Told of every line that somebody has to open. */
  constructor(onsealed = () => {}) {
    this.#onsealed = onsealed;
  }

  /** @param {RoomEvent} event any event of the room @returns {boolean} whether it changed the chat */
  take(event) {
    if (event.type === "chat.deleted") return this.#delete(event.id);
    if (!CHAT.has(event.type) || this.line(event.seq)) return false;
    const line = lineOf(event, this.#deleted.has(event.seq));
    this.lines.splice(this.#place(line.seq), 0, line);
    this.version++;
    if (line.kind === "sealed") this.#onsealed(line);
    return true;
  }

  /** Lines from before, in any order. @param {RoomEvent[]} items */
  history(items) {
    for (const item of items) this.take(item);
  }

  /** History is not a continuation of what we have. */
  clear() {
    this.lines = [];
    this.#deleted.clear();
    this.version++;
  }

  /** @param {number} seq */
  line(seq) {
    const line = this.lines[this.#place(seq)];
    return line?.seq === seq ? line : undefined;
  }

  /** A sealed line has been read. @param {number} seq @param {string} text */
  opened(seq, text) {
    this.#change(seq, { kind: "opened", text, why: null });
  }

  /** A sealed line cannot be read now. @param {number} seq @param {string} why */
  closed(seq, why) {
    this.#change(seq, { why });
  }

  /** Sealed lines that may be readable now. @param {(line: Line) => boolean} which */
  again(which) {
    for (const line of this.lines) if (line.kind === "sealed" && which(line)) this.#onsealed(line);
  }

  /** The number of the oldest line we have. */
  get oldest() {
    return this.lines[0]?.seq;
  }

  /** @param {number} seq */
  #delete(seq) {
    this.#deleted.add(seq);
    const line = this.line(seq);
    if (line) this.lines[this.#place(seq)] = { ...line, kind: "deleted", text: null, sealed: null, why: null };
    this.version++;
    return line !== undefined;
  }

  /** @param {number} seq @param {Partial<Line>} change */
  #change(seq, change) {
    const line = this.line(seq);
    if (line?.kind !== "sealed") return; // deleted meanwhile
    if (change.why !== null && change.why === line.why) return;
    this.lines[this.#place(seq)] = { ...line, ...change };
    this.version++;
  }

  /** Where a line of this number is, or belongs. The newest is asked for most. @param {number} seq */
  #place(seq) {
    let [low, high] = [0, this.lines.length];
    if (high === 0 || this.lines[high - 1].seq < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** @param {RoomEvent} event @param {boolean} deleted @returns {Line} */
function lineOf(event, deleted) {
  const line = { seq: event.seq, userId: event.user_id, at: event.created_at, text: null, sealed: null, why: null };
  if (event.deleted || deleted) return { ...line, kind: "deleted" };
  if (event.type === "chat.message") return { ...line, kind: "plain", text: event.text };
  const sealed = { algo: event.algo, ciphertext: event.ciphertext_b64, epoch: event.key_epoch };
  return { ...line, kind: "sealed", sealed };
}
