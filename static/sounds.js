// @ts-check
/**
 * The small sounds of a room: someone comes, someone goes, someone raises a hand. Made here, of two tones each.
 *
 * Can be turned off, and is remembered. Knows no room beyond its events.
 */

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */

const KEY = "axenix.sounds";
const LOUDNESS = 0.08;

/** Hertz, one after the other. @type {Record<string, [number, number]>} */
const TUNES = {
  "member.joined": [523.25, 783.99],
  "member.left": [659.25, 440],
  "hand.raised": [880, 880],
};

let context = /** @type {AudioContext | null} */ (null);

/** One for the whole page: browsers grant only a few. */
export const audioContext = () => (context ??= new AudioContext());

export class Sounds {
  /** @param {{ me: number, storage?: Storage, play?: typeof chime }} given */
  constructor({ me, storage = localStorage, play = chime }) {
    this.#me = me;
    this.#storage = storage;
    this.#play = play;
  }

  #me;
  #storage;
  #play;

  get on() {
    return this.#storage.getItem(KEY) !== "off";
  }

  toggle() {
    if (this.on) return this.#storage.setItem(KEY, "off");
    this.#storage.removeItem(KEY);
    this.#play(TUNES["member.joined"]);
  }

  /** @param {RoomEvent} event @param {unknown} _ @param {boolean} live */
  take({ type, user_id }, _, live) {
    const tune = Object.hasOwn(TUNES, type) && TUNES[type];
    if (tune && live && user_id !== this.#me && this.on) this.#play(tune);
  }
}

/** @param {[number, number]} tune */
function chime(tune) {
  const out = audioContext();
  void out.resume();
  const begin = out.currentTime + 0.02;
  tune.forEach((frequency, index) => ring(out, frequency, begin + index * 0.11));
}

/** A soft stroke that dies away. @param {AudioContext} out @param {number} frequency @param {number} at */
function ring(out, frequency, at) {
  const tone = new OscillatorNode(out, { frequency, type: "sine" });
  const volume = new GainNode(out, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.015);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.35);
  tone.connect(volume).connect(out.destination);
  tone.start(at);
  tone.stop(at + 0.4);
}
