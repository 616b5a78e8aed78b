// @ts-check
/** The rooms this browser has been in, newest first. Kept in storage; knows no server and no page. */

/** @typedef {{ slug: string, title: string, at: string }} Visit */

const NAME = "axenix.visited";
const MOST = 20;

export class Visited {
  /** @param {Pick<Storage, "getItem" | "setItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  #storage;

  /** Read anew each time: another window of this browser may have been somewhere. @returns {Visit[]} */
  get list() {
    return JSON.parse(this.#storage.getItem(NAME) ?? "[]");
  }

  /** @param {string} slug @param {string} title @param {string} at */
  add(slug, title, at) {
    this.#keep([{ slug, title, at }, ...this.#without(slug)].slice(0, MOST));
  }

  /** @param {string} slug */
  remove(slug) {
    this.#keep(this.#without(slug));
  }

  /** @param {string} slug */
  #without(slug) {
    return this.list.filter((visit) => visit.slug !== slug);
  }

  /** @param {Visit[]} visits */
  #keep(visits) {
    this.#storage.setItem(NAME, JSON.stringify(visits));
  }
}
