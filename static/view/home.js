// @ts-check
/** The start page: make a room, open a link somebody sent, or go where one has been or where others are. */

import { t } from "../strings.js";
import { h } from "./dom.js";
import { masthead } from "./frame.js";
import { newRoom } from "./newroom.js";
import { publicRooms, visitedRooms } from "./rooms.js";

/**
 * @param {object} given
 * @param {(room: import("./newroom.js").Wish) => Promise<void>} given.create
 * @param {(link: string) => boolean} given.open  false: it leads nowhere
 * @param {(slug: string) => Promise<boolean>} given.isTaken
 * @param {import("./rooms.js").Ask} given.rooms
 * @param {import("../visited.js").Visited} given.visited
 * @param {() => void} given.language
 */
export function home({ create, open, isTaken, rooms, visited, language }) {
  const lists = [visitedRooms(visited, open), publicRooms(rooms, open)];
  const page = h("div", { class: "page" },
    masthead(language),
    h("main", { class: "home" },
      h("section", { class: "home-words" },
        h("h1", {}, t("home_title")),
        h("p", { class: "lead" }, t("home_lead")),
        h("ul", { class: "points" },
          h("li", {}, t("home_point_1")), h("li", {}, t("home_point_2")), h("li", {}, t("home_point_3")))),
      h("div", { class: "home-forms" }, newRoom(create, isTaken), openLink(open)),
      h("div", { class: "home-rooms" }, ...lists.map(({ element }) => element))));
  return { element: page, refresh: () => lists.forEach((list) => void list.refresh()) };
}

/** @param {(link: string) => boolean} open */
function openLink(open) {
  const link = h("input", {
    type: "text", required: true, placeholder: t("link_hint"), autocapitalize: "none", spellcheck: "false",
    input: () => link.setCustomValidity(""), "data-testid": "room-link",
  });
  return h("form", {
    class: "card open-link", "data-testid": "open-room",
    submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      link.setCustomValidity(open(link.value.trim()) ? "" : t("bad_link"));
      link.reportValidity();
    },
  },
    h("label", { class: "field" }, t("open_link"), link),
    h("button", { class: "button", type: "submit" }, t("open")));
}
