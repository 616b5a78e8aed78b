// @ts-check
/** Who is in the room: raised hands first, in the order of raising, and above them what moderators do with the room. */

import { t } from "../strings.js";
import { h, reconcile, set, write } from "./dom.js";
import { person } from "./person.js";
import { roomTools } from "./room.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../moderation.js").Moderation} Moderation */
/** @typedef {import("../protocol.js").Participant} Participant */
/** @typedef {import("./person.js").Row} Row */

const SEARCHABLE = 8; // fewer than this are seen at a glance

/** @param {{ moderation: Moderation }} actions */
export function people({ moderation }) {
  const tools = roomTools(moderation);
  const field = h("input", {
    type: "search", autocomplete: "off", placeholder: t("search_people"), "aria-label": t("search_people"),
    "data-testid": "search-people", input: () => draw(),
  });
  const search = h("div", { class: "people-search" }, field);
  const list = h("ul", { class: "people-list", "aria-label": t("participants"), "data-testid": "people-list" });
  const nobody = h("p", { class: "empty people-none", role: "status" });
  const rows = /** @type {WeakMap<Element, Row>} */ (new WeakMap());
  let shown = /** @type {Model | null} */ (null);

  function draw() {
    if (!shown) return;
    const model = shown;
    const all = ordered(model.state);
    set(search, "hidden", all.length < SEARCHABLE);
    const wanted = all.length < SEARCHABLE ? "" : plain(field.value.trim());
    const found = all.filter(({ nickname }) => plain(nickname).includes(wanted));
    reconcile(list, found, ({ user_id }) => String(user_id), ({ user_id }) => {
      const row = person(user_id, moderation);
      rows.set(row.element, row);
      return row.element;
    }, (element, participant) => rows.get(element)?.update(participant, model));
    write(nobody, found.length || !wanted ? "" : t("nobody_found"));
  }

  return {
    element: h("div", { class: "people" }, tools.element, search, list, nobody),
    /** @param {Model} model */
    update(model) {
      shown = model;
      tools.update(model);
      draw();
    },
  };
}

/** @param {Model["state"]} state */
function ordered(state) {
  const { participants = [], hands_up = [] } = state ?? {};
  const queue = new Map(hands_up.map((id, index) => [id, index]));
  const place = (/** @type {Participant} */ { user_id }) => queue.get(user_id) ?? participants.length;
  return [...participants].sort((one, other) => place(one) - place(other));
}

/** As one types it when in a hurry. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
