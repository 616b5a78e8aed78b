// The socket: joining, coming back without gap or repeat, exactly-once chat, dead lines, and when not to come back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, greeting, happened, page, settled } from "./fakes.mjs";

const query = (socket) => Object.fromEntries(new URL(socket.url).searchParams);

async function joined(seq = 5, other = {}) {
  const all = await connect(other);
  all.world.socket.say(...greeting(seq));
  return all;
}

/** The line breaks, and the next attempt begins. */
async function broken(all, code = 1006) {
  all.world.socket.end(code);
  await all.world.pass(10_000);
}

test("the token travels as a subprotocol and never in the address", async () => {
  const { world } = await connect();
  assert.deepEqual(world.socket.protocols, ["axenix.v1", "bearer.T"]);
  assert.equal(world.socket.url, "ws://here/ws/rooms/r");
});

test("the invitation is shown until one is let in, and not after", async () => {
  const all = await connect({ inviteKey: "K" });
  assert.deepEqual(query(all.world.socket), { invite_key: "K" });
  await broken(all);
  assert.deepEqual(query(all.world.socket), { invite_key: "K" });
  all.world.socket.say(...greeting(5));
  await broken(all);
  assert.deepEqual(query(all.world.socket), { after_seq: "5", epoch: "e" });
});

test("whoever has no state adopts the snapshot and is live at once", async () => {
  const { told } = await joined(5);
  assert.deepEqual(told.snapshots, [{ seq: 5, epoch: "e", participants: [] }]);
  assert.deepEqual(told.statuses, ["live"]);
});

test("the first member of a new room starts from nothing", async () => {
  const { world, told } = await joined(0);
  assert.deepEqual(told.statuses, ["live"]);
  world.socket.say(happened(1));
  assert.deepEqual(told.events, [1]);
  world.socket.end(1006);
  await world.pass(1_000);
  assert.deepEqual(query(world.socket), { after_seq: "1", epoch: "e" });
});

test("whoever comes back names what it has, keeps its state and is live when level", async () => {
  const all = await joined(5);
  all.world.socket.say(happened(6));
  await broken(all);
  assert.deepEqual(query(all.world.socket), { after_seq: "6", epoch: "e" });
  all.world.socket.say(...greeting(9, { resumed: true }));
  assert.equal(all.connection.status, "lost");
  all.world.socket.say(page(7, 8, true));
  assert.equal(all.connection.status, "lost");
  all.world.socket.say(page(9, 9), happened(10));
  assert.equal(all.connection.status, "live");
  assert.equal(all.told.snapshots.length, 1);
  assert.deepEqual(all.told.events, [6, 7, 8, 9, 10]);
  assert.deepEqual(all.world.socket.of("sync.sub"), [], "the pages come by themselves");
});

test("events that were told already are not told again", async () => {
  const { world, told } = await joined(5);
  world.socket.say(happened(6), happened(6), happened(4), happened(7));
  assert.deepEqual(told.events, [6, 7]);
});

test("a hole is asked for, once, and nothing is told out of order", async () => {
  const { world, told } = await joined(5);
  world.socket.say(happened(6), happened(9), happened(10));
  assert.deepEqual(told.events, [6]);
  assert.deepEqual(world.socket.of("sync.sub"), [{ type: "sync.sub", after_seq: 6, epoch: "e", cid: "sync" }]);
  world.socket.say(page(7, 10), happened(11));
  assert.deepEqual(told.events, [6, 7, 8, 9, 10, 11]);
});

test("a page that ends before what was heard is followed by another question", async () => {
  const { world, told } = await joined(5);
  world.socket.say(happened(7), happened(9), page(6, 8));
  assert.deepEqual(world.socket.of("sync.sub").map(({ after_seq }) => after_seq), [5, 8]);
  world.socket.say(page(9, 9));
  assert.deepEqual(told.events, [6, 7, 8, 9]);
  assert.equal(world.socket.of("sync.sub").length, 2);
});

test("when there are more pages, the next one is asked for", async () => {
  const { world, told } = await joined(5);
  world.socket.say(happened(9), page(6, 7, true), page(8, 9));
  assert.deepEqual(world.socket.of("sync.sub").map(({ after_seq }) => after_seq), [5, 7]);
  assert.deepEqual(told.events, [6, 7, 8, 9]);
});

