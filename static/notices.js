// @ts-check
/**
 * What of all that happens in a room is worth a word to us, and which.
 *
 * Pure: an event and the room before it go in; the key of a sentence (see strings.js) and its names come out.
 */

import { member } from "./room.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {{ key: string, args: string[] }} Notice */

/** @type {Record<string, (event: RoomEvent, before: Snapshot, mine: boolean) => string | null>} */
const SENTENCES = {
  "member.joined": (_, __, mine) => (mine ? null : "notice_joined"),
  "member.left": (_, __, mine) => (mine ? null : "notice_left"),
  "member.kicked": (_, __, mine) => (mine ? null : "notice_kicked"),
  "hand.raised": (_, __, mine) => (mine ? null : "notice_hand"),
  "role.changed": ({ role }, _, mine) => (mine ? `notice_role_${role}` : null),
  "media.forced": ({ admin_muted }, _, mine) => (mine ? (admin_muted ? "notice_muted" : "notice_may_speak") : null),
  "media.video_forced": ({ admin_video_off }, _, mine) =>
    mine ? (admin_video_off ? "notice_video_off" : "notice_may_show") : null,
  "speak.changed": ({ can_speak }, _, mine) => (mine && can_speak ? "notice_may_speak" : null),
  "state.changed": ({ mute_all }, before) =>
    mute_all === before.mute_all ? null : mute_all ? "notice_mute_all" : "notice_mute_all_off",
  "record.started": () => "notice_recording",
  "record.stopped": () => "notice_recording_off",
};

/**
 * @param {RoomEvent} event @param {Snapshot} before @param {number} me
 * @returns {Notice | null}
 */
export function noticeOf(event, before, me) {
  const mine = event.user_id === me;
  const key = Object.hasOwn(SENTENCES, event.type) ? SENTENCES[event.type](event, before, mine) : null;
  if (key === null) return null;
  const name = event.nickname ?? member(before, event.user_id)?.nickname ?? "";
  return { key, args: [name, event.reason ?? ""] };
}
