// @ts-check
/** A stay in a room and what shows it, tied together. Fetched while one is still at the door. */

import { actions } from "./actions.js";
import { Session } from "./session.js";
import { Call } from "./view/call.js";
import { openDevices, soundsFrom } from "./view/devices.js";

/** @typedef {Parameters<import("./session.js").Hooks["ended"]>[0]} End */

const FRAME = 16;

/**
 * @param {object} given
 * @param {string} given.slug
 * @param {import("./api.js").Api} given.api
 * @param {import("./identity.js").Identity} given.identity
 * @param {import("./media.js").LocalMedia} given.media
 * @param {import("./api.js").Relays} given.rtc
 * @param {import("./devices.js").Devices} given.devices
 * @param {import("./visited.js").Visited} given.visited
 * @param {string} [given.inviteKey]
 * @param {string[]} given.problems  Sentences to begin with.
 * @param {(make: () => Node) => void} given.show
 * @param {() => void} given.language
 * @param {(end: End) => void} given.ended
 * @returns {{ session: Session, forget: () => void }}  The second ends what goes on beside the session.
 */
export function stay({
  slug, api, identity, media, rtc, devices, visited, inviteKey, problems, show, language, ended,
}) {
  let call = /** @type {Call | null} */ (null);
  let drawing = /** @type {any} */ (null);
  const tell = (/** @type {string} */ key, /** @type {string[]} */ ...args) => call?.say({ key, args });
  const remember = rememberer(slug, visited);
  const changed = () => (drawing ??= setTimeout(draw, FRAME)); // what happens together is seen together
  const unwatch = watchDevices(devices, media, tell, changed);
  const session = new Session({
    slug, api, identity, media, rtc, inviteKey,
    hooks: { changed, notice: (notice) => call?.say(notice), ended },
  });
  function draw() {
    drawing = null;
    if (!call) return;
    call.update(session.model);
    soundsFrom(call.element, devices.present("speaker"));
    remember(session.model);
  }
  const left = () => ended({ code: 1000, reason: null, farewell: [] });
  const open = () => openDevices({ devices, media });
  show(() => {
    call = new Call(actions(session, { tell, left, language, devices: { open } }), call);
    changed();
    return call.element;
  });
  problems.forEach((key) => tell(key));
  const forget = () => {
    unwatch();
    call = null; // what still happens is not drawn over the page that follows
  };
  return { session, forget };
}

/** @param {string} slug @param {import("./visited.js").Visited} visited */
function rememberer(slug, visited) {
  let known = /** @type {string | null} */ (null);
  return (/** @type {import("./session.js").Model} */ { state, status }) => {
    if (status !== "live" || !state || state.title === known) return;
    known = state.title;
    visited.add(slug, known, new Date().toISOString());
  };
}

/** @param {import("./devices.js").Devices} devices @param {import("./media.js").LocalMedia} media
 * @param {(key: string, ...args: string[]) => void} tell @param {() => void} changed */
function watchDevices(devices, media, tell, changed) {
  media.oninstead = (label) => tell("notice_instead", label);
  return devices.watch((added) => {
    added.filter(({ label }) => label).forEach(({ label }) => tell("notice_new_device", label));
    changed();
  });
}
