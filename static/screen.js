// @ts-check
/**
 * Our own screen, when we share it: asked for each time, and let go as soon as the room, the browser or we say so.
 *
 * Knows no calls: whoever sends it is told when it comes and goes.
 */

import { member } from "./room.js";

/** @typedef {import("./protocol.js").Snapshot} Snapshot */

const WISH = { video: { frameRate: { ideal: 15, max: 30 } }, audio: false };

export class Screen {
  #stream = /** @type {MediaStream | null} */ (null);
  #asking = false;
  #allowed = true;
  #closed = false;

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {(track: MediaStreamTrack | null) => void} given.replace
   * @param {() => void} given.changed
   * @param {(key: string) => void} given.notice
   * @param {Pick<MediaDevices, "getDisplayMedia"> | null} [given.devices]
   */
  constructor({ me, replace, changed, notice, devices = navigator.mediaDevices }) {
    this.#me = me;
    this.#replace = replace;
    this.#changed = changed;
    this.#notice = notice;
    this.#devices = devices;
  }

  #me;
  #replace;
  #changed;
  #notice;
  #devices;

  get shown() {
    const able = typeof this.#devices?.getDisplayMedia === "function"; // phones have none
    return { able, allowed: this.#allowed, preview: this.#stream };
  }

  async toggle() {
    if (this.#stream) return this.#stop();
    if (this.#asking || !this.#allowed) return;
    this.#asking = true;
    try {
      const stream = await this.#devices?.getDisplayMedia(WISH);
      if (stream) this.#start(stream);
    } catch (error) {
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      if (!refused) this.#notice("notice_no_screen"); // whoever has just said no need not be told
    } finally {
      this.#asking = false;
    }
  }

  /** @param {Snapshot} state */
  adopt(state) {
    const allowed = !member(state, this.#me)?.admin_video_off;
    if (allowed === this.#allowed) return;
    this.#allowed = allowed;
    if (!allowed) this.#stop();
  }

  /** @param {unknown} _ @param {Snapshot} state */
  take(_, state) {
    this.adopt(state);
  }

  close() {
    this.#closed = true;
    this.#stop();
  }

  /** @param {MediaStream} stream */
  #start(stream) {
    const [track] = stream.getVideoTracks();
    if (!this.#allowed || this.#closed) return track.stop(); // while the browser was asking
    track.contentHint = "detail"; // letters matter more than motion
    track.onended = () => this.#stop(); // by the browser's own button
    this.#stream = stream;
    this.#replace(track);
    this.#changed();
  }

  #stop() {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this.#stream = null;
    this.#replace(null);
    this.#changed();
  }
}
