// @ts-check
/**
 * Who is speaking: listens to how loud everyone is, ourselves included, and forgets short noises and short pauses.
 *
 * `Voices` is the arithmetic alone, without clock and sound; `Levels` feeds it.
 */

import { audioContext } from "./sounds.js";

/** @typedef {{ id: number, level: number }} Source */

const EVERY = 150;
const LOUD = 0.02; // of 1; speech in a room is above it, a fan is not
const HOLD = 1_200; // people breathe
const ATTACK = 0.5;
const DECAY = 0.6;

export class Voices {
  #voices = /** @type {Map<number, { loudness: number, until: number }>} */ (new Map());
  /** Who is speaking, as of the last time anyone listened. */
  speaking = /** @type {number[]} */ ([]);

  /** Answers whether that is different now. @param {Source[]} sources @param {number} now */
  hear(sources, now) {
    const heard = sources.map(({ id, level }) => /** @type {const} */ ([id, this.#listen(id, level, now)]));
    const speaking = heard.filter(([, { until }]) => until > now).map(([id]) => id).sort((a, b) => a - b);
    const same = String(speaking) === String(this.speaking);
    this.#voices = new Map(heard);
    this.speaking = speaking;
    return !same;
  }

  /** @param {number} id @param {number} level @param {number} now */
  #listen(id, level, now) {
    const { loudness, until } = this.#voices.get(id) ?? { loudness: 0, until: 0 };
    const next = level > loudness ? loudness + (level - loudness) * ATTACK : Math.max(level, loudness * DECAY);
    return { loudness: next, until: next > LOUD ? now + HOLD : until };
  }
}

export class Levels {
  #voices = new Voices();
  #own = /** @type {Meter | null} */ (null);
  #timer;

  /**
   * @param {object} given
   * @param {number} given.me
   * @param {() => Source[]} given.others
   * @param {() => MediaStreamTrack | null} given.track  Our microphone.
   * @param {() => void} given.changed
   */
  constructor({ me, others, track, changed }) {
    this.#me = me;
    this.#others = others;
    this.#track = track;
    this.#changed = changed;
    this.#timer = setInterval(() => this.#listen(), EVERY);
  }

  #me;
  #others;
  #track;
  #changed;

  /** @param {number} id */
  speaking(id) {
    return this.#voices.speaking.includes(id);
  }

  close() {
    clearInterval(this.#timer);
    this.#own?.close();
  }

  #listen() {
    const sources = [...this.#others(), { id: this.#me, level: this.#ownLevel() }];
    if (this.#voices.hear(sources, performance.now())) this.#changed();
  }

  #ownLevel() {
    const track = this.#track();
    if (track !== (this.#own?.track ?? null)) {
      this.#own?.close();
      this.#own = track && new Meter(track);
    }
    return track?.enabled && this.#own ? this.#own.level : 0;
  }
}

/** How loud one track is. */
class Meter {
  #samples = new Float32Array(512);

  /** @param {MediaStreamTrack} track */
  constructor(track) {
    this.track = track;
    const context = audioContext();
    this.#source = context.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = new AnalyserNode(context, { fftSize: 512 });
    this.#source.connect(this.#analyser);
  }

  #source;
  #analyser;

  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
  }

  close() {
    this.#source.disconnect();
  }
}
