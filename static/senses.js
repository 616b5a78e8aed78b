// @ts-check
/**
 * What a call has beside faces and voices: who is speaking, how good the lines are, our screen, the small sounds.
 *
 * A part of the session that holds four small ones together, so that whoever shows them finds them in one place.
 */

import { Levels } from "./levels.js";
import { Quality } from "./quality.js";
import { Screen } from "./screen.js";
import { Sounds } from "./sounds.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */

export class Senses {
  /**
   * @param {object} given
   * @param {number} given.me
   * @param {import("./calls.js").Calls} given.calls
   * @param {import("./media.js").LocalMedia} given.media
   * @param {() => void} given.changed
   * @param {(key: string) => void} given.notice
   */
  constructor({ me, calls, media, changed, notice }) {
    this.#changed = changed;
    this.sounds = new Sounds({ me });
    this.screen = new Screen({ me, changed, notice, replace: (track) => calls.replace("screen", track) });
    this.#levels = new Levels({ me, changed, others: () => calls.peers, track: () => media.tracks.audio });
    this.#quality = new Quality({ changed, lines: () => calls.peers });
  }

  #changed;
  #levels;
  #quality;

  get model() {
    return {
      screen: this.screen.shown,
      sounds: this.sounds.on,
      speaking: (/** @type {number} */ id) => this.#levels.speaking(id),
      quality: (/** @type {number} */ id) => this.#quality.of(id),
    };
  }

  toggleSounds() {
    this.sounds.toggle();
    this.#changed();
  }

  /** @param {Snapshot} state */
  adopt(state) {
    this.screen.adopt(state);
  }

  /** @param {RoomEvent} event @param {Snapshot} state @param {boolean} live */
  take(event, state, live) {
    this.screen.take(event, state);
    this.sounds.take(event, state, live);
  }

  close() {
    this.screen.close();
    this.#levels.close();
    this.#quality.close();
  }
}
