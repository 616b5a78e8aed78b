// @ts-check
/**
 * Recordings on their way to the server, for as long as the page lives, and from where they stood when it comes back.
 *
 * A piece is written down before anything else happens to it. Knows no DOM and no room.
 */

import { Delivery } from "./delivery.js";
import { emptyIndex, feed, seconds } from "./webm.js";

/** @typedef {import("./shelf.js").Kept} Kept */
/** @typedef {import("./shelf.js").Shelf} Shelf */
/** @typedef {Delivery["shown"]} Upload */

export class Uploads {
  #deliveries = /** @type {Map<string, Delivery>} */ (new Map());
  #writing = Promise.resolve();

  /**
   * @param {object} given
   * @param {() => Promise<Shelf>} given.shelf
   * @param {import("./tus.js").Tus} given.tus
   * @param {() => void} given.changed
   * @param {Pick<import("./world.js").World, "after" | "cancel" | "random">} [given.world]
   */
  constructor({ shelf, tus, changed, world }) {
    this.#open = shelf;
    this.#tus = tus;
    this.changed = changed;
    this.#world = world;
  }

  #open;
  #tus;
  #world;
  /** @type {Promise<Shelf> | null} */
  #shelf = null;

  /** Those of a room. @param {string} slug */
  of(slug) {
    const all = [...this.#deliveries.values()].filter(({ kept }) => kept.slug === slug);
    return all.map(({ shown }) => shown).reverse();
  }

  /** Whether closing the window would keep something from arriving. */
  get busy() {
    return [...this.#deliveries.values()].some(({ shown }) => shown.step !== "failed");
  }

  /** What an earlier page of this user has left: it is all there is going to be, so it is finished.
   * @param {number} userId */
  async find(userId) {
    const shelf = await this.#shelves();
    const left = (await shelf.all()).filter((kept) => kept.userId === userId && !this.#deliveries.has(kept.id));
    left.forEach((kept) => this.#deliver(shelf, { ...kept, finished: true }));
  }

  /** @param {{ slug: string, userId: number, title: string, mime: string }} about  Answers with its id. */
  async begin(about) {
    const shelf = await this.#shelves();
    const begun = new Date().toISOString();
    const kept = /** @type {Kept} */ ({
      ...about, id: `${begun}-${about.userId}`, begun, size: 0, lasts: 0, finished: false, place: null, sealed: false,
      head: null, index: about.mime.startsWith("video/webm") ? emptyIndex() : null,
    });
    await shelf.put(kept);
    this.#deliver(shelf, kept);
    return kept.id;
  }

  /** @param {string} id @param {Blob} blob @param {number} lasts  How many seconds there are now. */
  add(id, blob, lasts) {
    return this.#after(async (shelf, delivery) => {
      const { kept } = delivery;
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const piece = { id, at: kept.size, bytes: kept.index ? feed(kept.index, bytes) : bytes };
      kept.size += piece.bytes.length;
      kept.lasts = kept.index?.begun ? seconds(kept.index) : lasts;
      await shelf.put(kept, piece.bytes.length ? piece : undefined);
      delivery.poke();
    }, id);
  }

  /** Nothing more comes. @param {string} id */
  finish(id) {
    return this.#after(async (shelf, delivery) => {
      delivery.kept.finished = true;
      await shelf.put(delivery.kept);
      delivery.poke();
      this.changed();
    }, id);
  }

  /** @param {string} id */
  retry(id) {
    this.#deliveries.get(id)?.retry();
  }

  /** @param {string} id */
  async abandon(id) {
    const delivery = this.#deliveries.get(id);
    this.#deliveries.delete(id);
    this.changed();
    await delivery?.abandon();
  }

  /** The network is back, it seems. */
  hurry() {
    this.#deliveries.forEach((delivery) => delivery.hurry());
  }

  /** @param {string} path */
  most(path) {
    return this.#tus.most(path);
  }

  #shelves() {
    this.#shelf ??= this.#open();
    return this.#shelf;
  }

  /** One after the other, as they came. @param {(shelf: Shelf, delivery: Delivery) => Promise<void>} step
   * @param {string} id */
  #after(step, id) {
    const writing = this.#writing.then(async () => {
      const delivery = this.#deliveries.get(id);
      if (delivery) await step(await this.#shelves(), delivery);
    });
    this.#writing = writing.catch(() => {}); // whoever asked for it hears of it; those behind it go on
    return writing;
  }

  /** @param {Shelf} shelf @param {Kept} kept */
  #deliver(shelf, kept) {
    const delivery = new Delivery({
      kept, shelf, tus: this.#tus, changed: () => this.changed(), ...(this.#world ? { world: this.#world } : {}),
    });
    this.#deliveries.set(kept.id, delivery);
    void delivery.done.then(() => {
      if (this.#deliveries.get(kept.id) === delivery) this.#deliveries.delete(kept.id);
      this.changed();
    });
  }
}
