// @ts-check
/**
 * One recording being made: what the page sees painted, what it hears mixed, and both given out as they are encoded.
 *
 * The pace is a worker's (ticker.js), because a page's own clocks and frames stand still while it is hidden. Knows
 * neither the room nor where the bytes go.
 */

import { Painter } from "./painting.js";

/** @typedef {import("./mixing.js").Mixer} Mixer */
/** @typedef {import("./painting.js").Face} Face */

// VP8 first: this machine encodes its camera for everyone already.
const KINDS = ["video/webm;codecs=vp8,opus", "video/webm;codecs=vp9,opus", "video/webm", "video/mp4"];
const PER_SECOND = 15;
const PIECE = 2_000;
const SETTINGS = {
  videoBitsPerSecond: 1_800_000,
  audioBitsPerSecond: 96_000,
  videoKeyFrameIntervalDuration: 4_000, // where one can jump to when it is played
};

/** What this browser would make; undefined where it can make nothing. */
export function recordedAs() {
  const able = typeof MediaRecorder === "function" && typeof HTMLCanvasElement.prototype.captureStream === "function";
  return able ? KINDS.find((kind) => MediaRecorder.isTypeSupported(kind)) : undefined;
}

export class Recorder {
  #painter = new Painter();
  #mixer;
  #ticker = new Worker("/static/ticker.js");
  #recorder;
  #began = performance.now();
  /** @type {Promise<void>} */
  #stopped;

  /**
   * @param {object} given
   * @param {string} given.mime
   * @param {Mixer} given.mixer  Which has begun.
   * @param {() => Face[]} given.faces  To be seen at this moment.
   * @param {() => MediaStreamTrack[]} given.voices  To be heard.
   * @param {(piece: Blob, lasts: number) => void} given.piece
   * @param {() => void} given.failed
   */
  constructor({ mime, mixer, faces, voices, piece, failed }) {
    const stream = this.#painter.stream(PER_SECOND);
    const { track } = (this.#mixer = mixer);
    if (track) stream.addTrack(track);
    const mimeType = track ? mime : mime.replace(",opus", ""); // else Firefox would wait for what was promised
    this.#recorder = new MediaRecorder(stream, { mimeType, ...SETTINGS });
    this.#recorder.ondataavailable = ({ data }) => data.size > 0 && piece(data, this.lasts);
    this.#recorder.onerror = failed;
    this.#stopped = new Promise((resolve) => (this.#recorder.onstop = () => resolve()));
    const look = () => {
      this.#painter.paint(faces());
      this.#mixer.follow(voices());
    };
    this.#ticker.onmessage = look;
    look();
    this.#recorder.start(PIECE);
  }

  /** Seconds. */
  get lasts() {
    return (performance.now() - this.#began) / 1000;
  }

  /** Resolves when the last piece has been given out. */
  async stop() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    await this.#stopped;
    this.#ticker.terminate();
    this.#painter.close();
    this.#mixer.close();
  }
}
