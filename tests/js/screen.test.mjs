// Sharing a screen: it ends when we, the browser or the room say so, and never goes on behind anyone's back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Screen } from "../../static/screen.js";

class FakeTrack {
  stopped = false;
  stop() {
    this.stopped = true;
  }
}

function sharing({ ask } = {}) {
  const track = new FakeTrack();
  const told = { replaced: [], notices: [], changes: 0 };
  const stream = { getVideoTracks: () => [track], getTracks: () => [track] };
  const screen = new Screen({
    me: 1,
    replace: (sent) => told.replaced.push(sent),
    changed: () => told.changes++,
    notice: (key) => told.notices.push(key),
    devices: { getDisplayMedia: ask ?? (async () => stream) },
  });
  return { screen, told, track, stream };
}

const room = (admin_video_off) => ({ participants: [{ user_id: 1, admin_video_off }] });

test("a screen is shared, and stopped by the same button", async () => {
  const { screen, told, track, stream } = sharing();
  await screen.toggle();
  assert.equal(screen.shown.preview, stream);
  await screen.toggle();
  assert.deepEqual(told.replaced, [track, null]);
  assert.ok(track.stopped && screen.shown.preview === null);
});

test("the browser's own button ends it", async () => {
  const { screen, told, track } = sharing();
  await screen.toggle();
  track.onended();
  assert.deepEqual(told.replaced, [track, null]);
});

test("whose video is forbidden shares no screen, and does not begin again by himself", async () => {
  const { screen, told, track } = sharing();
  await screen.toggle();
  screen.adopt(room(true));
  assert.ok(track.stopped);
  await screen.toggle();
  assert.equal(screen.shown.preview, null);
  screen.adopt(room(false));
  assert.equal(screen.shown.preview, null);
  assert.equal(told.replaced.length, 2);
});

test("a screen that is chosen too late is let go", async () => {
  let answer;
  const { screen, told, track, stream } = sharing({ ask: () => new Promise((resolve) => (answer = resolve)) });
  const asked = screen.toggle();
  void screen.toggle(); // a second press asks no second question
  screen.adopt(room(true));
  answer(stream);
  await asked;
  assert.ok(track.stopped);
  assert.deepEqual(told.replaced, []);
});

test("to say no is nothing to complain of, anything else is", async () => {
  const no = sharing({ ask: async () => { throw new DOMException("no", "NotAllowedError"); } });
  await no.screen.toggle();
  assert.deepEqual(no.told.notices, []);
  const broken = sharing({ ask: async () => { throw new DOMException("why", "NotReadableError"); } });
  await broken.screen.toggle();
  assert.deepEqual(broken.told.notices, ["notice_no_screen"]);
});

test("where a browser has no screens to share, there is no button", () => {
  const without = new Screen({ me: 1, replace() {}, changed() {}, notice() {}, devices: null });
  assert.equal(without.shown.able, false);
});
