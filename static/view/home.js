// @ts-check
/** The start page: make a room, or open a link somebody sent. */

import { t } from "../strings.js";
import { h } from "./dom.js";
import { masthead, submitting } from "./frame.js";

/**
 * @param {object} actions
 * @param {(room: { title?: string, is_private: boolean }) => Promise<void>} actions.create
 * @param {(link: string) => boolean} actions.open  false: it leads nowhere
 * @param {() => void} actions.language
 */
export function home({ create, open, language }) {
  return h("div", { class: "page" },
    masthead(language),
    h("main", { class: "home" },
      h("section", { class: "home-words" },
        h("h1", {}, t("home_title")),
        h("p", { class: "lead" }, t("home_lead")),
        h("ul", { class: "points" },
          h("li", {}, t("home_point_1")), h("li", {}, t("home_point_2")), h("li", {}, t("home_point_3")))),
      h("div", { class: "home-forms" }, newRoom(create), openLink(open))));
}

/** @param {(room: { title?: string, is_private: boolean }) => Promise<void>} create */
function newRoom(create) {
  const hint = t("room_title_hint");
  const title = h("input", { type: "text", maxlength: 200, placeholder: hint, "data-testid": "room-title" });
  const closed = h("input", { type: "checkbox", role: "switch", "data-testid": "room-private" });
  const form = h("form", { class: "card", "data-testid": "create-room" },
    h("h2", {}, t("new_room")),
    h("label", { class: "field" }, t("room_title"), title),
    h("label", { class: "switch" }, h("span", {}, t("by_invitation")), closed),
    h("button", { class: "button primary", type: "submit" }, t("create")));
  submitting(form, () => create({ title: title.value.trim() || undefined, is_private: closed.checked }));
  return form;
}

/** @param {(link: string) => boolean} open */
function openLink(open) {
  const link = h("input", {
    type: "text", required: true, placeholder: t("link_hint"), autocapitalize: "none", spellcheck: "false",
    input: () => link.setCustomValidity(""), "data-testid": "room-link",
  });
  return h("form", {
    class: "card", "data-testid": "open-room",
    submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      link.setCustomValidity(open(link.value.trim()) ? "" : t("bad_link"));
      link.reportValidity();
    },
  },
    h("h2", {}, t("open_link")),
    h("label", { class: "field" }, t("link"), link),
    h("button", { class: "button", type: "submit" }, t("open")));
}
