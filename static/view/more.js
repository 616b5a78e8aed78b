// @ts-check
/** What else can be done in a call: the rows of the menu in its bar, one line each. */

import { t } from "../strings.js";
import { recordItem } from "./recording.js";
import { help } from "./shortcuts.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("./call.js").Actions} Actions */
/** @typedef {import("./call.js").Panel} Panel */
/** @typedef {import("./menu.js").Item} Item */

/** @param {Model | null} model @param {Actions} actions @param {(panel: Panel) => void} panel
 * @returns {(Item | false)[]} */
export function more(model, actions, panel) {
  return [
    recordItem(model, actions.recordings),
    { label: t("recordings"), drawing: "play", testid: "more-recordings", act: () => panel("recordings") },
    { label: t("devices"), drawing: "tune", testid: "more-devices", act: actions.devices.open },
    { label: t("sounds"), drawing: "bell", testid: "more-sounds", checked: model?.sounds, act: actions.senses.sounds },
    { label: t("shortcuts"), drawing: "keyboard", testid: "more-shortcuts", act: () => void help() },
  ];
}
