// @ts-check
/** What is asked before somebody is acted upon, who is kept out, what was done, and one's own card. */

import { language, t } from "../strings.js";
import { ask, openDialog } from "./dialog.js";
import { h, write } from "./dom.js";
import { refusalOf } from "./frame.js";
import { pictureField } from "./picture.js";

/** @typedef {import("../moderation.js").Moderation} Moderation */
/** @typedef {import("../protocol.js").Participant} Participant */
/** @typedef {import("../strings.js").Key} Key */

const REASON = 200;

/** @type {[seconds: number, words: Key][]} */
const ABSENCES = [[0, "back_at_once"], [3_600, "back_in_hour"], [86_400, "back_in_day"], [604_800, "back_in_week"]];

/** @param {Moderation} moderation @param {Participant} participant */
export function askToMute(moderation, { user_id, nickname }) {
  const reason = reasonField();
  ask({
    title: t("mute_title", nickname), testid: "ask-mute", submit: t("mute_now"),
    send: () => moderation.mute(user_id, true, reason.text()),
  }, h("p", { class: "hint" }, t("mute_hint")), reason.element);
}

/** @param {Moderation} moderation @param {Participant} participant */
export function askToHide(moderation, { user_id, nickname }) {
  const reason = reasonField();
  ask({
    title: t("hide_title", nickname), testid: "ask-hide", submit: t("hide_now"),
    send: () => moderation.hide(user_id, true, reason.text()),
  }, h("p", { class: "hint" }, t("hide_hint")), reason.element);
}

/** @param {Moderation} moderation @param {Participant} participant */
export function askToKick(moderation, { user_id, nickname }) {
  const reason = reasonField();
  const absences = h("fieldset", { class: "options" }, h("legend", {}, t("back_when")),
    ...ABSENCES.map(([seconds, words]) => h("label", { class: "option" },
      h("input", {
        type: "radio", name: "absence", value: seconds, checked: seconds === 86_400, "data-testid": words,
      }), h("span", {}, t(words)))));
  ask({
    title: t("kick_title", nickname), testid: "ask-kick", submit: t("kick_now"), danger: true,
    send: () => {
      const chosen = /** @type {HTMLInputElement} */ (absences.querySelector(":checked"));
      return moderation.kick(user_id, Number(chosen.value), reason.text());
    },
  }, reason.element, absences);
}

function reasonField() {
  const input = h("input", { maxlength: REASON, autocomplete: "off", autofocus: true, "data-testid": "reason" });
  return {
    element: h("label", { class: "field" }, t("reason"), input, h("small", { class: "hint" }, t("reason_hint"))),
    text: () => input.value.trim(),
  };
}

/** Name and picture. @param {Moderation} moderation @param {Participant} participant */
export function askWhoIAm(moderation, { nickname, avatar_url }) {
  const name = h("input", {
    value: nickname, maxlength: 80, required: true, autocomplete: "nickname", autofocus: true, "data-testid": "my-name",
  });
  const picture = pictureField({ url: avatar_url, words: t("my_picture"), testid: "my-picture", round: true });
  ask({
    title: t("about_me"), testid: "ask-me", submit: t("save"),
    send: () => moderation.showMyself(name.value.trim(), picture.file()),
  }, h("label", { class: "field" }, t("nickname"), name), picture.element);
}

/** @param {Moderation} moderation */
export function showBans(moderation) {
  const { list, fill } = listDialog(t("bans"), "bans");
  void fill(async () => {
    const items = await moderation.bans();
    list.replaceChildren(...items.map((ban) => banRow(ban, moderation, fill)));
    return items.length ? "" : t("nobody_banned");
  });
}

/** @param {import("../api.js").Ban} ban @param {Moderation} moderation @param {Fill} fill */
function banRow({ user_id, nickname, by_user, reason, until }, moderation, fill) {
  const button = h("button", {
    class: "button small-button", type: "button", "data-testid": "unban", "aria-label": t("unban_person", nickname),
    click: () => fill(async () => {
      button.disabled = true;
      await moderation.unban(user_id).finally(() => (button.disabled = false));
      row.remove();
      return t("unbanned", nickname);
    }),
  }, t("unban"));
  const row = h("li", { class: "ledger-row", "data-testid": "ban" },
    h("span", { class: "person-words" }, h("b", {}, nickname),
      h("small", {}, t("banned_until", when(until), moderation.name(by_user) || t("somebody"))),
      reason !== null && h("small", {}, t("reason_is", reason))),
    button);
  return row;
}

/** @param {Moderation} moderation */
export function showLog(moderation) {
  const { element, list, fill } = listDialog(t("log"), "log");
  let read = /** @type {import("../moderation.js").Log | undefined} */ (undefined);
  const more = h("button", {
    class: "button quiet", type: "button", hidden: true, "data-testid": "more-log", click: () => page(),
  }, t("more_log"));
  element.append(more);
  const page = () => fill(async () => {
    const { log, entries } = await moderation.log(read);
    read = log;
    list.replaceChildren(...entries.map((entry) => deedRow(entry, moderation)));
    more.hidden = log.whole;
    return entries.length ? "" : t("nothing_done");
  });
  void page();
}

/** @param {import("../ledger.js").Entry} entry @param {Moderation} moderation */
function deedRow({ deed, key, topic }, moderation) {
  const name = (/** @type {number | null} */ id) => moderation.name(id) || t("somebody");
  return h("li", { class: "ledger-row", "data-testid": "deed" },
    h("span", { class: "person-words" },
      h("span", {}, t(key, name(deed.by_user), name(deed.user_id), topic)),
      h("small", {}, [when(deed.created_at), deed.reason && t("reason_is", deed.reason)].filter(Boolean).join(" · "))));
}

/** @typedef {(question: () => Promise<string>) => Promise<void>} Fill  What it answers is said; so is a refusal. */

/** @param {string} title @param {string} testid */
function listDialog(title, testid) {
  const list = h("ul", { class: "ledger" });
  const said = h("p", { class: "hint", role: "status" }, t("loading"));
  const problem = h("p", { class: "problem", role: "alert", "data-testid": "problem" });
  const element = openDialog(title, { testid }, list, said, problem);
  let asking = false;
  /** @type {Fill} */
  const fill = async (question) => {
    if (asking) return;
    asking = true;
    write(problem, "");
    try {
      write(said, await question());
    } catch (error) {
      write(said, "");
      write(problem, refusalOf(error));
    } finally {
      asking = false;
    }
  };
  return { element, list, fill };
}

/** @param {string} moment */
const when = (moment) => new Date(moment).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
