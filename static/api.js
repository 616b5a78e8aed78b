// @ts-check
/**
 * The server's REST interface: one method a question, one class for every way it may say no.
 *
 * Knows addresses and shapes; where tokens come from is the caller's business.
 */

/** @typedef {import("./protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {{ iceServers: RTCIceServer[], ttl: number, iceTransportPolicy?: RTCIceTransportPolicy }} Relays */
/** @typedef {{ access_token: string, expires_in: number, user_id: number }} Grant */
/** @typedef {{ id: number, nickname: string, avatar_url: string | null }} User */
/** @typedef {{ user_id: number, nickname: string, by_user: number, reason: string | null, until: string }} Ban */
/**
 * @typedef {{ seq: number, action: string, by_user: number | null, user_id: number | null, reason: string | null,
 *   created_at: string }} Deed
 */

/**
 * @typedef {{ id: number, title: string, duration_sec: number, size: number, mime: string, uploader_user_id: number,
 *   created_at: string, file_url: string }} Recording
 */

const SLOWER = 8; // so much longer than a question takes a picture on a slow line

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
   * @param {string} token @param {{ title?: string, slug?: string, is_private: boolean }} room */
  createRoom(token, room) {
    const body = { ...room, create_invite: room.is_private };
    return /** @type {Promise<RoomInfo>} */ (this.#call("POST", "/api/rooms", { token, body }));
  }

  /** @param {string | undefined} token @param {string} slug */
  room(token, slug) {
    return /** @type {Promise<RoomInfo>} */ (this.#call("GET", `/api/rooms/${encodeURIComponent(slug)}`, { token }));
  }

  /** Whose token it is. @param {string} token @returns {Promise<{ id: number, nickname: string }>} */
  me(token) {
    return this.#call("GET", "/api/users/me", { token });
  }

  /** The room that a key opens. @param {string} token @param {string} key */
  byInvite(token, key) {
    return /** @type {Promise<RoomInfo>} */ (
      this.#call("POST", "/api/rooms/join/by-invite", { token, body: { invite_key: key } }));
  }

  /** @param {string} slug @returns {Promise<{ exists: boolean }>} */
  isTaken(slug) {
    return this.#call("GET", `/api/rooms/${encodeURIComponent(slug)}/exists`, {});
  }

  /** The public rooms, newest first. @param {number} limit @param {string | null} cursor
   * @returns {Promise<{ items: RoomInfo[], next_cursor: string | null }>} */
  rooms(limit, cursor) {
    return this.#call("GET", `/api/rooms?limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`, {});
  }

  /** Whether the server answers requests. */
  isThere() {
    return this.#call("GET", "/livez", {}).then(() => true, () => false);
  }

  /** The last messages, or those before one. @param {string} token @param {string} slug @param {number} [beforeId] */
  async chat(token, slug, beforeId) {
    const query = beforeId === undefined ? "" : `?before_id=${beforeId}`;
    const { items } = await this.#call("GET", `/api/chat/${encodeURIComponent(slug)}${query}`, { token });
    return /** @type {RoomEvent[]} */ (items);
  }

  /** @param {string} token @param {string} slug @param {number} id */
  deleteLine(token, slug, id) {
    return this.#call("DELETE", `/api/chat/${encodeURIComponent(slug)}/${id}`, { token });
  }

  /** @param {string} token @param {string} x25519_b64 */
  showDevice(token, x25519_b64) {
    return this.#call("PUT", "/api/users/me/device_key", { token, body: { x25519_b64 } });
  }

  /** Who has a device key here, and who the present room key. @param {string} token @param {string} slug */
  roomKey(token, slug) {
    return /** @type {Promise<import("./holders.js").Seen>} */ (
      this.#call("GET", `/api/crypto/${encodeURIComponent(slug)}`, { token }));
  }

  /** Our share of a room key. @param {string} token @param {string} slug @param {number} epoch */
  myKey(token, slug, epoch) {
    const path = `/api/crypto/${encodeURIComponent(slug)}/my_key?key_epoch=${epoch}`;
    return /** @type {Promise<import("./keyring.js").Wrapped>} */ (this.#call("GET", path, { token }));
  }

  /** @param {string} token @param {string} slug
   * @param {number} key_epoch @param {import("./sealed.js").Share[]} shares */
  beginKey(token, slug, key_epoch, shares) {
    return this.#call("POST", `/api/crypto/${encodeURIComponent(slug)}/epochs`, { token, body: { key_epoch, shares } });
  }

  /** @param {string} token @param {string} slug
   * @param {number} epoch @param {import("./sealed.js").Share[]} shares */
  shareKey(token, slug, epoch, shares) {
    const path = `/api/crypto/${encodeURIComponent(slug)}/epochs/${epoch}/shares`;
    return this.#call("POST", path, { token, body: { shares } });
  }

  /** @param {string} token */
  rtcConfig(token) {
    return /** @type {Promise<Relays>} */ (
      this.#call("GET", "/api/rtc/config", { token }));
  }

  // ---- keeping order ----

  /** @param {string} token @param {string} slug @param {string} action @param {object} body */
  moderate(token, slug, action, body) {
    return this.#call("POST", `/api/moderation/${encodeURIComponent(slug)}/${action}`, { token, body });
  }

  /** @param {string} token @param {string} slug @returns {Promise<{ items: Ban[] }>} */
  bans(token, slug) {
    return this.#call("GET", `/api/moderation/${encodeURIComponent(slug)}/bans`, { token });
  }

  /** What moderators did, newest first. @param {string} token @param {string} slug @param {number} [before]
   * @returns {Promise<{ items: Deed[] }>} */
  deeds(token, slug, before) {
    const query = before === undefined ? "" : `?before=${before}`;
    return this.#call("GET", `/api/moderation/${encodeURIComponent(slug)}/log${query}`, { token });
  }

  /** A page of history. @param {string} token @param {string} slug @param {number} after
   * @returns {Promise<{ items?: RoomEvent[], next_seq: number, has_more?: boolean }>} */
  history(token, slug, after) {
    return this.#call("GET", `/api/sync/${encodeURIComponent(slug)}?after_seq=${after}&limit=1000`, { token });
  }

  /** All who ever were in the room. @param {string} token @param {string} slug
   * @returns {Promise<{ participants: import("./protocol.js").Participant[] }>} */
  everybody(token, slug) {
    const path = `/api/participants/${encodeURIComponent(slug)}?status=active,lost,left,banned`;
    return this.#call("GET", path, { token });
  }

  /** @param {string} token @param {string} slug @param {"set_topic" | "set_lock" | "set_mute_all"} action
   * @param {object} body */
  setState(token, slug, action, body) {
    return this.#call("POST", `/api/state/${encodeURIComponent(slug)}/${action}`, { token, body });
  }

  /** @param {string} token @param {string} slug
   * @param {{ title?: string, is_private?: boolean, new_invite_key?: true }} changes @returns {Promise<RoomInfo>} */
  changeRoom(token, slug, changes) {
    return this.#call("PATCH", `/api/rooms/${encodeURIComponent(slug)}`, { token, body: changes });
  }

  /** @param {string} token @param {string} slug */
  deleteRoom(token, slug) {
    return this.#call("DELETE", `/api/rooms/${encodeURIComponent(slug)}`, { token });
  }

  /** @param {string} token @param {string} slug @param {Blob} file @returns {Promise<{ cover_url: string }>} */
  setCover(token, slug, file) {
    return this.#call("POST", `/api/covers/${encodeURIComponent(slug)}/upload`, { token, body: picture(file) });
  }

  /** @param {string} token @param {string} slug */
  removeCover(token, slug) {
    return this.#call("DELETE", `/api/covers/${encodeURIComponent(slug)}`, { token });
  }

  /** @param {string} token @param {number} id @param {Blob} file @returns {Promise<{ avatar_url: string }>} */
  setAvatar(token, id, file) {
    return this.#call("POST", `/api/users/${id}/avatar`, { token, body: picture(file) });
  }

  /** @param {string} token @param {string} slug @returns {Promise<{ items: Recording[] }>} */
  recordings(token, slug) {
    return this.#call("GET", `/api/recordings/${encodeURIComponent(slug)}`, { token });
  }

  /** @param {string} token @param {string} slug @param {number} id */
  deleteRecording(token, slug, id) {
    return this.#call("DELETE", `/api/recordings/${encodeURIComponent(slug)}/${id}`, { token });
  }

  /** @param {string} method @param {string} path @param {{ token?: string, body?: object }} given
   * @returns {Promise<any>} */
  async #call(method, path, { token, body }) {
    const headers = new Headers();
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const form = body instanceof FormData;
    if (body && !form) headers.set("Content-Type", "application/json");
    const signal = AbortSignal.timeout(form ? this.#timeout * SLOWER : this.#timeout);
    const request = { method, headers, body: form ? body : body && JSON.stringify(body), signal };
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

/** @param {Blob} file */
function picture(file) {
  const form = new FormData();
  form.append("file", file);
  return form;
}
