// @ts-check
/**
 * Our microphone and camera: what we want them to do, declared to the room whenever the room thinks otherwise.
 *
 * The room may turn us down, and only we turn ourselves on again. Knows no DOM and no calls.
 */

import { SILENCING } from "./protocol.js";
import { member, silenced } from "./room.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./protocol.js").Command} Command */
/** @typedef {import("./protocol.js").Refusal} Refusal */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */

const KINDS = /** @type {Kind[]} */ (["audio", "video"]);

export class Wishes {
  #state = /** @type {Snapshot | null} */ (null);
  /** @type {Record<Kind, boolean>} */
  on = { audio: false, video: false };

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {import("./media.js").LocalMedia} given.media
   * @param {(command: Command) => boolean} given.send
   * @param {(allowed: Record<Kind, boolean>) => void} given.allow  Told whenever the room may have changed its mind.
   * @param {() => void} given.changed
   * @param {(key: string) => void} given.notice
   */
  constructor({ me, media, send, allow, changed, notice }) {
    this.#me = me;
    this.#media = media;
    this.#send = send;
    this.#allow = allow;
    this.#changed = changed;
    this.#notice = notice;
    media.onlost = (kind) => this.#gaveUp(kind, "notice_device_lost");
  }

  #me;
  #media;
  #send;
  #allow;
  #changed;
  #notice;

  /** @param {Record<Kind, boolean>} on what of us is to be heard and seen from the start */
  begin(on) {
    this.on = { ...on };
  }

  /** What the room lets us send. */
  get allowed() {
    const mine = member(this.#state, this.#me);
    if (!this.#state || !mine) return { audio: true, video: true };
    return { audio: !silenced(this.#state, mine), video: !mine.admin_video_off };
  }

  /** @param {Kind} kind */
  toggle(kind) {
    return this.turn(kind, !this.on[kind]);
  }

  /** @param {Kind} kind @param {boolean} on */
  async turn(kind, on) {
    if (on === this.on[kind] || (on && !this.allowed[kind])) return;
    this.on[kind] = on;
    this.#changed();
    try {
      await this.#media.turn(kind, on);
      this.#declare();
    } catch {
      this.#gaveUp(kind, `notice_no_${kind}`); // the browser has told the person why, better than we can
    }
  }

  /** @param {Snapshot} state */
  adopt(state) {
    this.#state = state;
    this.#obey();
  }

  /** @param {RoomEvent} event @param {Snapshot} state @param {boolean} live */
  take(event, state, live) {
    this.adopt(state);
    if (live && event.user_id === this.#me && event.type === "member.joined") this.#declare();
  }

  settle() {
    this.#declare();
  }

  /** @param {Refusal} refusal */
  refused({ cid, reason }) {
    const kind = SILENCING[reason];
    if (cid !== "media" || !kind) return;
    this.#turnOff(kind);
    this.#declare();
  }

  #obey() {
    const allowed = this.allowed;
    KINDS.filter((kind) => this.on[kind] && !allowed[kind]).forEach((kind) => this.#turnOff(kind));
    this.#allow(allowed);
  }

  /** @param {Kind} kind */
  #turnOff(kind) {
    this.on[kind] = false;
    void this.#media.turn(kind, false);
  }

  /** Tell the room what we do, if it thinks otherwise. */
  #declare() {
    const mine = member(this.#state, this.#me);
    const flags = { mic_muted: !this.on.audio, cam_off: !this.on.video };
    if (!mine || (mine.mic_muted === flags.mic_muted && mine.cam_off === flags.cam_off)) return;
    this.#send({ type: "media.self", ...flags, cid: "media" });
  }

  /** @param {Kind} kind @param {string} notice */
  #gaveUp(kind, notice) {
    this.on[kind] = false;
    this.#declare();
    this.#notice(notice);
    this.#changed();
  }
}
