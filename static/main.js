// @ts-check
/**
 * Where everything meets: reads the address, shows the page for it, and hands each part the others it needs.
 *
 * An invitation travels in the fragment, which is never sent; it is taken out of the address as soon as it is read.
 */

import { actions } from "./actions.js";
import { Api, ApiError } from "./api.js";
import { Identity, claimSlot } from "./identity.js";
import { LocalMedia } from "./media.js";
import { Session } from "./session.js";
import { language, say, speak, t } from "./strings.js";
import { Call } from "./view/call.js";
import { message } from "./view/frame.js";
import { home } from "./view/home.js";
import { lobby } from "./view/lobby.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./view/lobby.js").Entrance} Entrance */

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;
const FRAME = 16;
const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const api = new Api();
const identity = new Identity(api, localStorage, await claimSlot(sessionStorage));
let page = () => /** @type {Node} */ (document.createTextNode(""));
let session = /** @type {Session | null} */ (null);

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
  void route();
}

async function route() {
  session?.leave();
  session = null;
  const slug = slugOf(location.pathname);
  if (slug === null) return show(() => home({ create, open, language: switchLanguage }));
  keepInvitation(slug, location.hash);
  await knock(slug);
}

/** @param {string} path */
function slugOf(path) {
  const slug = /^\/r\/([^/]+)$/.exec(path)?.[1] ?? "";
  return SLUG.test(slug) ? slug : null;
}

/** @param {string} slug @param {string} hash */
function keepInvitation(slug, hash) {
  const key = new URLSearchParams(hash.slice(1)).get("invite");
  if (key === null) return;
  sessionStorage.setItem(`axenix.invite.${slug}`, key);
  history.replaceState(null, "", location.pathname);
}

/** @param {{ title?: string, is_private: boolean }} wish */
async function create(wish) {
  const { slug } = await api.createRoom(await identity.token(), wish);
  go(`/r/${slug}`);
}

/** @param {string} link */
function open(link) {
  if (SLUG.test(link)) return go(`/r/${link}`), true;
  const url = URL.canParse(link) ? new URL(link) : null;
  const slug = url?.origin === location.origin ? slugOf(url.pathname) : null;
  if (slug === null || url === null) return false;
  keepInvitation(slug, url.hash);
  go(`/r/${slug}`);
  return true;
}

/** @param {string} slug */
async function knock(slug) {
  try {
    const room = await roomInfo(slug);
    if (slugOf(location.pathname) !== slug) return; // somewhere else by now
    const join = (/** @type {Entrance} */ entrance) => enter(room, entrance);
    show(() => lobby({ room, nickname: identity.nickname, join, language: switchLanguage }));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const missing = error.reason === "room_not_found";
    apologize(error.reason, missing ? "room_not_found_more" : null, missing ? null : () => knock(slug));
  }
}

/** @param {string} slug */
async function roomInfo(slug) {
  try {
    return await api.room(identity.known, slug);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
    identity.forget(); // a token of another server, or of another time
    return api.room(undefined, slug);
  }
}

/** @param {import("./protocol.js").RoomInfo} room @param {Entrance} entrance */
async function enter({ slug, title }, { nickname, audio, video }) {
  await identity.introduce(nickname);
  const token = await identity.token();
  const rtc = await api.rtcConfig(token);
  const media = new LocalMedia();
  const problems = /** @type {string[]} */ ([]);
  const on = await openDevices(media, { audio, video }, problems);
  const stranger = title === undefined; // whoever may not know its name needs an invitation
  const inviteKey = (stranger && sessionStorage.getItem(`axenix.invite.${slug}`)) || undefined;
  const screen = view(slug);
  session = new Session({ slug, api, identity, media, rtc, inviteKey, hooks: screen.hooks });
  screen.begin(session);
  problems.forEach((key) => screen.hooks.notice({ key, args: [] }));
  await session.start(on);
}

/** Whatever the browser does not give is left off; the call goes on without it.
 * @param {LocalMedia} media @param {Record<Kind, boolean>} wanted @param {string[]} problems */
async function openDevices(media, wanted, problems) {
  const kinds = /** @type {Kind[]} */ (["audio", "video"]).filter((kind) => wanted[kind]);
  const on = { audio: false, video: false };
  if (await tryToOpen(media, kinds)) kinds.forEach((kind) => (on[kind] = true));
  else for (const kind of kinds) {
    on[kind] = kinds.length > 1 && (await tryToOpen(media, [kind]));
    if (!on[kind]) problems.push(`notice_no_${kind}`);
  }
  return on;
}

/** @param {LocalMedia} media @param {Kind[]} kinds */
const tryToOpen = (media, kinds) => media.open(kinds).then(() => true, () => false);

/** Ties a session to what shows it. Drawing waits a frame, so that what happens together is seen together.
 * @param {string} slug */
function view(slug) {
  let call = /** @type {Call | null} */ (null);
  let drawing = /** @type {any} */ (null);
  const changed = () => {
    drawing ??= setTimeout(() => {
      drawing = null;
      if (session && call) call.update(session.model);
    }, FRAME);
  };
  return {
    hooks: /** @type {import("./session.js").Hooks} */ ({
      changed,
      notice: (notice) => call?.say(notice),
      ended: ({ code, reason }) => ended(slug, code, reason),
    }),
    /** @param {Session} begun */
    begin(begun) {
      show(() => {
        call = new Call(actions(begun, {
          tell: (key, ...args) => call?.say({ key, args }),
          left: () => ended(slug, 1000, null),
          language: switchLanguage,
        }), call);
        changed();
        return call.element;
      });
    },
  };
}

/** @param {string} slug @param {number} code @param {string | null} reason */
function ended(slug, code, reason) {
  session = null;
  if (reason === "invalid_token") identity.forget();
  apologize(ENDS[code] ?? "end_other", reason, code === 4007 ? null : () => knock(slug), "again");
}

/** @type {Record<number, string>} */
const ENDS = Object.fromEntries([1000, 1008, 4001, 4005, 4006, 4007, 4009].map((code) => [code, `end_${code}`]));

/** Titles, details and labels are keys of sentences.
 * @param {string} title @param {string | null} more
 * @param {(() => void) | null} again @param {"again" | "try_again"} [label] */
function apologize(title, more, again, label = "try_again") {
  show(() => message({
    title: say(title),
    detail: more === null ? undefined : say(more),
    choices: [
      ...(again ? [{ label: t(label), act: again, testid: "again" }] : []),
      { label: t("to_home"), act: () => go("/"), testid: "home" },
    ],
    language: switchLanguage,
  }));
}

speak(localStorage.getItem("axenix.language") ?? navigator.language);
addEventListener("popstate", () => void route());
addEventListener("hashchange", () => void route());
addEventListener("online", () => session?.hurry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && session?.hurry());
void route();
