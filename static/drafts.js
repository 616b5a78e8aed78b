// @ts-check
/**
 * What we have said and the room has not yet: kept by its `cid`, in order, so that it survives a reload of the window.
 *
 * The server remembers each `cid` it accepted, so a line that is sent again after a reload is still said only once.
 * The storage is this window's own (sessionStorage): another window is somebody else, and a line that was left behind
 * days ago is not said today. Sealed lines lie there as they were typed: this protects from the server, not from
 * whoever holds this very machine.
 */

/**
 * @typedef {object} Draft
 * @property {string} cid
 * @property {string} text
 * @property {string} at
 * @property {boolean} sealed  It must not leave this window unsealed.
 * @property {string | null} failed  why
 */

export class Drafts {
  version = 0;
  /** @type {Draft[]} */
  #all = [];
  #storage;
  #name;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage @param {string} name */
  constructor(storage, name) {
    this.#storage = storage;
    this.#name = name;
    this.#all = JSON.parse(storage.getItem(name) ?? "[]");
  }

  get all() {
    return this.#all;
  }

  /** The first that nobody has refused: lines go one after the other. */
  get next() {
    return this.#all.find(({ failed }) => failed === null);
  }

  /** @param {string} cid */
  has(cid) {
    return this.#all.some((draft) => draft.cid === cid);
  }

  /** @param {Omit<Draft, "failed">} draft */
  add(draft) {
    this.#keep([...this.#all, { ...draft, failed: null }]);
  }

  /** It is said, or given up. @param {string} cid */
  drop(cid) {
    this.#keep(this.#all.filter((draft) => draft.cid !== cid));
  }

  /** @param {string} cid @param {string | null} reason  null: it may go again. */
  fail(cid, reason) {
    this.#keep(this.#all.map((draft) => (draft.cid === cid ? { ...draft, failed: reason } : draft)));
  }

  /** @param {Draft[]} drafts */
  #keep(drafts) {
    this.#all = drafts;
    this.version++;
    if (drafts.length > 0) this.#storage.setItem(this.#name, JSON.stringify(drafts));
    else this.#storage.removeItem(this.#name);
  }
}
