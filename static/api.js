// @ts-check
/**
 * The server's REST interface: one method a question, one class for every way it may say no.
 *
 * Knows addresses and shapes; where tokens come from is the caller's business.
 */

/** @typedef {import("./protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {{ access_token: string, expires_in: number, user_id: number }} Grant */
/** @typedef {{ id: number, nickname: string, avatar_url: string | null }} User */

export class ApiError extends Error {
  /** @param {number} status 0: no answer at all @param {string} reason @param {string} detail */
  constructor(status, reason, detail) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
  }
}

export class Api {
  /** @param {{ fetch?: typeof fetch, timeout?: number }} [options] */
  constructor({ fetch: ask = (...request) => fetch(...request), timeout = 15_000 } = {}) {
    this.#ask = ask;
    this.#timeout = timeout;
  }

  #ask;
  #timeout;

  /** A new guest, or with a token a fresh one for the same user. @param {string} [nickname] @param {string} [token] */
  guest(nickname, token) {
    return /** @type {Promise<Grant>} */ (this.#call("POST", "/api/auth/guest", { token, body: { nickname } }));
  }

  /** @param {string} token @param {number} id */
  user(token, id) {
    return /** @type {Promise<User>} */ (this.#call("GET", `/api/users/${id}`, { token }));
  }

  /** @param {string} token @param {number} id @param {string} nickname */
  rename(token, id, nickname) {
    return /** @type {Promise<User>} */ (this.#call("PATCH", `/api/users/${id}`, { token, body: { nickname } }));
  }

  /** A private room comes with a key to invite with.
   * @param {string} token @param {{ title?: string, is_private: boolean }} room */
  createRoom(token, room) {
    const body = { ...room, create_invite: room.is_private };
    return /** @type {Promise<RoomInfo>} */ (this.#call("POST", "/api/rooms", { token, body }));
  }

  /** @param {string | undefined} token @param {string} slug */
  room(token, slug) {
    return /** @type {Promise<RoomInfo>} */ (this.#call("GET", `/api/rooms/${encodeURIComponent(slug)}`, { token }));
  }

  /** The last messages, or those before one. @param {string} token @param {string} slug @param {number} [beforeId] */
  async chat(token, slug, beforeId) {
    const query = beforeId === undefined ? "" : `?before_id=${beforeId}`;
    const { items } = await this.#call("GET", `/api/chat/${encodeURIComponent(slug)}${query}`, { token });
    return /** @type {RoomEvent[]} */ (items);
  }

  /** @param {string} token */
  rtcConfig(token) {
    return /** @type {Promise<{ iceServers: RTCIceServer[], ttl: number }>} */ (
      this.#call("GET", "/api/rtc/config", { token }));
  }

  /** @param {string} method @param {string} path @param {{ token?: string, body?: object }} given
   * @returns {Promise<any>} */
  async #call(method, path, { token, body }) {
    const headers = new Headers();
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (body) headers.set("Content-Type", "application/json");
    const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(this.#timeout) };
    try {
      const response = await this.#ask(path, request);
      const answer = await response.json();
      if (response.ok) return answer;
      throw new ApiError(response.status, answer.reason, answer.detail);
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(0, "unreachable", String(error));
    }
  }
}
