// @ts-check
/**
 * Where a recording waits until it is uploaded: IndexedDB, which survives a reload; memory, where there is none.
 *
 * Knows bytes and positions. What has been written down belongs together: a piece, and what is known after it.
 */

import { joined } from "./webm.js";

/**
 * @typedef {object} Kept  A recording that is not uploaded yet.
 * @property {string} id
 * @property {string} slug
 * @property {number} userId
 * @property {string} title
 * @property {string} begun  When.
 * @property {string} mime
 * @property {number} size  Bytes that belong behind the head.
 * @property {number} lasts  Seconds.
 * @property {import("./webm.js").Index | null} index  Null: it is no WebM, and its head is with the rest.
 * @property {boolean} finished  Nothing more is to come.
 * @property {string | null} place  The address of its upload.
 * @property {boolean} sealed  The server knows that this is all.
 * @property {string | null} head  The address of the head's upload.
 */

/** @typedef {{ id: string, at: number, bytes: Uint8Array }} Piece */

/**
 * @typedef {object} Shelf
 * @property {() => Promise<Kept[]>} all
 * @property {(kept: Kept, piece?: Piece) => Promise<void>} put
 * @property {(id: string, from: number, most: number) => Promise<Uint8Array>} read
 * @property {(id: string, upTo: number) => Promise<void>} drop  Pieces that end before are needed no more.
 * @property {(id: string) => Promise<void>} remove
 */

const KEPT = "kept", PIECES = "pieces";
const AT_ONCE = 8;

/** @returns {Promise<Shelf>} */
export async function openShelf() {
  try {
    const request = indexedDB.open("axenix.recordings", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(KEPT, { keyPath: "id" });
      request.result.createObjectStore(PIECES, { keyPath: ["id", "at"] });
    };
    return new DiskShelf(await answer(request));
  } catch {
    return new MemoryShelf(); // private windows of some browsers have none
  }
}

/** @implements {Shelf} */
export class MemoryShelf {
  #kept = /** @type {Map<string, Kept>} */ (new Map());
  #pieces = /** @type {Map<string, Piece[]>} */ (new Map());

  async all() {
    return [...this.#kept.values()];
  }

  /** @param {Kept} kept @param {Piece} [piece] */
  async put(kept, piece) {
    this.#kept.set(kept.id, structuredClone(kept));
    if (piece) this.of(kept.id).push(piece);
  }

  /** @param {string} id @param {number} from @param {number} most */
  async read(id, from, most) {
    return cut(this.of(id), from, most);
  }

  /** @param {string} id @param {number} upTo */
  async drop(id, upTo) {
    this.#pieces.set(id, this.of(id).filter(({ at, bytes }) => at + bytes.length > upTo));
  }

  /** @param {string} id */
  async remove(id) {
    this.#kept.delete(id);
    this.#pieces.delete(id);
  }

  /** @param {string} id */
  of(id) {
    if (!this.#pieces.has(id)) this.#pieces.set(id, []);
    return /** @type {Piece[]} */ (this.#pieces.get(id));
  }
}

/** @implements {Shelf} */
class DiskShelf {
  #spilled = new MemoryShelf(); // what the disk had no room for

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.#database = database;
  }

  #database;

  /** @returns {Promise<Kept[]>} */
  all() {
    return answer(this.#database.transaction(KEPT).objectStore(KEPT).getAll());
  }

  /** @param {Kept} kept @param {Piece} [piece] */
  async put(kept, piece) {
    try {
      const change = this.#database.transaction([KEPT, PIECES], "readwrite");
      change.objectStore(KEPT).put(kept);
      if (piece) change.objectStore(PIECES).put(piece);
      await done(change);
    } catch {
      await this.#spilled.put(kept, piece); // better than losing it now
    }
  }

  /** @param {string} id @param {number} from @param {number} most */
  async read(id, from, most) {
    const pieces = this.#database.transaction(PIECES).objectStore(PIECES);
    const there = /** @type {Piece[]} */ (await answer(pieces.getAll(within(id), AT_ONCE)));
    return cut([...there, ...this.#spilled.of(id)].sort((a, b) => a.at - b.at), from, most);
  }

  /** @param {string} id @param {number} upTo */
  async drop(id, upTo) {
    await this.#spilled.drop(id, upTo);
    const change = this.#database.transaction(PIECES, "readwrite");
    const pieces = change.objectStore(PIECES);
    const first = /** @type {Piece[]} */ (await answer(pieces.getAll(within(id), AT_ONCE)));
    first.filter(({ at, bytes }) => at + bytes.length <= upTo).forEach(({ at }) => pieces.delete([id, at]));
    return done(change);
  }

  /** @param {string} id */
  async remove(id) {
    await this.#spilled.remove(id);
    const change = this.#database.transaction([KEPT, PIECES], "readwrite");
    change.objectStore(KEPT).delete(id);
    change.objectStore(PIECES).delete(within(id));
    return done(change);
  }
}

/** @param {string} id */
const within = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);

/** Bytes from a position on, as far as they are there without a gap. @param {Piece[]} pieces
 * @param {number} from @param {number} most */
function cut(pieces, from, most) {
  const parts = /** @type {Uint8Array[]} */ ([]);
  let next = from;
  for (const { at, bytes } of pieces) {
    if (at > next || next - from >= most) break;
    if (at + bytes.length <= next) continue;
    const part = bytes.subarray(next - at, next - at + most - (next - from));
    parts.push(part);
    next += part.length;
  }
  return joined(parts);
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} change @returns {Promise<void>} */
function done(change) {
  return new Promise((resolve, reject) => {
    change.oncomplete = () => resolve();
    change.onabort = () => reject(change.error);
  });
}
