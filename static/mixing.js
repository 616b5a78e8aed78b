// @ts-check
/** All voices in one track: whoever comes is mixed in, whoever goes is taken out. Knows tracks, and nobody's name. */

const PATIENCE = 2_000;

export class Mixer {
  #context = new AudioContext();
  #together = this.#context.createMediaStreamDestination();
  #silence = this.#context.createConstantSource();
  #voices = /** @type {Map<MediaStreamTrack, MediaStreamAudioSourceNode>} */ (new Map());

  constructor() {
    const none = this.#context.createGain();
    none.gain.value = 0;
    this.#silence.connect(none).connect(this.#together); // a track without any sound would stand still
    this.#silence.start();
  }

  /** Until it is clear whether it runs: on a machine without any sound output Firefox never begins. */
  async begin() {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    await Promise.race([this.#context.resume(), late]);
  }

  /** null: there is no sound. */
  get track() {
    return this.#context.state === "running" ? this.#together.stream.getAudioTracks()[0] : null;
  }

  /** @param {MediaStreamTrack[]} tracks  Those that are to be heard from now on. */
  follow(tracks) {
    const living = new Set(tracks.filter(({ readyState }) => readyState === "live"));
    for (const [track, node] of this.#voices) {
      if (living.has(track)) continue;
      node.disconnect();
      this.#voices.delete(track);
    }
    for (const track of living) {
      if (this.#voices.has(track)) continue;
      const node = this.#context.createMediaStreamSource(new MediaStream([track]));
      node.connect(this.#together);
      this.#voices.set(track, node);
    }
  }

  close() {
    this.follow([]);
    void this.#context.close();
  }
}
