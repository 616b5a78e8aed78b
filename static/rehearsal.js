// @ts-check
/**
 * What one prepares before the door of a room: a name, a microphone and a camera that work, or the reason why not.
 *
 * Asks the browser at once only where it will not ask the person; otherwise on the first wish, or at the door. Knows
 * no DOM: whoever shows it is told of every change.
 */

import { granted } from "./devices.js";
import { LocalMedia, whyNot } from "./media.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {ReturnType<typeof whyNot>} Why */

const KINDS = /** @type {Kind[]} */ (["audio", "video"]);

export class Rehearsal {
  /** @type {Record<Kind, boolean>} */
  on = { audio: true, video: true };
  /** @type {Record<Kind, Why | null>} */
  problems = { audio: null, video: null };
  onchange = () => {};
  closed = false;
  #turn = Promise.resolve();

  /** @param {import("./devices.js").Devices} devices @param {string} nickname */
  constructor(devices, nickname) {
    this.devices = devices;
    this.nickname = nickname;
    this.media = new LocalMedia(devices);
    this.media.onchange = () => this.onchange();
    this.media.onlost = (kind) => this.#failed(kind, "missing");
  }

  /** Whether the browser has let us have this one and it works. @param {Kind} kind */
  has(kind) {
    return this.media.tracks[kind] !== null;
  }

  /** Whether the person still has to be asked for something that is wished for. */
  get unasked() {
    return KINDS.some((kind) => this.on[kind] && !this.has(kind));
  }

  async begin() {
    await this.devices.refresh();
    const [audio, video] = await Promise.all([granted("microphone"), granted("camera")]);
    await this.open(KINDS.filter((kind) => (kind === "audio" ? audio : video) && this.on[kind]));
  }

  /** One question at a time, with all that is missing in it. @param {Kind[]} [kinds] */
  open(kinds = KINDS) {
    this.#turn = this.#turn.then(() => this.#open(kinds.filter((kind) => this.on[kind] && !this.has(kind))));
    return this.#turn;
  }

  /** @param {Kind} kind @param {boolean} on */
  turn(kind, on) {
    this.on[kind] = on;
    this.problems[kind] = null;
    if (on && this.has(kind)) void this.media.turn(kind, true);
    else if (on) void this.open([kind]);
    else void this.media.turn(kind, false);
    this.onchange();
  }

  /** @param {Kind} kind a device of which was chosen anew */
  async change(kind) {
    await this.media.change(kind);
    this.onchange();
  }

  /** What is still wished for at the door is asked for now. @returns what of us works */
  async finish() {
    await this.open();
    return { ...this.on };
  }

  /** Keys of sentences about what will be missed. */
  get complaints() {
    return KINDS.filter((kind) => this.problems[kind]).map((kind) => `notice_no_${kind}`);
  }

  /** From now on they belong to whoever asked. */
  handOver() {
    this.onchange = () => {};
    this.closed = true;
    return this.media;
  }

  close() {
    if (!this.closed) this.media.close();
    this.handOver();
  }

  /** @param {Kind[]} kinds */
  async #open(kinds) {
    if (kinds.length === 0) return;
    const all = await this.#try(kinds);
    if (all !== null) {
      for (const kind of kinds) {
        const why = kinds.length > 1 ? await this.#try([kind]) : all;
        if (why !== null) this.#failed(kind, why);
      }
    }
    await this.devices.refresh(); // they have names now
    this.onchange();
  }

  /** @param {Kind[]} kinds @returns {Promise<Why | null>} null: they are open */
  #try(kinds) {
    return this.media.open(kinds).then(() => null, whyNot);
  }

  /** @param {Kind} kind @param {Why} why */
  #failed(kind, why) {
    this.on[kind] = false;
    this.problems[kind] = why;
    this.onchange();
  }
}
