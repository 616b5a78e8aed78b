// @ts-check
/** What moderators and owners do with the room itself: silence, lock, and the card with all that can be set. */

import { moderates } from "../ranks.js";
import { member } from "../room.js";
import { t } from "../strings.js";
import { ask, openDialog } from "./dialog.js";
import { h, set, write } from "./dom.js";
import { refusalOf, submitting } from "./frame.js";
import { icon } from "./icons.js";
import { menu } from "./menu.js";
import { showBans, showLog } from "./moderate.js";
import { pictureField } from "./picture.js";

/** @typedef {import("../session.js").Model} Model */
/** @typedef {import("../moderation.js").Moderation} Moderation */
/** @typedef {import("../protocol.js").Snapshot} Snapshot */
/** @typedef {import("../protocol.js").RoomInfo} RoomInfo */
/** @typedef {import("../strings.js").Key} Key */

/** The row above the list of people, for those who keep order. @param {Moderation} moderation */
export function roomTools(moderation) {
  let state = /** @type {Snapshot | null} */ (null);
  let owner = false;
  const muteAll = toggle("mic_off", "mute-all", ["mute_all_short", "mute_all_long"], () =>
    moderation.tried(moderation.muteAll(!state?.mute_all)));
  const lock = toggle("lock", "lock-room", ["lock_short", "lock_long"], () =>
    moderation.tried(moderation.lock(!state?.is_locked)));
  const more = menu({
    label: t("keep_order"), testid: "room-menu", items: () => [
      { label: t("room_settings"), drawing: "edit", testid: "do-settings", act: () => void settings() },
      { label: t("bans"), drawing: "remove", testid: "do-bans", act: () => showBans(moderation) },
      { label: t("log"), drawing: "list", testid: "do-log", act: () => showLog(moderation) },
    ],
  });
  const settings = () => moderation.tried(moderation.room().then((card) => {
    if (state) roomSettings(moderation, state, card, owner);
  }));
  const element = h("div", { class: "room-tools", role: "group", "aria-label": t("keep_order") }, muteAll, lock, more);
  return {
    element,
    /** @param {Model} model */
    update(model) {
      const mine = member(model.state, model.me);
      state = model.state;
      owner = mine?.role === "owner";
      set(element, "hidden", !moderates(mine));
      turn(muteAll, state?.mute_all ?? false, model.moderation.busy("mute_all"));
      turn(lock, state?.is_locked ?? false, model.moderation.busy("lock"));
    },
  };
}

/** @param {import("./icons.js").Icon} drawing @param {string} testid @param {[words: Key, more: Key]} said
 * @param {() => unknown} act */
function toggle(drawing, testid, [words, more], act) {
  const click = () => button.ariaDisabled === null && void act(); // not `disabled`, which would lose the focus
  const button = h("button", {
    class: "button tool", type: "button", title: t(more), "aria-pressed": "false", "data-testid": testid, click,
  }, icon(drawing), h("span", {}, t(words)));
  return button;
}

/** @param {Element} button @param {boolean} on @param {boolean} busy */
function turn(button, on, busy) {
  set(button, "aria-pressed", String(on));
  set(button, "aria-disabled", busy ? "true" : null);
}

/** @param {Moderation} moderation @param {Snapshot} state @param {RoomInfo} card @param {boolean} owner */
function roomSettings(moderation, state, card, owner) {
  const dialog = openDialog(t("room_settings"), { testid: "room-settings" },
    wordsForm(moderation, state, card, owner, () => dialog.close()),
    coverSection(moderation, state.cover_url),
    owner && ownersSection(moderation, card));
}

/** What takes effect when it is saved. @param {Moderation} moderation @param {Snapshot} state @param {RoomInfo} card
 * @param {boolean} owner @param {() => void} done */
function wordsForm(moderation, state, card, owner, done) {
  const topic = h("input", {
    value: state.topic, maxlength: 200, autocomplete: "off", autofocus: true, "data-testid": "topic-field",
  });
  const title = h("input", {
    value: state.title, maxlength: 200, required: true, autocomplete: "off", "data-testid": "title-field",
  });
  const hidden = h("input", { type: "checkbox", role: "switch", "data-testid": "private-field" });
  hidden.checked = card.is_private;
  const form = h("form", { class: "dialog-form" },
    owner && h("label", { class: "field" }, t("room_title_is"), title),
    h("label", { class: "field" }, t("topic"), topic, h("small", { class: "hint" }, t("topic_hint"))),
    owner && h("label", { class: "switch" }, h("span", {}, icon("lock"), t("by_invitation")), hidden),
    h("div", { class: "choices" }, h("button", { class: "button primary", type: "submit" }, t("save"))));
  submitting(form, async () => {
    const changes = {
      ...(owner && title.value.trim() !== state.title && { title: title.value.trim() }),
      ...(owner && hidden.checked !== card.is_private && { is_private: hidden.checked }),
    };
    if (Object.keys(changes).length) await moderation.changeRoom(changes);
    if (topic.value.trim() !== state.topic) await moderation.setTopic(topic.value.trim());
    done();
  });
  return form;
}

/** Changed at once, with no need to save. @param {Moderation} moderation @param {string | null} url */
function coverSection(moderation, url) {
  const field = pictureField({ url, words: t("cover"), testid: "cover-field" });
  const remove = h("button", {
    class: "button small-button", type: "button", hidden: url === null, "data-testid": "remove-cover",
    click: () => change(null),
  }, t("remove_cover"));
  const problem = h("p", { class: "problem", role: "alert" });
  /** @param {File | null} file */
  async function change(file) {
    write(problem, "");
    section.inert = true;
    try {
      const answer = await moderation.setCover(file);
      url = file ? answer.cover_url : null;
      remove.hidden = file === null;
    } catch (error) {
      write(problem, refusalOf(error));
    } finally {
      field.settle(url);
      section.inert = false;
    }
  }
  const section = h("section", { class: "settings-part" }, field.element, remove, problem);
  field.element.addEventListener("change", () => void change(field.file()));
  return section;
}

/** What only the owner may do, and what cannot be undone. @param {Moderation} moderation @param {RoomInfo} card */
function ownersSection(moderation, card) {
  const key = h("button", {
    class: "button small-button", type: "button", "data-testid": "new-key", click: () => ask({
      title: t("new_key"), testid: "ask-new-key", submit: t("new_key_now"),
      send: async () => {
        await moderation.changeRoom({ new_invite_key: true });
        write(done, t("new_key_done"));
      },
    }, h("p", {}, t("new_key_hint"))),
  }, icon("link"), t("new_key"));
  const done = h("p", { class: "hint", role: "status" });
  const remove = h("button", {
    class: "button small-button destructive", type: "button", "data-testid": "delete-room", click: () => ask({
      title: t("delete_room"), testid: "ask-delete-room", submit: t("delete_room_now"), danger: true,
      send: () => moderation.deleteRoom(),
    }, h("p", {}, t("delete_room_hint", card.title))),
  }, icon("remove"), t("delete_room"));
  return h("section", { class: "settings-part" }, h("div", { class: "settings-row" }, key, remove), done);
}
