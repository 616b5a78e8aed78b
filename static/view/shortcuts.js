// @ts-check
/** Keys of a call: one letter for each button, Space held to speak, and the page that says so. */

import { KEYS, shortcutOf } from "../shortcuts.js";
import { t } from "../strings.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";

/** @typedef {import("../shortcuts.js").Shortcut} Shortcut */

const WRITING = "input, textarea, select, [contenteditable]";
const OVER_THE_PAGE = "dialog[open], :popover-open";

/**
 * Listens as long as `element` is on the page.
 * @param {HTMLElement} element
 * @param {Record<Shortcut, () => void>} acts
 * @param {(on: boolean) => void} talk  While Space is held.
 */
export function listen(element, acts, talk) {
  let talking = false;
  const end = () => {
    if (talking) talk(false);
    talking = false;
  };
  const gone = new AbortController();
  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} act */
  const on = (target, type, act) => {
    const heard = (/** @type {Event} */ event) => (element.isConnected ? act(event) : gone.abort());
    target.addEventListener(type, heard, { signal: gone.signal });
  };
  on(document, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const meant = meaning(event);
    if (meant === null) return;
    if (meant !== "escape") event.preventDefault(); // or it is typed into the field that it opens
    if (event.repeat) return;
    if (meant !== "talk") return acts[meant]();
    talking = true;
    talk(true);
  });
  on(document, "keyup", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== " " || !talking) return;
    event.preventDefault(); // or a button that the mouse has left the focus on would be pressed
    end();
  });
  on(window, "blur", end);
  on(document, "visibilitychange", end);
}

/** Nothing while something is being written, or lies over the page. @param {KeyboardEvent} event */
function meaning(event) {
  const target = /** @type {Element} */ (event.target);
  if (event.defaultPrevented || target.closest(WRITING) || document.querySelector(OVER_THE_PAGE)) return null;
  const meant = shortcutOf(event);
  const pressable = target.matches("button:focus-visible, a:focus-visible, summary, video[controls], audio[controls]");
  return meant === "talk" && pressable ? null : meant;
}

export function help() {
  return openDialog(t("shortcuts"), { testid: "shortcuts-dialog" },
    h("dl", { class: "keys" }, ...KEYS.flatMap(([name, key]) => [
      h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(`key_${name}`)),
    ])),
    h("p", { class: "lead small" }, t("shortcuts_note")));
}