test("a question for a hole that is refused leads to a new connection", async () => {
  const { world, connection } = await joined(5);
  world.socket.say(happened(9), { type: "error", reason: "rate_limited", cid: "sync" });
  assert.equal(connection.status, "lost");
  await world.pass(1_000);
  assert.deepEqual(query(world.socket), { after_seq: "5", epoch: "e" });
});

test("a reset replaces the state, and the new epoch is named from then on", async () => {
  const all = await joined(5);
  await broken(all);
  const snapshot = { seq: 2, epoch: "f", participants: [] };
  all.world.socket.say(...greeting(2, { epoch: "f" }));
  assert.equal(all.connection.status, "lost", "being ahead of the room is not being level with it");
  all.world.socket.say({ type: "sync.reset", reason: "epoch", snapshot, next_seq: 3, floor_seq: 1, epoch: "f" });
  assert.equal(all.connection.status, "live");
  assert.deepEqual(all.told.snapshots[1], snapshot);
  all.world.socket.say(happened(3));
  assert.deepEqual(all.told.events, [3]);
  await broken(all);
  assert.deepEqual(query(all.world.socket), { after_seq: "3", epoch: "f" });
});

test("another epoch is no continuation, whatever the numbers", async () => {
  const all = await joined(5);
  await broken(all);
  all.world.socket.say(...greeting(5, { epoch: "f" }));
  assert.equal(all.connection.status, "lost");
});

test("signals that come before we are level wait until we know the room", async () => {
  const all = await joined(5);
  await broken(all);
  all.world.socket.say(...greeting(6), { type: "offer", from: 2, sdp: "x" });
  assert.deepEqual(all.told.signals, []);
  all.world.socket.say(page(6, 6));
  assert.deepEqual(all.told.signals, [{ type: "offer", from: 2, sdp: "x" }]);
});

test("frames of a kind nobody knows are passed over", async () => {
  const { world, told } = await joined(5);
  world.socket.say({ type: "toString" }, { type: "pong" }, { type: "hint" }, happened(6));
  assert.deepEqual(told.events, [6]);
});

test("nothing is sent to a room we are not level with", async () => {
  const all = await joined(5);
  assert.equal(all.connection.send({ type: "hand.raise" }), true);
  all.world.socket.end(1006);
  assert.equal(all.connection.send({ type: "hand.raise" }), false);
  await all.world.pass(1_000);
  all.world.socket.say(...greeting(6));
  assert.equal(all.connection.send({ type: "hand.raise" }), false);
});

// ---- exactly once ---------------------------------------------------------------------------------------------------

const line = (cid) => ({ type: "chat.message", text: cid, cid });
const cids = (socket) => socket.of("chat.message").map(({ cid }) => cid);

test("a line that was written while the line was down is sent after catching up", async () => {
  const all = await joined(5);
  await broken(all);
  all.connection.post(line("a"));
  all.world.socket.say(...greeting(6));
  assert.deepEqual(cids(all.world.socket), []);
  all.world.socket.say(page(6, 6));
  assert.deepEqual(cids(all.world.socket), ["a"]);
});

test("a line without an answer is sent again under the same name, and no more after its ack", async () => {
  const all = await joined(5);
  all.connection.post(line("a"));
  assert.deepEqual(cids(all.world.socket), ["a"]);
  await broken(all);
  all.world.socket.say(...greeting(5), page(6, 5));
  assert.deepEqual(cids(all.world.socket), ["a"]);
  all.world.socket.say(happened(6), { type: "ack", cid: "a", seq: 6 });
  assert.deepEqual(all.told.acks, [["a", 6]]);
  await broken(all);
  all.world.socket.say(...greeting(6), page(7, 6));
  assert.deepEqual(cids(all.world.socket), []);
});

test("lines go one after the other, so that they stay in order", async () => {
  const { connection, world } = await joined(5);
  connection.post(line("a"));
  connection.post(line("b"));
  assert.deepEqual(cids(world.socket), ["a"]);
  world.socket.say({ type: "ack", cid: "someone-elses" });
  assert.deepEqual(cids(world.socket), ["a"]);
  world.socket.say({ type: "ack", cid: "a", seq: 6 });
  assert.deepEqual(cids(world.socket), ["a", "b"]);
});

test("a line refused for a while is sent again when the server says, ahead of those after it", async () => {
  const { connection, world, told } = await joined(5);
  connection.post(line("a"));
  connection.post(line("b"));
  world.socket.say({ type: "error", reason: "rate_limited", cid: "a", retry_after: 2.5 });
  await world.pass(2_400);
  assert.deepEqual(cids(world.socket), ["a"]);
  await world.pass(200);
  assert.deepEqual(cids(world.socket), ["a", "a"]);
  assert.deepEqual(told.refusals, []);
});

