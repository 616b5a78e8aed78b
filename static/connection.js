// @ts-check
/**
 * The socket of one stay in one room: opens it, keeps it, and comes back with `after_seq` when it is lost.
 *
 * Whoever listens is told every event once and in order, whatever happens to the wire; what is posted arrives exactly
 * once. Knows no DOM, no room state beyond its number, and takes clock, chance and sockets as an argument.
 */

import { Catchup } from "./catchup.js";
import { Outbox } from "./outbox.js";
import { COME_BACK, SIGNALS, TOKEN_EXPIRED } from "./protocol.js";
import { BROWSER } from "./world.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").Signal} Signal */
/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").Joined} Joined */
/** @typedef {import("./protocol.js").Refusal} Refusal */

/** @typedef {"connecting" | "live" | "lost" | "ended"} Status */

/**
 * @typedef {object} Listener
 * @property {(status: Status) => void} status  "live": caught up with the room, commands pass.
 * @property {(joined: Joined) => void} joined
 * @property {(snapshot: Snapshot) => void} adopt  Forget the old state; this is the room now.
 * @property {(event: RoomEvent) => void} event  Every event, once, in order.
 * @property {(signal: Signal) => void} signal
 * @property {(cid: string, seq?: number) => void} acked
 * @property {(refusal: Refusal) => void} refused
 * @property {() => void} deaf  One attempt after another ends, and not one has ever brought a word from the server.
 * @property {(end: { code: number, reason: string | null }) => void} ended  It will not come back by itself.
 */

