// @ts-check
/** The chat: lines with their authors, what is on its way, and the field to write in. */

import { language, say, t } from "../strings.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../chatlog.js").Line} Line */
/** @typedef {import("../chatlog.js").Draft} Draft */

/**
 * @typedef {object} Row  A line or a draft, as it is shown.
 * @property {string} key
 * @property {number} userId
 * @property {string} text
 * @property {string} at
 * @property {string} state  text, sealed, deleted, sending or failed
 * @property {string | null} failed  why
 * @property {string} [cid]
 */

const TOGETHER = 5 * 60_000; // lines of one person this close are one speech
const NEAR = 60; // pixels from the end that still count as reading along

/**
 * @param {object} actions
 * @param {(text: string) => void} actions.say
 * @param {(cid: string) => void} actions.sayAgain
 * @param {() => void} actions.readBack
 */
export function chat({ say: post, sayAgain, readBack }) {
  const list = h("ol", { class: "lines", role: "log", "aria-label": t("chat"), "data-testid": "chat-lines" });
  const earlier = h("button", { class: "button quiet", type: "button", click: readBack, hidden: true }, t("earlier"));
  const empty = h("p", { class: "empty" }, t("chat_empty"));
  const scroll = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("chat") },
    earlier, empty, list);
  const form = writing(post);
  const element = h("div", { class: "chat" }, scroll, form);
  return {
    element,
    /** It has come into view. */
    enter() {
      scroll.scrollTop = scroll.scrollHeight;
      const keyboardCoversHalf = !matchMedia("(pointer: fine)").matches;
      if (!keyboardCoversHalf) form.querySelector("textarea")?.focus();
    },
    /** @param {Model} model */
    update(model) {
      const following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
      const fromEnd = scroll.scrollHeight - scroll.scrollTop;
      const oldest = list.firstElementChild?.getAttribute("data-key");
      const rows = [...model.lines.map(rowOfLine), ...model.drafts.map((draft) => rowOfDraft(draft, model.me))];
      const make = () => line(sayAgain);
      reconcile(list, rows, ({ key }) => key, make, (one, row, before) => show(one, row, before, model));
      set(earlier, "hidden", !model.earlier);
      set(empty, "hidden", rows.length > 0);
      if (following) scroll.scrollTop = scroll.scrollHeight;
      else if (oldest !== rows[0]?.key) scroll.scrollTop = scroll.scrollHeight - fromEnd; // lines came in above
    },
  };
}

/** @param {(text: string) => void} post */
function writing(post) {
  const field = h("textarea", {
    rows: 1, maxlength: 4000, placeholder: t("message"), "aria-label": t("message"), "data-testid": "chat-field",
    keydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const form = h("form", {
    class: "writing",
    submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (text) post(text);
      field.value = "";
      field.focus();
    },
  },
    field,
    h("button", { class: "button primary round", type: "submit", "aria-label": t("send") }, icon("send")));
  return form;
}

/** @param {(cid: string) => void} sayAgain */
function line(sayAgain) {
  const again = h("button", {
    class: "button quiet again", type: "button", click: () => sayAgain(element.dataset.cid ?? ""),
  }, t("send_again"));
  const element = h("li", { class: "line", "data-testid": "chat-line" },
    h("p", { class: "line-head" }, h("b", {}), h("time", {})),
    h("p", { class: "line-text", "data-testid": "chat-text" }),
    h("p", { class: "line-state" }, h("span", {}), again));
  return element;
}

/** @param {HTMLLIElement} element @param {Row} row @param {Row | undefined} before @param {Model} model */
function show(element, row, before, model) {
  const follows = before && before.userId === row.userId && Date.parse(row.at) - Date.parse(before.at) < TOGETHER;
  set(element, "class", `line ${row.state}${follows ? " follows" : ""}${row.userId === model.me ? " mine" : ""}`);
  set(element, "data-cid", row.cid);
  const [name, time, text, state] = ["b", "time", ".line-text", ".line-state span"].map(
    (part) => /** @type {HTMLElement} */ (element.querySelector(part)));
  write(name, model.name(row.userId));
  set(time, "datetime", row.at);
  write(time, clock(row.at));
  write(text, row.text);
  write(state, row.failed ? t("not_sent", say(row.failed)) : row.state === "sending" ? t("sending") : "");
}

/** @param {Line} line @returns {Row} */
function rowOfLine({ seq, userId, text, kind, at }) {
  const words = text ?? (kind === "deleted" ? t("deleted") : t("sealed"));
  return { key: `seq-${seq}`, userId, text: words, at, state: kind, failed: null };
}

/** @param {Draft} draft @param {number} me @returns {Row} */
function rowOfDraft({ cid, text, at, failed }, me) {
  return { key: `cid-${cid}`, cid, userId: me, text, at, state: failed ? "failed" : "sending", failed };
}

/** @param {string} at */
const clock = (at) => new Intl.DateTimeFormat(language(), { hour: "numeric", minute: "2-digit" }).format(new Date(at));
