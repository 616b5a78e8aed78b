// @ts-check
/** What the pages outside a call share: the masthead, a form that waits for the server, a card with a message. */

import { ApiError } from "../api.js";
import { LANGUAGES, language as spoken, say, t } from "../strings.js";
import { h } from "./dom.js";

/** @typedef {{ label: string, act: () => void, testid: string }} Choice */

/** @param {() => void} switchLanguage */
export function masthead(switchLanguage) {
  return h("header", { class: "masthead" },
    h("a", { class: "brand", href: "/" }, mark(), t("brand")),
    languageSwitch(switchLanguage));
}

export const mark = () => h("img", { class: "mark", src: "/static/icon.svg", alt: "", width: 32, height: 32 });

/** Says the other language's name in that language. @param {() => void} switchLanguage */
export function languageSwitch(switchLanguage) {
  const other = spoken() === "en" ? "ru" : "en";
  return h("button", {
    class: "button quiet language", type: "button", lang: other, click: switchLanguage, "data-testid": "language",
  }, LANGUAGES[other].language);
}

/** While it is sent the form cannot be sent again; a refusal is said below it.
 * @param {HTMLFormElement} form @param {() => Promise<void>} send */
export function submitting(form, send) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
  const problem = h("p", { class: "problem", role: "alert", "data-testid": "problem" });
  form.append(problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await send();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problem.textContent = say(error.reason);
    } finally {
      button.disabled = false;
    }
  });
}

/** @param {{ title: string, detail?: string, choices: Choice[], language: () => void }} message */
export function message({ title, detail, choices, language }) {
  const buttons = choices.map(({ label, act, testid }, index) => {
    const looks = index ? "button" : "button primary";
    return h("button", { class: looks, type: "button", click: act, "data-testid": testid }, label);
  });
  return h("div", { class: "page" },
    masthead(language),
    h("main", { class: "narrow" },
      h("section", { class: "card message", "data-testid": "message" },
        h("h1", {}, title),
        detail && h("p", { class: "lead" }, detail),
        h("div", { class: "choices" }, ...buttons))));
}
