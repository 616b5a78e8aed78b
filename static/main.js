// @ts-check
/**
 * Where everything meets: reads the address, shows the page for it, and hands each part the others it needs.
 *
 * What the start page does not need is fetched on the way to a room.
 */

import { Api, ApiError } from "./api.js";
import { Devices } from "./devices.js";
import { Invitations, Passes, linked, lookAt, slugOf } from "./entrance.js";
import { Identity, claimSlot } from "./identity.js";
import { language, say, speak, t } from "./strings.js";
import { message } from "./view/frame.js";
import { home } from "./view/home.js";
import { Visited } from "./visited.js";

/** @typedef {import("./protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("./rehearsal.js").Rehearsal} Rehearsal */
/** @typedef {{ room: RoomInfo, stranger: boolean }} Seen */

const LOOK_AGAIN = 5_000;
const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const api = new Api();
const identity = new Identity(api, localStorage, await claimSlot(sessionStorage));
const devices = new Devices(navigator.mediaDevices, localStorage);
const visited = new Visited(localStorage);
const invitations = new Invitations(sessionStorage);
const passes = new Passes(sessionStorage);
let page = () => /** @type {Node} */ (document.createTextNode(""));
let session = /** @type {import("./session.js").Session | null} */ (null);
let behind = () => {}; // ends what goes on behind the page that is shown
let notice = /** @type {string | null} */ (null); // to be said on the next page

/** @param {() => Node} make  Called again when the language changes. */
function show(make) {
  page = make;
  document.documentElement.lang = language();
  document.title = t("brand");
  app.replaceChildren(page());
}

function switchLanguage() {
  speak(language() === "en" ? "ru" : "en");
  localStorage.setItem("axenix.language", language());
  show(page);
}

/** @param {string} path */
function go(path) {
  history.pushState(null, "", path);
  scrollTo(0, 0);
  void route();
}

async function route() {
  session?.leave();
  session = null;
  leaveBehind();
  const slug = slugOf(location.pathname);
  if (slug === null || slug === "") await identity.borrow(null);
  if (slug === null) return start();
  if (slug === "") return refused(slug, "room_not_found");
  const kept = [invitations.keep(slug, location.hash), passes.keep(slug, location.hash)];
  if (kept.includes(true)) history.replaceState(null, "", location.pathname);
  await knock(slug);
}

function leaveBehind() {
  behind();
  behind = () => {};
}

// ---- the start page ----

function start() {
  let refresh = () => {};
  show(() => {
    const rooms = (/** @type {Parameters<Api["rooms"]>} */ ...asked) => api.rooms(...asked);
    const view = home({ create, open, isTaken, rooms, visited, language: switchLanguage });
    refresh = view.refresh;
    return view.element;
  });
  const again = () => document.visibilityState === "visible" && refresh();
  document.addEventListener("visibilitychange", again);
  behind = () => document.removeEventListener("visibilitychange", again);
}

/** @param {import("./view/newroom.js").Wish} wish */
async function create({ cover, ...wish }) {
  const token = await identity.token();
  const { slug } = await api.createRoom(token, wish);
  if (cover) await api.setCover(token, slug, cover).catch((error) => {
    notice = t("cover_refused", error instanceof ApiError ? say(error.reason) : String(error)); // the room is there
  });
  go(`/r/${slug}`);
}

/** @param {string} link */
function open(link) {
  const found = linked(link, location.origin);
  if (!found) return false;
  invitations.keep(found.slug, found.hash);
  go(`/r/${found.slug}`);
  return true;
}

/** @param {string} slug */
const isTaken = async (slug) => (await api.isTaken(slug)).exists;

// ---- the door of a room ----

/** @param {string} slug @returns {Promise<Seen>} */
const look = (slug) => lookAt(slug, { api, identity, invitation: invitations.of(slug) });

/** @param {string} slug */
async function knock(slug) {
  leaveBehind();
  let here = true;
  behind = () => (here = false);
  try {
    await identity.borrow(passes.of(slug));
    const arriving = Promise.all([fetched(import("./view/lobby.js")), fetched(import("./rehearsal.js"))]);
    const [seen, [{ lobby }, { Rehearsal }]] = await Promise.all([look(slug), arriving]);
    if (here) wait(slug, seen, lobby, new Rehearsal(devices, identity.nickname));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.reason === "invalid_token") passes.forget(slug); // the next try is made as ourselves
    if (here) refused(slug, error.reason);
  }
}

/** A module that does not come is a server that does not answer. @template T @param {Promise<T>} module */
const fetched = (module) => module.catch((error) => {
  throw new ApiError(0, "unreachable", String(error));
});

/** @param {string} slug @param {Seen} seen @param {typeof import("./view/lobby.js").lobby} lobby
 * @param {Rehearsal} rehearsal */
