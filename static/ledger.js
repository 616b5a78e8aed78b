// @ts-check
/** The moderation log in sentences. The log says that something was changed; the events themselves say what. Pure. */

/** @typedef {import("./api.js").Deed} Deed */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./strings.js").Key} Key */
/** @typedef {{ deed: Deed, key: Key, topic: string }} Entry */

/** What each deed is called, when it was taken back instead, and which field of its event tells. */
const MEASURES = /** @type {const} */ ({
  force_mute: ["admin_muted", "log_force_mute", "log_force_mute_off"],
  force_video: ["admin_video_off", "log_force_video", "log_force_video_off"],
  speak: ["can_speak", "log_speak", "log_speak_off"],
});

/** @param {Deed} deed */
export const isVague = ({ action }) => action === "set_state" || Object.hasOwn(MEASURES, action);

/** @param {Deed[]} deeds  Newest first. @param {Map<number, RoomEvent>} events  As many of theirs as are known.
 * @param {boolean} whole  There is nothing before the last of them. @returns {Entry[]} */
export function entries(deeds, events, whole) {
  const states = deeds.filter(({ action }) => action === "set_state");
  return deeds.map((deed) => {
    const event = events.get(deed.seq);
    if (deed.action !== "set_state") return { deed, key: measure(deed.action, event), topic: "" };
    const older = states[states.indexOf(deed) + 1];
    const before = older ? events.get(older.seq) : whole ? beginning(event) : undefined;
    return { deed, key: setting(event, before), topic: event?.topic ?? "" };
  });
}

/** @param {string} action @param {RoomEvent | undefined} event @returns {Key} */
function measure(action, event) {
  if (!Object.hasOwn(MEASURES, action)) return /** @type {Key} */ (`log_${action}`);
  const [field, on, off] = MEASURES[/** @type {keyof typeof MEASURES} */ (action)];
  return event === undefined ? "log_measure" : event[field] ? on : off;
}

/** @param {RoomEvent | undefined} event @param {Partial<RoomEvent> | undefined} before @returns {Key} */
function setting(event, before) {
  if (!event || !before) return "log_set_state";
  if (event.mute_all !== before.mute_all) return event.mute_all ? "log_mute_all" : "log_mute_all_off";
  if (event.is_locked !== before.is_locked) return event.is_locked ? "log_lock" : "log_lock_off";
  return event.topic ? "log_topic" : "log_topic_off";
}

/** A room begins open and loud; its first topic may be as old as itself. @param {RoomEvent | undefined} event */
const beginning = (event) => ({ type: "", mute_all: false, is_locked: false, topic: event?.topic });
