// @ts-check
/** The lock explained: whether the chat is sealed, who can read it, and the number that people compare. */

import { t } from "../strings.js";
import { openDialog } from "./dialog.js";
import { h, set } from "./dom.js";
import { submitting } from "./frame.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../talk.js").Talk} Talk */

/** @param {Talk} talk */
export function sealing(talk) {
  let body = /** @type {HTMLElement | null} */ (null);
  let drawn = "";

  /** Drawn anew it stays as it was: what was open is open, and the focus stays inside.
   * @param {Model} model @param {string} now */
  async function draw(model, now) {
    const { count, number } = await talk.safety();
    if (!body || drawn !== now) return; // closed, or drawn anew meanwhile
    const focused = body.contains(document.activeElement);
    const open = body.querySelector("details")?.open ?? false;
    body.replaceChildren(...(model.chat.lock.sealed ? sealedRoom(talk, model, count, number) : plainRoom(talk, model)));
    const details = body.querySelector("details");
    if (details) details.open = open;
    if (focused) /** @type {HTMLElement | null} */ (body.querySelector("input, [type=submit]"))?.focus();
  }

  /** @param {Model} model */
  function update(model) {
    if (!body) return;
    const { members, ...lock } = model.chat.lock;
    const now = JSON.stringify([lock, members, model.state?.participants.map(({ nickname }) => nickname)]);
    if (now === drawn) return;
    drawn = now;
    void draw(model, now);
  }

  return {
    update,
    /** @param {Model} model */
    open(model) {
      body = h("div", { class: "sealing" });
      drawn = "";
      openDialog(t("sealing"), { testid: "sealing", closed: () => (body = null) }, body);
      update(model);
    },
  };
}

/** @param {Talk} talk @param {Model} model */
function plainRoom(talk, { chat: { lock } }) {
  if (!lock.able) return [lead("unlock", t("sealing_open")), h("p", {}, t("sealing_unable"))];
  const form = h("form", { class: "dialog-form" },
    h("button", { class: "button primary", type: "submit", "data-testid": "seal-room" },
      icon("lock"), t("sealing_turn_on")));
  submitting(form, () => talk.turnOn());
  return [lead("unlock", t("sealing_open")), ...explanation(), form];
}

/** @param {Talk} talk @param {Model} model @param {number} count @param {string[]} number */
function sealedRoom(talk, model, count, number) {
  const { able, plainly, ready } = model.chat.lock;
  if (!able) return [lead("unlock", t("lock_unable")), h("p", {}, t("sealing_unable")), ...explanation()];
  const box = h("input", { type: "checkbox", role: "switch", "data-testid": "write-sealed",
    change: () => talk.write(!box.checked) });
  box.checked = !plainly;
  return [
    lead("lock", t(ready ? "sealing_on" : "lock_waiting")),
    h("label", { class: "switch" }, h("span", {}, icon("lock"), t("sealing_write")), box),
    h("h3", {}, t("safety_number")),
    h("p", {}, t("safety_how", count)),
    h("p", { class: "safety", "data-testid": "safety-number" }, ...number.map((group) => h("span", {}, `${group} `))),
    people(talk, model),
    ...explanation(),
  ];
}

/** Who of those inside can read, and whose device is another than before. @param {Talk} talk @param {Model} model */
function people(talk, { state, me, chat: { lock } }) {
  const known = new Map(lock.members.map((member) => [member.user_id, member]));
  const rows = (state?.participants ?? []).map(({ user_id, nickname }) => {
    const member = known.get(user_id);
    const can = member?.x25519_b64 ? (member.has_share ? "reads_sealed" : "waits_for_key") : "cannot_read_sealed";
    const changed = talk.changedAt(user_id);
    const row = h("li", {}, h("b", {}, user_id === me ? t("you", nickname) : nickname), h("span", {}, t(can)),
      changed && h("strong", {}, t("device_changed", changed.slice(0, 10))));
    set(row, "data-can", can);
    return row;
  });
  return h("ul", { class: "sealing-people" }, ...rows);
}

/** @param {"lock" | "unlock"} drawing @param {string} words */
const lead = (drawing, words) => h("p", { class: `sealing-lead ${drawing}` }, icon(drawing), h("span", {}, words));

/** What it does, and what it does not. */
function explanation() {
  return [h("details", {}, h("summary", {}, t("sealing_more")),
    h("ul", { class: "points-list" },
      ...[t("sealing_does"), t("sealing_newcomer"), t("sealing_leaver"), t("sealing_not"), t("sealing_lies"),
        t("sealing_page"), t("sealing_device")].map((words) => h("li", {}, words))))];
}
