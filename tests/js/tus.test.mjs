// Uploading while recording, against a server that keeps bytes, with answers and requests that get lost on the way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, Tus, passes } from "../../static/tus.js";
import { MemoryShelf } from "../../static/shelf.js";
import { Uploads } from "../../static/uploads.js";

const PATH = "/api/recordings/tea/tus";

/** A tus server in a few lines, and a network that does what the test says. */
class FakeServer {
  uploads = new Map();
  made = []; // what has become a recording
  requests = [];
  trouble = []; // what happens to the next requests: "lost request", "lost answer", or an answer
  #names = 0;

  fetch = async (path, { method, headers, body }) => {
    const asked = new Headers(headers);
    this.requests.push(method);
    const trouble = this.trouble.shift();
    if (trouble instanceof Response) return trouble;
    if (trouble === "lost request") throw new TypeError("network");
    const answer = this.#answer(path, method, asked, body);
    if (trouble === "lost answer") throw new TypeError("network");
    return answer;
  };

  #answer(path, method, asked, body = new Uint8Array(0)) {
    assert.equal(asked.get("Tus-Resumable"), "1.0.0");
    if (asked.get("Authorization") !== "Bearer good") return refusal(401, "invalid_token");
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { "Tus-Max-Size": "1000" } });
    if (method === "POST") return this.#create(asked, body);
    const upload = this.uploads.get(path);
    if (!upload) return refusal(404, "recording_not_found");
    const at = () => ({ "Upload-Offset": String(upload.bytes.length) });
    if (method === "DELETE") this.uploads.delete(path);
    if (method !== "PATCH") return new Response(null, { status: 200, headers: at() });
    if (Number(asked.get("Upload-Offset")) !== upload.bytes.length) return refusal(409, "offset_conflict");
    upload.bytes.push(...body);
    if (asked.has("Upload-Length")) upload.length = Number(asked.get("Upload-Length"));
    return new Response(null, { status: 204, headers: at() });
  }

  #create(asked, body) {
    const concat = asked.get("Upload-Concat");
    if (concat === "partial") {
      const place = `${PATH}/${++this.#names}`;
      const length = asked.has("Upload-Defer-Length") ? null : Number(asked.get("Upload-Length"));
      this.uploads.set(place, { bytes: [...body], length });
      return new Response(null, { status: 201, headers: { Location: place } });
    }
    const places = concat.slice("final;".length).split(" ");
    if (this.made.some((one) => one.concat === concat)) {
      return new Response(null, { status: 201, headers: { Location: `${PATH}/joined` } });
    }
    const parts = places.map((place) => this.uploads.get(place));
    if (parts.some((part) => !part)) return refusal(404, "recording_not_found");
    assert.ok(parts.every(({ bytes, length }) => bytes.length === length), "only what is complete is joined");
    this.made.push({ concat, about: asked.get("Upload-Metadata"), bytes: parts.flatMap(({ bytes }) => bytes) });
    places.forEach((place) => this.uploads.delete(place));
    return new Response(null, { status: 201, headers: { Location: `${PATH}/joined` } });
  }
}

const refusal = (status, reason) => Response.json({ reason, detail: reason }, { status });

/** Timers that go off as soon as nothing else is left to do. */
const WORLD = { after: (_, then) => setTimeout(then, 0), cancel: clearTimeout, random: () => 1 };

function scene({ shelf = new MemoryShelf(), server = new FakeServer(), token = async () => "good" } = {}) {
  const tus = new Tus({ token, fetch: server.fetch });
  const uploads = new Uploads({ shelf: async () => shelf, tus, changed: () => {}, world: WORLD });
  return { shelf, server, uploads };
}

const ABOUT = { slug: "tea", userId: 7, title: "Чай", mime: "video/mp4" };
const piece = (...numbers) => new Blob([new Uint8Array(numbers)]);

async function until(what) {
  for (let turn = 0; turn < 500; turn++) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`it did not become so: ${what}`);
}

async function recorded(uploads, pieces = 5) {
  const id = await uploads.begin(ABOUT);
  for (let at = 0; at < pieces; at++) await uploads.add(id, piece(at, at, at), at);
  return id;
}

const FIVE = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4];

test("what is recorded is sent while more comes, and becomes one recording with its title and duration", async () => {
  const { server, uploads, shelf } = scene();
  const id = await recorded(uploads);
  await until(() => uploads.of("tea")[0].sent === 15);
  assert.deepEqual(server.made, []);
  assert.equal(uploads.of("tea")[0].step, "recording");
  await uploads.finish(id);
  await until(() => uploads.of("tea").length === 0);
  assert.deepEqual(server.made[0].bytes, FIVE);
  const about = Object.fromEntries(server.made[0].about.split(",").map((pair) => pair.split(" ")));
  assert.equal(Buffer.from(about.title, "base64").toString(), "Чай");
  assert.equal(Buffer.from(about.duration_sec, "base64").toString(), "4.000");
  assert.deepEqual(await shelf.all(), []);
  assert.equal(uploads.busy, false);
});

