// @ts-check
/** The field to write in: whether it will be sealed stands above it before anything is sent. */

import { t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {Model["chat"]["lock"]} Lock */
/** @typedef {import("../strings.js").Key} Key */

/**
 * @typedef {object} WritingActions
 * @property {(text: string) => void} say
 * @property {(text: string) => void} written  After every key: what stands there now.
 * @property {() => void} paused
 * @property {() => void} lock  Explain it.
 */

const LONGEST = 4000; // characters, as the server counts them
const WARN = 400; // so many are left when it begins to be said

export class Writing {
  #words = h("span", {});
  #note = h("p", { class: "writing-note", "aria-live": "polite", "data-testid": "writing-note" });
  #send = h("button", { class: "button primary round", type: "submit", "aria-label": t("send"), title: t("send") },
    icon("send"));
  #silenced = false;

  /** @param {WritingActions} actions @param {string} unfinished  What was being written before. */
  constructor({ say, written, paused, lock }, unfinished) {
    this.field = h("textarea", {
      rows: 1, "aria-label": t("message"), "data-testid": "chat-field",
      input: () => {
        written(this.field.value);
        this.#check();
      },
      blur: paused,
      keydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.element.requestSubmit();
      },
    });
    this.field.value = unfinished;
    this.element = h("form", { class: "writing", submit: (/** @type {Event} */ event) => this.#submitted(event, say) },
      h("button", { class: "seal", type: "button", click: lock, "data-testid": "seal" },
        icon("lock"), icon("unlock"), this.#words),
      this.#note,
      h("div", { class: "writing-row" }, this.field, this.#send));
  }

  /** @param {Model} model */
  update({ chat, allowed }) {
    const looks = looksOf(chat.lock);
    set(this.element, "data-lock", looks);
    write(this.#words, t(/** @type {Key} */ (`lock_${looks}`)));
    set(this.field, "placeholder", t(chat.lock.seals ? "message_sealed" : "message"));
    this.#silenced = !allowed.audio;
    this.#check();
  }

  /** What keeps the line from being sent is said before anybody tries. */
  #check() {
    const left = LONGEST - [...this.field.value.trim()].length;
    const words = left < 0 ? t("too_long_by", -left) : left < WARN ? t("characters_left", left) : "";
    this.#send.disabled = left < 0 || this.#silenced;
    write(this.#note, this.#silenced ? t("chat_silenced") : words);
    set(this.#note, "class", this.#send.disabled ? "writing-note bad" : "writing-note");
  }

  /** @param {Event} event @param {(text: string) => void} say */
  #submitted(event, say) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (this.#send.disabled) return;
    this.field.value = "";
    if (text) say(text);
    this.#check();
    this.field.focus();
  }
}

/** @param {Lock} lock @returns {"ready" | "waiting" | "plainly" | "unable" | "open"} */
function looksOf({ sealed, seals, ready, able }) {
  if (seals) return ready ? "ready" : "waiting";
  if (!sealed) return "open";
  return able ? "plainly" : "unable";
}
