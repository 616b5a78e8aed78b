// @ts-check
/** The room from inside: stage, panel, controls, and whatever has to be said on top of them. */

import { say, t } from "../strings.js";
import { chat } from "./chat.js";
import { controls } from "./controls.js";
import { h, set, write } from "./dom.js";
import { languageSwitch, mark } from "./frame.js";
import { icon } from "./icons.js";
import { measures } from "./measures.js";
import { more } from "./more.js";
import { people } from "./people.js";
import { recordingMark } from "./recording.js";
import { recordingsPanel } from "./recordings.js";
import { help, listen } from "./shortcuts.js";
import { stage } from "./stage.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../notices.js").Notice} Notice */
/** @typedef {import("../shortcuts.js").Shortcut} Shortcut */
/** @typedef {"chat" | "people" | "recordings"} Panel */

/**
 * @typedef {object} Actions
 * @property {() => void} mic
 * @property {() => void} cam
 * @property {() => void} hand
 * @property {() => void} leave
 * @property {import("./chat.js").ChatActions} chat
 * @property {() => void} copyLink
 * @property {import("../moderation.js").Moderation} moderation
 * @property {import("../recordings.js").Recordings} recordings
 * @property {{ open: () => void }} devices
 * @property {{ screen: () => void, sounds: () => void, talk: (on: boolean) => void }} senses
 * @property {() => void} language
 */

const READING_TIME = 6_000;

export class Call {
  #model = /** @type {Model | null} */ (null);
  #panel = /** @type {Panel | null} */ (null);
  #stage;

  /** @param {Actions} actions @param {Call | null} before  The same view in another language: how it stood. */
  constructor(actions, before) {
    const { recordings } = actions;
    this.#panels = { people: people(actions), chat: chat(actions.chat), recordings: recordingsPanel(recordings) };
    this.#recording = recordingMark(recordings);
    this.#measures = measures(actions);
    this.#stage = stage((key, name) => this.say({ key, args: [name] }), before && before.#stage);
    const acts = this.#acts(actions);
    this.#controls = controls(acts, actions.leave, () => more(this.#model, actions, (panel) => this.#toggle(panel)));
    this.element = h("div", { class: "call" },
      h("header", { class: "bar" },
        mark(), h("div", { class: "headline" }, this.#title, this.#topic), this.#recording.element, this.#badges,
        h("span", { class: "spring" }),
        h("button", { class: "button quiet", type: "button", click: actions.copyLink, "data-testid": "copy-link" },
          icon("link"), h("span", {}, t("copy_link"))),
        languageSwitch(actions.language)),
      h("main", { class: "floor" },
        this.#stage.element,
        h("div", { class: "words", role: "status" }, this.#banner, this.#alone, this.#toasts)),
      this.#side(),
      h("footer", { class: "foot" }, this.#measures.element, this.#controls.element));
    this.#open(before ? before.#panel : null);
    listen(this.element, acts, (on) => actions.senses.talk(on));
  }

  /** @type {Record<Panel, { element: HTMLElement, update: (model: Model) => void, enter?: () => void }>} */
  #panels;
  #controls;
  #measures;
  #recording;
  #title = h("h1", { "data-testid": "title" });
  #topic = h("p", { class: "topic", "data-testid": "topic" });
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
    const { state, status, blocked } = model;
    const waiting = blocked ? "no_websocket" : status === "lost" ? "reconnecting" : "connecting";
    write(this.#title, state?.title ?? "");
    write(this.#topic, state?.topic ?? "");
    document.title = state ? `${state.title} · ${t("brand")}` : t("brand");
    write(this.#banner, status === "live" ? "" : t(waiting));
    set(this.element, "data-status", status);
    set(this.#alone, "hidden", status !== "live" || state?.participants.length !== 1);
    this.#mark(state);
    this.#recording.update(model);
    this.#stage.update(model);
    this.#measures.update(model);
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

  /** What each button and each key does. @param {Actions} actions @returns {Record<Shortcut, () => void>} */
  #acts({ mic, cam, hand, senses }) {
    return {
      mic, cam, hand,
      screen: senses.screen,
      chat: () => this.#toggle("chat"),
      people: () => this.#toggle("people"),
      help: () => void help(),
      escape: () => this.#open(null),
      talk: () => {}, // is held, not pressed
    };
  }

  /** @param {Panel} panel */
  #toggle(panel) {
    this.#open(panel === this.#panel ? null : panel);
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
    const shown = state?.is_locked ? "locked" : "";
    if (this.#badges.dataset.shown === shown) return;
    this.#badges.dataset.shown = shown;
    this.#badges.replaceChildren(...(shown ? [h("span", { class: "badge" }, icon("lock"), t("locked"))] : []));
  }

  #count() {
    const model = /** @type {Model} */ (this.#model);
    this.#controls.update(model, { panel: this.#panel, unread: model.chat.unread });
  }
}
