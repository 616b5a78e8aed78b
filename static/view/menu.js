// @ts-check
/** A button that opens a list of things to do: arrows walk it, Escape and a click beside it close it. */

import { h, set } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./icons.js").Icon} Icon */

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} act
 * @property {string} testid
 * @property {Icon} [drawing]
 * @property {boolean} [danger]
 * @property {boolean} [checked]  For what is on or off.
 */

/**
 * @param {object} given
 * @param {string} given.label
 * @param {string} given.testid
 * @param {Icon} [given.drawing]
 * @param {string} [given.looks]  The button's class.
 * @param {() => (Item | false)[]} given.items  Asked each time it opens.
 */
export function menu({ label, testid, drawing = "more", looks = "button quiet round", items }) {
  const list = h("div", { class: "menu", role: "menu", popover: "auto", "aria-label": label, keydown: walk });
  const button = h("button", {
    class: looks, type: "button", "aria-label": label, title: label, "aria-haspopup": "menu", "aria-expanded": "false",
    "data-testid": testid,
    click: () => {
      list.replaceChildren(...items().filter((item) => item !== false).map((item) => row(item, list)));
      list.showPopover();
      place(list, button);
      /** @type {HTMLElement | null} */ (list.firstElementChild)?.focus();
    },
  }, icon(drawing));
  list.addEventListener("toggle", (event) => {
    const open = /** @type {ToggleEvent} */ (event).newState === "open";
    set(button, "aria-expanded", String(open));
  });
  return h("span", { class: "menu-place" }, button, list);
}

/** @param {Item} item @param {HTMLElement} list */
function row({ label, act, testid, drawing, danger, checked }, list) {
  return h("button", {
    class: danger ? "menu-item danger" : "menu-item", type: "button", tabindex: -1, "data-testid": testid,
    role: checked === undefined ? "menuitem" : "menuitemcheckbox",
    "aria-checked": checked === undefined ? null : String(checked),
    click: () => {
      list.hidePopover();
      act();
    },
  }, drawing && icon(drawing), h("span", {}, label), checked && icon("check"));
}

/** Below the button or above it, wherever there is room, and never beyond the window's edge.
 * @param {HTMLElement} list @param {HTMLElement} button */
function place(list, button) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const x = left + width > innerWidth - 8 ? Math.max(8, right - width) : left;
  const y = bottom + height + 4 > innerHeight - 8 ? Math.max(8, top - height - 4) : bottom + 4;
  list.style.setProperty("left", `${x}px`);
  list.style.setProperty("top", `${y}px`);
}

/** @param {KeyboardEvent} event */
function walk(event) {
  if (event.key === "Escape") event.stopPropagation(); // it closes the list, and nothing behind it
  const list = /** @type {HTMLElement} */ (event.currentTarget);
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const here = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const steps = /** @type {Record<string, number>} */ ({
    ArrowDown: here + 1, ArrowUp: here - 1 + rows.length, Home: 0, End: rows.length - 1,
  });
  if (!Object.hasOwn(steps, event.key)) return;
  event.preventDefault();
  rows[steps[event.key] % rows.length]?.focus();
}
