// @ts-check
/** What a person inside a room can do, as the view is given it: each a call into a part of the session. */

/** @typedef {import("./session.js").Session} Session */

/**
 * @typedef {object} Page  What the page around the call does for it.
 * @property {(key: string, ...args: string[]) => void} tell  Says a sentence over the stage.
 * @property {() => void} left
 * @property {() => void} language
 */

/** @param {Session} session @param {Page} page @returns {import("./view/call.js").Actions} */
export function actions(session, { tell, left, language }) {
  return {
    mic: () => void session.wishes.toggle("audio"),
    cam: () => void session.wishes.toggle("video"),
    hand: () => session.toggleHand(),
    leave: () => {
      session.leave();
      left();
    },
    say: (text) => session.say(text),
    sayAgain: (cid) => session.sayAgain(cid),
    readBack: () => void session.readBack(),
    copyLink: () => copyLink(session, tell),
    language,
  };
}

/** @param {Session} session @param {Page["tell"]} tell */
function copyLink({ model: { slug, inviteKey } }, tell) {
  const link = `${location.origin}/r/${slug}${inviteKey ? `#invite=${encodeURIComponent(inviteKey)}` : ""}`;
  const copied = navigator.clipboard?.writeText(link) ?? Promise.reject(new Error("not a secure context"));
  copied.then(() => tell("link_copied"), () => tell("link_not_copied", link));
}
