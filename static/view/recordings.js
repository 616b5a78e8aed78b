// @ts-check
/** The panel of recordings: what is being made, what is on its way, and what is there to play, keep and delete. */

import { moderates } from "../ranks.js";
import { member } from "../room.js";
import { say, t } from "../strings.js";
import { ask } from "./dialog.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";
import { duration, moment, percent, size } from "./measure.js";
import { confirmStart, confirmStop } from "./recording.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../recordings.js").Recordings} Recordings */
/** @typedef {import("../api.js").Recording} Recording */
/** @typedef {import("../uploads.js").Upload} Upload */

const FAR = 1e101; // beyond every end

/** @param {Recordings} recordings */
export function recordingsPanel(recordings) {
  let model = /** @type {Model | null} */ (null);
  const button = h("button", {
    class: "button", type: "button", "data-testid": "record",
    click: () => {
      if (model?.recordings.hand) confirmStop(recordings);
      else confirmStart(recordings, model?.recordings.able ?? false);
    },
  }, icon("record"), h("span", {}));
  const state = h("p", { class: "hint", "data-testid": "record-state" });
  const uploads = h("ul", { class: "rec-uploads", "data-testid": "uploads" });
  const problem = h("p", { class: "problem", role: "alert" });
  const none = h("p", { class: "empty", hidden: true }, t("recordings_none"));
  const list = h("ul", { class: "rec-list", "aria-label": t("recordings"), "data-testid": "recordings-list" });
  const tools = h("div", { class: "rec-tools" }, button, state);
  return {
    element: h("div", { class: "recordings" }, tools, h("div", { class: "rec-scroll" }, uploads, problem, none, list)),
    enter: () => void recordings.load(),
    /** @param {Model} shown */
    update(shown) {
      model = shown;
      const { hand, items, problem: reason, uploads: sent } = shown.recordings;
      const mod = moderates(member(shown.state, shown.me));
      set(button, "hidden", !mod);
      set(button, "data-on", hand !== null);
      write(/** @type {Element} */ (button.querySelector("span")), t(hand ? "record_stop" : "record_start"));
      write(state, hand === null ? "" : t(`record_${hand}`));
      set(tools, "hidden", !mod && hand === null);
      write(problem, reason ? say(reason) : "");
      set(none, "hidden", items === null || items.length > 0 || sent.length > 0);
      reconcile(uploads, sent, ({ id }) => id, (one) => uploadRow(one, recordings), showUpload);
      reconcile(list, items ?? [], ({ id }) => String(id), (one) => row(one, recordings),
        (element, one) => show(element, one, shown, mod));
    },
  };
}

// ---- on its way -----------------------------------------------------------------------------------------------------

/** @param {Upload} upload @param {Recordings} recordings */
function uploadRow({ id, title }, recordings) {
  const again = h("button", {
    class: "button small-button", type: "button", "data-testid": "upload-retry", click: () => recordings.retry(id),
  }, t("try_again"));
  const away = h("button", {
    class: "button quiet small-button", type: "button", "data-testid": "upload-abandon", click: () => ask({
      title: t("upload_abandon"), testid: "ask-abandon", submit: t("upload_abandon_now"), danger: true,
      send: () => recordings.abandon(id),
    }, h("p", {}, t("upload_abandon_hint"))),
  }, t("upload_abandon"));
  return h("li", { class: "rec-upload", "data-testid": "upload" },
    h("b", {}, title), h("progress", { max: 1, "aria-label": t("upload_progress") }), h("small", {}),
    h("div", { class: "rec-actions" }, again, away));
}

/** @param {HTMLLIElement} element @param {Upload} upload */
function showUpload(element, { step, size: all, sent, lasts, reason }) {
  const [progress, words, actions] = [...element.children].slice(1);
  const share = all ? Math.min(1, sent / all) : 0;
  set(element, "data-step", step);
  set(progress, "value", share);
  set(actions, "hidden", step !== "failed" && step !== "waiting");
  const why = reason ? say(reason) : "";
  const how = step === "recording" ? duration(lasts) : percent(share);
  write(words, t(`upload_${step}`, how, size(all), why));
}

// ---- there ----------------------------------------------------------------------------------------------------------

/** @param {Recording} recording @param {Recordings} recordings */
function row({ id, title, file_url }, recordings) {
  const play = h("button", {
    class: "button quiet round", type: "button", "aria-expanded": "false", "data-testid": "play-recording",
    "aria-label": t("play_this", title), title: t("play"), click: () => unfold(element, play, file_url),
  }, icon("play"));
  const keep = h("a", {
    class: "button quiet round", href: file_url, download: "", "aria-label": t("download_this", title),
    title: t("download"), "data-testid": "download-recording",
  }, icon("download"));
  const remove = h("button", {
    class: "button quiet round", type: "button", "aria-label": t("delete_this", title), title: t("delete_recording"),
    "data-testid": "delete-recording", click: () => ask({
      title: t("delete_recording"), testid: "ask-delete-recording", submit: t("delete_recording_now"), danger: true,
      send: () => recordings.remove(id),
    }, h("p", {}, t("delete_recording_hint", title))),
  }, icon("bin"));
  const element = h("li", { class: "rec-item", "data-testid": "recording" },
    h("div", { class: "rec-words" }, h("b", {}, title), h("small", {})),
    h("div", { class: "rec-actions" }, play, keep, remove));
  return element;
}

/** @param {HTMLLIElement} element @param {Recording} recording @param {Model} model @param {boolean} mod */
function show(element, { uploader_user_id, created_at, duration_sec, size: bytes, file_url }, model, mod) {
  const said = [model.name(uploader_user_id), moment(created_at), duration(duration_sec), size(bytes)];
  write(/** @type {Element} */ (element.querySelector("small")), said.filter(Boolean).join(" · "));
  set(/** @type {Element} */ (element.querySelector("a")), "href", file_url);
  const remove = /** @type {Element} */ (element.querySelector('[data-testid="delete-recording"]'));
  set(remove, "hidden", !mod && uploader_user_id !== model.me);
}

/** Plays where it stands; pressed again it is put away. @param {HTMLLIElement} element @param {HTMLElement} button
 * @param {string} url */
function unfold(element, button, url) {
  const open = element.querySelector("video");
  set(button, "aria-expanded", String(!open));
  if (open) return open.remove();
  const src = element.querySelector("a")?.href ?? url;
  const video = h("video", { controls: true, playsinline: true, preload: "metadata", src, "data-testid": "player" });
  video.addEventListener("loadedmetadata", () => measure(video), { once: true });
  element.append(video);
  video.play().catch(() => null); // then its own button is pressed
}

/** A file that does not say how long it is gets asked by a jump past its end. @param {HTMLVideoElement} video */
function measure(video) {
  if (video.duration !== Infinity) return;
  video.addEventListener("durationchange", () => (video.currentTime = 0), { once: true });
  video.currentTime = FAR;
}