test("a line refused for good is reported and makes way", async () => {
  const { connection, world, told } = await joined(5);
  connection.post(line("a"));
  connection.post(line("b"));
  world.socket.say({ type: "error", reason: "forbidden_words", cid: "a" });
  assert.deepEqual(told.refusals.map(({ cid, reason }) => [cid, reason]), [["a", "forbidden_words"]]);
  assert.deepEqual(cids(world.socket), ["a", "b"]);
});

test("a wait that ends after a reconnect sends nothing twice", async () => {
  const all = await joined(5);
  all.connection.post(line("a"));
  all.world.socket.say({ type: "error", reason: "rate_limited", cid: "a", retry_after: 3 });
  all.world.socket.end(1006);
  await all.world.pass(500);
  all.world.socket.say(...greeting(5), page(6, 5), happened(6), { type: "ack", cid: "a", seq: 6 });
  await all.world.pass(5_000);
  assert.deepEqual(cids(all.world.socket), ["a"]);
});

// ---- coming back, or not --------------------------------------------------------------------------------------------

for (const code of [1001, 1006, 1011, 1012, 1013, 4008, 4010]) {
  test(`after ${code} it comes back with the same token`, async () => {
    const all = await joined(5);
    await broken(all, code);
    assert.equal(all.world.sockets.length > 1, true);
    assert.deepEqual(query(all.world.sockets[1]), { after_seq: "5", epoch: "e" });
    assert.equal(all.told.renewals.includes(true), false);
    assert.deepEqual(all.told.ends, []);
  });
}

for (const code of [1000, 1002, 1008, 1009, 4005, 4006, 4007, 4009]) {
  test(`after ${code} it does not come back`, async () => {
    const all = await joined(5);
    await broken(all, code);
    assert.equal(all.world.sockets.length, 1);
    assert.deepEqual(all.told.ends, [{ code, reason: null }]);
    assert.equal(all.connection.status, "ended");
  });
}

test("after 4001 it renews its token first, and only then", async () => {
  const all = await joined(5);
  await broken(all, 4001);
  assert.deepEqual(all.told.renewals.slice(0, 2), [false, true]);
  all.world.socket.say(...greeting(5), page(6, 5));
  await broken(all);
  assert.equal(all.told.renewals.at(-1), false);
});

test("with a fresh token it takes its own place anew, at once", async () => {
  const all = await joined(5);
  all.connection.reopen();
  await settled();
  assert.equal(all.world.sockets[0].closedWith, 4000);
  assert.deepEqual(query(all.world.sockets[1]), { after_seq: "5", epoch: "e" });
  all.world.socket.say(...greeting(5), page(6, 5));
  assert.equal(all.connection.status, "live");
});

test("before it is live a fresh token makes no second socket", async () => {
  const all = await connect();
  all.connection.reopen();
  await settled();
  assert.equal(all.world.sockets.length, 1);
});

test("when there is no token to be had it ends", async () => {
  const { told, world } = await connect({ token: async () => null });
  await settled();
  assert.deepEqual(told.ends, [{ code: 4001, reason: "invalid_token" }]);
  assert.equal(world.sockets.length, 0);
});

test("when the token cannot be asked for it tries again later", async () => {
  let asked = 0;
  const { world } = await connect({
    token: async () => {
      if (++asked < 3) throw new Error("no network");
      return "T";
    },
  });
  assert.equal(world.sockets.length, 0);
  await world.pass(2_000);
  assert.equal(world.sockets.length, 1);
});

test("a refused joining is told with its reason", async () => {
  const { world, told } = await connect();
  world.socket.say({ type: "error", reason: "room_locked", detail: "…" });
  world.socket.end(1008);
  assert.deepEqual(told.ends, [{ code: 1008, reason: "room_locked" }]);
});

test("a refusal that passes by itself is waited out for as long as the server says", async () => {
  const { world } = await connect();
  world.socket.say({ type: "error", reason: "draining", retry_after: 7 });
  world.socket.end(1013);
  await world.pass(6_900);
  assert.equal(world.sockets.length, 1);
  await world.pass(700);
  assert.equal(world.sockets.length, 2);
});

test("delays double up to four seconds, and chance makes them shorter", async () => {
  const { world } = await connect();
  const waits = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    const began = world.time;
    const count = world.sockets.length;
    world.socket.end(1006);
    while (world.sockets.length === count) await world.pass(50);
    waits.push(world.time - began);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
  world.chance = 0.25;
  world.socket.end(1006);
  await world.pass(1_000);
  assert.equal(world.sockets.length, 8);
});

