// @ts-check
/** What lies over the page until it is answered: native dialogs, so that focus stays inside and Escape closes them. */

import { t } from "../strings.js";
import { h } from "./dom.js";
import { submitting } from "./frame.js";
import { icon } from "./icons.js";

/** @typedef {import("./dom.js").Child} Child */

/** Opens at once; gone from the page when it is closed, and the focus goes back to where it was.
 * @param {string} title @param {{ testid: string, closed?: () => void }} options @param {...Child} body */
export function openDialog(title, { testid, closed }, ...body) {
  const before = document.activeElement;
  const element = h("dialog", { class: "dialog", "data-testid": testid, "aria-label": title },
    h("header", { class: "dialog-head" }, h("h2", {}, title),
      h("button", {
        class: "button quiet round", type: "button", "aria-label": t("close"), click: () => element.close(),
      }, icon("close"))),
    ...body);
  element.addEventListener("close", () => {
    element.remove();
    if (before instanceof HTMLElement) before.focus();
    closed?.();
  });
  element.addEventListener("click", ({ target }) => target === element && element.close()); // beside it
  document.body.append(element);
  element.showModal();
  return element;
}

/** A form over the page. It closes when `send` is through; a refusal is said below it, and it stays.
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.testid
 * @param {string} question.submit  The words on the button.
 * @param {boolean} [question.danger]
 * @param {() => Promise<unknown>} question.send
 * @param {...Child} body */
export function ask({ title, testid, submit, danger, send }, ...body) {
  const form = h("form", { class: "dialog-form" },
    ...body,
    h("div", { class: "choices" },
      h("button", { class: "button", type: "button", click: () => element.close() }, t("cancel")),
      h("button", { class: danger ? "button danger" : "button primary", type: "submit" }, submit)));
  submitting(form, async () => {
    await send();
    element.close();
  });
  const element = openDialog(title, { testid }, form);
  return element;
}
