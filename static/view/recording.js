// @ts-check
/** That the meeting is being recorded: the mark that everyone sees all the time, and the switch for it. */

import { moderates } from "../ranks.js";
import { member } from "../room.js";
import { t } from "../strings.js";
import { ask } from "./dialog.js";
import { h, set, write } from "./dom.js";
import { duration } from "./measure.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../recordings.js").Recordings} Recordings */

/** @param {Recordings} recordings */
export function recordingMark(recordings) {
  const words = h("span", {});
  const stop = h("button", {
    class: "button quiet rec-stop", type: "button", "data-testid": "recording-orphan", click: () => recordings.stop(),
  }, t("record_stop"));
  const mark = h("span", { class: "badge recording", "data-testid": "recording-mark" }, words);
  const element = h("div", { class: "rec", role: "status", hidden: true }, mark, stop);
  return {
    element,
    /** @param {Model} model */
    update(model) {
      const { hand, uploads } = model.recordings;
      const orphan = hand === "nobody" && moderates(member(model.state, model.me));
      const own = hand === "me" ? uploads.find(({ step }) => step === "recording") : undefined;
      set(element, "hidden", hand === null);
      set(stop, "hidden", !orphan);
      set(mark, "title", orphan ? t("record_nobody") : null);
      set(words, "data-time", own ? duration(own.lasts) : null); // drawn by the style sheet: not read out every second
      write(words, t("recording"));
    },
  };
}

/** The row for the menu of a call; nothing for those who may not. @param {Model | null} model
 * @param {Recordings} recordings @returns {import("./menu.js").Item | false} */
export function recordItem(model, recordings) {
  if (!model || !moderates(member(model.state, model.me))) return false;
  const on = model.recordings.hand !== null;
  const act = () => (on ? confirmStop(recordings) : confirmStart(recordings, model.recordings.able));
  return { label: t(on ? "record_stop" : "record_start"), drawing: "record", testid: "more-record", act };
}

/** @param {Recordings} recordings @param {boolean} able */
export function confirmStart(recordings, able) {
  ask({
    title: t("record_start"), testid: "ask-record", submit: t("record_start_now"),
    send: async () => recordings.start(),
  }, h("p", {}, t("record_start_hint")), h("p", { class: "hint" }, t(able ? "record_keep_open" : "record_unable")));
}

/** @param {Recordings} recordings */
export function confirmStop(recordings) {
  ask({
    title: t("record_stop"), testid: "ask-record-stop", submit: t("record_stop_now"), danger: true,
    send: async () => recordings.stop(),
  }, h("p", {}, t("record_stop_hint")));
}
