// @ts-check
/**
 * A room as the fold of its events: the same arithmetic as the server's `room/fold.py`.
 *
 * Knows no socket, no DOM, no clock. A state is a snapshot; applying an event makes the next one and leaves the old
 * one as it was. It never refuses what happened, but it refuses to skip: a hole in the numbers throws.
 */

/** @typedef {import("./protocol.js").Participant} Participant */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {(state: Snapshot, event: RoomEvent) => Partial<Snapshot>} Case */

export class Gap extends Error {
  /** @param {number} last @param {number} seq */
  constructor(last, seq) {
    super(`event ${seq} cannot follow ${last}`);
    this.name = "Gap";
  }
}

const PARTICIPANT = /** @type {const} */ ([
  "user_id", "nickname", "avatar_url", "role", "mic_muted", "cam_off", "admin_muted", "admin_video_off", "can_speak",
]);
const ROOM = /** @type {const} */ ([
  "topic", "title", "is_locked", "mute_all", "recording_active", "hands_up", "cover_url", "key_epoch",
]);

/** @type {Record<string, Case>} */
const CASES = {
  "member.joined": (state, event) => hushed(state, { participants: seated(state.participants, event) }),
  "member.left": gone,
  "member.kicked": gone,
  "member.updated": (state, { user_id, nickname, avatar_url }) => changed(state, user_id, { nickname, avatar_url }),
  "role.changed": (state, { user_id, role }) => hushed(state, changed(state, user_id, { role })),
  "media.updated": (state, { user_id, mic_muted, cam_off }) => changed(state, user_id, { mic_muted, cam_off }),
  "media.forced": (state, { user_id, admin_muted }) => hushed(state, changed(state, user_id, { admin_muted })),
  "media.video_forced": (state, { user_id, admin_video_off }) =>
    hushed(state, changed(state, user_id, { admin_video_off })),
  "speak.changed": (state, { user_id, can_speak }) => hushed(state, changed(state, user_id, { can_speak })),
  "hand.raised": (_, { hands_up }) => ({ hands_up }),
  "hand.lowered": (_, { hands_up }) => ({ hands_up }),
  "state.changed": (state, { topic, is_locked, mute_all, recording_active }) =>
    hushed(state, { topic, is_locked, mute_all, recording_active }),
  "record.started": () => ({ recording_active: true }),
  "record.stopped": () => ({ recording_active: false }),
  "room.updated": (_, { title }) => ({ title }),
  "cover.changed": (_, { cover_url }) => ({ cover_url }),
  "key.changed": (_, { key_epoch }) => ({ key_epoch }),
};

/**
 * The room after one more event. What is not listed above (chat, files, events of a later version) only counts on.
 * @param {Snapshot} state @param {RoomEvent} event @returns {Snapshot}
 */
export function apply(state, event) {
  if (event.seq !== state.seq + 1) throw new Gap(state.seq, event.seq);
  const next = Object.hasOwn(CASES, event.type) ? CASES[event.type](state, event) : {};
  return { ...state, ...next, seq: event.seq };
}

/** @param {Snapshot} state @param {RoomEvent[]} events */
export const fold = (state, events) => events.reduce(apply, state);

/**
 * Exactly the shape of `state.snapshot`, without its `type` and without anything a later server may have added.
 * @param {Snapshot} state @returns {Snapshot}
 */
export function snapshot(state) {
  const room = pick(state, ROOM);
  const participants = state.participants.map((participant) => pick(participant, PARTICIPANT));
  return { ...room, hands_up: [...state.hands_up], participants, seq: state.seq, epoch: state.epoch };
}

/** @param {Snapshot | null} state @param {number} userId @returns {Participant | undefined} */
export const member = (state, userId) => state?.participants.find((participant) => participant.user_id === userId);

/**
 * May not be heard: muted by a moderator, or a guest without the right to speak while everyone is muted.
 * @param {Pick<Snapshot, "mute_all">} room @param {Participant} participant
 */
export function silenced({ mute_all }, { admin_muted, role, can_speak }) {
  return admin_muted || (mute_all && role === "guest" && !can_speak);
}

/** Whoever may not be heard is muted, whoever may not be seen is not shown; nobody is turned on again by it.
 * @param {Snapshot} state @param {Partial<Snapshot>} change @returns {Partial<Snapshot>} */
function hushed(state, change) {
  const next = { ...state, ...change };
  const participants = next.participants.map((participant) => ({
    ...participant,
    mic_muted: participant.mic_muted || silenced(next, participant),
    cam_off: participant.cam_off || participant.admin_video_off,
  }));
  return { ...change, participants };
}

/** @type {Case} */
function gone({ participants, hands_up }, { user_id }) {
  return {
    participants: participants.filter((participant) => participant.user_id !== user_id),
    hands_up: hands_up.filter((id) => id !== user_id),
  };
}

/** The newcomer is last, whether we have seen them before or not.
 * @param {Participant[]} participants @param {RoomEvent} event */
function seated(participants, event) {
  const others = participants.filter(({ user_id }) => user_id !== event.user_id);
  return [...others, pick(/** @type {any} */ (event), PARTICIPANT)];
}

/** Roles and rights of those who are away may change too; the room then looks the same.
 * @param {Snapshot} state @param {number} userId @param {Partial<Participant>} change @returns {Partial<Snapshot>} */
function changed({ participants }, userId, change) {
  return {
    participants: participants.map((participant) =>
      participant.user_id === userId ? { ...participant, ...change } : participant),
  };
}

/** @template {object} T @template {keyof T} K @param {T} from @param {readonly K[]} keys @returns {Pick<T, K>} */
function pick(from, keys) {
  return /** @type {Pick<T, K>} */ (Object.fromEntries(keys.map((key) => [key, from[key]])));
}
