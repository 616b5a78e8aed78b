// @ts-check
/**
 * The call of a room: one connection to each of the others, following who comes and goes.
 *
 * A newcomer calls everyone who is inside; those inside wait to be called. So every pair has one caller, and a lost
 * socket (which the room hears nothing of) touches no call. Knows no socket and no DOM elements.
 */

import { member } from "./room.js";
import { Peer } from "./peer.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./sections.js").Section} Section */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Signal} Signal */
/** @typedef {import("./protocol.js").Command} Command */

export class Calls {
  #peers = /** @type {Map<number, Peer>} */ (new Map());
  /** @type {import("./peer.js").Ours} */
  #ours;

  /**
   * @param {object} options
   * @param {number} options.me
   * @param {(command: Command) => boolean} options.send
   * @param {() => void} options.changed  A stream or a connection looks different now.
   * @param {Record<Kind, MediaStreamTrack | null>} options.tracks  To begin with.
   * @param {RTCConfiguration} options.config
   */
  constructor({ me, send, changed, tracks, config }) {
    this.#ours = {
      me, send, changed, config,
      tracks: { ...tracks, screen: null },
      together: new MediaStream(),
      apart: new MediaStream(),
      allowed: { audio: true, video: true },
      others: 0,
    };
  }

  /** @param {RTCConfiguration} config */
  configure(config) {
    this.#ours.config = config;
    this.#peers.forEach((peer) => peer.configure(config));
  }

  /** The room as it is, when what led to it is not known. @param {Snapshot} state */
  adopt(state) {
    for (const id of this.#peers.keys()) if (!member(state, id)) this.#drop(id);
    if (member(state, this.#ours.me)) this.#callAll(state); // otherwise our own joining is still to come
  }

  /** @param {RoomEvent} event @param {Snapshot} state the room after it */
  take({ type, user_id }, state) {
    const mine = user_id === this.#ours.me;
    if (type === "member.joined" && mine) {
      this.close(); // whoever was connected to us has hung up when we left
      this.#callAll(state);
    } else if (type === "member.joined" || type === "member.left" || type === "member.kicked") {
      if (mine) this.close();
      else this.#drop(user_id);
    }
  }

  /** @param {Signal} signal */
  signal(signal) {
    const peer = this.#peers.get(signal.from);
    if (peer) peer.take(signal);
    else if (signal.type === "offer") this.#add(signal.from).take(signal);
  }

  /** @param {{ cid?: string, reason: string }} refusal */
  refused(refusal) {
    this.#peers.forEach((peer) => peer.refused(refusal));
  }

  /** @param {Section} section @param {MediaStreamTrack | null} track */
  replace(section, track) {
    this.#ours.tracks[section] = track;
    this.#peers.forEach((peer) => peer.refresh());
  }

  /** @param {Record<Kind, boolean>} allowed what the room lets us send */
  allow(allowed) {
    const { audio, video } = this.#ours.allowed;
    if (allowed.audio === audio && allowed.video === video) return;
    this.#ours.allowed = allowed;
    this.#peers.forEach((peer) => peer.refresh());
  }

  settle() {
    this.#peers.forEach((peer) => peer.revive());
  }

  /** @param {number} id */
  peer(id) {
    return this.#peers.get(id);
  }

  get peers() {
    return [...this.#peers.values()];
  }

  close() {
    for (const id of [...this.#peers.keys()]) this.#drop(id);
  }

  /** @param {Snapshot} state */
  #callAll({ participants }) {
    for (const { user_id } of participants) {
      if (user_id !== this.#ours.me && !this.#peers.has(user_id)) this.#add(user_id).call();
    }
  }

  /** @param {number} id */
  #add(id) {
    const peer = new Peer(id, this.#ours);
    this.#peers.set(id, peer);
    this.#counted();
    return peer;
  }

  /** @param {number} id */
  #drop(id) {
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
    this.#counted();
  }

  /** Everyone gets as much of us as there is for so many. */
  #counted() {
    this.#ours.others = this.#peers.size;
    this.#peers.forEach((peer) => peer.refresh());
    this.#ours.changed();
  }
}
