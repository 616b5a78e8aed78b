// @ts-check
/** Who is to be seen at this moment, and with which picture: the stage as a recording shows it. Pure. */

import { t } from "./strings.js";

/** @typedef {import("./session.js").Model} Model */
/** @typedef {import("./painting.js").Face} Face */
/** @typedef {import("./protocol.js").Participant} Participant */

const HUES = 8;

/** Screens first, as they are what is looked at. @param {Model} model @returns {Face[]} */
export function facesOf(model) {
  const people = model.state?.participants ?? [];
  return [...people.flatMap((one) => screenOf(one, model)), ...people.map((one) => faceOf(one, model))];
}

/** @param {Participant} participant @param {Model} model @returns {Face} */
function faceOf({ user_id, nickname, avatar_url, cam_off }, model) {
  const mine = user_id === model.me;
  const stream = mine ? model.preview : model.peer(user_id)?.stream;
  const track = (mine ? !model.on.video : cam_off) ? null : live(stream);
  return { key: String(user_id), name: nickname, hue: user_id % HUES, avatar: avatar_url, track, screen: false };
}

/** @param {Participant} participant @param {Model} model @returns {Face[]} */
function screenOf({ user_id, nickname }, model) {
  const track = live(user_id === model.me ? model.screen.preview : model.peer(user_id)?.screen);
  if (!track) return [];
  return [{ key: `screen-${user_id}`, name: t("screen_of", nickname), hue: 0, avatar: null, track, screen: true }];
}

/** @param {MediaStream | null | undefined} stream */
const live = (stream) => stream?.getVideoTracks().find(({ readyState }) => readyState === "live") ?? null;
