// @ts-check
/**
 * Keeping order: what we do to others and to the room, and who did what to us and why.
 *
 * Asks by REST; what comes of it is heard as an event like everything else, so nothing here changes the room. While a
 * question is on the way its subject is busy. Knows no DOM, and no rule: the server refuses, and that is passed on.
 */

import { ApiError } from "./api.js";
import { entries, isVague } from "./ledger.js";
import { measuresOn } from "./ranks.js";
import { member } from "./room.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./notices.js").Notice} Notice */
/** @typedef {{ by: number, reason: string | null }} Cause */
/** @typedef {number | "room" | "mute_all" | "lock"} Subject  A user's id, or a matter of the room. */
/** @typedef {{ deeds: import("./api.js").Deed[], events: Map<number, RoomEvent>, whole: boolean }} Log */

const PAGE = 50; // how many deeds the server tells at once
const PAGES = 3; // how far we read on to know what they were

export class Moderation {
  #state = /** @type {Snapshot | null} */ (null);
  #busy = /** @type {Set<Subject>} */ (new Set());
  #causes = /** @type {Map<string, Cause>} */ (new Map());
  #names = /** @type {Map<number, string>} */ (new Map()); // of all who ever were here
  /** Who threw us out, if anybody has, and why. */
  farewell = /** @type {Cause | null} */ (null);

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {string} given.slug
   * @param {import("./api.js").Api} given.api
   * @param {import("./identity.js").Identity} given.identity
   * @param {(command: import("./protocol.js").Command) => boolean} given.send
   * @param {() => void} given.changed
   * @param {(reason: string) => void} given.failed
   */
  constructor({ me, slug, api, identity, send, changed, failed }) {
    this.#me = me;
    this.#slug = slug;
    this.#api = api;
    this.#identity = identity;
    this.#send = send;
    this.#changed = changed;
    this.#failed = failed;
  }

  #me;
  #slug;
  #api;
  #identity;
  #send;
  #changed;
  #failed;

  // ---- what was done to us ----

  /** @param {Snapshot} state */
  adopt(state) {
    this.#state = state;
  }

