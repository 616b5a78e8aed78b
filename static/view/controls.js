// @ts-check
/** The bar of buttons below a call. */

import { t } from "../strings.js";
import { h, set } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("./icons.js").Icon} Icon */
/** @typedef {"chat" | "people"} Panel */

/**
 * @param {object} actions
 * @param {() => void} actions.mic
 * @param {() => void} actions.cam
 * @param {() => void} actions.hand
 * @param {(panel: Panel) => void} actions.panel
 * @param {() => void} actions.leave
 */
export function controls({ mic, cam, hand, panel, leave }) {
  const buttons = {
    mic: button("mic", ["mic", "mic_off"], mic),
    cam: button("cam", ["cam", "cam_off"], cam),
    hand: button("hand", ["hand"], hand),
    people: button("people", ["people"], () => panel("people")),
    chat: button("chat", ["chat"], () => panel("chat")),
    leave: button("leave", ["leave"], leave),
  };
  const unread = h("span", { class: "unread", "aria-hidden": "true", hidden: true });
  buttons.chat.append(unread);
  label(buttons.people, t("people"));
  label(buttons.leave, t("leave"));
  return {
    element: h("div", { class: "controls", role: "group", "aria-label": t("controls") },
      h("div", { class: "controls-group" }, buttons.mic, buttons.cam, buttons.hand),
      h("div", { class: "controls-group" }, buttons.people, buttons.chat),
      h("div", { class: "controls-group" }, buttons.leave)),
    /** @param {Model} model @param {{ panel: Panel | null, unread: number }} shown */
    update({ on, allowed, hand: raised, status }, { panel: open, unread: count }) {
      turn(buttons.mic, on.audio, allowed.audio, [t("mic_turn_off"), t("mic_turn_on"), t("mic_forbidden")]);
      turn(buttons.cam, on.video, allowed.video, [t("cam_turn_off"), t("cam_turn_on"), t("cam_forbidden")]);
      buttons.hand.disabled = status !== "live";
      set(buttons.hand, "data-on", raised);
      label(buttons.hand, raised ? t("hand_lower") : t("hand_raise"));
      set(buttons.people, "aria-expanded", String(open === "people"));
      set(buttons.chat, "aria-expanded", String(open === "chat"));
      set(unread, "hidden", count === 0);
      unread.textContent = count > 99 ? "99+" : String(count);
      label(buttons.chat, count ? t("unread", count) : t("chat"));
    },
  };
}

/** @param {string} name @param {Icon[]} drawings @param {() => void} act */
function button(name, drawings, act) {
  const props = { class: `control control-${name}`, type: "button", click: act, "data-testid": name };
  return h("button", props, ...drawings.map(icon));
}

/** @param {HTMLButtonElement} element @param {boolean} on @param {boolean} allowed
 * @param {[string, string, string]} words */
function turn(element, on, allowed, [off, turnOn, forbidden]) {
  set(element, "data-on", on);
  element.disabled = !allowed;
  label(element, !allowed ? forbidden : on ? off : turnOn);
}

/** @param {Element} element @param {string} words */
function label(element, words) {
  set(element, "aria-label", words);
  set(element, "title", words);
}
