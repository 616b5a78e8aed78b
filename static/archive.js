// @ts-check
/**
 * What only REST tells about a room: chat from before our time, names of those who are gone, the key to invite with.
 *
 * Names that events bring are poured in as well, so that all names are in one place.
 */

import { ApiError } from "./api.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */

const PAGE = 50; // how many lines of chat the server gives at once

export class Archive {
  /** The room has older lines than we have. */
  earlier = false;
  /** Older lines are on their way. */
  reading = false;
  inviteKey = /** @type {string | undefined} */ (undefined);
  #names = /** @type {Map<number, string>} */ (new Map());
  #whole = false; // the lines we have are the last ones, without a hole

  /**
   * @param {object} given
   * @param {string} given.slug
   * @param {import("./api.js").Api} given.api
   * @param {import("./chatlog.js").ChatLog} given.log
   * @param {() => Promise<string | null>} given.token
   * @param {() => void} given.changed
   * @param {(reason: string) => void} given.failed
   */
  constructor({ slug, api, log, token, changed, failed }) {
    this.#slug = slug;
    this.#api = api;
    this.#log = log;
    this.#token = token;
    this.#changed = changed;
    this.#failed = failed;
  }

  #slug;
  #api;
  #log;
  #token;
  #changed;
  #failed;

  /** @param {number} userId */
  name(userId) {
    return this.#names.get(userId) ?? "";
  }

  /** The room begins here, for all we know. @param {Snapshot} snapshot */
  adopt({ participants }) {
    this.#whole = this.earlier = false;
    participants.forEach(({ user_id, nickname }) => this.#call(user_id, nickname));
  }

  /** @param {RoomEvent} event */
  take(event) {
    if (event.nickname !== undefined) this.#call(event.user_id, event.nickname);
  }

  /** Everything that is missing, if anything is. */
  async settle() {
    if (this.#whole) return;
    await this.#ask(async (token) => {
      await this.#lines(token);
      this.#whole = true;
      await this.#invitation(token);
    });
  }

  /** Older lines than those we have. */
  async readBack() {
    if (this.reading || !this.earlier) return;
    this.reading = true;
    this.#changed();
    await this.#ask((token) => this.#lines(token, this.#log.oldest)).finally(() => (this.reading = false));
    this.#changed();
  }

  /** Moderators may invite; we may have become one, or be one no longer. */
  async promoted() {
    await this.#ask((token) => this.#invitation(token));
  }

  /** @param {(token: string) => Promise<void>} question */
  async #ask(question) {
    const token = await this.#token();
    if (token === null) return;
    try {
      await question(token);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#failed(error.reason);
    }
    this.#changed();
  }

  /** @param {string} token @param {number} [beforeId] */
  async #lines(token, beforeId) {
    const items = await this.#api.chat(token, this.#slug, beforeId);
    const strangers = new Set(items.map(({ user_id }) => user_id).filter((id) => !this.#names.has(id)));
    this.#log.history(items);
    this.earlier = items.length === PAGE;
    this.#changed();
    for (const id of strangers) this.#call(id, (await this.#api.user(token, id)).nickname);
  }

  /** Whoever shows lines has to show them anew. @param {number} userId @param {string} nickname */
  #call(userId, nickname) {
    if (this.#names.get(userId) === nickname) return;
    this.#names.set(userId, nickname);
    this.#log.version++;
  }

  /** @param {string} token */
  async #invitation(token) {
    this.inviteKey = (await this.#api.room(token, this.#slug)).invite_key;
  }
}
