// @ts-check
/**
 * From an address to a room: which room it names, what we may see of it, and the invitation that came with it.
 *
 * An invitation travels in the fragment, which is never sent. It is kept for this window alone, and whoever shows the
 * page takes it out of the address.
 */

import { ApiError } from "./api.js";

/** @typedef {import("./protocol.js").RoomInfo} RoomInfo */

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** @param {string} text */
export const isSlug = (text) => SLUG.test(text);

/** The room of a path; "" where it has the form of a room's path and cannot be one; null for any other path.
 * @param {string} path */
export function slugOf(path) {
  const slug = /^\/r\/(.*)$/.exec(path)?.[1];
  return slug === undefined ? null : isSlug(slug) ? slug : "";
}

/** What somebody typed or was sent: a link to a room here, or the bare name of one.
 * @param {string} text @param {string} origin @returns {{ slug: string, hash: string } | null} */
export function linked(text, origin) {
  if (isSlug(text)) return { slug: text, hash: "" };
  const url = URL.canParse(text) ? new URL(text) : null;
  const slug = url?.origin === origin ? slugOf(url.pathname) : null;
  return slug && url ? { slug, hash: url.hash } : null;
}

export class Invitations {
  /** @param {Pick<Storage, "getItem" | "setItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  #storage;

  /** @param {string} slug */
  of(slug) {
    return this.#storage.getItem(nameOf(slug));
  }

  /** @param {string} slug @param {string} hash @returns {boolean} whether it holds one */
  keep(slug, hash) {
    const key = new URLSearchParams(hash.slice(1)).get("invite");
    if (key !== null) this.#storage.setItem(nameOf(slug), key);
    return key !== null;
  }
}

/** Tokens of another site that came with an address: for this window alone, each for its room. */
export class Passes {
  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  #storage;

  /** @param {string} slug */
  of(slug) {
    return this.#storage.getItem(`axenix.pass.${slug}`);
  }

  /** @param {string} slug @param {string} hash @returns {boolean} whether it holds one */
  keep(slug, hash) {
    const token = new URLSearchParams(hash.slice(1)).get("token");
    if (token) this.#storage.setItem(`axenix.pass.${slug}`, token);
    return token !== null;
  }

  /** @param {string} slug */
  forget(slug) {
    this.#storage.removeItem(`axenix.pass.${slug}`);
  }
}

/** @param {string} slug */
const nameOf = (slug) => `axenix.invite.${slug}`;

/** The room as far as we may see it. Strangers to a private one show their invitation.
 * @param {string} slug
 * @param {{ api: import("./api.js").Api, identity: import("./identity.js").Identity, invitation: string | null }} given
 * @returns {Promise<{ room: RoomInfo, stranger: boolean }>} */
export async function lookAt(slug, { api, identity, invitation }) {
  const room = await asWeAre(slug, api, identity);
  if (room.title !== undefined) return { room, stranger: false };
  const refused = new ApiError(403, "invite_required_or_invalid", "");
  if (invitation === null) throw refused;
  const opened = await api.byInvite(await identity.token(), invitation);
  if (opened.slug !== slug) throw refused;
  return { room: opened, stranger: true };
}

/** @param {string} slug @param {import("./api.js").Api} api @param {import("./identity.js").Identity} identity */
async function asWeAre(slug, api, identity) {
  try {
    return await api.room(identity.known, slug);
  } catch (error) {
    if (identity.isLent || !(error instanceof ApiError && error.status === 401)) throw error;
    identity.forget(); // a token of another server, or of another time
    return api.room(undefined, slug);
  }
}