test("a connection that was steady for a while starts the delays over; one that was not does not", async () => {
  const all = await joined(5);
  for (let attempt = 0; attempt < 4; attempt++) await broken(all);
  all.world.socket.say(...greeting(5), page(6, 5));
  const next = async () => {
    const count = all.world.sockets.length;
    all.world.socket.end(1006);
    await all.world.pass(600);
    return all.world.sockets.length - count;
  };
  assert.equal(await next(), 0);
  await all.world.pass(4_000);
  all.world.socket.say(...greeting(5), page(6, 5));
  for (let second = 0; second < 11; second++) {
    await all.world.pass(1_000);
    all.world.socket.say({ type: "pong" });
  }
  assert.equal(await next(), 1);
});

test("leaving says so, closes with 1000 and stays away", async () => {
  const { connection, world, told } = await joined(5);
  connection.leave();
  assert.deepEqual(world.socket.of("leave"), [{ type: "leave" }]);
  assert.equal(world.socket.closedWith, 1000);
  world.socket.end(1000);
  await world.pass(60_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(told.ends, []);
});

test("leaving while waiting to come back ends the waiting", async () => {
  const { connection, world } = await joined(5);
  world.socket.end(1006);
  connection.leave();
  await world.pass(60_000);
  assert.equal(world.sockets.length, 1);
});

// ---- dead lines -----------------------------------------------------------------------------------------------------

test("a silent line is asked, and kept when it answers", async () => {
  const { world, connection } = await joined(5);
  for (let beat = 0; beat < 10; beat++) {
    await world.pass(4_000);
    world.socket.say({ type: "pong" });
  }
  assert.equal(connection.status, "live");
  assert.equal(world.sockets.length, 1);
  assert.equal(world.socket.of("ping").length, 10);
});

test("a line that talks is not asked", async () => {
  const { world } = await joined(5);
  for (let second = 0; second < 20; second++) {
    await world.pass(1_000);
    world.socket.say(happened(6 + second));
  }
  assert.equal(world.socket.of("ping").length, 0);
});

test("a line that does not answer is given up within sixteen seconds, and is heard no more", async () => {
  const { world, connection, told } = await joined(5);
  const dead = world.socket;
  const onmessage = dead.onmessage;
  await world.pass(16_000);
  assert.equal(connection.status, "lost");
  assert.equal(dead.closedWith, 4000);
  assert.equal(dead.onmessage, null);
  assert.notEqual(onmessage, null);
  await world.pass(1_000);
  assert.equal(world.sockets.length, 2);
  dead.say(happened(6));
  assert.deepEqual(told.events, []);
});

test("timers that sleep for a minute, as in a hidden tab, do not make a living line look dead", async () => {
  const { world, connection } = await joined(5);
  await world.pass(4_000);
  world.socket.say({ type: "pong" });
  world.time += 60_000; // nobody was woken
  await world.pass(1);
  world.socket.say({ type: "pong" });
  await world.pass(100);
  assert.equal(connection.status, "live");
  assert.equal(world.sockets.length, 1);
});

test("an attempt that says nothing is given up", async () => {
  const { world } = await connect();
  await world.pass(14_000);
  assert.equal(world.sockets.length > 1, true);
});

test("hurrying does not wait for the next attempt, and asks a line that seems alive", async () => {
  const all = await joined(5);
  all.connection.hurry();
  assert.equal(all.world.socket.of("ping").length, 1);
  all.world.socket.end(1006);
  all.connection.hurry();
  await settled();
  assert.equal(all.world.sockets.length, 2);
  await all.world.pass(3_000);
  assert.equal(all.world.sockets.length, 2, "the attempt that was planned is not made as well");
});

test("where no attempt ever brings a word, that is told, and trying goes on", async () => {
  const all = await connect();
  const fails = async () => {
    all.world.socket.end(1006);
    await all.world.pass(4_000);
  };
  await fails();
  await fails();
  assert.equal(all.told.deaf, 0);
  await fails();
  assert.equal(all.told.deaf, 1);
  assert.equal(all.world.sockets.length, 4);
});

test("a line that has worked once is lost, and not blocked", async () => {
  const all = await joined(5);
  for (let n = 0; n < 6; n++) await broken(all);
  assert.equal(all.told.deaf, 0);
});
