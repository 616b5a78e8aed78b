// @ts-check
/** Who is in the room: raised hands first, in the order of raising. */

import { t } from "../strings.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";
import { initials } from "./stage.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../protocol.js").Participant} Participant */

export function people() {
  const element = h("ul", { class: "people", "aria-label": t("participants"), "data-testid": "people-list" });
  return {
    element,
    /** @param {Model} model */
    update(model) {
      const { participants = [], hands_up = [] } = model.state ?? {};
      const queue = new Map(hands_up.map((id, index) => [id, index]));
      const place = (/** @type {Participant} */ { user_id }) => queue.get(user_id) ?? participants.length;
      const ordered = [...participants].sort((a, b) => place(a) - place(b));
      reconcile(element, ordered, ({ user_id }) => String(user_id), row,
        (one, participant) => show(one, participant, model, queue.has(participant.user_id)));
    },
  };
}

/** @param {Participant} participant */
function row({ user_id }) {
  return h("li", { class: "person", "data-testid": "person", "data-hue": user_id % 8 },
    h("span", { class: "avatar small", "aria-hidden": "true" }),
    h("span", { class: "person-words" }, h("b", {}), h("small", {})),
    h("span", { class: "person-marks" },
      mark("hand", "hand_is_up"), mark("mic_off", "mic_is_off"), mark("cam_off", "cam_is_off")));
}

/** @param {"hand" | "mic_off" | "cam_off"} drawing @param {import("../strings.js").Key} words */
function mark(drawing, words) {
  return h("span", { class: `mark-${drawing}`, role: "img", "aria-label": t(words), title: t(words) }, icon(drawing));
}

/** @param {HTMLLIElement} element @param {Participant} participant @param {Model} model @param {boolean} hand */
function show(element, { user_id, nickname, role, mic_muted, cam_off }, model, hand) {
  const part = (/** @type {string} */ selector) => /** @type {Element} */ (element.querySelector(selector));
  write(part(".avatar"), initials(nickname));
  write(part("b"), user_id === model.me ? t("you", nickname) : nickname);
  write(part("small"), t(role));
  set(part(".mark-hand"), "hidden", !hand);
  set(part(".mark-mic_off"), "hidden", !mic_muted);
  set(part(".mark-cam_off"), "hidden", !cam_off);
}
