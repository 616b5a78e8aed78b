// @ts-check
/** Before the door of a room: what room it is, who we are going to be in it, and how we look and sound. */

import { say, t } from "../strings.js";
import { deviceFields, levelMeter } from "./devices.js";
import { h, set, write } from "./dom.js";
import { masthead, submitting } from "./frame.js";
import { icon } from "./icons.js";
import { cover } from "./rooms.js";

/** @typedef {import("../protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("../rehearsal.js").Rehearsal} Rehearsal */
/** @typedef {import("../media.js").Kind} Kind */

/**
 * @param {object} given
 * @param {RoomInfo} given.room
 * @param {Rehearsal} given.rehearsal
 * @param {string | null} given.notice  A sentence about how we came here.
 * @param {() => Promise<void>} given.join
 * @param {() => void} given.language
 */
export function lobby({ room, rehearsal, notice, join, language }) {
  const about = h("div", { class: "lobby-room" });
  const mirror = preview(rehearsal);
  const fields = deviceFields(rehearsal.devices, (kind) => rehearsal.change(kind));
  const name = h("input", {
    type: "text", required: true, maxlength: 80, value: rehearsal.nickname, autocomplete: "nickname",
    placeholder: t("nickname_hint"), "data-testid": "nickname", input: () => (rehearsal.nickname = name.value.trim()),
  });
  const form = h("form", { class: "lobby-form" },
    h("label", { class: "field" }, t("nickname"), name),
    h("button", { class: "button primary", type: "submit", "data-testid": "join" }, t("join")));
  submitting(form, join);
  rehearsal.onchange = () => {
    mirror.update();
    fields.update();
  };
  tell(about, room);
  return {
    element: h("div", { class: "page" }, masthead(language),
      h("main", { class: "lobby", "data-testid": "lobby" },
        mirror.element,
        h("section", { class: "card lobby-card" },
          notice && h("p", { class: "problem", role: "status", "data-testid": "lobby-notice" }, notice), about, form),
        fields.element)),
    /** It has come into view. */
    enter: () => matchMedia("(pointer: fine)").matches && name.focus(), // elsewhere a keyboard would cover half
    /** @param {RoomInfo} now */
    update: (now) => tell(about, now),
  };
}

/** @param {HTMLElement} about @param {RoomInfo} room */
function tell(about, room) {
  const shown = JSON.stringify([room.title, room.topic, room.cover_url, room.online_count, flags(room)]);
  if (about.dataset.shown === shown) return; // what has not changed is not announced again
  about.dataset.shown = shown;
  about.replaceChildren(
    ...(room.cover_url ? [cover(room)] : []),
    h("h1", { "data-testid": "lobby-title" }, room.title ?? ""),
    ...(room.topic ? [h("p", { class: "lead", "data-testid": "lobby-topic" }, room.topic)] : []),
    badges(room),
    h("div", { role: "status" },
      room.recording_active && h("p", { class: "warning", "data-testid": "lobby-recording" }, t("is_recorded")),
      room.is_locked && h("p", { class: "warning", "data-testid": "lobby-locked" }, icon("lock"), t("is_locked"))));
}

/** @param {RoomInfo} room */
const flags = ({ is_private, is_locked, recording_active }) => [is_private, is_locked, recording_active];

/** @param {RoomInfo} room */
function badges({ is_private, online_count }) {
  return h("p", { class: "badges" },
    h("span", { class: "badge", "data-testid": "inside" },
      icon("people"), online_count ? t("inside_now", online_count) : t("nobody_inside")),
    is_private && h("span", { class: "badge" }, icon("lock"), t("private_room")));
}

/** Ourselves as in a mirror, with the switches on it. @param {Rehearsal} rehearsal */
function preview(rehearsal) {
  const video = h("video", { autoplay: true, playsinline: true, "data-testid": "preview" });
  video.muted = true; // nobody wants to hear himself
  const level = levelMeter();
  const [mic, cam] = [toggle(rehearsal, "audio"), toggle(rehearsal, "video")];
  const words = h("p", { class: "mirror-words" });
  const ask = h("button", {
    class: "button", type: "button", click: () => void rehearsal.open(), "data-testid": "show-me",
  }, t("show_me"));
  const problems = h("div", { class: "mirror-problems", role: "status", "data-testid": "device-problems" });
  const update = () => {
    const { media, on } = rehearsal;
    const seen = on.video && rehearsal.has("video");
    if (video.srcObject !== media.preview) video.srcObject = media.preview;
    set(video, "hidden", !seen);
    set(ask, "hidden", !rehearsal.unasked);
    write(words, seen ? "" : t(rehearsal.unasked ? "will_ask" : "cam_is_dark"));
    level.follow(on.audio ? media.tracks.audio : null);
    set(level.element, "hidden", !on.audio || !rehearsal.has("audio"));
    [mic, cam].forEach((one) => one.update());
    complain(problems, rehearsal);
  };
  update();
  const element = h("section", { class: "mirror-place", "aria-label": t("preview") },
    h("div", { class: "mirror" }, video,
      h("div", { class: "mirror-middle" }, words, ask),
      h("div", { class: "mirror-switches" }, mic.element, cam.element),
      level.element),
    problems);
  return { element, update };
}

/** @param {Rehearsal} rehearsal @param {Kind} kind */
function toggle(rehearsal, kind) {
  const [testid, words, on, off] = /** @type {const} */ ({
    audio: ["with-mic", "microphone", "mic", "mic_off"], video: ["with-cam", "camera", "cam", "cam_off"],
  })[kind];
  const input = h("input", {
    type: "checkbox", role: "switch", "aria-label": t(words), title: t(words), "data-testid": testid,
    change: () => rehearsal.turn(kind, input.checked),
  });
  const update = () => void (input.checked = rehearsal.on[kind]);
  update();
  return { element: h("span", { class: "toggle" }, input, icon(on), icon(off)), update };
}

/** @param {HTMLElement} element @param {Rehearsal} rehearsal */
function complain(element, { problems }) {
  const kinds = /** @type {Kind[]} */ (["audio", "video"]).filter((kind) => problems[kind]);
  const insecure = kinds.some((kind) => problems[kind] === "insecure");
  const keys = insecure ? ["devices_insecure"] : kinds.map((kind) => `${kind}_${problems[kind]}`);
  if (element.dataset.shown === keys.join()) return;
  element.dataset.shown = keys.join();
  element.replaceChildren(...keys.map((key) => h("p", { class: "warning" }, say(key))));
}
