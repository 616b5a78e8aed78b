// The page's questions to the server, and how long it waits for an answer.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api } from "../../static/api.js";

/** A line on which everything takes this long, or ends with the patience of whoever asked. */
const slow = (ms) => (_, { signal }) => new Promise((resolve, reject) => {
  setTimeout(() => resolve(Response.json({ cover_url: "/static/covers/x.webp" })), ms);
  signal.addEventListener("abort", () => reject(signal.reason));
});

test("a picture may take longer on its way than a question", async () => {
  const api = new Api({ fetch: slow(150), timeout: 50 });
  await assert.rejects(api.room("T", "tea"), { reason: "unreachable" });
  assert.equal((await api.setCover("T", "tea", new Blob(["x"]))).cover_url, "/static/covers/x.webp");
});
