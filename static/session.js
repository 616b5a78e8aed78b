// @ts-check
/**
 * One stay in one room: the connection, the room, the chat, the call and our own devices, introduced to each other.
 *
 * What we want (microphone, camera) lives here and is declared to the room whenever the room thinks otherwise; the
 * room may turn us down, and only we turn ourselves on again. Knows no DOM; whoever shows it reads `model`.
 */

import { Archive } from "./archive.js";
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { noticeOf } from "./notices.js";
import { SILENCING } from "./protocol.js";
import { apply, member, silenced } from "./room.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").Refusal} Refusal */
/** @typedef {import("./notices.js").Notice} Notice */
/** @typedef {Session["model"]} Model */

/**
 * @typedef {object} Hooks
 * @property {() => void} changed
 * @property {(notice: Notice) => void} notice
 * @property {(end: { code: number, reason: string | null }) => void} ended
 */

const KINDS = /** @type {Kind[]} */ (["audio", "video"]);
let asked = 0;

export class Session {
  #state = /** @type {Snapshot | null} */ (null);
  #since = Infinity; // what happened up to here was before our time
  /** @type {Record<Kind, boolean>} */
  #on = { audio: false, video: false };
  #renewal = /** @type {any} */ (null);
  /** @type {Connection} */
  #connection;
  /** @type {Calls} */
  #calls;
  /** @type {Archive} */
  #archive;

  /**
   * @param {object} given
   * @param {string} given.slug
   * @param {import("./api.js").Api} given.api
   * @param {import("./identity.js").Identity} given.identity
   * @param {import("./media.js").LocalMedia} given.media
   * @param {{ iceServers: RTCIceServer[], ttl: number }} given.rtc
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
      config: { iceServers: rtc.iceServers },
    });
    this.#archive = new Archive({
      slug, api,
      token: () => identity.sameUser(false),
      changed: hooks.changed,
      failed: (reason) => hooks.notice({ key: reason, args: [] }),
    });
    media.onchange = (kind, track) => this.#calls.replace(kind, track);
    media.onlost = (kind) => this.#gaveUp(kind, "notice_device_lost");
    this.#renewBefore(rtc.ttl);
  }

  #api;
  #identity;
  #media;
  #hooks;

  /** @param {Record<Kind, boolean>} on what of us is to be heard and seen from the start */
  async start(on) {
    this.#on = { ...on };
    await this.#connection.start();
  }

  get model() {
    const { slug, me } = this;
    return {
      slug, me,
      status: this.#connection.status,
      state: this.#state,
      since: this.#since,
      inviteKey: this.#archive.inviteKey,
      on: this.#on,
      allowed: this.#allowed,
      hand: this.#state?.hands_up.includes(me) ?? false,
      preview: this.#media.preview,
      lines: this.#archive.log.lines,
      drafts: this.#archive.log.drafts,
      earlier: this.#archive.earlier,
      name: (/** @type {number} */ id) => this.#archive.name(id),
      peer: (/** @type {number} */ id) => this.#calls.peer(id),
    };
  }

  /** @param {Kind} kind */
  async toggle(kind) {
    const on = !this.#on[kind];
    if (on && !this.#allowed[kind]) return;
    this.#on[kind] = on;
    this.#hooks.changed();
    try {
      await this.#media.turn(kind, on);
      this.#declare();
    } catch {
      this.#gaveUp(kind, `notice_no_${kind}`); // the browser has told the person why, better than we can
    }
  }

  toggleHand() {
    this.#connection.send({ type: this.model.hand ? "hand.lower" : "hand.raise", cid: "hand" });
  }

  /** @param {string} text */
  say(text) {
    const cid = uniqueName();
    this.#archive.log.say(cid, text, new Date().toISOString());
    this.#connection.post({ type: "chat.message", text, cid });
    this.#hooks.changed();
  }

  /** @param {string} cid of a line that was refused */
  sayAgain(cid) {
    const draft = this.#archive.log.takeBack(cid);
    if (draft) this.say(draft.text);
  }

  /** Older lines than those we have. */
  readBack() {
    return this.#archive.readBack();
  }

  hurry() {
    this.#connection.hurry();
  }

  leave() {
    this.#connection.leave();
    this.#close();
  }

  /** @type {import("./connection.js").Listener} */
  #listener = {
    status: (status) => {
      if (status === "live") this.#settle();
      this.#hooks.changed();
    },
    joined: () => {},
    adopt: (snapshot) => {
      this.#state = snapshot;
      this.#since = Math.min(this.#since, snapshot.seq);
      this.#archive.adopt(snapshot);
      this.#obey();
      this.#calls.adopt(snapshot);
    },
    event: (event) => this.#happened(event),
    signal: (signal) => this.#calls.signal(signal),
    acked: (cid) => this.#archive.log.said(cid) && this.#hooks.changed(),
    refused: (refusal) => this.#refused(refusal),
    ended: (end) => {
      this.#close();
      this.#hooks.ended(end);
    },
  };

