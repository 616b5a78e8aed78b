// @ts-check
/** The chat: lines with their authors, who is writing, what is on its way, and the field to write in. */

import { t } from "../strings.js";
import { ask } from "./dialog.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";
import { make, mayRemove, rowsOf, show } from "./line.js";
import { sealing } from "./sealing.js";
import { Writing } from "./writing.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../chatlog.js").Line} Line */
/** @typedef {{ talk: import("../talk.js").Talk, readBack: () => void }} ChatActions */

const NEAR = 60; // pixels from the end that still count as reading along
const SOON = 400; // pixels from the top at which earlier lines are asked for
const MOST_NAMES = 2;
const DEPTH = 150; // lines on the page at first: making thousands of rows would be felt
const DEEPER = 100; // so many more as one scrolls up
const DEEPEST = 400; // that stay when one is back at the end
const MOST_UNREAD = 1000; // to whose beginning we lead

/** @param {ChatActions} actions */
export function chat(actions) {
  return new Chat(actions);
}

class Chat {
  #talk;
  #readBack;
  #model = /** @type {Model | null} */ (null);
  #drawn = "";
  #ended = true; // the last line was in view when we last looked
  #depth = DEPTH;
  #lines = h("div", { class: "lines", role: "log", "aria-label": t("chat"), "data-testid": "chat-lines" });
  #earlier = h("button", {
    class: "button quiet", type: "button", click: () => this.#model && this.#deeper(this.#model), hidden: true,
  }, t("earlier"));
  #empty = h("p", { class: "empty" });
  #scroll = h("div", {
    class: "scroll", tabindex: 0, role: "region", "aria-label": t("chat"), "data-testid": "chat-scroll",
    scroll: () => this.#scrolled(),
  });
  #newest = h("button", {
    class: "button newest", type: "button", hidden: true, click: () => this.#toEnd(), "data-testid": "newest",
  }, icon("down"), h("span", {}));
  #typing = h("p", { class: "typing", "aria-live": "polite", "data-testid": "typing" });
  #writing;
  #sealing;
  /** @type {import("./line.js").LineActions} */
  #doings;

  /** @param {ChatActions} actions */
  constructor({ talk, readBack }) {
    this.#talk = talk;
    this.#readBack = readBack;
    this.#sealing = sealing(talk);
    this.#doings = {
      remove: (line) => this.#remove(line),
      sayAgain: (cid) => talk.sayAgain(cid),
      discard: (cid) => talk.discard(cid),
      mayRemove: (line) => this.#model !== null && mayRemove(this.#model, line),
    };
    this.#scroll.append(this.#earlier, this.#empty, this.#lines);
    this.#writing = this.#field();
    this.element = h("div", { class: "chat" },
      h("div", { class: "chat-lines" }, this.#scroll, this.#newest), this.#typing, this.#writing.element);
    this.#watchWindow();
    new ResizeObserver(() => this.#ended && this.#toEnd()).observe(this.#scroll); // a phone's keyboard takes half of it
  }

  #field() {
    const talk = this.#talk;
    return new Writing({
      say: (text) => this.#say(text),
      written: (text) => {
        talk.unfinished = text;
        talk.typing(text.trim() !== "");
      },
      paused: () => talk.typing(false),
      lock: () => this.#model && this.#sealing.open(this.#model),
    }, talk.unfinished);
  }

  /** What came while the window was hidden is read when it is looked at again. */
  #watchWindow() {
    const ending = new AbortController();
    document.addEventListener("visibilitychange", () => {
      if (!this.element.isConnected) ending.abort();
      else if (this.#model) this.update(this.#model);
    }, { signal: ending.signal });
  }

  /** It has come into view. */
  enter() {
    if (this.#model) this.#reach(this.#model);
    const first = this.#lines.querySelector(".new");
    if (first) first.scrollIntoView({ block: "start" });
    else this.#toEnd();
    const keyboardCoversHalf = !matchMedia("(pointer: fine)").matches;
    if (!keyboardCoversHalf) this.#writing.field.focus();
    this.#scrolled();
  }

  /** @param {Model} model */
  update(model) {
    this.#model = model;
    this.#sealing.update(model);
    if (this.element.hidden || this.element.parentElement?.hidden) return this.#talk.look("away");
    this.#writing.update(model);
    write(this.#typing, whoWrites(model));
    const role = model.state?.participants.find(({ user_id }) => user_id === model.me)?.role;
    const drawn = `${model.chat.version} ${model.chat.lock.sealed} ${role}`;
    if (drawn !== this.#drawn) this.#draw(model);
    this.#drawn = drawn;
    set(this.#lines, "aria-busy", String(model.chat.reading));
    set(this.#earlier, "hidden", !model.chat.earlier && model.chat.lines.length <= this.#depth);
    write(this.#earlier, t(model.chat.reading ? "earlier_coming" : "earlier"));
    this.#scrolled();
  }

  /** Deep enough for the first unread line. @param {Model} model */
  #reach(model) {
    const { lines, mark } = model.chat;
    const wanted = mark === null ? 0 : lines.length - lines.findIndex(({ seq }) => seq === mark) + 1;
    if (wanted <= this.#depth || wanted > MOST_UNREAD) return;
    this.#depth = wanted;
    this.#draw(model);
  }

  /** @param {Model} model */
  #draw(model) {
    const { me, chat: { lock } } = model;
    const following = this.#atEnd;
    const fromEnd = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    if (following && this.#depth > DEEPEST) this.#depth = DEPTH;
    const rows = rowsOf(model, this.#depth);
    const oldest = firstLine(this.#lines);
    const room = { me, sealed: lock.sealed };
    reconcile(this.#lines, rows, ({ key }) => key, (row) => make(row, this.#doings),
      (element, row, before) => show(element, row, before, room, this.#doings));
    set(this.#empty, "hidden", rows.length > 0);
    write(this.#empty, t(lock.sealed ? "chat_empty_sealed" : "chat_empty"));
    if (following) this.#toEnd();
    else if (oldest !== firstLine(this.#lines)) this.#scroll.scrollTop = this.#scroll.scrollHeight - fromEnd;
  }

  get #atEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** Where we are decides what is read, what is offered, and whether earlier lines are wanted. */
  #scrolled() {
    if (!this.#model) return;
    const { unread } = this.#model.chat;
    const atEnd = this.#ended = this.#atEnd;
    this.#talk.look(document.visibilityState === "hidden" ? "away" : atEnd ? "end" : "above");
    set(this.#newest, "hidden", atEnd);
    write(/** @type {Element} */ (this.#newest.lastElementChild), unread ? t("newest_unread", unread) : t("newest"));
    if (this.#scroll.scrollTop < SOON) this.#deeper(this.#model);
  }

  /** Earlier lines: those we have, then those the server has. @param {Model} model */
  #deeper(model) {
    const { lines, earlier, reading } = model.chat;
    if (this.element.hidden || this.#scroll.clientHeight === 0) return;
    if (lines.length > this.#depth) {
      this.#depth += DEEPER;
      this.#draw(model);
    } else if (earlier && !reading) {
      this.#depth += DEEPER;
      this.#readBack();
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#talk.unfinished = "";
    this.#toEnd();
    this.#talk.say(text);
  }

  /** @param {Line} line */
  #remove(line) {
    const { me, name } = /** @type {Model} */ (this.#model);
    const whose = line.userId === me ? t("line_delete_mine") : t("line_delete_other", name(line.userId));
    ask({
      title: t("line_delete"), testid: "delete-line", submit: t("line_delete"), danger: true,
      send: () => this.#talk.remove(line.seq),
    }, h("p", { class: "lead" }, whose));
  }
}

/** @param {Element} lines */
const firstLine = (lines) => lines.querySelector("[data-testid=chat-line]")?.getAttribute("data-key");

/** @param {Model} model */
function whoWrites({ chat: { typing }, name }) {
  const names = typing.map(name).filter((one) => one !== "");
  if (names.length > MOST_NAMES) return t("typing_several");
  if (names.length === MOST_NAMES) return t("typing_two", names[0], names[1]);
  return names.length === 1 ? t("typing_one", names[0]) : "";
}
