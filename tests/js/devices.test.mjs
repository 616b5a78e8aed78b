// Devices that come and go, links and invitations, and the meter's scale: what comes before a call and needs no browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Devices } from "../../static/devices.js";
import { Invitations, linked, slugOf } from "../../static/entrance.js";
import { levelOf } from "../../static/meter.js";
import { FakeStorage } from "./storage.mjs";

class FakeSource extends EventTarget {
  there = [];
  enumerateDevices = async () => this.there;
}

const device = (kind, deviceId, label = deviceId) => ({ kind, deviceId, label });

test("devices are listed by what they are for, without their other names", async () => {
  const source = new FakeSource();
  source.there = [
    device("audioinput", "default"), device("audioinput", "communications"), device("audioinput", "headset"),
    device("videoinput", "webcam"), device("audiooutput", "default"), device("audiooutput", "headset"),
    device("videoinput", "", ""), // before the person has let us use one
  ];
  const devices = new Devices(source, new FakeStorage());
  await devices.refresh();
  assert.deepEqual(devices.list, {
    audio: [{ id: "headset", label: "headset" }], video: [{ id: "webcam", label: "webcam" }],
    speaker: [{ id: "headset", label: "headset" }],
  });
});

test("a choice is remembered, and counts only while the device is there", async () => {
  const [source, storage] = [new FakeSource(), new FakeStorage()];
  source.there = [device("audioinput", "headset")];
  new Devices(source, storage).choose("audio", "headset");
  const devices = new Devices(source, storage);
  assert.equal(devices.chosen.audio, "headset");
  assert.equal(devices.present("audio"), "");
  await devices.refresh();
  assert.equal(devices.present("audio"), "headset");
  source.there = [];
  await devices.refresh();
  assert.equal(devices.present("audio"), "");
  assert.equal(devices.chosen.audio, "headset");
});

test("what is plugged in is told once, and the first look is no news", async () => {
  const source = new FakeSource();
  const devices = new Devices(source, new FakeStorage());
  const told = [];
  const stop = devices.watch((added) => told.push(added.map(({ id }) => id)));
  source.there = [device("audioinput", "inside")];
  await devices.refresh();
  source.there = [device("audioinput", "inside"), device("audioinput", "headset")];
  source.dispatchEvent(new Event("devicechange"));
  await new Promise(setImmediate);
  await devices.refresh();
  stop();
  await devices.refresh();
  assert.deepEqual(told, [[], ["headset"], []]);
});

test("a page without devices has none, and nothing fails", async () => {
  const devices = new Devices(undefined, new FakeStorage());
  await devices.refresh();
  assert.deepEqual(devices.list, { audio: [], video: [], speaker: [] });
});

test("a path names a room, no room at all, or a room that cannot be", () => {
  const answers = { "/": null, "/r/tea-time": "tea-time", "/r/Tea": "", "/r/-tea": "", "/r/": "", "/r/a/b": "", "/x": null };
  for (const [path, slug] of Object.entries(answers)) assert.equal(slugOf(path), slug, path);
});

test("a link leads to a room of this server or nowhere", () => {
  const here = "https://meet.example";
  assert.deepEqual(linked("tea-time", here), { slug: "tea-time", hash: "" });
  assert.deepEqual(linked(`${here}/r/tea#invite=k%2B1`, here), { slug: "tea", hash: "#invite=k%2B1" });
  const nowhere = ["", "Tea Time", `${here}/`, `${here}/r/`, "https://evil.example/r/tea", "javascript:alert(1)"];
  for (const text of nowhere) assert.equal(linked(text, here), null, text);
});

test("an invitation is kept as it was meant, and only for its room", () => {
  const invitations = new Invitations(new FakeStorage());
  assert.equal(invitations.keep("tea", "#somewhere"), false);
  assert.equal(invitations.keep("tea", "#invite=k%2B1"), true);
  assert.equal(invitations.of("tea"), "k+1");
  assert.equal(invitations.of("coffee"), null);
});

test("the meter shows silence as nothing and the loudest as all", () => {
  const wave = (volume) => Float32Array.from({ length: 1024 }, (_, index) => volume * Math.sign(Math.sin(index / 9)));
  assert.equal(levelOf(new Float32Array(1024)), 0);
  assert.ok(levelOf(wave(1)) > 0.99);
  assert.ok(Math.abs(levelOf(wave(0.1)) - 2 / 3) < 0.01); // -20 of 60 decibels
});
