// The recording that a page makes, in a browser that says it can and then cannot.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.addEventListener ??= () => {};
globalThis.HTMLCanvasElement = class { captureStream() {} };
globalThis.MediaRecorder = class { static isTypeSupported = () => true; };
globalThis.fetch = async () => new Response(null, { status: 201, headers: { Location: "/api/recordings/tea/tus/1" } });
const { Recordings } = await import("../../static/recordings.js");

const room = (recording_active) => (
  { recording_active, title: "Tea", participants: [{ user_id: 7, nickname: "Ann", role: "owner" }] });

async function until(what) {
  for (let turn = 0; turn < 500 && !what(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(what(), `it did not become so: ${what}`);
}

test("a recorder that cannot begin takes the flag down, says so, and leaves nothing behind", async (t) => {
  const complaint = t.mock.method(console, "error", () => {});
  const [sent, notices] = [[], []];
  const recordings = new Recordings({
    slug: "tea", me: 7, api: {}, identity: { sameUser: async () => "good" }, faces: () => [], voices: () => [],
    send: ({ type }) => Boolean(sent.push(type)), notice: (key) => notices.push(key), changed: () => {},
  });
  recordings.adopt(room(false));
  recordings.start();
  recordings.take({ type: "record.started", seq: 2, by_user: 7 }, room(true));
  await until(() => notices.length > 0);
  assert.deepEqual([notices, sent], [["recording_broke"], ["record.start", "record.stop"]]);
  assert.equal(complaint.mock.callCount(), 1);
  recordings.take({ type: "record.stopped", seq: 3, by_user: 7 }, room(false));
  await until(() => recordings.model.uploads.length === 0);
  assert.equal(recordings.model.hand, null);
});
