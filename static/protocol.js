// @ts-check
/**
 * The words of the wire, as types: what the server sends and what the page may answer.
 *
 * Holds shapes and numbers only; nothing here runs.
 */

/** @typedef {"owner" | "admin" | "guest"} Role */

/**
 * @typedef {object} Participant
 * @property {number} user_id
 * @property {string} nickname
 * @property {string | null} avatar_url
 * @property {Role} role
 * @property {boolean} mic_muted
 * @property {boolean} cam_off
 * @property {boolean} admin_muted
 * @property {boolean} admin_video_off
 * @property {boolean} can_speak
 */

/**
 * @typedef {object} Snapshot  A room at `seq`: what `state.snapshot` carries, without its `type`.
 * @property {string} topic
 * @property {string} title
 * @property {boolean} is_locked
 * @property {boolean} mute_all
 * @property {boolean} recording_active
 * @property {number[]} hands_up  User ids, in order of raising.
 * @property {string | null} cover_url
 * @property {number} key_epoch
 * @property {Participant[]} participants  Those inside and those in the grace, in order of joining.
 * @property {number} seq
 * @property {string} epoch
 */

/** @typedef {{ type: string, seq: number, created_at: string } & Record<string, any>} RoomEvent */
/** @typedef {{ type: "offer" | "answer" | "ice" | "chat.typing" } & Record<string, any>} Signal */
/** @typedef {{ type: string, cid?: string } & Record<string, any>} Command */
/** @typedef {{ room_slug: string, user_id: number, role: Role, resumed: boolean }} Joined */
/** @typedef {{ reason: string, detail?: string, cid?: string, retry_after?: number }} Refusal */

/** @typedef {{ slug: string, is_private: boolean, invite_key?: string } & Record<string, any>} RoomInfo */

export const SIGNALS = new Set(["offer", "answer", "ice", "chat.typing"]);

/** Close codes after which a client comes back by itself. */
export const COME_BACK = new Set([1001, 1006, 1011, 1012, 1013, 4008, 4010]);

/** The server's close code for a token that has run out: renew it, then come back. */
export const TOKEN_EXPIRED = 4001;

/** Refusals that pass by themselves. */
export const PASSING = new Set(["rate_limited", "draining", "overloaded", "storage_unavailable", "storage_full"]);

/** What a refused description was not allowed to send. */
export const SILENCING = /** @type {Record<string, "audio" | "video">} */ ({
  muted_by_admin: "audio",
  mute_all: "audio",
  video_off_by_admin: "video",
});
