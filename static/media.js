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
  /** A microphone was taken away, and another one is in use now. @type {(label: string) => void} */
  oninstead = () => {};

  /** @param {{ chosen: Record<Kind, string> }} [devices]  Those to ask for: their ids, or "" for any. */
  constructor(devices = { chosen: { audio: "", video: "" } }) {
    this.#devices = devices;
  }

  #devices;

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

  /** Another device has been chosen: where one is in use, it takes its place. Throws what the browser says, and the
   * one before goes on. @param {Kind} kind */
  async change(kind) {
    const old = this.#tracks[kind];
    if (!old) return; // it is asked for when it is needed
    const before = old.getSettings().deviceId ?? "";
    if (kind === "video") old.stop(); // phones open one camera at a time
    try {
      await this.#exchange(kind, this.#devices.chosen[kind]);
    } catch (error) {
      if (kind === "video") await this.#exchange(kind, before).catch(() => this.#lost(kind));
      throw error;
    }
  }

  close() {
    this.#closed = true;
    this.#replace("audio", null);
    this.#replace("video", null);
  }

  /** @param {Kind[]} missing */
  async #ask(missing) {
    try {
      const stream = await this.#get(missing, true).catch((error) => {
        if (error.name !== "OverconstrainedError") throw error;
        return this.#get(missing, false); // what was chosen once is not there today
      });
      stream.getTracks().forEach((track) => this.#keep(/** @type {Kind} */ (track.kind), track));
    } catch (error) {
      missing.forEach((kind) => (this.#wanted[kind] = false));
      throw error;
    }
  }

  /** @param {Kind[]} kinds @param {boolean} chosen  Only the devices that were chosen. */
  #get(kinds, chosen) {
    const wishes = kinds.map((kind) => [kind, wish(kind, chosen ? this.#devices.chosen[kind] : "")]);
    return devicesOf(navigator).getUserMedia(Object.fromEntries(wishes));
  }

  /** @param {Kind} kind @param {MediaStreamTrack} track */
  #keep(kind, track) {
    if (this.#tracks[kind] || this.#closed) return track.stop(); // asked twice at once, or too late
    this.#replace(kind, track);
  }

  /** @param {Kind} kind @param {string} id */
  async #exchange(kind, id) {
    const stream = await devicesOf(navigator).getUserMedia({ [kind]: wish(kind, id) });
    const [track] = stream.getTracks();
    if (this.#closed || !this.#tracks[kind]) return track.stop(); // given up meanwhile
    this.#replace(kind, track);
    this.#settle(kind);
  }

  /** @param {Kind} kind */
  #settle(kind) {
    const track = this.#tracks[kind];
    if (!track) return;
    track.enabled = this.#wanted[kind];
    if (kind === "video" && !this.#wanted.video) this.#replace("video", null); // and its light goes out
  }

  /** Who speaks goes on with another microphone. Another camera might show what nobody is to see.
   * @param {Kind} kind */
  async #lost(kind) {
    this.#replace(kind, null);
    const spoke = kind === "audio" && this.#wanted.audio;
    const another = spoke && (await this.open(["audio"]).then(() => true, () => false));
    if (another) this.oninstead(this.#tracks.audio?.label ?? "");
    else this.onlost(kind);
  }

  /** @param {Kind} kind @param {MediaStreamTrack | null} track */
  #replace(kind, track) {
    const old = this.#tracks[kind];
    if (old === track) return;
    if (old) old.onended = null;
    old?.stop();
    if (track) track.onended = () => void this.#lost(kind);
    this.#tracks[kind] = track;
    if (kind === "video") {
      if (old) this.preview.removeTrack(old);
      if (track) this.preview.addTrack(track);
    }
    this.onchange(kind, track);
  }
}

/** @param {Kind} kind @param {string} id */
const wish = (kind, id) => ({ ...WISHES[kind], ...(id ? { deviceId: { exact: id } } : {}) });

/** @param {Navigator} navigator  Pages that did not come by a secure way are given none. */
function devicesOf({ mediaDevices }) {
  if (mediaDevices) return mediaDevices;
  throw new DOMException("this is no secure context", "SecurityError");
}

/** Why it could not be had, as the end of a sentence's key.
 * @param {unknown} error  What the browser says. @returns {"insecure" | "denied" | "missing" | "busy"} */
export function whyNot(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "SecurityError") return "insecure";
  if (name === "NotAllowedError") return "denied";
  return name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "busy";
}
