// @ts-check
/**
 * The chat of one stay, put together: lines, drafts, who is writing, and the keys that lines are sealed with.
 *
 * One part of the session that stands for several. Knows no DOM.
 */

import { ApiError } from "./api.js";
import { ChatLog } from "./chatlog.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import { Holders } from "./holders.js";
import { Keyring } from "./keyring.js";
import { keyStore } from "./keystore.js";
import { Acquaintances, safetyNumber } from "./safety.js";
import { Typing } from "./typing.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./session.js").Part} Part */

let asked = 0;

export class Talk {
  log = new ChatLog((line) => void this.#conversation.open(line));
  /** What is being written and has not been said. */
  unfinished = "";
  #drafts;
  #conversation;
  #keyring;
  #holders;
  #typing;
  #known;
  #delete;
  #notice;
  /** @type {Part[]} */
  #parts;

  /**
   * @param {object} given
   * @param {string} given.slug
   * @param {number} given.me
   * @param {Api} given.api
   * @param {() => Promise<string | null>} given.token
   * @param {Pick<import("./connection.js").Connection, "send" | "post">} given.connection
   * @param {() => void} given.changed
   * @param {(key: string, ...args: string[]) => void} given.notice
   * @param {(userId: number) => string} given.name
   */
  constructor({ slug, me, api, token, connection, changed, notice, name }) {
    const server = serverOf(slug, api, token);
    this.#delete = server.remove;
    this.#notice = notice;
    this.#known = new Acquaintances(localStorage, `axenix.devices.${me}`);
    this.#drafts = new Drafts(sessionStorage, `axenix.drafts.${me}.${slug}`);
    this.#keyring = new Keyring({ me, slug, store: keyStore(), myKey: server.myKey, show: server.show });
    this.#holders = new Holders({
      me, slug, server, notice,
      keyring: this.#keyring,
      met: (members) => this.#known.meet(members, new Date().toISOString())
        .forEach((userId) => notice("notice_device", name(userId))),
      changed: () => {
        this.#conversation.unlocked();
        changed();
      },
    });
    this.#conversation = new Conversation({
      me, log: this.log, drafts: this.#drafts, keyring: this.#keyring, holders: this.#holders, changed,
      post: (command) => connection.post(command),
    });
    this.#typing = new Typing({ send: (command) => connection.send(command), changed });
    this.#parts = [this.#holders, this.#conversation, this.#typing];
  }

  /** The device key is there, and shown if the server can be asked, before we are inside. */
  async begin() {
    await this.#keyring.begin();
    await this.#keyring.show().catch((error) => {
      if (!(error instanceof ApiError)) throw error; // it is shown again as soon as we are inside
    });
  }

  get model() {
    const { unread, mark, seals, plainly } = this.#conversation;
    const { seen, sealed, epoch } = this.#holders;
    return {
      lines: this.log.lines,
      drafts: this.#drafts.all,
      version: `${this.log.version} ${this.#drafts.version} ${mark} ${epoch}`,
      unread, mark,
      typing: this.#typing.others,
      /** able: this browser can seal. sealed: the room has a key. seals: what is written now will be sealed.
       * ready: at once. */
      lock: {
        able: this.#keyring.device !== null, sealed, seals, plainly, ready: epoch !== null, members: seen.members,
      },
    };
  }

  /** @param {string} text */
  say(text) {
    this.#typing.stopped();
    this.#conversation.say(uniqueName(), text);
  }

  /** @param {string} cid */
  sayAgain(cid) {
    this.#conversation.sayAgain(cid);
  }

  /** @param {string} cid */
  discard(cid) {
    this.#conversation.discard(cid);
  }

  /** Takes a line of the room back, for everybody. @param {number} seq */
  async remove(seq) {
    await this.#delete(seq).catch((error) => {
      if (!(error instanceof ApiError)) throw error;
      if (error.reason !== "message_not_found") this.#notice(error.reason); // it is gone, as was wished
    });
  }

  /** @param {boolean} writing */
  typing(writing) {
    if (writing) this.#typing.touched();
    else this.#typing.stopped();
  }

  /** @param {"end" | "above" | "away"} where  What of the chat is on view: its end, earlier lines, or nothing. */
  look(where) {
    this.#conversation.look(where);
  }

  turnOn() {
    return this.#holders.turnOn();
  }

  /** @param {boolean} plainly */
  write(plainly) {
    this.#conversation.write(plainly);
  }

  /** The number of all inside who have a device key, and how many they are. */
  async safety() {
    const owners = this.#holders.seen.members.filter(({ x25519_b64 }) => x25519_b64 !== null);
    return { count: owners.length, number: await safetyNumber(owners) };
  }

  /** @param {number} userId */
  changedAt(userId) {
    return this.#known.changedAt(userId);
  }

  /** @param {Snapshot} state */
  adopt(state) {
    this.#parts.forEach((part) => part.adopt?.(state));
  }

  /** @param {RoomEvent} event @param {Snapshot} state @param {boolean} live */
  take(event, state, live) {
    this.#parts.forEach((part) => part.take?.(event, state, live));
  }

  /** @param {import("./protocol.js").Signal} signal */
  signal(signal) {
    this.#typing.signal(signal);
  }

  /** @param {string} cid */
  acked(cid) {
    this.#conversation.acked(cid);
  }

  /** @param {import("./protocol.js").Refusal} refusal */
  refused(refusal) {
    this.#conversation.refused(refusal);
  }

  settle() {
    this.#parts.forEach((part) => part.settle?.());
  }

  close() {
    this.#parts.forEach((part) => part.close?.());
  }
}

/** Not crypto.randomUUID, which only secure contexts have. */
function uniqueName() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  return `${Array.from(random, (part) => part.toString(36)).join("")}-${++asked}`;
}

/** What the chat asks the server about this room.
 * @param {string} slug @param {Api} api @param {() => Promise<string | null>} token */
function serverOf(slug, api, token) {
  /** @template T @param {(token: string) => Promise<T>} question */
  const ask = async (question) => {
    const proof = await token();
    if (proof === null) throw new ApiError(401, "invalid_token", "");
    return question(proof);
  };
  /** @typedef {import("./sealed.js").Share} Share */
  return {
    look: () => ask((proof) => api.roomKey(proof, slug)),
    begin: (/** @type {number} */ epoch, /** @type {Share[]} */ shares) =>
      ask((proof) => api.beginKey(proof, slug, epoch, shares)),
    share: (/** @type {number} */ epoch, /** @type {Share[]} */ shares) =>
      ask((proof) => api.shareKey(proof, slug, epoch, shares)),
    myKey: (/** @type {number} */ epoch) => ask((proof) => api.myKey(proof, slug, epoch)),
    show: (/** @type {string} */ key) => ask((proof) => api.showDevice(proof, key)),
    remove: (/** @type {number} */ id) => ask((proof) => api.deleteLine(proof, slug, id)),
  };
}
