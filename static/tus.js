// @ts-check
/**
 * A small client of tus 1.0 (https://tus.io/protocols/resumable-upload): one method a request.
 *
 * Knows addresses and headers. What to do when an answer does not come is the caller's business; `passes` says whether
 * trying again can help, and `Backoff` for how long to wait before it.
 */

import { ApiError } from "./api.js";

const STREAM = "application/offset+octet-stream";
const PATIENCE = 60_000;
const PATIENCE_JOINING = 600_000; // the server copies all there is
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const PASSING = new Set([0, 401, 408, 409, 423, 429, 500, 502, 503, 504, 507]);

export class Tus {
  /**
   * @param {object} given
   * @param {(renew: boolean) => Promise<string | null>} given.token
   * @param {typeof fetch} [given.fetch]
   */
  constructor({ token, fetch: ask = (...request) => fetch(...request) }) {
    this.#token = token;
    this.#fetch = ask;
  }

  #token;
  #fetch;
  #renew = false;

  /** What one upload may have at most. @param {string} path */
  async most(path) {
    const { headers } = await this.#ask("OPTIONS", path, {});
    return Number(headers.get("Tus-Max-Size") ?? Infinity);
  }

  /** A part of something, of which nobody knows how long it will be, or which comes at once.
   * @param {string} path @param {Uint8Array} [whole]  Answers with its address. */
  async begin(path, whole) {
    const headers = { "Upload-Concat": "partial" };
    return this.#place(whole
      ? await this.#ask("POST", path, { ...headers, "Content-Type": STREAM, "Upload-Length": `${whole.length}` }, whole)
      : await this.#ask("POST", path, { ...headers, "Upload-Defer-Length": "1" }));
  }

  /** Parts, in this order, become one; asking again does no harm.
   * @param {string} path @param {string[]} places @param {Record<string, string>} about */
  async join(path, places, about) {
    const headers = { "Upload-Concat": `final;${places.join(" ")}`, "Upload-Metadata": metadata(about) };
    return this.#place(await this.#ask("POST", path, headers, undefined, PATIENCE_JOINING));
  }

  /** How much of it is safely there. @param {string} place */
  async offset(place) {
    return Number((await this.#ask("HEAD", place, {})).headers.get("Upload-Offset"));
  }

  /** @param {string} place @param {number} offset @param {Uint8Array} bytes
   * @param {number} [length]  How long it is in all, once that is known.  Answers with the new offset. */
  async append(place, offset, bytes, length) {
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": STREAM, "Upload-Offset": `${offset}` };
    if (length !== undefined) headers["Upload-Length"] = `${length}`;
    return Number((await this.#ask("PATCH", place, headers, bytes)).headers.get("Upload-Offset"));
  }

  /** @param {string} place */
  async forget(place) {
    await this.#ask("DELETE", place, {});
  }

  /** @param {Response} answer */
  #place(answer) {
    return /** @type {string} */ (answer.headers.get("Location"));
  }

  /** @param {string} method @param {string} path @param {Record<string, string>} more @param {Uint8Array} [body]
   * @param {number} [patience] */
  async #ask(method, path, more, body, patience = PATIENCE) {
    const token = await this.#token(this.#renew).catch(() => null);
    if (token === null) throw new ApiError(401, "invalid_token", "there is no token");
    const headers = { "Tus-Resumable": "1.0.0", Authorization: `Bearer ${token}`, ...more };
    const request = { method, headers, body: /** @type {BodyInit} */ (body), signal: AbortSignal.timeout(patience) };
    const answer = await this.#fetch(path, request).catch((error) => {
      throw new ApiError(0, "unreachable", String(error));
    });
    this.#renew = answer.status === 401;
    if (answer.ok) return answer;
    const { reason = "unreachable", detail = "" } = await answer.json().catch(() => ({})); // a HEAD has no body
    throw new ApiError(answer.status, reason, detail);
  }
}

/** Whether trying again can help. @param {unknown} error @returns {error is ApiError} */
export const passes = (error) => error instanceof ApiError && PASSING.has(error.status);

/** How long to wait: each time twice as long, up to half a minute, and not all at once. */
export class Backoff {
  #times = 0;

  /** @param {() => number} [random] */
  constructor(random = Math.random) {
    this.#random = random;
  }

  #random;

  next() {
    const wait = Math.min(FIRST_WAIT * 2 ** this.#times++, LONGEST_WAIT);
    return wait / 2 + this.#random() * (wait / 2);
  }

  reset() {
    this.#times = 0;
  }
}

/** @param {Record<string, string>} about */
function metadata(about) {
  const base64 = (/** @type {string} */ text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return Object.entries(about).map(([key, value]) => `${key} ${base64(value)}`).join(",");
}
