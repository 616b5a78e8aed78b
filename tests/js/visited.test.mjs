// The rooms one has been in, against a storage that a test holds in its hands.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Visited } from "../../static/visited.js";
import { FakeStorage } from "./storage.mjs";

const slugs = (visited) => visited.list.map(({ slug }) => slug);

test("the newest room comes first, and a room that is visited again comes first again", () => {
  const visited = new Visited(new FakeStorage());
  visited.add("one", "One", "2026-01-01T00:00:00Z");
  visited.add("two", "Two", "2026-01-02T00:00:00Z");
  visited.add("one", "One, renamed", "2026-01-03T00:00:00Z");
  assert.deepEqual(visited.list, [
    { slug: "one", title: "One, renamed", at: "2026-01-03T00:00:00Z" },
    { slug: "two", title: "Two", at: "2026-01-02T00:00:00Z" },
  ]);
});

test("twenty rooms are kept, and the oldest are forgotten", () => {
  const visited = new Visited(new FakeStorage());
  for (let day = 1; day <= 23; day++) visited.add(`room-${day}`, "", "");
  assert.equal(visited.list.length, 20);
  assert.deepEqual([slugs(visited)[0], slugs(visited)[19]], ["room-23", "room-4"]);
});

test("a room that is removed stays away, also for another window of the same browser", () => {
  const storage = new FakeStorage();
  const [here, there] = [new Visited(storage), new Visited(storage)];
  here.add("one", "One", "");
  there.add("two", "Two", "");
  here.remove("one");
  here.remove("never-there");
  assert.deepEqual(slugs(there), ["two"]);
});
