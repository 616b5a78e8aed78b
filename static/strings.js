// @ts-check
/** What the page says: the sentence for a key in the language spoken now. All sentences are in words/. */

import { EN } from "./words/en.js";
import { RU } from "./words/ru.js";

/** @typedef {keyof typeof EN} Key */

export const LANGUAGES = { en: EN, ru: RU };
/** @typedef {keyof typeof LANGUAGES} Language */

let current = /** @type {Language} */ ("en");

export const language = () => current;

/** @param {string | null | undefined} wish a language tag; what we do not speak becomes English */
export function speak(wish) {
  current = wish?.toLowerCase().startsWith("ru") ? "ru" : "en";
}

/** @param {Key} key @param {...(string | number)} args */
export function t(key, ...args) {
  return LANGUAGES[current][key].replace(/\{(\d)\}/g, (_, index) => String(args[index] ?? "")).trim();
}

/** A sentence whose key came from elsewhere: a refusal's reason, a notice.
 * @param {string} key @param {...(string | number)} args */
export function say(key, ...args) {
  return Object.hasOwn(EN, key) ? t(/** @type {Key} */ (key), ...args) : t("unknown_reason", key);
}
