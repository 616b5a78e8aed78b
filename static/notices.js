// @ts-check
/**
 * What of all that happens in a room is worth a word to us, and which.
 *
 * Pure: an event and the room before and after it go in; the key of a sentence (see strings.js) and what fills its
 * gaps come out: {0} whom it concerns, {1} who did it, {2} the reason with a colon before it, or nothing.
 */

import { member, silenced } from "./room.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {{ key: string, args: string[] }} Notice */

/**
 * @typedef {object} Scene
 * @property {Snapshot} before
 * @property {Snapshot} after
 * @property {number} me
 * @property {(userId: number) => string} name  Of those who are gone; somebody's, if nobody knows.
 */

/** @type {Record<string, (event: RoomEvent, scene: Scene) => string | null>} */
const MINE = {
  "role.changed": ({ role }) => `notice_role_${role}`,
  "media.forced": ({ admin_muted }, scene) =>
    admin_muted ? "notice_muted" : mayNot(scene) ? "notice_unmuted_but" : "notice_may_speak",
  "media.video_forced": ({ admin_video_off }) => (admin_video_off ? "notice_video_off" : "notice_may_show"),
  "speak.changed": ({ can_speak }, scene) => rights(scene) ?? (can_speak ? null : "notice_floor_taken"),
  "hand.lowered": ({ by_user, user_id }) => (by_user === user_id ? null : "notice_hand_lowered"),
};

/** @type {Record<string, (event: RoomEvent, scene: Scene) => string | null>} */
const OTHERS = {
  "member.joined": () => "notice_joined",
  "member.left": () => "notice_left",
  "member.kicked": () => "notice_kicked",
  "hand.raised": () => "notice_hand",
};

/** @type {Record<string, (event: RoomEvent, scene: Scene) => string | null>} */
const EVERYBODYS = {
  "state.changed": (_, { before, after }) =>
    turned(before.mute_all, after.mute_all, "notice_mute_all", "notice_mute_all_off")
      ?? turned(before.is_locked, after.is_locked, "notice_locked", "notice_unlocked")
      ?? (before.topic === after.topic ? null : after.topic ? "notice_topic" : "notice_topic_gone"),
  "room.updated": (_, { before, after }) => (before.title === after.title ? null : "notice_title"),
  "record.started": () => "notice_recording",
  "record.stopped": () => "notice_recording_off",
};

/** @param {RoomEvent} event @param {Scene} scene @returns {Notice | null} */
export function noticeOf(event, scene) {
  const about = Object.hasOwn(EVERYBODYS, event.type) ? EVERYBODYS : event.user_id === scene.me ? MINE : OTHERS;
  const key = Object.hasOwn(about, event.type) ? about[event.type](event, scene) : null;
  if (key === null || (event.by_user === scene.me && !key.startsWith("notice_recording"))) return null; // I know
  const subject = { notice_topic: event.topic, notice_title: event.title }[key] ?? event.nickname;
  const name = (/** @type {number | undefined} */ id) =>
    id === undefined ? "" : member(scene.before, id)?.nickname ?? scene.name(id);
  return { key, args: [subject ?? name(event.user_id), name(event.by_user), event.reason ? `: ${event.reason}` : ""] };
}

/** @param {boolean} before @param {boolean} after @param {string} on @param {string} off */
const turned = (before, after, on, off) => (before === after ? null : after ? on : off);

/** @param {Scene} scene */
function mayNot({ after, me }) {
  const mine = member(after, me);
  return mine !== undefined && silenced(after, mine);
}

/** Whether it gave us our voice back. @param {Scene} scene */
function rights({ before, after, me }) {
  const [was, is] = [member(before, me), member(after, me)];
  return was && is && silenced(before, was) && !silenced(after, is) ? "notice_may_speak" : null;
}
