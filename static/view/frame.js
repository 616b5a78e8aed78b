// @ts-check
/** What the pages outside a call share: the masthead, a form that waits for the server, a card with a message. */

import { ApiError } from "../api.js";
import { LANGUAGES, language as spoken, say, t } from "../strings.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

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
      problem.textContent = refusalOf(error);
    } finally {
      button.disabled = false;
    }
  });
}

/** The words for what the server refused; anything else that went wrong is no matter of words.
 * @param {unknown} error */
export function refusalOf(error) {
  if (!(error instanceof ApiError)) throw error;
  return say(error.reason);
}

/** @type {Record<string, import("./icons.js").Icon>} */
const DRAWINGS = {
  invite_required_or_invalid: "lock", room_locked: "lock", room_not_found: "search", unreachable: "offline",
};

/** @param {{ title: string, detail?: string, state?: string, choices: Choice[], language: () => void }} message
 * A state gives the card a drawing of its own. */
export function message({ title, detail, state, choices, language }) {
  const buttons = choices.map(({ label, act, testid }, index) => {
    const looks = index ? "button" : "button primary";
    return h("button", { class: looks, type: "button", click: act, "data-testid": testid }, label);
  });
  return h("div", { class: "page" },
    masthead(language),
    h("main", { class: "narrow" },
      h("section", { class: "card message", "data-testid": "message", "data-state": state },
        state && h("div", { class: "message-drawing" }, icon(DRAWINGS[state] ?? "remove")),
        h("h1", { tabindex: -1 }, title),
        detail && h("p", { class: "lead" }, detail),
        h("div", { class: "choices" }, ...buttons))));
}
