// @ts-check
/** A field for a picture: shows the one there is, and the one that is chosen before it is sent. */

import { t } from "../strings.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @param {{ url: string | null, words: string, testid: string, round?: boolean }} given */
export function pictureField({ url, words, testid, round = false }) {
  const input = h("input", {
    type: "file", accept: "image/jpeg,image/png,image/webp", class: "picture-input", "data-testid": testid,
    change: () => show(input.files?.[0] ?? null),
  });
  const frame = h("span", { class: round ? "picture-frame round" : "picture-frame" });
  const element = h("label", { class: "picture" }, frame,
    h("span", { class: "picture-words" }, h("b", {}, words), h("small", {}, t("picture_hint"))), input);
  /** @param {File | null} file */
  function show(file) {
    const old = frame.querySelector("img")?.src ?? "";
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
    const src = file ? URL.createObjectURL(file) : url;
    frame.replaceChildren(src === null ? icon("picture") : h("img", { src, alt: "" }));
  }
  show(null);
  return {
    element,
    file: () => input.files?.[0] ?? null,
    /** From now on this is the picture there is. @param {string | null} next */
    settle(next) {
      url = next;
      input.value = "";
      show(null);
    },
  };
}
