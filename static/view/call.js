// @ts-check
/** The room from inside: stage, panel, controls, and whatever has to be said on top of them. */

import { say, t } from "../strings.js";
import { chat } from "./chat.js";
import { controls } from "./controls.js";
import { h, set, write } from "./dom.js";
import { languageSwitch, mark } from "./frame.js";
import { icon } from "./icons.js";
import { people } from "./people.js";
import { stage } from "./stage.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../notices.js").Notice} Notice */
/** @typedef {import("./controls.js").Panel} Panel */

/**
 * @typedef {object} Actions
 * @property {() => void} mic
 * @property {() => void} cam
 * @property {() => void} hand
 * @property {() => void} leave
 * @property {(text: string) => void} say
 * @property {(cid: string) => void} sayAgain
 * @property {() => void} readBack
 * @property {() => void} copyLink
 * @property {() => void} language
 */

const READING_TIME = 6_000;

export class Call {
  #model = /** @type {Model | null} */ (null);
  #panel = /** @type {Panel | null} */ (null);
  #read = -1; // the seq of the last line that was on view
  #stage = stage();

  /** @param {Actions} actions @param {Call | null} before  The same view in another language: how it stood. */
  constructor(actions, before) {
    this.#panels = { people: people(), chat: chat(actions) };
    this.#controls = controls({ ...actions, panel: (panel) => this.#open(panel === this.#panel ? null : panel) });
    this.element = h("div", { class: "call" },
      h("header", { class: "bar" },
        mark(), this.#title, this.#badges, h("span", { class: "spring" }),
        h("button", { class: "button quiet", type: "button", click: actions.copyLink, "data-testid": "copy-link" },
          icon("link"), h("span", {}, t("copy_link"))),
        languageSwitch(actions.language)),
      h("main", { class: "floor" },
        this.#stage.element,
        h("div", { class: "words", role: "status" }, this.#banner, this.#alone, this.#toasts)),
      this.#side(),
      this.#controls.element);
    this.#read = before ? before.#read : -1;
    this.#open(before ? before.#panel : null);
  }

  /** @type {Record<Panel, { element: HTMLElement, update: (model: Model) => void, enter?: () => void }>} */
  #panels;
  #controls;
  #title = h("h1", { "data-testid": "title" });
  #badges = h("p", { class: "badges" });
  #banner = h("p", { class: "banner", "data-testid": "banner" });
  #alone = h("p", { class: "pill" }, t("alone"));
  #toasts = h("div", { class: "toasts", "data-testid": "toasts" });
  #heading = h("h2", {});
  #aside = h("aside", { class: "side", hidden: true, keydown: (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") this.#open(null);
  } });

  /** @param {Model} model */
  update(model) {
    this.#model = model;
    const { state, status } = model;
    write(this.#title, state?.title ?? "");
    document.title = state ? `${state.title} · ${t("brand")}` : t("brand");
    write(this.#banner, status === "live" ? "" : status === "lost" ? t("reconnecting") : t("connecting"));
    set(this.element, "data-status", status);
    set(this.#alone, "hidden", status !== "live" || state?.participants.length !== 1);
    this.#mark(state);
    this.#stage.update(model);
    Object.values(this.#panels).forEach((panel) => panel.update(model));
    this.#count();
  }

  /** @param {Notice} notice */
  say({ key, args }) {
    const words = h("p", { class: "toast" }, say(key, ...args));
    this.#toasts.append(words);
    setTimeout(() => words.remove(), READING_TIME);
  }

  #side() {
    this.#aside.append(
      h("header", { class: "side-head" }, this.#heading,
        h("button", {
          class: "button quiet round", type: "button", "aria-label": t("close"), click: () => this.#open(null),
        }, icon("close"))),
      ...Object.values(this.#panels).map(({ element }) => element));
    return this.#aside;
  }

  /** @param {Panel | null} panel */
  #open(panel) {
    const before = this.#panel;
    this.#panel = panel;
    set(this.#aside, "hidden", panel === null);
    for (const [name, { element }] of Object.entries(this.#panels)) set(element, "hidden", panel !== name);
    if (panel) write(this.#heading, t(panel));
    if (this.#model) this.update(this.#model);
    if (panel) this.#panels[panel].enter?.();
    const opener = /** @type {HTMLElement | null} */ (this.element.querySelector(`.control-${before}`));
    if (panel === null) opener?.focus();
  }

  /** @param {Model["state"]} state */
  #mark(state) {
    const shown = [state?.recording_active && "recording", state?.is_locked && "locked"].filter(Boolean).join(" ");
    if (this.#badges.dataset.shown === shown) return;
    this.#badges.dataset.shown = shown;
    this.#badges.replaceChildren(
      ...(state?.recording_active ? [h("span", { class: "badge recording" }, t("recording"))] : []),
      ...(state?.is_locked ? [h("span", { class: "badge" }, icon("lock"), t("locked"))] : []));
  }

  /** Lines of others that came while the chat was not on view. */
  #count() {
    const model = /** @type {Model} */ (this.#model);
    if (this.#panel === "chat") this.#read = model.lines.at(-1)?.seq ?? this.#read;
    const from = Math.max(this.#read, model.since);
    const unread = model.lines.filter(({ seq, userId }) => seq > from && userId !== model.me).length;
    this.#controls.update(model, { panel: this.#panel, unread });
  }
}
