// @ts-check
/** What is held against us, by whom and why: near the controls for as long as it lasts, with what can be done. */

import { t } from "../strings.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {Model["moderation"]["measures"][number]} Held */

/** @param {{ hand: () => void }} actions */
export function measures({ hand }) {
  const list = h("ul", { class: "measures-list" });
  const ask = h("button", {
    class: "button measures-hand", type: "button", click: hand, "data-testid": "measures-hand",
  }, icon("hand"), h("span", {}));
  const element = h("section", {
    class: "measures", "aria-label": t("measures"), "data-testid": "measures", hidden: true,
  }, list, ask);
  return {
    element,
    /** @param {Model} model */
    update(model) {
      const held = model.moderation.measures;
      set(element, "hidden", held.length === 0);
      set(ask, "hidden", !held.some(({ kind }) => kind === "audio"));
      set(ask, "aria-pressed", String(model.hand));
      set(ask, "aria-disabled", model.status === "live" ? null : "true");
      write(/** @type {Element} */ (ask.lastElementChild), model.hand ? t("hand_is_waiting") : t("hand_raise"));
      reconcile(list, held, ({ key }) => key, row, (one, measure) => show(one, measure, model));
    },
  };
}

/** @param {Held} measure */
function row({ kind }) {
  return h("li", {}, icon(kind === "audio" ? "mic_off" : "cam_off"), h("p", {}, h("b", {}), h("span", {})));
}

/** @param {HTMLLIElement} element @param {Held} measure @param {Model} model */
function show(element, { key, cause }, model) {
  const by = cause && model.name(cause.by);
  write(/** @type {Element} */ (element.querySelector("b")), t(key));
  write(/** @type {Element} */ (element.querySelector("p span")), [by, cause?.reason].filter(Boolean).join(": "));
}