function wait(slug, seen, lobby, rehearsal) {
  const said = notice;
  notice = null;
  let view = /** @type {ReturnType<typeof lobby>} */ (/** @type {unknown} */ (null)); // there from the first show() on
  const stop = watch(slug, (now) => {
    seen = now;
    view.update(now.room);
  });
  behind = () => {
    stop();
    rehearsal.close();
  };
  show(() => {
    const join = () => enter(slug, seen.stranger, rehearsal);
    view = lobby({ room: seen.room, rehearsal, notice: said, join, language: switchLanguage });
    document.title = `${seen.room.title} · ${t("brand")}`;
    return view.element;
  });
  view.enter();
  void rehearsal.begin();
  void import("./stay.js").catch(() => {}); // needed in a moment; if it does not come, joining will say so
}

/** Looks at the room again and again and tells how it is, until somebody has had enough or we may not look any more.
 * @param {string} slug @param {(seen: Seen) => void} tell */
function watch(slug, tell) {
  let over = false;
  const timer = setInterval(async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const seen = await look(slug);
      if (!over) tell(seen);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const forGood = error.status === 403 || error.status === 404; // anything else passes
      if (!over && forGood) refused(slug, error.reason);
    }
  }, LOOK_AGAIN);
  return () => {
    over = true;
    clearInterval(timer);
  };
}

/** @param {string} slug @param {boolean} stranger  who needs the invitation @param {Rehearsal} rehearsal */
async function enter(slug, stranger, rehearsal) {
  await identity.introduce(rehearsal.nickname);
  const rtc = await api.rtcConfig(await identity.token());
  const { stay } = await fetched(import("./stay.js"));
  const on = await rehearsal.finish();
  if (rehearsal.closed) return; // somewhere else by now
  const media = rehearsal.handOver();
  leaveBehind();
  const begun = stay({
    slug, api, identity, media, rtc, devices, visited, show, language: switchLanguage,
    inviteKey: (stranger && invitations.of(slug)) || undefined,
    problems: rehearsal.complaints,
    ended: (end) => ended(slug, end),
  });
  session = begun.session;
  behind = begun.forget;
  await session.start(on);
}

// ---- doors that stay closed, and stays that are over ----

/** @param {string} slug @param {import("./stay.js").End} end */
function ended(slug, { code, reason, farewell }) {
  session = null;
  leaveBehind();
  if (reason === "invalid_token") identity.forget();
  if (code === 1008 && reason && Object.hasOwn(DOORS, reason)) return refused(slug, reason);
  const known = [1000, 1008, 4001, 4005, 4006, 4007, 4009].includes(code);
  const more = farewell.length ? farewell : reason ? [{ key: reason, args: [] }] : [];
  const again = code === 4007 ? null : { key: /** @type {const} */ ("again"), act: () => knock(slug) };
  apologize(known ? `end_${code}` : "end_other", more, again);
}

/** Reasons that have a page of their own: its headline, what more there is to say, and whether it is worth another try.
 * @type {Record<string, { head: string, more: string, again: boolean }>} */
const DOORS = {
  invite_required_or_invalid: { head: "door_private", more: "invite_required_or_invalid", again: false },
  room_locked: { head: "door_locked", more: "door_locked_more", again: true },
  banned: { head: "door_banned", more: "banned", again: true },
  room_not_found: { head: "room_not_found", more: "room_not_found_more", again: false },
  unreachable: { head: "door_unreachable", more: "unreachable", again: true },
};

/** @param {string} slug @param {string} reason */
function refused(slug, reason) {
  leaveBehind();
  if (reason === "room_not_found") visited.remove(slug);
  const { head, more, again } = DOORS[reason] ?? { head: "end_1008", more: reason, again: true };
  apologize(head, [{ key: more, args: [] }], again ? { key: "try_again", act: () => knock(slug) } : null, reason);
  if (reason === "room_locked") behind = watch(slug, ({ room }) => room.is_locked || void knock(slug));
}

/** What it says are keys of sentences.
 * @param {string} head @param {import("./notices.js").Notice[]} more
 * @param {{ key: "again" | "try_again", act: () => void } | null} again @param {string} [state] */
function apologize(head, more, again, state) {
  show(() => message({
    title: say(head),
    detail: more.map(({ key, args }) => say(key, ...args)).join(" "),
    state,
    choices: [
      ...(again ? [{ label: t(again.key), act: again.act, testid: "again" }] : []),
      { label: t("to_home"), act: () => go("/"), testid: "home" },
    ],
    language: switchLanguage,
  }));
  app.querySelector("h1")?.focus(); // so that whoever does not see it hears what has happened
}

speak(localStorage.getItem("axenix.language") ?? navigator.language);
addEventListener("popstate", () => void route()); // another fragment, which may hold an invitation, included
addEventListener("online", () => session?.hurry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && session?.hurry());
void route();
