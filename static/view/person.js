// @ts-check
/** One row of the list of people: a face, a name, marks, and a menu with what one may do about them. */

import { deedsOn, outranks } from "../ranks.js";
import { member } from "../room.js";
import { t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { icon } from "./icons.js";
import { menu } from "./menu.js";
import { askToHide, askToKick, askToMute, askWhoIAm } from "./moderate.js";
import { face } from "./tile.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../moderation.js").Moderation} Moderation */
/** @typedef {import("../protocol.js").Participant} Participant */
/** @typedef {import("../ranks.js").Deed} Deed */
/** @typedef {{ element: HTMLLIElement, update: (participant: Participant, model: Model) => void }} Row */

/**
 * @typedef {object} Offer  How a deed is offered, and what it takes.
 * @property {import("../strings.js").Key} words
 * @property {import("./icons.js").Icon} drawing
 * @property {boolean} [danger]
 * @property {(moderation: Moderation, participant: Participant) => unknown} act
 */

/** @type {Record<Deed, Offer>} */
const OFFERS = {
  give_floor: { words: "give_floor", drawing: "mic", act: now((order, { user_id }) => order.letSpeak(user_id, true)) },
  take_floor: {
    words: "take_floor", drawing: "mic_off", act: now((order, { user_id }) => order.letSpeak(user_id, false)),
  },
  lower_hand: {
    words: "lower_their_hand", drawing: "hand", act: now((order, { user_id }) => order.lowerHand(user_id)),
  },
  mute: { words: "mute", drawing: "mic_off", act: askToMute },
  unmute: { words: "unmute", drawing: "mic", act: now((order, { user_id }) => order.mute(user_id, false)) },
  hide: { words: "hide", drawing: "cam_off", act: askToHide },
  unhide: { words: "unhide", drawing: "cam", act: now((order, { user_id }) => order.hide(user_id, false)) },
  promote: { words: "promote", drawing: "shield", act: now((order, { user_id }) => order.setRole(user_id, "admin")) },
  demote: { words: "demote", drawing: "shield", act: now((order, { user_id }) => order.setRole(user_id, "guest")) },
  kick: { words: "kick", drawing: "remove", danger: true, act: askToKick },
};

/** Without asking back. @param {(moderation: Moderation, participant: Participant) => Promise<unknown>} deed
 * @returns {Offer["act"]} */
function now(deed) {
  return (moderation, participant) => moderation.tried(deed(moderation, participant));
}

/** @param {number} userId @param {Moderation} moderation @returns {Row} */
export function person(userId, moderation) {
  let seen = /** @type {{ participant: Participant, model: Model } | null} */ (null);
  const more = menu({
    label: "", testid: "person-menu", items: () => (seen ? offers(seen.participant, seen.model, moderation) : []),
  });
  holdBack(more, () => seen?.model.moderation.busy(userId) ?? false);
  const element = h("li", { class: "person", "data-testid": "person", "data-hue": userId % 8 },
    h("span", { class: "avatar small", "aria-hidden": "true" }),
    h("span", { class: "person-words" }, h("b", {}), h("small", {})),
    h("span", { class: "person-marks" },
      mark("hand"), mark("mic_off"), mark("cam_off")),
    more);
  return {
    element,
    update(participant, model) {
      seen = { participant, model };
      show(element, participant, model);
      const busy = model.moderation.busy(userId);
      const offered = userId === model.me || outranks(member(model.state, model.me), participant);
      set(more, "hidden", !offered);
      set(element, "aria-busy", busy ? "true" : null);
      const button = /** @type {Element} */ (more.querySelector("button"));
      set(button, "aria-disabled", busy ? "true" : null);
      label(button, userId === model.me ? t("about_me") : t("about_person", participant.nickname));
    },
  };
}

/** While a question is on the way there is no menu; it keeps the focus, though, for those who go by keyboard.
 * @param {HTMLElement} element @param {() => boolean} busy */
function holdBack(element, busy) {
  element.addEventListener("click", (event) => busy() && event.stopPropagation(), true);
}

/** @param {Participant} participant @param {Model} model @param {Moderation} moderation */
function offers(participant, { state, me }, moderation) {
  if (participant.user_id === me) {
    const act = () => askWhoIAm(moderation, participant);
    return [{ label: t("change_me"), drawing: /** @type {const} */ ("edit"), testid: "do-change-me", act }];
  }
  if (!state) return [];
  return deedsOn(state, member(state, me), participant).map((deed) => {
    const { words, drawing, danger, act } = OFFERS[deed];
    return { label: t(words), testid: `do-${deed}`, drawing, danger, act: () => void act(moderation, participant) };
  });
}

/** @param {"hand" | "mic_off" | "cam_off"} drawing */
function mark(drawing) {
  return h("span", { class: `mark mark-${drawing}`, role: "img" }, icon(drawing), drawing === "hand" && h("b", {}));
}

/** @param {HTMLLIElement} element @param {Participant} participant @param {Model} model */
function show(element, participant, { me, state }) {
  const { user_id, nickname, mic_muted, cam_off, admin_muted, admin_video_off } = participant;
  const part = (/** @type {string} */ selector) => /** @type {Element} */ (element.querySelector(selector));
  const place = (state?.hands_up.indexOf(user_id) ?? -1) + 1;
  face(part(".avatar"), participant);
  write(part(".person-words b"), user_id === me ? t("you", nickname) : nickname);
  write(part(".person-words small"), standing(participant, state?.mute_all ?? false));
  tell(part(".mark-hand"), place > 0, t("hand_place", place));
  write(part(".mark-hand b"), String(place));
  tell(part(".mark-mic_off"), mic_muted, admin_muted ? t("state_muted") : t("mic_is_off"));
  tell(part(".mark-cam_off"), cam_off, admin_video_off ? t("state_hidden") : t("cam_is_off"));
  set(part(".mark-mic_off"), "data-forced", admin_muted);
  set(part(".mark-cam_off"), "data-forced", admin_video_off);
}

/** @param {Participant} participant @param {boolean} muteAll */
function standing({ role, admin_muted, admin_video_off, can_speak }, muteAll) {
  const floor = muteAll && role === "guest" && can_speak && !admin_muted;
  return [
    t(role), admin_muted && t("no_voice"), admin_video_off && t("no_video"), floor && t("state_floor"),
  ].filter(Boolean).join(" · ");
}

/** @param {Element} element @param {boolean} there @param {string} words */
function tell(element, there, words) {
  set(element, "hidden", !there);
  label(element, words);
}

/** @param {Element} element @param {string} words */
function label(element, words) {
  set(element, "aria-label", words);
  set(element, "title", words);
}
