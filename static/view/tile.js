// @ts-check
/** One tile of the stage: somebody's face, or somebody's screen, with its marks and what can be done with it. */

import { t } from "../strings.js";
import { h, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../protocol.js").Participant} Participant */
/** @typedef {{ key: string, participant: Participant, screen: boolean, stream: MediaStream | null }} Shown */
/** @typedef {(key: string) => void} Pin */

const HUES = 8;
const GRADES = /** @type {const} */ (["line_unknown", "line_poor", "line_fair", "line_good"]);

/** @param {Shown} shown @param {Model} model @param {Pin} pin */
export function tile({ key, participant: { user_id }, screen }, { me }, pin) {
  const mine = user_id === me;
  const video = h("video", { autoplay: true, playsinline: true, "data-testid": "video" });
  video.muted = mine || screen; // nobody wants to hear himself
  return h("li", {
    class: ["tile", mine && "mine", screen && "screen"].filter(Boolean).join(" "), tabindex: -1,
    "data-testid": screen ? "screen-tile" : "tile", "data-hue": user_id % HUES,
    dblclick: () => pin(key),
  },
    !screen && h("div", { class: "avatar", "aria-hidden": "true" }),
    video,
    h("p", { class: "waiting" }, t("connecting")),
    !screen && h("p", { class: "tile-hand", title: t("hand_is_up") }, icon("hand")),
    h("p", { class: "tile-name" }, icon(screen ? "screen" : "mic_off"), h("span", {}), !mine && !screen && bars()),
    tools(key, video, pin));
}

const bars = () => h("i", { class: "bars", role: "img" }, h("i"), h("i"), h("i"));

/** One stop for the Tab key; arrows walk inside.
 * @param {string} key @param {HTMLVideoElement} video @param {Pin} pin */
function tools(key, video, pin) {
  const buttons = [
    tool("pin", "pin", () => pin(key)),
    document.pictureInPictureEnabled && tool("pip", "pip", () => void floating(video)),
    document.fullscreenEnabled && tool("full", "full_screen", () => void filling(video.closest("li"))),
  ].filter((button) => button !== false);
  buttons.forEach((button, index) => (button.tabIndex = index ? -1 : 0));
  return h("div", {
    class: "tile-tools", role: "toolbar", "aria-label": t("tile_tools"),
    dblclick: (/** @type {Event} */ event) => event.stopPropagation(), // two quick presses are not a wish to pin
    keydown: (/** @type {KeyboardEvent} */ { key: pressed }) => {
      const step = { ArrowRight: 1, ArrowLeft: buttons.length - 1 }[pressed] ?? 0;
      const here = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
      if (step && here >= 0) buttons[(here + step) % buttons.length].focus();
    },
  }, ...buttons);
}

/** @param {import("./icons.js").Icon} drawing @param {import("../strings.js").Key} words @param {() => void} act */
function tool(drawing, words, act) {
  return h("button", {
    class: `tile-tool tool-${drawing}`, type: "button", "aria-label": t(words), title: t(words), click: act,
    "data-testid": `tile-${drawing}`,
  }, icon(drawing));
}

/** @param {HTMLVideoElement} video */
async function floating(video) {
  if (document.pictureInPictureElement === video) return document.exitPictureInPicture();
  await video.requestPictureInPicture().catch(() => null); // no picture has come yet: there is nothing to float
}

/** @param {HTMLElement | null} element */
async function filling(element) {
  if (document.fullscreenElement) return document.exitFullscreen();
  await element?.requestFullscreen().catch(() => null); // the browser may forbid it, and shows that itself
}

/** @param {HTMLLIElement} element @param {Shown} shown @param {Model} model @param {boolean} pinned */
export function show(element, { participant, screen, stream }, model, pinned) {
  const { user_id, nickname } = participant;
  const video = /** @type {HTMLVideoElement} */ (element.querySelector("video"));
  if (video.srcObject !== stream) video.srcObject = stream;
  const mine = user_id === model.me;
  const name = mine ? t("you", nickname) : nickname;
  set(element, "data-call", mine || model.peer(user_id)?.connected ? "connected" : "waiting");
  set(element, "data-pinned", pinned);
  pinning(/** @type {Element} */ (element.querySelector(".tool-pin")), pinned);
  write(/** @type {Node} */ (element.querySelector(".tile-name span")), screen ? t("screen_of", name) : name);
  set(element, "aria-label", screen ? t("screen_of", nickname) : describe(participant, model));
  if (screen) set(element, "data-cam", "on");
  else marks(element, participant, model);
}

/** @param {HTMLLIElement} element @param {Participant} participant @param {Model} model */
function marks(element, participant, model) {
  const { user_id, mic_muted, cam_off } = participant;
  const mine = user_id === model.me;
  set(element, "data-cam", (mine ? model.on.video : !cam_off) ? "on" : "off");
  set(element, "data-mic", (mine ? model.on.audio : !mic_muted) ? "on" : "off");
  set(element, "data-hand", model.state?.hands_up.includes(user_id) ? "up" : "down");
  set(element, "data-speaking", model.speaking(user_id));
  face(/** @type {HTMLElement} */ (element.querySelector(".avatar")), participant);
  const line = element.querySelector(".bars");
  if (!line) return;
  const grade = model.quality(user_id);
  set(line, "data-grade", grade);
  set(line, "aria-label", t(GRADES[grade]));
  set(line, "title", t(GRADES[grade]));
}

/** @param {Element} button @param {boolean} pinned */
function pinning(button, pinned) {
  const words = t(pinned ? "unpin" : "pin");
  set(button, "aria-label", words);
  set(button, "title", words);
}

/** @param {Participant} participant @param {Model} model */
function describe({ user_id, nickname, mic_muted, cam_off }, { state }) {
  const hand = state?.hands_up.includes(user_id);
  const words = [mic_muted && t("mic_is_off"), cam_off && t("cam_is_off"), hand && t("hand_is_up")];
  return [nickname, ...words.filter(Boolean)].join(", ");
}

/** A person's picture, or the first letters of the name. @param {Element} element
 * @param {Pick<Participant, "nickname" | "avatar_url">} participant */
export function face(element, { nickname, avatar_url }) {
  if (avatar_url === null) return write(element, initials(nickname));
  const picture = element.querySelector("img");
  if (picture) set(picture, "src", avatar_url);
  else element.replaceChildren(h("img", { src: avatar_url, alt: "" }));
}

/** @param {string} nickname */
export function initials(nickname) {
  const words = nickname.split(/\s+/u).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toLocaleUpperCase()).join("");
}
