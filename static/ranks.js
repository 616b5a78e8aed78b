// @ts-check
/** Who stands above whom, and what that lets one do. Pure: the server decides, this knows what is worth offering. */

import { silenced } from "./room.js";

/** @typedef {import("./protocol.js").Participant} Participant */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */

/**
 * @typedef {"mute" | "unmute" | "hide" | "unhide" | "give_floor" | "take_floor" | "lower_hand" | "promote" | "demote"
 *   | "kick"} Deed  What one can do about another.
 */

const RANK = { guest: 0, admin: 1, owner: 2 };

/** @param {Participant | undefined} participant */
export const moderates = (participant) => participant !== undefined && RANK[participant.role] > RANK.guest;

/** @param {Participant | undefined} one @param {Pick<Participant, "role">} other */
export const outranks = (one, other) => one !== undefined && moderates(one) && RANK[one.role] > RANK[other.role];

/** What `mine` may do about `theirs` in this room, in the order in which it is offered.
 * @param {Snapshot} state @param {Participant | undefined} mine @param {Participant} theirs @returns {Deed[]} */
export function deedsOn(state, mine, theirs) {
  if (!outranks(mine, theirs)) return [];
  const hand = state.hands_up.includes(theirs.user_id);
  const waiting = state.mute_all && theirs.role === "guest";
  const deeds = /** @type {(Deed | false)[]} */ ([
    waiting && !theirs.can_speak && "give_floor",
    waiting && theirs.can_speak && "take_floor",
    hand && "lower_hand",
    theirs.admin_muted ? "unmute" : "mute",
    theirs.admin_video_off ? "unhide" : "hide",
    mine?.role === "owner" && (theirs.role === "admin" ? "demote" : "promote"),
    "kick",
  ]);
  return /** @type {Deed[]} */ (deeds.filter(Boolean));
}

/**
 * @typedef {object} Measure  Something that is held against us now.
 * @property {"measure_muted" | "measure_mute_all" | "measure_hidden"} key
 * @property {"audio" | "video"} kind
 */

/** @param {Snapshot | null} state @param {Participant | undefined} mine @returns {Measure[]} */
export function measuresOn(state, mine) {
  if (!state || !mine) return [];
  const measures = /** @type {(Measure | false)[]} */ ([
    mine.admin_muted && { key: "measure_muted", kind: "audio" },
    !mine.admin_muted && silenced(state, mine) && { key: "measure_mute_all", kind: "audio" },
    mine.admin_video_off && { key: "measure_hidden", kind: "video" },
  ]);
  return /** @type {Measure[]} */ (measures.filter(Boolean));
}