test("whichever request or answer is lost, every byte arrives once", async () => {
  for (const kind of ["lost request", "lost answer", "busy"]) {
    for (let when = 0; when < 9; when++) {
      const { server, uploads } = scene();
      const none = Array(when).fill(undefined);
      server.trouble = [...none, kind === "busy" ? refusal(503, "draining") : kind, kind === "busy" ? undefined : kind];
      await uploads.finish(await recorded(uploads));
      await until(() => uploads.of("tea").length === 0);
      assert.deepEqual(server.made.map(({ bytes }) => bytes), [FIVE], `${kind} at ${when}`);
    }
  }
});

test("a page that died is gone on for by the next, from what the server has", async () => {
  const first = scene();
  await recorded(first.uploads);
  await until(() => first.uploads.of("tea")[0].sent === 15);
  const shelf = new MemoryShelf();
  for (const kept of await first.shelf.all()) await shelf.put({ ...kept, size: kept.size + 3 }, {
    id: kept.id, at: 15, bytes: Uint8Array.of(5, 5, 5),
  });
  const next = scene({ shelf, server: first.server });
  await next.uploads.find(8);
  assert.deepEqual(next.uploads.of("tea"), [], "another's recordings are not ours");
  await next.uploads.find(7);
  await until(() => next.server.made.length === 1);
  assert.deepEqual(next.server.made[0].bytes, [...FIVE, 5, 5, 5]);
});

test("a refusal that does not pass waits for the person, who may try again or throw it away", async () => {
  const { server, uploads, shelf } = scene();
  server.trouble = [undefined, refusal(413, "quota_exceeded")];
  const id = await recorded(uploads);
  await uploads.finish(id);
  await until(() => uploads.of("tea")[0].step === "failed");
  assert.equal(uploads.of("tea")[0].reason, "quota_exceeded");
  const before = server.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.requests.length, before);
  uploads.retry(id);
  await until(() => server.made.length === 1);

  server.trouble = [undefined, refusal(413, "quota_exceeded")];
  const other = await recorded(uploads);
  await until(() => uploads.of("tea")[0].step === "failed");
  await uploads.abandon(other);
  assert.equal(server.uploads.size, 0);
  assert.deepEqual([await shelf.all(), uploads.of("tea"), server.made.length], [[], [], 1]);
});

test("what this browser cannot read is said, and may be tried again", async (t) => {
  const complaint = t.mock.method(console, "error", () => {});
  const { server, uploads, shelf } = scene();
  const { read } = shelf;
  shelf.read = async () => { throw new DOMException("the storage was cleared", "InvalidStateError"); };
  const id = await recorded(uploads);
  await uploads.finish(id);
  await until(() => uploads.of("tea")[0].step === "failed");
  assert.equal(uploads.of("tea")[0].reason, "recording_torn");
  assert.ok(complaint.mock.callCount() > 0);
  shelf.read = read;
  uploads.retry(id);
  await until(() => server.made.length === 1);
});

test("a piece that cannot be kept keeps no other recording from its end", async () => {
  const { server, uploads } = scene();
  const id = await recorded(uploads);
  await assert.rejects(uploads.add(id, { arrayBuffer: async () => { throw new Error("no memory"); } }, 5));
  await uploads.finish(id);
  await until(() => server.made.length === 1);
  assert.deepEqual(server.made[0].bytes, FIVE);
});

test("a token that has run out is renewed once it is refused", async () => {
  const renewals = [];
  const token = async (renew) => (renewals.push(renew), renewals.includes(true) ? "good" : "old");
  const { server, uploads } = scene({ token });
  await uploads.finish(await recorded(uploads));
  await until(() => server.made.length === 1);
  assert.deepEqual(server.made[0].bytes, FIVE);
  assert.equal(renewals.filter(Boolean).length, 1);
});

test("nothing recorded leaves nothing", async () => {
  const { server, uploads, shelf } = scene();
  await uploads.finish(await uploads.begin(ABOUT));
  await until(() => uploads.of("tea").length === 0);
  assert.deepEqual([server.made, await shelf.all()], [[], []]);
});

test("what an upload may have at most is asked of the server", async () => {
  assert.equal(await scene().uploads.most(PATH), 1000);
});

test("waiting grows up to half a minute, never all of them at once", () => {
  const backoff = new Backoff(() => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => backoff.next()), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  backoff.reset();
  assert.equal(backoff.next(), 1000);
  assert.equal(new Backoff(() => 0).next(), 500);
  assert.equal(passes(new Error("of another kind")), false);
});
