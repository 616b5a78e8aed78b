// @ts-check
/** Which key means what in a call. Letters count by what they say, or by their place where they are not Latin. */

/** @typedef {"mic" | "cam" | "screen" | "hand" | "chat" | "people" | "help" | "talk" | "escape"} Shortcut */
/** @typedef {Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "altKey" | "metaKey">} Stroke */

/** As they are shown, in this order. @type {[Shortcut, string][]} */
export const KEYS = [
  ["mic", "M"], ["talk", "Space"], ["cam", "V"], ["screen", "S"], ["hand", "H"], ["chat", "C"], ["people", "P"],
  ["help", "?"], ["escape", "Esc"],
];

/** @type {Record<string, Shortcut>} */
const MEANINGS = {
  m: "mic", v: "cam", s: "screen", h: "hand", c: "chat", p: "people", "?": "help", " ": "talk", escape: "escape",
};

/** @param {Stroke} stroke @returns {Shortcut | null} */
export function shortcutOf({ key, code, ctrlKey, altKey, metaKey }) {
  if (ctrlKey || altKey || metaKey) return null; // the browser's own
  const foreign = /^\p{L}$/u.test(key) && !/^[a-z]$/i.test(key);
  const said = foreign ? code.replace("Key", "") : key;
  const letter = said.toLowerCase();
  return Object.hasOwn(MEANINGS, letter) ? MEANINGS[letter] : null;
}
