// @ts-check
/** The faces: a tile for everyone in the room, laid out so that they are as large as they can be. */

import { t } from "../strings.js";
import { h, reconcile, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../protocol.js").Participant} Participant */

const GAP = 12;
const HUES = 8;

export function stage() {
  const element = h("ul", { class: "stage", "data-testid": "stage" });
  new ResizeObserver(() => lay(element)).observe(element);
  return {
    element,
    /** @param {Model} model */
    update(model) {
      const people = model.state?.participants ?? [];
      const others = people.filter(({ user_id }) => user_id !== model.me);
      const all = [...others, ...people.filter(({ user_id }) => user_id === model.me)];
      reconcile(element, all, ({ user_id }) => String(user_id),
        (participant) => tile(participant, model),
        (one, participant) => show(one, participant, model));
      lay(element);
    },
  };
}

/** @param {Participant} participant @param {Model} model */
function tile({ user_id }, { me }) {
  const mine = user_id === me;
  const video = h("video", { autoplay: true, playsinline: true, "data-testid": "video" });
  video.muted = mine; // nobody wants to hear himself
  return h("li", { class: mine ? "tile mine" : "tile", "data-testid": "tile", "data-hue": user_id % HUES },
    h("div", { class: "avatar", "aria-hidden": "true" }),
    video,
    h("p", { class: "waiting" }, t("connecting")),
    h("p", { class: "tile-hand", title: t("hand_is_up") }, icon("hand")),
    h("p", { class: "tile-name" }, icon("mic_off"), h("span", {})));
}

/** @param {HTMLLIElement} element @param {Participant} participant @param {Model} model */
function show(element, participant, model) {
  const { user_id, nickname, mic_muted, cam_off } = participant;
  const mine = user_id === model.me;
  const peer = model.peer(user_id);
  const video = /** @type {HTMLVideoElement} */ (element.querySelector("video"));
  const stream = mine ? model.preview : peer?.stream ?? null;
  if (video.srcObject !== stream) video.srcObject = stream;
  set(element, "data-cam", mine ? (model.on.video ? "on" : "off") : cam_off ? "off" : "on");
  set(element, "data-mic", mine ? (model.on.audio ? "on" : "off") : mic_muted ? "off" : "on");
  set(element, "data-hand", model.state?.hands_up.includes(user_id) ? "up" : "down");
  set(element, "data-call", mine || peer?.connected ? "connected" : "waiting");
  set(element, "aria-label", describe(participant, model));
  write(/** @type {Node} */ (element.querySelector(".tile-name span")), mine ? t("you", nickname) : nickname);
  write(/** @type {Node} */ (element.querySelector(".avatar")), initials(nickname));
}

/** @param {Participant} participant @param {Model} model */
function describe({ user_id, nickname, mic_muted, cam_off }, { state }) {
  const hand = state?.hands_up.includes(user_id);
  const marks = [mic_muted && t("mic_is_off"), cam_off && t("cam_is_off"), hand && t("hand_is_up")];
  return [nickname, ...marks.filter(Boolean)].join(", ");
}

/** @param {string} nickname */
export function initials(nickname) {
  const words = nickname.split(/\s+/u).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** The number of columns at which tiles of a bearable shape cover most. @param {HTMLElement} element */
function lay(element) {
  const { clientWidth: width, clientHeight: height, childElementCount: count } = element;
  const narrowest = width > height ? 4 / 3 : 9 / 16;
  let best = { area: 0, wide: 0, high: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - GAP * (columns - 1)) / columns;
    const cellHeight = (height - GAP * (rows - 1)) / rows;
    const wide = Math.min(cellWidth, cellHeight * (16 / 9));
    const high = Math.min(cellHeight, wide / narrowest);
    if (wide * high > best.area) best = { area: wide * high, wide, high };
  }
  element.style.setProperty("--wide", `${Math.floor(best.wide)}px`);
  element.style.setProperty("--high", `${Math.floor(best.high)}px`);
}
