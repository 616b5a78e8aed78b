// @ts-check
/** The form that makes a room: what it is about, its address, who may come, its picture. */

import { ApiError } from "../api.js";
import { isSlug } from "../entrance.js";
import { say, t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { submitting } from "./frame.js";
import { icon } from "./icons.js";

/** @typedef {{ title?: string, slug?: string, is_private: boolean, cover: File | null }} Wish */

const PAUSE = 350; // milliseconds after the last key, before the server is asked
const BIGGEST = 5 * 2 ** 20; // bytes of a picture that the server takes

/** @param {(room: Wish) => Promise<void>} create @param {(slug: string) => Promise<boolean>} isTaken */
export function newRoom(create, isTaken) {
  const hint = t("room_title_hint");
  const title = h("input", { type: "text", maxlength: 200, placeholder: hint, "data-testid": "room-title" });
  const closed = h("input", { type: "checkbox", role: "switch", "data-testid": "room-private" });
  const address = addressField(isTaken);
  const picture = pictureField();
  const form = h("form", { class: "card", "data-testid": "create-room" },
    h("h2", {}, t("new_room")),
    h("label", { class: "field" }, t("room_title"), title),
    h("label", { class: "switch" }, h("span", {}, t("by_invitation")), closed),
    h("details", { class: "more-about", "data-testid": "room-more" },
      h("summary", {}, t("address_and_cover")), address.element, picture.element),
    h("button", { class: "button primary", type: "submit", "data-testid": "create" }, t("create")));
  submitting(form, () => {
    if (!address.check()) return Promise.resolve();
    const wish = { title: title.value.trim() || undefined, slug: address.slug, is_private: closed.checked };
    return create({ ...wish, cover: picture.file }).catch(address.blame);
  });
  return form;
}

/** @param {(slug: string) => Promise<boolean>} isTaken */
function addressField(isTaken) {
  let timer = /** @type {any} */ (null);
  const input = h("input", {
    type: "text", maxlength: 64, placeholder: t("address_hint"), autocapitalize: "none", spellcheck: "false",
    autocomplete: "off", "aria-describedby": "address-words", "data-testid": "room-address", input: () => typed(),
  });
  const words = h("p", { class: "hint", id: "address-words", role: "status", "data-testid": "address-words" });
  /** @param {import("../strings.js").Key | "slug_taken"} key @param {boolean} wrong */
  const tell = (key, wrong) => {
    set(input, "aria-invalid", wrong && "true");
    set(words, "class", wrong ? "problem" : "hint");
    write(words, say(key, `${location.host}/r/${input.value}`));
    return !wrong;
  };
  const check = () => (input.value === "" ? tell("address_none", false)
    : isSlug(input.value) ? tell("address_will_be", false) : tell("address_bad", true));
  const typed = () => {
    clearTimeout(timer);
    const plain = input.value.toLowerCase().replace(/[\s_]/g, "-");
    if (plain !== input.value) input.value = plain;
    if (check() && plain) timer = setTimeout(() => void look(plain), PAUSE);
  };
  const look = async (/** @type {string} */ slug) => {
    const taken = await isTaken(slug).catch(() => false); // only a hint: making the room will tell
    if (taken && input.value === slug) tell("slug_taken", true);
  };
  /** A refusal for what is in this field is said at this field. @param {unknown} error */
  const blame = (error) => {
    if (!(error instanceof ApiError && error.reason === "slug_taken")) throw error;
    tell("slug_taken", true);
    input.focus();
  };
  check();
  const element = h("div", { class: "field-place" }, h("label", { class: "field" }, t("address"), input), words);
  const checked = () => check() || (input.focus(), false);
  return { element, check: checked, blame, get slug() { return input.value || undefined; } };
}

/** A picture is shown before it is sent anywhere. */
function pictureField() {
  let file = /** @type {File | null} */ (null);
  const problem = h("p", { class: "problem", role: "alert", "data-testid": "cover-problem" });
  const image = h("img", {
    class: "cover", alt: t("cover"), "data-testid": "cover-preview",
    error: () => {
      choose(null);
      write(problem, t("cover_unreadable"));
    },
  });
  const input = h("input", {
    type: "file", class: "unseen", accept: "image/png,image/jpeg,image/webp,image/gif", "data-testid": "room-cover",
    change: () => choose(input.files?.[0] ?? null),
  });
  const remove = h("button", {
    class: "button quiet", type: "button", click: () => choose(null), "data-testid": "cover-remove",
  }, t("remove_cover"));
  const shown = h("div", { class: "cover-shown", hidden: true }, image, remove);
  const choose = (/** @type {File | null} */ chosen) => {
    const tooBig = chosen !== null && chosen.size > BIGGEST;
    write(problem, tooBig ? t("cover_too_big") : "");
    file = tooBig ? null : chosen;
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    if (file) image.src = URL.createObjectURL(file);
    else input.value = "";
    set(shown, "hidden", file === null);
  };
  const element = h("div", { class: "field-place" },
    h("label", { class: "button pick" }, icon("picture"), t("choose_cover"), input), problem, shown);
  return { element, get file() { return file; } };
}
