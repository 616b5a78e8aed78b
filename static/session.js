// @ts-check
/**
 * One stay in one room: the connection, the room, and the parts that follow it, introduced to each other.
 *
 * Knows no DOM; whoever shows it reads `model` and acts through the parts.
 */

import { Archive } from "./archive.js";
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { Recordings } from "./recordings.js";
import { Moderation } from "./moderation.js";
import { noticeOf } from "./notices.js";
import { facesOf } from "./faces.js";
import { apply } from "./room.js";
import { Senses } from "./senses.js";
import { t } from "./strings.js";
import { Talk } from "./talk.js";
import { Wishes } from "./wishes.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Signal} Signal */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").Refusal} Refusal */
/** @typedef {import("./notices.js").Notice} Notice */
/** @typedef {Session["model"]} Model */

/**
 * @typedef {object} Hooks
 * @property {() => void} changed
 * @property {(notice: Notice) => void} notice
 * @property {(end: { code: number, reason: string | null, farewell: Notice[] }) => void} ended
 */

/**
 * @typedef {object} Part  What follows the room; every method is called only if it is there, in the order of the parts.
 * @property {(state: Snapshot) => void} [adopt]  The room as it is, when what led to it is not known.
 * @property {(event: RoomEvent, state: Snapshot, live: boolean) => void} [take]  With the room after it.
 * @property {(signal: Signal) => void} [signal]
 * @property {(cid: string) => void} [acked]
 * @property {(refusal: Refusal) => void} [refused]
 * @property {() => void} [settle]  Level with the room again.
 * @property {() => void} [close]
 */

/** @param {import("./api.js").Relays} relays @returns {RTCConfiguration} */
const configuration = ({ iceServers, iceTransportPolicy = "all" }) => ({ iceServers, iceTransportPolicy });

export class Session {
  #state = /** @type {Snapshot | null} */ (null);
  #since = Infinity; // what happened up to here was before our time
  #renewal = /** @type {any} */ (null);
  #blocked = false; // requests pass, and sockets do not
  /** @type {Connection} */
  #connection;
  /** @type {Calls} */
  #calls;
  /** @type {Archive} */
  #archive;
  /** Our microphone and camera: what we want, and what we may. */
  wishes;
  /** @type {Part[]} */
  #parts;

