// @ts-check
/** Before the door of a room: what room it is, and who we are going to be in it. */

import { t } from "../strings.js";
import { h } from "./dom.js";
import { masthead, submitting } from "./frame.js";
import { icon } from "./icons.js";

/** @typedef {{ nickname: string, audio: boolean, video: boolean }} Entrance */

/**
 * @param {object} given
 * @param {import("../protocol.js").RoomInfo} given.room
 * @param {string} given.nickname
 * @param {(entrance: Entrance) => Promise<void>} given.join
 * @param {() => void} given.language
 */
export function lobby({ room, nickname, join, language }) {
  const name = h("input", {
    type: "text", required: true, maxlength: 80, value: nickname, autocomplete: "nickname",
    placeholder: t("nickname_hint"), "data-testid": "nickname",
  });
  const mic = h("input", { type: "checkbox", role: "switch", checked: true, "data-testid": "with-mic" });
  const cam = h("input", { type: "checkbox", role: "switch", checked: true, "data-testid": "with-cam" });
  const form = h("form", { class: "card lobby", "data-testid": "lobby" },
    h("h1", {}, room.title ?? t("private_room")),
    room.topic && h("p", { class: "lead" }, room.topic),
    badges(room),
    h("label", { class: "field" }, t("nickname"), name),
    h("label", { class: "switch" }, h("span", {}, icon("mic"), t("with_mic")), mic),
    h("label", { class: "switch" }, h("span", {}, icon("cam"), t("with_cam")), cam),
    h("button", { class: "button primary", type: "submit", "data-testid": "join" }, t("join")));
  submitting(form, () => join({ nickname: name.value.trim(), audio: mic.checked, video: cam.checked }));
  return h("div", { class: "page" }, masthead(language), h("main", { class: "narrow" }, form));
}

/** @param {import("../protocol.js").RoomInfo} room */
function badges({ is_private, is_locked, recording_active, online_count }) {
  return h("p", { class: "badges" },
    online_count !== undefined
      && h("span", { class: "badge" }, online_count ? t("inside_now", online_count) : t("nobody_inside")),
    is_private && h("span", { class: "badge" }, icon("lock"), t("private_room")),
    is_locked && h("span", { class: "badge" }, icon("lock"), t("locked")),
    recording_active && h("span", { class: "badge recording" }, t("recording")));
}
