// @ts-check
/** What a person inside a room can do, as the view is given it: each a call into a part of the session. */

/** @typedef {import("./session.js").Session} Session */

/**
 * @typedef {object} Page  What the page around the call does for it.
 * @property {(key: string, ...args: string[]) => void} tell  Says a sentence over the stage.
 * @property {() => void} left
 * @property {{ open: () => void }} devices  The choice of camera, microphone and speakers.
 * @property {() => void} language
 */

/** @param {Session} session @param {Page} page @returns {import("./view/call.js").Actions} */
export function actions(session, { tell, left, devices, language }) {
  return {
    mic: () => void session.wishes.toggle("audio"),
    cam: () => void session.wishes.toggle("video"),
    hand: () => session.toggleHand(),
    leave: () => {
      session.leave();
      left();
    },
    chat: { talk: session.talk, readBack: () => void session.readBack() },
    copyLink: () => copyLink(session, tell),
    moderation: session.moderation,
    recordings: session.recordings,
    devices,
    senses: {
      screen: () => void session.senses.screen.toggle(),
      sounds: () => session.senses.toggleSounds(),
      talk: (on) => void session.wishes.turn("audio", on),
    },
    language,
  };
}

/** @param {Session} session @param {Page["tell"]} tell */
function copyLink({ model: { slug, inviteKey } }, tell) {
  const link = `${location.origin}/r/${slug}${inviteKey ? `#invite=${encodeURIComponent(inviteKey)}` : ""}`;
  const copied = navigator.clipboard?.writeText(link) ?? Promise.reject(new Error("not a secure context"));
  copied.then(() => tell("link_copied"), () => tell("link_not_copied", link));
}
