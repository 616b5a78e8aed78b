// @ts-check
/**
 * Our own microphone and camera: asked for when first needed, the microphone kept and silenced, the camera let go.
 *
 * Knows nothing of calls: whoever sends the tracks is told when they change.
 */

/** @typedef {"audio" | "video"} Kind */

/** @type {Record<Kind, MediaTrackConstraints>} */
const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24, max: 30 } },
};

export class LocalMedia {
  /** @type {Record<Kind, MediaStreamTrack | null>} */
  #tracks = { audio: null, video: null };
  /** @type {Record<Kind, boolean>} */
  #wanted = { audio: false, video: false };
  #closed = false;
  /** What we see of ourselves. */
  preview = new MediaStream();

  /** @type {(kind: Kind, track: MediaStreamTrack | null) => void} */
  onchange = () => {};
  /** A device was taken away. @type {(kind: Kind) => void} */
  onlost = () => {};

  get tracks() {
    return { ...this.#tracks };
  }

  /** Several at once, so that the browser asks one question. Throws what the browser says.
   * @param {Kind[]} kinds */
  async open(kinds) {
    const missing = kinds.filter((kind) => !this.#tracks[kind]);
    kinds.forEach((kind) => (this.#wanted[kind] = true));
    if (missing.length > 0) await this.#ask(missing);
    kinds.forEach((kind) => this.#settle(kind)); // some may have been turned off while the browser was asking
  }

  /** @param {Kind} kind @param {boolean} on */
  async turn(kind, on) {
    if (on) return this.open([kind]);
    this.#wanted[kind] = false;
    this.#settle(kind);
  }

  close() {
    this.#closed = true;
    this.#replace("audio", null);
    this.#replace("video", null);
  }

  /** @param {Kind[]} missing */
  async #ask(missing) {
    try {
      const wishes = Object.fromEntries(missing.map((kind) => [kind, WISHES[kind]]));
      const stream = await navigator.mediaDevices.getUserMedia(wishes);
      stream.getTracks().forEach((track) => this.#keep(/** @type {Kind} */ (track.kind), track));
    } catch (error) {
      missing.forEach((kind) => (this.#wanted[kind] = false));
      throw error;
    }
  }

  /** @param {Kind} kind @param {MediaStreamTrack} track */
  #keep(kind, track) {
    if (this.#tracks[kind] || this.#closed) return track.stop(); // asked twice at once, or too late
    track.onended = () => {
      this.#replace(kind, null);
      this.onlost(kind);
    };
    this.#replace(kind, track);
  }

  /** @param {Kind} kind */
  #settle(kind) {
    const track = this.#tracks[kind];
    if (!track) return;
    track.enabled = this.#wanted[kind];
    if (kind === "video" && !this.#wanted.video) this.#replace("video", null); // and its light goes out
  }

  /** @param {Kind} kind @param {MediaStreamTrack | null} track */
  #replace(kind, track) {
    const old = this.#tracks[kind];
    if (old === track) return;
    if (old) old.onended = null;
    old?.stop();
    this.#tracks[kind] = track;
    if (kind === "video") {
      if (old) this.preview.removeTrack(old);
      if (track) this.preview.addTrack(track);
    }
    this.onchange(kind, track);
  }
}