  /**
   * @param {object} given
   * @param {string} given.slug
   * @param {import("./api.js").Api} given.api
   * @param {import("./identity.js").Identity} given.identity
   * @param {import("./media.js").LocalMedia} given.media
   * @param {import("./api.js").Relays} given.rtc
   * @param {string} [given.inviteKey]
   * @param {Hooks} given.hooks
   */
  constructor({ slug, api, identity, media, rtc, inviteKey, hooks }) {
    this.slug = slug;
    this.me = identity.userId ?? 0;
    this.#api = api;
    this.#identity = identity;
    this.#media = media;
    this.#hooks = hooks;
    this.#connection = new Connection({
      url: `${location.origin.replace(/^http/, "ws")}/ws/rooms/${slug}`,
      token: (renew) => identity.sameUser(renew),
      inviteKey,
      listener: this.#listener,
    });
    this.#calls = new Calls({
      me: this.me,
      send: (command) => this.#connection.send(command),
      changed: hooks.changed,
      tracks: media.tracks,
      config: configuration(rtc),
    });
    const token = () => identity.sameUser(false);
    this.talk = new Talk({
      slug, me: this.me, api, token,
      connection: this.#connection,
      changed: hooks.changed,
      notice: (key, ...args) => hooks.notice({ key, args }),
      name: (id) => this.#archive.name(id),
    });
    this.#archive = new Archive({
      slug, api, token,
      log: this.talk.log,
      changed: hooks.changed,
      failed: (reason) => hooks.notice({ key: reason, args: [] }),
    });
    media.onchange = (kind, track) => this.#calls.replace(kind, track);
    this.wishes = new Wishes({
      me: this.me, media,
      send: (command) => this.#connection.send(command),
      allow: (allowed) => this.#calls.allow(allowed),
      changed: hooks.changed,
      notice: (key) => hooks.notice({ key, args: [] }),
    });
    this.senses = new Senses({
      me: this.me, media,
      calls: this.#calls,
      changed: hooks.changed,
      notice: (key) => hooks.notice({ key, args: [] }),
    });
    this.moderation = new Moderation({
      me: this.me, slug, api, identity,
      send: (command) => this.#connection.send(command),
      changed: hooks.changed,
      failed: (reason) => hooks.notice({ key: reason, args: [] }),
    });
    this.recordings = new Recordings({
      slug, api, identity,
      me: this.me,
      send: (command) => this.#connection.send(command),
      faces: () => facesOf(this.model),
      voices: () => [media.tracks.audio, ...this.#calls.peers.flatMap(({ stream }) => stream.getAudioTracks())]
        .filter((track) => track !== null),
      changed: hooks.changed,
      notice: (key) => hooks.notice({ key, args: [] }),
    });
    this.#parts = [this.recordings, this.talk, this.#archive, this.moderation, this.wishes, this.senses, this.#calls];
    this.#renewBefore(rtc.ttl);
    identity.renewed = () => this.#connection.reopen();
  }

  #api;
  #identity;
  #media;
  #hooks;

  /** @param {Record<Kind, boolean>} on what of us is to be heard and seen from the start */
  async start(on) {
    this.wishes.begin(on);
    await this.talk.begin();
    await this.#connection.start();
  }

  get model() {
    const { slug, me } = this;
    return {
      slug, me,
      status: this.#connection.status,
      blocked: this.#blocked,
      state: this.#state,
      since: this.#since,
      inviteKey: this.#archive.inviteKey,
      on: this.wishes.on,
      allowed: this.wishes.allowed,
      ...this.senses.model,
      moderation: this.moderation.model,
      recordings: this.recordings.model,
      hand: this.#state?.hands_up.includes(me) ?? false,
      preview: this.#media.preview,
      chat: { ...this.talk.model, earlier: this.#archive.earlier, reading: this.#archive.reading },
      name: (/** @type {number} */ id) => this.#archive.name(id),
      peer: (/** @type {number} */ id) => this.#calls.peer(id),
    };
  }

  toggleHand() {
    this.#connection.send({ type: this.model.hand ? "hand.lower" : "hand.raise", cid: "hand" });
  }

  /** Older lines than those we have. */
  readBack() {
    return this.#archive.readBack();
  }

  hurry() {
    this.#connection.hurry();
  }

  leave() {
    this.recordings.leaving();
    this.#connection.leave();
    this.#close();
  }

  /** @type {import("./connection.js").Listener} */
  #listener = {
    status: (status) => {
      if (status === "live") this.#parts.forEach((part) => part.settle?.());
      this.#hooks.changed();
    },
    joined: () => {
      this.#blocked = false;
    },
    deaf: () => void this.#ask(),
    adopt: (snapshot) => {
      this.#state = snapshot;
      this.#since = Math.min(this.#since, snapshot.seq);
      this.#parts.forEach((part) => part.adopt?.(snapshot));
    },
    event: (event) => this.#happened(event),
    signal: (signal) => this.#parts.forEach((part) => part.signal?.(signal)),
    acked: (cid) => {
      this.#parts.forEach((part) => part.acked?.(cid));
      this.#hooks.changed();
    },
    refused: (refusal) => this.#refused(refusal),
    ended: (end) => {
      this.#close();
      this.#hooks.ended({ ...end, farewell: this.#farewell });
    },
  };

  /** Sockets fail; if requests pass, it is not the network and not the server but something between. */
  async #ask() {
    this.#blocked = await this.#api.isThere();
    this.#hooks.changed();
  }

  /** @param {RoomEvent} event */
  #happened(event) {
    const before = /** @type {Snapshot} */ (this.#state);
    const live = this.#connection.status === "live";
    const state = (this.#state = apply(before, event));
    this.#parts.forEach((part) => part.take?.(event, state, live));
    const promoted = event.user_id === this.me && event.type === "role.changed";
    if (promoted || event.type === "room.updated") void this.#archive.promoted();
    const scene = { before, after: state, me: this.me, name: (/** @type {number} */ id) => this.#name(id) };
    const notice = live ? noticeOf(event, scene) : null;
    if (notice) this.#hooks.notice(notice);
    this.#hooks.changed();
  }

  /** @param {number} id */
  #name(id) {
    return this.#archive.name(id) || t("somebody");
  }

  /** What is said at the door to one who was thrown out. @returns {Notice[]} */
  get #farewell() {
    const cause = this.moderation.farewell;
    if (!cause) return [];
    const by = { key: "removed_by", args: [this.#name(cause.by)] };
    return cause.reason ? [by, { key: "reason_is", args: [cause.reason] }] : [by];
  }

  /** @param {Refusal} refusal */
  #refused(refusal) {
    if (refusal.cid === "media" || refusal.cid === "hand") this.#hooks.notice({ key: refusal.reason, args: [] });
    this.#parts.forEach((part) => part.refused?.(refusal));
    this.#hooks.changed();
  }

  /** Relays' passwords run out; get new ones in time. @param {number} seconds */
  #renewBefore(seconds) {
    this.#renewal = setTimeout(() => this.#renew(), Math.min(Math.max(seconds * 800, 10_000), 3_600_000));
  }

  async #renew() {
    const rtc = await this.#identity.sameUser(false)
      .then((token) => (token === null ? null : this.#api.rtcConfig(token)))
      .catch(() => null); // we ask again in a while
    if (this.#connection.status === "ended") return;
    if (rtc) this.#calls.configure(configuration(rtc));
    this.#renewBefore(rtc?.ttl ?? 0);
  }

  #close() {
    clearTimeout(this.#renewal);
    this.#identity.renewed = () => {};
    this.#parts.forEach((part) => part.close?.());
    this.#media.close();
  }
}
