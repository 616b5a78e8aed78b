// @ts-check
/** One row of the chat: a line, a draft, a day, or the mark before what is new. */

import { outranks } from "../ranks.js";
import { member } from "../room.js";
import { language, say, t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { icon } from "./icons.js";
import { menu } from "./menu.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../chatlog.js").Line} Line */
/** @typedef {import("../drafts.js").Draft} Draft */
/** @typedef {import("../strings.js").Key} Key */

/** @typedef {{ key: string, kind: "day" | "new", at: string }} Divider */
/** @typedef {{ key: string, kind: "line", line: Line, userId: number, at: string, name: string }} LineRow */
/** @typedef {{ key: string, kind: "draft", draft: Draft, userId: number, at: string, name: string }} DraftRow */
/** @typedef {Divider | LineRow | DraftRow} Row */

/**
 * @typedef {object} LineActions
 * @property {(line: Line) => void} remove
 * @property {(cid: string) => void} sayAgain
 * @property {(cid: string) => void} discard
 * @property {(line: Line) => boolean} mayRemove
 */

const TOGETHER = 5 * 60_000; // lines of one person this close are one speech
const DAY = 24 * 3_600_000;
const LINK = /https?:\/\/[^\s<>"]+/gi;
const TRAILING = /[.,:;!?'’»“”)\]}]+$/;

/** What there is to show, in order, of the last `depth` lines.
 * @param {Model} model @param {number} depth @returns {Row[]} */
export function rowsOf({ chat: { lines, drafts, mark }, me, name }, depth) {
  const rows = /** @type {Row[]} */ ([]);
  let day = "";
  for (const line of lines.slice(-depth)) {
    const { seq, userId, at } = line;
    const today = dayOf(at);
    if (today !== day) rows.push({ key: `day-${(day = today)}`, kind: "day", at });
    if (seq === mark) rows.push({ key: "new", kind: "new", at });
    rows.push({ key: `seq-${seq}`, kind: "line", line, userId, at, name: name(userId) });
  }
  for (const draft of drafts) {
    rows.push({ key: `cid-${draft.cid}`, kind: "draft", draft, userId: me, at: draft.at, name: name(me) });
  }
  return rows;
}

/** Own lines, and for moderators those of whoever ranks below them or has gone.
 * @param {Model} model @param {Line} line */
export function mayRemove({ me, state }, { kind, userId }) {
  const author = member(state, userId) ?? /** @type {const} */ ({ role: "guest" });
  return kind !== "deleted" && (userId === me || outranks(member(state, me), author));
}

/** @param {Row} row @param {LineActions} actions @returns {HTMLElement} */
export function make(row, actions) {
  if (row.kind === "day") return h("p", { class: "day" }, h("span", {}, dayName(row.at)));
  if (row.kind === "new") return h("p", { class: "day new", "data-testid": "new-line" }, h("span", {}, t("chat_new")));
  return h("div", { class: "line", "data-testid": "chat-line" },
    h("p", { class: "line-head" }, h("b", {}), h("time", {})),
    h("p", { class: "line-text", "data-testid": "chat-text" }),
    row.kind === "draft" ? draftState(row.draft.cid, actions) : null);
}

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();
/** @type {WeakMap<Element, Line | Draft>} */
const shownOf = new WeakMap();

/** Shows a row, unless it is shown as it is already: of thousands of rows one or two change at a time.
 * @param {HTMLElement} element @param {Row} row @param {Row | undefined} before
 * @param {{ me: number, sealed: boolean }} room @param {LineActions} actions */
export function show(element, row, before, { me, sealed }, actions) {
  if (!("userId" in row)) return; // a divider stays as it is
  const what = row.kind === "line" ? row.line : row.draft;
  const looks = looksOf(row, before, me);
  const removable = row.kind === "line" && actions.mayRemove(row.line);
  const sign = `${looks} ${removable} ${sealed} ${row.name}`;
  if (shown.get(element) === sign && shownOf.get(element) === what) return;
  shown.set(element, sign);
  shownOf.set(element, what);
  set(element, "class", looks);
  const part = (/** @type {string} */ selector) => /** @type {Element} */ (element.querySelector(selector));
  const [name, time, text] = ["b", "time", ".line-text"].map(part);
  write(name, row.name);
  set(time, "datetime", row.at);
  set(time, "title", full(row.at));
  write(time, clock(row.at));
  if (row.kind === "line") showLine(element, text, row.line, sealed);
  else showDraft(element, text, row.draft);
  offer(element, removable, actions, row);
}

/** @param {Element} element @param {Element} text @param {Line} line @param {boolean} sealed the room has a key */
function showLine(element, text, { kind, text: words, why }, sealed) {
  if (words !== null) text.replaceChildren(...linked(words));
  else write(text, kind === "deleted" ? t("deleted") : why === null ? t("sealed") : say(`sealed_${why}`));
  const time = /** @type {Element} */ (element.querySelector("time"));
  element.querySelector(".line-lock")?.remove();
  if (kind === "plain" && sealed) time.after(lock("unlock", "line_plain"));
  if (kind === "opened") time.after(lock("lock", "line_sealed"));
}

/** @param {"lock" | "unlock"} drawing @param {Key} words */
function lock(drawing, words) {
  const label = t(words);
  return h("span", { class: `line-lock ${drawing}`, role: "img", "aria-label": label, title: label }, icon(drawing));
}

/** @param {Element} element @param {Element} text @param {Draft} draft */
function showDraft(element, text, { text: words, failed, sealed }) {
  text.replaceChildren(...linked(words));
  const state = /** @type {Element} */ (element.querySelector(".line-state span"));
  write(state, failed ? t("not_sent", say(failed)) : t(sealed ? "sending_sealed" : "sending"));
}

/** @param {string} cid @param {LineActions} actions */
function draftState(cid, { sayAgain, discard }) {
  return h("p", { class: "line-state" }, h("span", {}),
    h("button", { class: "button quiet again", type: "button", click: () => sayAgain(cid), "data-testid": "say-again" },
      t("send_again")),
    h("button", { class: "button quiet again", type: "button", click: () => discard(cid), "data-testid": "discard" },
      t("discard")));
}

/** A line gets its menu when somebody wants it: thousands of menus would be heavy.
 * @param {HTMLElement} element @param {boolean} removable @param {LineActions} actions
 * @param {LineRow | DraftRow} row */
function offer(element, removable, actions, row) {
  const there = element.querySelector(".line-menu");
  if (!removable) return there?.remove();
  if (there || row.kind !== "line") return;
  const label = t("line_menu");
  const button = h("button", {
    class: "button quiet round", type: "button", "aria-label": label, "aria-haspopup": "menu",
    "data-testid": "line-menu",
    click: () => {
      const remove = () => actions.remove(row.line);
      const real = menu({ label, testid: "line-menu", items: () => [
        { label: t("line_delete"), testid: "line-delete", danger: true, act: remove },
      ] });
      button.replaceWith(real);
      real.querySelector("button")?.click();
    },
  }, icon("more"));
  element.append(h("span", { class: "line-menu" }, button));
}

/** @param {LineRow | DraftRow} row @param {Row | undefined} before @param {number} me */
function looksOf(row, before, me) {
  const follows = before !== undefined && "userId" in before && before.userId === row.userId
    && Date.parse(row.at) - Date.parse(before.at) < TOGETHER && isPlain(row) === isPlain(before);
  const state = row.kind === "line" ? row.line.kind : row.draft.failed ? "failed" : "sending";
  return `line ${state}${follows ? " follows" : ""}${row.userId === me ? " mine" : ""}`;
}

/** @param {LineRow | DraftRow} row */
const isPlain = (row) => (row.kind === "line" ? row.line.kind === "plain" : !row.draft.sealed);

/** Text with what looks like an address of the web made into a link, and nothing else. @param {string} text */
export function linked(text) {
  const nodes = /** @type {(string | Node)[]} */ ([]);
  let from = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const href = found.replace(TRAILING, (tail) => (tail.startsWith(")") && found.includes("(") ? ")" : ""));
    if (!URL.canParse(href)) continue;
    nodes.push(text.slice(from, index), h("a", { href, target: "_blank", rel: "noopener noreferrer" }, href));
    from = index + href.length;
  }
  return [...nodes, text.slice(from)];
}

/** @param {string} at */
function dayOf(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/** @param {string} at */
function dayName(at) {
  const now = Date.now();
  if (dayOf(at) === dayOf(new Date(now).toISOString())) return t("today");
  if (dayOf(at) === dayOf(new Date(now - DAY).toISOString())) return t("yesterday");
  return new Intl.DateTimeFormat(language(), { dateStyle: "long" }).format(new Date(at));
}

/** @type {Map<string, Intl.DateTimeFormat>} making one takes longer than a hundred uses */
const formats = new Map();

/** @param {string} name @param {Intl.DateTimeFormatOptions} how @param {string} at */
function formatted(name, how, at) {
  const key = `${name} ${language()}`;
  const format = formats.get(key) ?? new Intl.DateTimeFormat(language(), how);
  formats.set(key, format);
  return format.format(new Date(at));
}

/** @param {string} at */
const clock = (at) => formatted("clock", { hour: "numeric", minute: "2-digit" }, at);

/** @param {string} at */
const full = (at) => formatted("full", { dateStyle: "full", timeStyle: "medium" }, at);
