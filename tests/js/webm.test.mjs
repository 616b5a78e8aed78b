// The head that a recording gets when it is over: made from a WebM that a browser's recorder could have written.

import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyIndex, feed, headFor, joined, seconds } from "../../static/webm.js";

const hex = (text) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const HEAD = joined([
  hex("1a45dfa3 9f 4286810142f7810142f2810442f381084282847765626d42878104428581 02"),
  hex("18538067 01ffffffffffffff"),
  hex("1549a966 99 2ad7b1830f4240 4d80864368726f6d65 5741864368726f6d65"),
  hex("1654ae6b 90 ae86 d78101 838102 ae86 d78102 838101"),
]);

/** A cluster that begins at `time`, with blocks of [track, time in it, key]. */
function cluster(time, blocks, filler = 40) {
  const bytes = (id, body) => joined([hex(id), Uint8Array.of(0x40 | (body.length >> 8), body.length & 255), body]);
  return joined([
    hex("1f43b675 01ffffffffffffff"), hex("e784"), Uint8Array.of(time >> 24, time >> 16, time >> 8, time),
    ...blocks.map(([track, at, key]) => bytes("a3", joined([
      Uint8Array.of(0x80 | track, at >> 8, at & 255, key ? 0x80 : 0), new Uint8Array(filler).fill(0xe7),
    ]))),
  ]);
}

const CLUSTERS = [
  cluster(0, [[1, 0, true], [2, 5, true], [2, 900, false]]),
  cluster(1000, [[2, 0, true], [1, 10, true]], 300),
  cluster(2500, [[2, 0, true], [2, 33, false], [1, 1100, true]]),
  cluster(70000, [[1, 0, true], [2, 3, true]]),
];
const BODY = joined(CLUSTERS);

function read(step) {
  const index = emptyIndex();
  const stream = joined([HEAD, BODY]);
  const bodies = [];
  for (let at = 0; at < stream.length; at += step) bodies.push(feed(index, stream.slice(at, at + step)));
  return { index: structuredClone(index), body: joined(bodies) };
}

test("however it is cut into pieces, the same is understood", () => {
  for (const step of [1, 2, 3, 7, 64, 100_000]) {
    const { index, body } = read(step);
    assert.deepEqual(body, BODY);
    assert.deepEqual(index.head, HEAD);
    assert.equal(seconds(index), 70.023);
    const third = CLUSTERS[0].length + CLUSTERS[1].length;
    assert.deepEqual(index.cues, [[5, 0], [2500, third], [70003, third + CLUSTERS[2].length]]);
  }
});

test("the head says how long it is in time and bytes, and where one can jump to", () => {
  const { index, body } = read(50);
  const file = joined([headFor(index, body.length), body]);
  const parts = elements(file, 0, file.length);
  assert.deepEqual(parts.map(({ id }) => id), ["1a45dfa3", "18538067"]);
  assert.equal(parts[1].end, file.length);
  const [info, tracks, cues, first] = elements(file, parts[1].start, parts[1].end);
  assert.deepEqual([info.id, tracks.id, cues.id, first.id], ["1549a966", "1654ae6b", "1c53bb6b", "1f43b675"]);
  const duration = elements(file, info.start, info.end).find(({ id }) => id === "4489");
  assert.equal(new DataView(file.buffer).getFloat64(duration.start), 70023);
  const places = elements(file, cues.start, cues.end).map((cue) => {
    const [time, place] = elements(file, cue.start, cue.end);
    const [track, at] = elements(file, place.start, place.end);
    return [number(file, time), number(file, track), parts[1].start + number(file, at)];
  });
  assert.deepEqual(places.map(([time, track]) => [time, track]), [[5, 2], [2500, 2], [70003, 2]]);
  for (const [, , at] of places) assert.deepEqual(file.slice(at, at + 4), hex("1f43b675"));
});

test("while nothing has come there is nothing, and what is no WebM is not taken for one", () => {
  const index = emptyIndex();
  assert.equal(feed(index, HEAD.slice(0, 20)).length, 0);
  assert.equal(index.begun, false);
  assert.throws(() => feed(emptyIndex(), hex("0000000000000000000000000000000000000000")), /no WebM/);
});

const number = (data, { start, end }) => data.slice(start, end).reduce((sum, byte) => sum * 256 + byte, 0);

function elements(data, from, to) {
  const found = [];
  for (let at = from; at < to;) {
    const wide = Math.clz32(data[at]) - 23;
    const long = Math.clz32(data[at + wide]) - 23;
    const size = data.slice(at + wide, at + wide + long).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
      & ((1n << BigInt(7 * long)) - 1n);
    const unknown = size === (1n << BigInt(7 * long)) - 1n;
    const start = at + wide + long;
    found.push({ id: Buffer.from(data.slice(at, at + wide)).toString("hex"), start, end: unknown ? to : start + Number(size) });
    at = found.at(-1).end;
  }
  return found;
}
