// @ts-check
/**
 * The way of one recording to the server: what has been recorded follows at once, the head last, and then it is one.
 *
 * After anything that went wrong it asks how much is there, and goes on from that. Knows a shelf and tus; no DOM.
 */

import { ApiError } from "./api.js";
import { Backoff, passes } from "./tus.js";
import { headFor, seconds } from "./webm.js";
import { BROWSER } from "./world.js";

/** @typedef {import("./shelf.js").Kept} Kept */
/** @typedef {"recording" | "sending" | "waiting" | "failed"} Step */

const AT_ONCE = 1 << 20;
const NOTHING = new Uint8Array(0);

export class Delivery {
  #offset = /** @type {number | null} */ (null);
  #over = false;
  #trouble = /** @type {{ reason: string, final: boolean } | null} */ (null);
  #poked = false; // there was reason to go on while it was busy
  #wake = () => {};
  #backoff;

  /**
   * @param {object} given
   * @param {Kept} given.kept
   * @param {import("./shelf.js").Shelf} given.shelf
   * @param {import("./tus.js").Tus} given.tus
   * @param {() => void} given.changed
   * @param {Pick<import("./world.js").World, "after" | "cancel" | "random">} [given.world]
   */
  constructor({ kept, shelf, tus, changed, world = BROWSER }) {
    this.kept = kept;
    this.#shelf = shelf;
    this.#tus = tus;
    this.#changed = changed;
    this.#world = world;
    this.#backoff = new Backoff(world.random);
    this.path = `/api/recordings/${encodeURIComponent(kept.slug)}/tus`;
    this.done = this.#run();
  }

  #shelf;
  #tus;
  #changed;
  #world;

  get shown() {
    const { id, title, begun, size, lasts, finished } = this.kept;
    const step = /** @type {Step} */ (this.#trouble ? (this.#trouble.final ? "failed" : "waiting")
      : finished ? "sending" : "recording");
    const sent = this.kept.sealed ? size : this.#offset ?? 0;
    return { id, title, begun, size, lasts, sent, step, reason: this.#trouble?.reason ?? null };
  }

  /** There is more to send. */
  poke() {
    if (!this.#trouble) this.#go();
  }

  /** What went wrong may have passed. */
  hurry() {
    if (this.#trouble && !this.#trouble.final) this.#go();
  }

  /** The person wants it tried again, whatever it was. */
  retry() {
    if (this.#trouble) this.#trouble.final = false;
    this.#go();
  }

  /** It is wanted no more, here and there. */
  async abandon() {
    this.#over = true;
    this.#go();
    await this.done;
    const places = [this.kept.place, this.kept.head].filter((place) => place !== null);
    await Promise.allSettled(places.map((place) => this.#tus.forget(place))); // else it expires within a day
    await this.#shelf.remove(this.kept.id);
  }

  #go() {
    this.#backoff.reset();
    this.#poked = true;
    this.#wake();
  }

  async #run() {
    while (!this.#over) {
      this.#poked = false;
      try {
        const moved = await this.#step();
        this.#trouble = null;
        this.#backoff.reset();
        if (!moved && !this.#over) await this.#wait(null);
      } catch (error) {
        await this.#failed(error);
      }
      this.#changed();
    }
  }

  /** @param {unknown} error */
  async #failed(error) {
    const refused = error instanceof ApiError;
    if (!refused) console.error(`The recording ${this.kept.id}:`, error); // the person may try again all the same
    this.#offset = null;
    this.#trouble = { reason: refused ? error.reason : "recording_torn", final: !passes(error) };
    this.#poked = false;
    this.#changed();
    if (!this.#over) await this.#wait(this.#trouble.final ? null : this.#backoff.next());
  }

  /** The next thing that has to be done; whether there was any. */
  async #step() {
    const { kept } = this;
    if (kept.sealed) return this.#conclude();
    if (kept.finished && kept.size === 0) return this.#nothing();
    if (kept.place === null) {
      kept.place = await this.#tus.begin(this.path);
      this.#offset = 0;
      await this.#shelf.put(kept);
      return true;
    }
    this.#offset ??= await this.#tus.offset(kept.place);
    if (this.#offset < kept.size) return this.#send(kept.place, this.#offset);
    if (!kept.finished) return false;
    await this.#tus.append(kept.place, kept.size, NOTHING, kept.size);
    kept.sealed = true;
    await this.#shelf.put(kept);
    return true;
  }

  /** @param {string} place @param {number} offset */
  async #send(place, offset) {
    const bytes = await this.#shelf.read(this.kept.id, offset, AT_ONCE);
    if (bytes.length === 0) throw new ApiError(410, "recording_torn", `nothing is kept from ${offset} on`);
    this.#offset = await this.#tus.append(place, offset, bytes);
    await this.#shelf.drop(this.kept.id, this.#offset);
    return true;
  }

  async #conclude() {
    const { kept } = this;
    if (kept.index && kept.head === null) {
      kept.head = await this.#tus.begin(this.path, headFor(kept.index, kept.size));
      await this.#shelf.put(kept);
    }
    const places = /** @type {string[]} */ ([kept.head, kept.place].filter((place) => place !== null));
    const lasts = kept.index ? seconds(kept.index) : kept.lasts;
    await this.#tus.join(this.path, places, { title: kept.title, duration_sec: lasts.toFixed(3) });
    return this.#nothing();
  }

  /** Nothing is left to do. */
  async #nothing() {
    this.#over = true;
    await this.#shelf.remove(this.kept.id);
    return true;
  }

  /** Until there is reason to go on, or so long. @param {number | null} ms */
  async #wait(ms) {
    if (this.#poked && ms === null) return;
    await new Promise((resolve) => {
      const timer = ms === null ? null : this.#world.after(ms, () => resolve(null));
      this.#wake = () => {
        if (timer !== null) this.#world.cancel(timer);
        resolve(null);
      };
    });
    this.#wake = () => {};
  }
}
