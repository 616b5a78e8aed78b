// @ts-check
/** The stage: a tile for everyone in the room and for every shared screen, and which of them is large. */

import { t } from "../strings.js";
import { h, reconcile } from "./dom.js";
import { arrange } from "./layout.js";
import { show, tile } from "./tile.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("./tile.js").Shown} Shown */

/** @param {(key: string, name: string) => void} tell  Says a sentence over the stage.
 * @param {{ pinned: string | null, keys: string[] } | null} before  The same stage in another language. */
export function stage(tell, before) {
  const element = h("ul", { class: "stage", "aria-label": t("stage"), "data-testid": "stage" });
  let model = /** @type {Model | null} */ (null);
  let pinned = before?.pinned ?? null;
  let keys = before?.keys ?? [];
  const lay = () => {
    const large = pinned === null ? -1 : keys.indexOf(pinned);
    place(element, arrange({ width: element.clientWidth, height: element.clientHeight }, keys.length, large));
  };
  const pin = (/** @type {string} */ key) => {
    pinned = pinned === key ? null : key;
    if (model) update(model);
  };
  const update = (/** @type {Model} */ now) => {
    model = now;
    const all = shown(model);
    const fresh = newScreen(all, keys, model.me);
    if (fresh) tell("notice_screen", fresh.participant.nickname);
    pinned = fresh?.key ?? (all.some(({ key }) => key === pinned) ? pinned : null);
    keys = all.map(({ key }) => key);
    reconcile(element, all, ({ key }) => key, (one) => tile(one, now, pin),
      (li, one) => show(li, one, now, one.key === pinned));
    lay();
  };
  new ResizeObserver(lay).observe(element);
  return {
    element, update,
    get pinned() {
      return pinned;
    },
    get keys() {
      return keys;
    },
  };
}

/** Screens first, the others next, ourselves last. @param {Model} model @returns {Shown[]} */
function shown(model) {
  const people = model.state?.participants ?? [];
  const ordered = [...people].sort((a, b) => Number(a.user_id === model.me) - Number(b.user_id === model.me));
  const faces = ordered.map((participant) => ({
    key: String(participant.user_id), participant, screen: false,
    stream: participant.user_id === model.me ? model.preview : model.peer(participant.user_id)?.stream ?? null,
  }));
  const screens = ordered.map((participant) => ({
    key: `screen-${participant.user_id}`, participant, screen: true,
    stream: participant.user_id === model.me
      ? model.screen.preview : model.peer(participant.user_id)?.screen ?? null,
  }));
  return [...screens.filter(({ stream }) => stream), ...faces];
}

/** Somebody's screen that has just come is what everyone wants to see; our own we know.
 * @param {Shown[]} all @param {string[]} before @param {number} me */
const newScreen = (all, before, me) =>
  all.find(({ key, screen, participant }) => screen && participant.user_id !== me && !before.includes(key));

/** @param {HTMLElement} element @param {import("./layout.js").Rect[]} rects */
function place(element, rects) {
  const tiles = /** @type {HTMLElement[]} */ ([...element.children]);
  rects.forEach((rect, index) => {
    for (const [side, value] of Object.entries(rect)) tiles[index]?.style.setProperty(side, `${value}px`);
  });
}