  /** @param {RoomEvent} event @param {Snapshot} state */
  take(event, state) {
    this.#state = state;
    const cause = { by: event.by_user, reason: event.reason ?? null };
    if (event.type === "state.changed") this.#causes.set("measure_mute_all", cause);
    if (event.user_id !== this.#me) return;
    if (event.type === "media.forced") this.#causes.set("measure_muted", cause);
    if (event.type === "media.video_forced") this.#causes.set("measure_hidden", cause);
    if (event.type === "member.kicked") this.farewell = cause;
  }

  get model() {
    const measures = measuresOn(this.#state, member(this.#state, this.#me));
    return {
      /** What is held against us now; who did it is known if it happened before our eyes. */
      measures: measures.map((measure) => ({ ...measure, cause: this.#causes.get(measure.key) ?? null })),
      busy: (/** @type {Subject} */ subject) => this.#busy.has(subject),
    };
  }

  // ---- people ----

  /** @param {number} userId @param {boolean} muted @param {string} [reason] */
  mute(userId, muted, reason) {
    return this.#deed("force_mute", { user_id: userId, muted, reason });
  }

  /** @param {number} userId @param {boolean} off @param {string} [reason] */
  hide(userId, off, reason) {
    return this.#deed("force_video", { user_id: userId, video_off: off, reason });
  }

  /** @param {number} userId @param {boolean} can */
  letSpeak(userId, can) {
    return this.#deed("speak", { user_id: userId, can_speak: can });
  }

  /** @param {number} userId @param {"admin" | "guest"} role */
  setRole(userId, role) {
    return this.#deed(role === "admin" ? "promote_admin" : "demote_admin", { user_id: userId });
  }

  /** @param {number} userId @param {number} seconds for how long the way back is closed @param {string} [reason] */
  kick(userId, seconds, reason) {
    return this.#deed("kick", { user_id: userId, ban_sec: seconds, reason });
  }

  /** @param {number} userId */
  unban(userId) {
    return this.#deed("unban", { user_id: userId });
  }

  /** The one deed that goes by the socket. @param {number} userId */
  async lowerHand(userId) {
    if (!this.#send({ type: "hand.lower", user_id: userId, cid: "hand" })) throw new ApiError(0, "unreachable", "");
  }

  // ---- the room ----

  /** @param {string} topic */
  setTopic(topic) {
    return this.#ask("room", (token) => this.#api.setState(token, this.#slug, "set_topic", { topic }));
  }

  /** @param {boolean} value */
  lock(value) {
    return this.#ask("lock", (token) => this.#api.setState(token, this.#slug, "set_lock", { value }));
  }

  /** @param {boolean} value */
  muteAll(value) {
    return this.#ask("mute_all", (token) => this.#api.setState(token, this.#slug, "set_mute_all", { value }));
  }

  /** What the snapshot does not say: private or not, the key to invite with. */
  room() {
    return this.#ask("room", (token) => this.#api.room(token, this.#slug));
  }

  /** @param {{ title?: string, is_private?: boolean, new_invite_key?: true }} changes */
  changeRoom(changes) {
    return this.#ask("room", (token) => this.#api.changeRoom(token, this.#slug, changes));
  }

  /** @param {Blob | null} file null: none any more */
  setCover(file) {
    return this.#ask("room", (token) =>
      file ? this.#api.setCover(token, this.#slug, file) : this.#api.removeCover(token, this.#slug));
  }

  deleteRoom() {
    return this.#ask("room", (token) => this.#api.deleteRoom(token, this.#slug));
  }

  // ---- reading ----

  bans() {
    return this.#ask("room", async (token) => {
      await this.#meetEverybody(token);
      return (await this.#api.bans(token, this.#slug)).items;
    });
  }

  /** What moderators did, newest first: what was read before, and a page more. @param {Log} [read] */
  log(read = { deeds: [], events: new Map(), whole: false }) {
    return this.#ask("room", async (token) => {
      await this.#meetEverybody(token);
      const { items } = await this.#api.deeds(token, this.#slug, read.deeds.at(-1)?.seq);
      const events = new Map([...read.events, ...(await this.#told(token, items))]);
      const log = { deeds: [...read.deeds, ...items], events, whole: items.length < PAGE };
      return { log, entries: entries(log.deeds, events, log.whole) };
    });
  }

  /** Of somebody who is or was here, once a list has been read. @param {number | null} userId */
  name(userId) {
    return member(this.#state, userId ?? 0)?.nickname ?? this.#names.get(userId ?? 0) ?? "";
  }

  // ---- oneself ----

  /** @param {string} nickname @param {Blob | null} picture */
  showMyself(nickname, picture) {
    return this.#ask(this.#me, async (token) => {
      if (nickname !== member(this.#state, this.#me)?.nickname) await this.#identity.introduce(nickname);
      if (picture) await this.#api.setAvatar(token, this.#me, picture);
    });
  }

  /** For what has no dialog to say a refusal in. @param {Promise<unknown>} deed */
  async tried(deed) {
    try {
      await deed;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#failed(error.reason);
    }
  }

  /** @param {string} action @param {{ user_id: number, reason?: string } & Record<string, unknown>} body */
  #deed(action, body) {
    return this.#ask(body.user_id, (token) =>
      this.#api.moderate(token, this.#slug, action, { ...body, reason: body.reason || undefined }));
  }

  /** What the log leaves open about these deeds, as far as a few pages of history tell.
   * @param {string} token @param {import("./api.js").Deed[]} deeds */
  async #told(token, deeds) {
    const open = deeds.filter(isVague).map(({ seq }) => seq);
    const events = /** @type {Map<number, RoomEvent>} */ (new Map());
    let from = Math.min(...open);
    for (let pages = 0; pages < PAGES && from <= open[0]; pages++) {
      const { items = [], next_seq } = await this.#api.history(token, this.#slug, from - 1);
      items.filter(({ seq }) => open.includes(seq)).forEach((event) => events.set(event.seq, event));
      if (!items.length) break; // forgotten by the server
      from = next_seq;
    }
    return events;
  }

  /** @param {string} token */
  async #meetEverybody(token) {
    const { participants } = await this.#api.everybody(token, this.#slug);
    participants.forEach(({ user_id, nickname }) => this.#names.set(user_id, nickname));
  }

  /** @template T @param {Subject} subject @param {(token: string) => Promise<T>} question */
  async #ask(subject, question) {
    this.#busy.add(subject);
    this.#changed();
    try {
      const token = await this.#identity.sameUser(false);
      if (token === null) throw new ApiError(401, "invalid_token", "");
      return await question(token);
    } finally {
      this.#busy.delete(subject);
      this.#changed();
    }
  }
}
