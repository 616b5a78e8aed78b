// @ts-check
/** The bar of buttons below a call. What a narrow window has no room for is found in the menu. */

import { t } from "../strings.js";
import { h, set } from "./dom.js";
import { icon } from "./icons.js";
import { menu } from "./menu.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("./icons.js").Icon} Icon */
/** @typedef {import("./menu.js").Item} Item */
/** @typedef {import("./call.js").Panel} Panel */
/** @typedef {import("../shortcuts.js").Shortcut} Shortcut */

/** The buttons and their drawings; with two, the second is for when it is off. @type {[Shortcut, Icon[]][]} */
const BUTTONS = [
  ["mic", ["mic", "mic_off"]], ["cam", ["cam", "cam_off"]], ["screen", ["screen"]], ["hand", ["hand"]],
  ["people", ["people"]], ["chat", ["chat"]],
];

/**
 * @param {Record<Shortcut, () => void>} acts
 * @param {() => void} leave
 * @param {() => (Item | false)[]} more  What else the menu holds.
 */
export function controls(acts, leave, more) {
  const all = Object.fromEntries(BUTTONS.map(([name, drawings]) => [name, button(name, drawings, acts[name])]));
  const unread = h("span", { class: "unread", "aria-hidden": "true", hidden: true });
  all.chat.append(unread);
  const leaving = button("leave", ["leave"], leave);
  label(leaving, t("leave"));
  const others = menu({
    label: t("more"), testid: "more", looks: "control", items: () => [...hidden(all), ...more()],
  });
  return {
    element: h("div", { class: "controls", role: "group", "aria-label": t("controls") },
      h("div", { class: "controls-group" }, all.mic, all.cam, all.screen, all.hand),
      h("div", { class: "controls-group" }, all.people, all.chat, others),
      h("div", { class: "controls-group" }, leaving)),
    /** @param {Model} model @param {{ panel: Panel | null, unread: number }} shown */
    update(model, { panel, unread: count }) {
      sending(all, model);
      all.hand.disabled = model.status !== "live";
      set(all.hand, "data-on", model.hand);
      label(all.hand, model.hand ? t("hand_lower") : t("hand_raise"), "H");
      set(all.people, "aria-expanded", String(panel === "people"));
      label(all.people, t("people"), "P");
      set(all.chat, "aria-expanded", String(panel === "chat"));
      label(all.chat, count ? t("unread", count) : t("chat"), "C");
      set(unread, "hidden", count === 0);
      unread.textContent = count > 99 ? "99+" : String(count);
    },
  };
}

/** @param {Record<string, HTMLButtonElement>} buttons @param {Model} model */
function sending({ mic, cam, screen }, { on, allowed, screen: { able, allowed: mayShow, preview } }) {
  turn(mic, on.audio, allowed.audio, [t("mic_turn_off"), t("mic_turn_on"), t("mic_forbidden")], "M");
  turn(cam, on.video, allowed.video, [t("cam_turn_off"), t("cam_turn_on"), t("cam_forbidden")], "V");
  turn(screen, preview !== null, mayShow, [t("screen_turn_off"), t("screen_turn_on"), t("cam_forbidden")], "S");
  set(screen, "hidden", !able);
}

/** @param {string} name @param {Icon[]} drawings @param {() => void} act */
function button(name, drawings, act) {
  const props = { class: `control control-${name}`, type: "button", click: act, "data-testid": name };
  return h("button", props, ...drawings.map(icon));
}

/** The buttons that the window has no room for, as rows of the menu.
 * @param {Record<string, HTMLButtonElement>} all @returns {Item[]} */
function hidden(all) {
  const away = BUTTONS.filter(([name]) => !all[name].hidden && all[name].getClientRects().length === 0);
  return away.filter(([name]) => !all[name].disabled).map(([name, [drawing]]) => ({
    label: all[name].getAttribute("aria-label") ?? "", drawing, testid: `more-${name}`, act: () => all[name].click(),
  }));
}

/** @param {HTMLButtonElement} element @param {boolean} on @param {boolean} allowed
 * @param {[string, string, string]} words @param {string} key */
function turn(element, on, allowed, [off, turnOn, forbidden], key) {
  set(element, "data-on", on);
  element.disabled = !allowed;
  label(element, !allowed ? forbidden : on ? off : turnOn, key);
}

/** @param {Element} element @param {string} words @param {string} [key]  The one that does the same. */
function label(element, words, key) {
  set(element, "aria-label", words);
  set(element, "title", key ? `${words} (${key})` : words);
  set(element, "aria-keyshortcuts", key);
}