  /** @param {RoomEvent} event */
  #happened(event) {
    const before = /** @type {Snapshot} */ (this.#state);
    const live = this.#connection.status === "live";
    this.#state = apply(before, event);
    this.#archive.take(event);
    this.#calls.follow(event, this.#state);
    this.#obey();
    if (live && event.user_id === this.me && event.type === "member.joined") this.#declare();
    if (event.user_id === this.me && event.type === "role.changed") void this.#archive.promoted();
    const notice = live ? noticeOf(event, before, this.me) : null;
    if (notice) this.#hooks.notice(notice);
    this.#hooks.changed();
  }

  /** Level with the room again. */
  #settle() {
    this.#declare();
    this.#calls.revive();
    void this.#archive.complete();
  }

  /** What the room lets us send. */
  get #allowed() {
    const mine = member(this.#state, this.me);
    if (!this.#state || !mine) return { audio: true, video: true };
    return { audio: !silenced(this.#state, mine), video: !mine.admin_video_off };
  }

  #obey() {
    const allowed = this.#allowed;
    KINDS.filter((kind) => this.#on[kind] && !allowed[kind]).forEach((kind) => this.#turnOff(kind));
    this.#calls.allow(allowed);
  }

  /** @param {Kind} kind */
  #turnOff(kind) {
    this.#on[kind] = false;
    void this.#media.turn(kind, false);
  }

  /** Tell the room what we do, if it thinks otherwise. */
  #declare() {
    const mine = member(this.#state, this.me);
    const flags = { mic_muted: !this.#on.audio, cam_off: !this.#on.video };
    if (!mine || (mine.mic_muted === flags.mic_muted && mine.cam_off === flags.cam_off)) return;
    this.#connection.send({ type: "media.self", ...flags, cid: "media" });
  }

  /** @param {Refusal} refusal */
  #refused(refusal) {
    const kind = SILENCING[refusal.reason];
    if (refusal.cid === "media" && kind) {
      this.#turnOff(kind);
      this.#declare();
    }
    if (refusal.cid === "media" || refusal.cid === "hand") this.#hooks.notice({ key: refusal.reason, args: [] });
    if (refusal.cid) this.#archive.log.refused(refusal.cid, refusal.reason);
    this.#calls.refused(refusal);
    this.#hooks.changed();
  }

  /** @param {Kind} kind @param {string} notice */
  #gaveUp(kind, notice) {
    this.#on[kind] = false;
    this.#declare();
    this.#hooks.notice({ key: notice, args: [] });
    this.#hooks.changed();
  }

  /** Relays' passwords run out; get new ones in time. @param {number} seconds */
  #renewBefore(seconds) {
    this.#renewal = setTimeout(() => this.#renew(), Math.min(Math.max(seconds * 800, 10_000), 3_600_000));
  }

  async #renew() {
    const token = await this.#identity.sameUser(false);
    const rtc = token === null ? null : await this.#api.rtcConfig(token).catch(() => null); // we ask again in a while
    if (rtc) this.#calls.configure({ iceServers: rtc.iceServers });
    this.#renewBefore(rtc?.ttl ?? 0);
  }

  #close() {
    clearTimeout(this.#renewal);
    this.#calls.close();
    this.#media.close();
  }
}

/** Not crypto.randomUUID, which only secure contexts have. */
function uniqueName() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  return `${Array.from(random, (part) => part.toString(36)).join("")}-${++asked}`;
}