const SYNC = "sync";
const BEAT = 4_000;
const SILENCE = 8_000; // an unanswered ping, or an attempt without a word, this old means the line is dead
const [FIRST_DELAY, LONGEST_DELAY] = [500, 4_000]; // well inside the server's grace of ten seconds
const DEAF = 3; // so many attempts without a word from the server are no accident
const STEADY = 10_000; // a connection that lived this long was a good one

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Status} */
  #status = "connecting";
  #refusal = /** @type {Refusal | null} */ (null); // if it was the last word on this line
  #early = /** @type {Signal[]} */ ([]);
  #attempts = 0;
  #heard = false; // anything at all, since the beginning
  #liveSince = Infinity;
  #heardAt = 0;
  #pingedAt = 0;
  #renew = false;
  #retry = /** @type {any} */ (null);
  #beat = /** @type {any} */ (null);

  /**
   * @param {object} options
   * @param {string} options.url  Address of the room's socket, without a query.
   * @param {(renew: boolean) => Promise<string | null>} options.token  null: there is none any more. Throws: ask later.
   * @param {Listener} options.listener
   * @param {string} [options.inviteKey]
   * @param {import("./world.js").World} [options.world]
   */
  constructor({ url, token, listener, inviteKey, world = BROWSER }) {
    this.#url = url;
    this.#token = token;
    this.#listener = listener;
    this.#inviteKey = inviteKey;
    this.#world = world;
    this.#outbox = new Outbox((command) => this.send(command), world.after);
    this.#catchup = new Catchup({
      tell: listener.event,
      adopt: listener.adopt,
      ask: (mark) => this.#write({ type: "sync.sub", ...mark, cid: SYNC }),
    });
  }

  #url;
  #token;
  #listener;
  #inviteKey;
  #world;
  #outbox;
  #catchup;

  get status() {
    return this.#status;
  }

  start() {
    this.#watch();
    return this.#open();
  }

  /** Send now or not at all. @param {Command} command @returns {boolean} whether it left */
  send(command) {
    if (this.#status !== "live") return false;
    this.#write(command);
    return true;
  }

  /** Send, and send again after every reconnect, until it is answered. @param {Command & { cid: string }} command */
  post(command) {
    this.#outbox.push(command);
  }

  /** The network may be back, or the machine has woken: find out now instead of at the next beat. */
  hurry() {
    if (this.#retry) void this.#open();
    else if (this.#status === "live") this.#ping();
  }

  /** There is a fresh token: a socket lives by the one it was opened with, and ends the stay when that runs out. */
  reopen() {
    if (this.#status !== "live") return;
    this.#drop();
    this.hurry();
  }

  leave() {
    this.send({ type: "leave" });
    this.#end();
    this.#socket?.close(1000);
  }

  async #open() {
    this.#world.cancel(this.#retry);
    this.#retry = null;
    const token = await this.#token(this.#renew).catch(() => undefined);
    if (this.#status === "ended") return;
    if (token === undefined) return this.#comeBack();
    if (token === null) return this.#finish(TOKEN_EXPIRED, "invalid_token");
    this.#renew = false;
    this.#attach(this.#world.open(this.#address(), ["axenix.v1", `bearer.${token}`]));
  }

  #address() {
    const query = new URLSearchParams(/** @type {any} */ (this.#catchup.mark ?? {}));
    if (this.#inviteKey) query.set("invite_key", this.#inviteKey);
    return query.size ? `${this.#url}?${query}` : this.#url;
  }

  /** @param {WebSocket} socket */
  #attach(socket) {
    this.#socket = socket;
    this.#catchup.begin();
    this.#refusal = null;
    this.#heardAt = this.#world.now();
    this.#pingedAt = 0;
    socket.onmessage = ({ data }) => {
      this.#heardAt = this.#world.now();
      this.#hear(JSON.parse(data));
    };
    socket.onclose = ({ code }) => this.#closed(code);
  }

  /** @param {any} frame */
  #hear(frame) {
    this.#heard = true;
    this.#refusal = frame.type === "error" && frame.cid === undefined ? frame : null;
    if (Object.hasOwn(this.#frames, frame.type)) this.#frames[frame.type](frame);
    else if (SIGNALS.has(frame.type)) this.#signal(frame);
    else if (Number.isInteger(frame.seq)) this.#catchup.event(frame);
  }

  /** @type {Record<string, (frame: any) => void>} */
  #frames = {
    joined: (frame) => {
      this.#inviteKey = undefined; // a member needs none
      this.#listener.joined(frame);
    },
    "state.snapshot": ({ type, ...snapshot }) => this.#catchup.snapshot(snapshot),
    "sync.info": ({ next_seq, epoch }) => {
      this.#catchup.info(next_seq, epoch);
      this.#settle();
    },
    "sync.batch": ({ items, has_more }) => {
      this.#catchup.page(items, has_more);
      this.#settle();
    },
    "sync.reset": ({ snapshot }) => {
      this.#catchup.reset(snapshot);
      this.#settle();
    },
    ack: ({ cid, seq }) => {
      this.#listener.acked(cid, seq);
      this.#outbox.acked(cid);
    },
    error: (frame) => {
      if (frame.cid === SYNC) return this.#drop(); // what we miss can only be had by resuming
      if (this.#outbox.refused(frame) !== "later") this.#listener.refused(frame);
    },
    pong: () => {},
  };

  /** Signals wait until we know the room they were sent in. @param {Signal} signal */
  #signal(signal) {
    if (this.#status === "live") this.#listener.signal(signal);
    else this.#early.push(signal);
  }

  #settle() {
    if (this.#status === "live" || !this.#catchup.level) return;
    this.#liveSince = this.#world.now();
    this.#become("live");
    this.#early.splice(0).forEach((signal) => this.#listener.signal(signal));
    this.#outbox.open();
  }

  /** @param {number} code */
  #closed(code) {
    const refusal = this.#refusal;
    this.#forget();
    this.#renew = code === TOKEN_EXPIRED;
    if (COME_BACK.has(code) || this.#renew) this.#comeBack(refusal?.retry_after);
    else this.#finish(code, refusal?.reason ?? null);
  }

  /** Give the socket up without waiting for it: a dead line does not answer the closing handshake either. */
  #drop() {
    this.#socket?.close(4000);
    this.#forget();
    this.#comeBack();
  }

  #forget() {
    if (this.#socket) this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = null;
    this.#early = [];
    this.#outbox.shut();
    if (this.#world.now() - this.#liveSince > STEADY) this.#attempts = 0;
    this.#liveSince = Infinity;
  }

  /** @param {number} [seconds] the server's own wish */
  #comeBack(seconds = 0) {
    this.#become("lost");
    if (!this.#heard && this.#attempts + 1 >= DEAF) this.#listener.deaf();
    const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts++);
    this.#retry = this.#world.after(seconds * 1000 + this.#world.random() * longest, () => this.#open());
  }

  /** Half-open sockets say nothing and never close: ask, and believe only answers. */
  #watch() {
    this.#beat = this.#world.after(BEAT, () => {
      this.#watch();
      if (!this.#socket) return;
      const now = this.#world.now();
      const unanswered = this.#pingedAt > this.#heardAt ? this.#pingedAt : now;
      const since = this.#status === "live" ? unanswered : this.#heardAt;
      if (now - since >= SILENCE) this.#drop();
      else if (this.#status === "live" && unanswered === now && now - this.#heardAt >= BEAT) this.#ping();
    });
  }

  #ping() {
    this.#pingedAt = this.#world.now();
    this.#write({ type: "ping" });
  }

  /** @param {Command} command */
  #write(command) {
    this.#socket?.send(JSON.stringify(command));
  }

  /** @param {number} code @param {string | null} reason */
  #finish(code, reason) {
    this.#end();
    this.#listener.ended({ code, reason });
  }

  #end() {
    this.#world.cancel(this.#beat);
    this.#world.cancel(this.#retry);
    this.#retry = null;
    if (this.#socket) this.#socket.onmessage = this.#socket.onclose = null;
    this.#become("ended");
  }

  /** @param {Status} status */
  #become(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.#listener.status(status);
  }
}
