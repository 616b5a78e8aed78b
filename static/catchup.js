// @ts-check
/**
 * Where we are in the history of a room: every event is told once and in order, and holes are noticed and asked for.
 *
 * Knows the numbers, and nothing of sockets or of what the events mean.
 */

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */

export class Catchup {
  #seq = -1; // the last event told; -1: we have no state yet
  #epoch = "";
  #heard = -1; // the highest seq anyone has spoken of
  #target = Infinity; // the seq at which this connection is level with the room
  #asking = false; // a sync.sub of ours is not answered yet

  /**
   * @param {object} hooks
   * @param {(event: RoomEvent) => void} hooks.tell
   * @param {(snapshot: Snapshot) => void} hooks.adopt
   * @param {(after: { after_seq: number, epoch: string }) => void} hooks.ask
   */
  constructor({ tell, adopt, ask }) {
    this.#tell = tell;
    this.#adopt = adopt;
    this.#ask = ask;
  }

  #tell;
  #adopt;
  #ask;

  /** What to name when coming back; null: nothing is known yet. */
  get mark() {
    return this.#seq < 0 ? null : { after_seq: this.#seq, epoch: this.#epoch };
  }

  /** Whether everything that had happened when this connection began has been told. */
  get level() {
    return this.#seq >= this.#target;
  }

  /** A new connection begins. */
  begin() {
    this.#target = Infinity;
    this.#asking = false;
  }

  /** On joining: of use only to those who have nothing. @param {Snapshot} snapshot */
  snapshot(snapshot) {
    if (this.#seq < 0) this.reset(snapshot);
  }

  /** How far the room is. If that is no continuation of what we have, a reset follows.
   * @param {number} nextSeq @param {string} epoch */
  info(nextSeq, epoch) {
    this.#target = epoch === this.#epoch && nextSeq > this.#seq ? nextSeq - 1 : Infinity;
  }

  /** History does not go on from where we were. @param {Snapshot} snapshot */
  reset(snapshot) {
    this.#asking = false;
    this.#seq = this.#heard = this.#target = snapshot.seq;
    this.#epoch = snapshot.epoch;
    this.#adopt(snapshot);
  }

  /** A page: one of those that come by themselves on resuming, or the answer to a question of ours.
   * @param {RoomEvent[]} items @param {boolean} hasMore */
  page(items, hasMore) {
    const asked = this.#asking;
    for (const item of items) this.event(item);
    this.#asking = false;
    if (asked && (hasMore || this.#seq < this.#heard)) this.#missing();
  }

  /** @param {RoomEvent} event */
  event(event) {
    this.#heard = Math.max(this.#heard, event.seq);
    if (event.seq <= this.#seq) return; // told already
    if (event.seq > this.#seq + 1) return this.#missing();
    this.#seq = event.seq;
    this.#tell(event);
  }

  #missing() {
    const mark = this.mark;
    if (this.#asking || mark === null) return;
    this.#asking = true;
    this.#ask(mark);
  }
}
