// @ts-check
/** Rooms as one chooses among them: those that are open to all, and those one has been in. */

import { language, t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { refusalOf } from "./frame.js";
import { icon } from "./icons.js";

/** @typedef {import("../protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("../visited.js").Visit} Visit */
/** @typedef {(slug: string) => void} Go */
/** @typedef {{ items: RoomInfo[], next_cursor: string | null }} Some */
/** @typedef {(limit: number, cursor: string | null) => Promise<Some>} Ask */

const PAGE = 12;
const MOST = 100; // the server gives no more at once
const HUES = 8;

/** The public rooms; more of them on demand, and looked at anew whenever the page is.
 * @param {Ask} ask @param {Go} go */
export function publicRooms(ask, go) {
  let cursor = /** @type {string | null} */ (null);
  const list = h("ul", { class: "rooms", "data-testid": "public-rooms" });
  const more = h("button", {
    class: "button", type: "button", hidden: true, "data-testid": "more-rooms", click: () => void load(PAGE, cursor),
  }, t("more_rooms"));
  const problem = h("p", { class: "problem", role: "status" });
  const element = h("section", { class: "rooms-place", hidden: true },
    h("h2", {}, t("public_rooms")), list, problem, more);

  /** @param {number} limit @param {string | null} from */
  async function load(limit, from) {
    more.disabled = true;
    try {
      const { items, next_cursor } = await ask(limit, from);
      const cards = items.map((room) => card(room, go));
      if (from === null) list.replaceChildren(...cards);
      else list.append(...cards);
      cursor = next_cursor;
      write(problem, "");
    } catch (error) {
      write(problem, refusalOf(error));
    }
    more.disabled = false;
    set(more, "hidden", cursor === null);
    set(element, "hidden", list.childElementCount === 0 && problem.textContent === "");
  }

  const refresh = () => load(Math.min(Math.max(list.childElementCount, PAGE), MOST), null);
  void refresh();
  return { element, refresh };
}

/** @param {RoomInfo} room @param {Go} go */
function card(room, go) {
  const { slug, title, topic, online_count, is_locked, recording_active } = room;
  return h("li", { class: "room", "data-testid": "public-room" },
    cover(room),
    h("div", { class: "room-words" },
      h("h3", {}, link(slug, title, go)),
      topic && h("p", { class: "room-topic" }, topic),
      h("p", { class: "badges" },
        h("span", { class: "badge", "data-testid": "inside" },
          icon("people"), online_count ? t("inside_now", online_count) : t("nobody_inside")),
        is_locked && h("span", { class: "badge" }, icon("lock"), t("locked")),
        recording_active && h("span", { class: "badge recording" }, t("recording")))));
}

/** A link that needs no new page when it is simply pressed.
 * @param {string} slug @param {string} title @param {Go} go */
function link(slug, title, go) {
  return h("a", {
    href: `/r/${slug}`,
    click: (/** @type {MouseEvent} */ event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(slug);
    },
  }, title);
}

/** The picture of a room, or a colour of its own. @param {RoomInfo} room */
export function cover({ slug, title, cover_url }) {
  if (cover_url) return h("img", { class: "cover", src: cover_url, alt: "", loading: "lazy", "data-testid": "cover" });
  const hue = [...slug].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7) % HUES;
  const initial = [...(title ?? slug)][0].toLocaleUpperCase();
  return h("div", { class: "cover plain", "data-hue": hue, "aria-hidden": "true" }, initial);
}

/** Where one has been; what is taken off the list is gone from it alone.
 * @param {{ list: Visit[], remove: (slug: string) => void }} visited @param {Go} go */
export function visitedRooms(visited, go) {
  const list = h("ul", { class: "visits", "data-testid": "visited-rooms" });
  const element = h("section", { class: "rooms-place" }, h("h2", {}, t("visited_rooms")), list);
  const refresh = () => {
    const visits = visited.list;
    set(element, "hidden", visits.length === 0);
    list.replaceChildren(...visits.map((visit) => row(visit, go, () => {
      visited.remove(visit.slug);
      refresh();
    })));
  };
  refresh();
  return { element, refresh };
}

/** @param {Visit} visit @param {Go} go @param {() => void} remove */
function row({ slug, title, at }, go, remove) {
  const shape = /** @type {const} */ ({ day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(language(), shape);
  return h("li", { class: "visit", "data-testid": "visited-room" },
    cover({ slug, title, is_private: false }),
    h("div", { class: "room-words" },
      h("h3", {}, link(slug, title, go)),
      h("p", { class: "room-topic" }, h("time", { datetime: at }, day.format(new Date(at))))),
    h("button", {
      class: "button quiet round", type: "button", click: remove, "data-testid": "forget-room",
      "aria-label": t("forget_room", title), title: t("forget_room", title),
    }, icon("close")));
}
