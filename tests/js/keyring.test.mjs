// Room keys among several browsers and a fake server: who makes them, who is given them, who can read what.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../static/api.js";
import { Holders } from "../../static/holders.js";
import { Keyring } from "../../static/keyring.js";
import { makeDevice, makeRoomKey, makeShares } from "../../static/sealed.js";
import { FakeWorld, settled } from "./fakes.mjs";

const subtle = Object.getPrototypeOf(crypto.subtle);
let working = 0; // WebCrypto works on threads of its own; this many things are being done there
for (const name of ["generateKey", "exportKey", "importKey", "deriveBits", "encrypt", "decrypt", "sign", "digest"]) {
  const real = subtle[name];
  subtle[name] = function (...given) {
    working++;
    return real.apply(this, given).finally(() => working--);
  };
}

/** Until nobody has anything left to do. */
async function quiet() {
  for (let calm = 0; calm < 8; calm++) {
    await settled();
    if (working > 0) calm = 0;
  }
}

/** The rules of the server on room keys, and its events, told to everyone inside. */
class FakeRoom {
  key_epoch = 0;
  mode = null;
  stale = false;
  inside = new Map(); // user id -> person
  holders = new Set();
  keys = new Map();
  shares = new Map(); // epoch -> Map of user id -> wrapped
  begun = [];
  world = new FakeWorld();

  seen(me) {
    const members = [...this.inside.keys()].map((user_id) => (
      { user_id, x25519_b64: this.keys.get(user_id) ?? null, has_share: this.holders.has(user_id) }));
    const my_epochs = [...this.shares].filter(([, shares]) => shares.has(me)).map(([epoch]) => epoch);
    return { key_epoch: this.key_epoch, mode: this.mode, stale: this.stale, my_epochs, members };
  }

  begin(me, epoch, shares) {
    const owners = [...this.inside.keys()].filter((id) => this.keys.get(id));
    if (epoch !== this.key_epoch + 1) throw new ApiError(409, "epoch_conflict", "");
    const named = shares.map(({ user_id }) => user_id);
    if (String(named.sort()) !== String(owners.sort())) throw new ApiError(422, "member_set_mismatch", "");
    Object.assign(this, { key_epoch: epoch, mode: "e2e", stale: false, holders: new Set(named) });
    this.begun.push([me, epoch]);
    this.shares.set(epoch, new Map(shares.map(({ user_id, wrapped_key_b64 }) => [user_id, wrapped_key_b64])));
    this.tell({ type: "key.changed", key_epoch: epoch, mode: "e2e", by_user: me });
  }

  share(me, epoch, shares) {
    if (epoch !== this.key_epoch) throw new ApiError(409, "epoch_conflict", "");
    if (!this.holders.has(me)) throw new ApiError(403, "forbidden", "");
    for (const { user_id, wrapped_key_b64 } of shares) {
      if (this.holders.has(user_id)) throw new ApiError(422, "member_set_mismatch", "");
      this.holders.add(user_id);
      this.shares.get(epoch).set(user_id, wrapped_key_b64);
    }
    this.tell({ type: "key.shared", key_epoch: epoch, user_ids: shares.map(({ user_id }) => user_id) });
  }

  myKey(me, epoch) {
    const wrapped_key_b64 = this.shares.get(epoch)?.get(me);
    if (!wrapped_key_b64) throw new ApiError(404, "key_not_found", "");
    return { wrap_algo: "HPKE-X25519-HKDF-SHA256-AES-256-GCM", wrapped_key_b64 };
  }

  tell(event) {
    for (const { holders } of this.inside.values()) holders.take(event, null, true);
  }

  async join(me, { store = new Map(), able = true } = {}) {
    const notices = [];
    const keyring = new Keyring({
      me, slug: "tea",
      store: { get: async (name) => store.get(name), put: async (name, value) => void store.set(name, value) },
      myKey: async (epoch) => this.myKey(me, epoch),
      show: async (key) => void this.keys.set(me, key),
    });
    const holders = new Holders({
      me, slug: "tea", keyring, world: this.world, changed: () => {}, met: () => {},
      notice: (key) => notices.push(key),
      server: {
        look: async () => this.seen(me),
        begin: async (epoch, shares) => this.begin(me, epoch, shares),
        share: async (epoch, shares) => this.share(me, epoch, shares),
      },
    });
    if (able) await keyring.begin();
    if (able) await keyring.show();
    this.inside.set(me, { holders });
    holders.adopt({ key_epoch: this.key_epoch });
    this.tell({ type: "member.joined", user_id: me });
    holders.settle();
    await quiet();
    return { me, keyring, holders, notices, store };
  }

  async leave(me) {
    this.inside.get(me)?.holders.close();
    this.inside.delete(me);
    const knew = this.holders.delete(me);
    if (knew) this.stale = true;
    this.tell({ type: "member.left", user_id: me });
    if (knew) this.tell({ type: "key.rotate_required", key_epoch: this.key_epoch, stale_at: "" });
    await quiet();
  }
}

/** What one seals, as the other's chat has it. */
async function said(person, text) {
  const { key_epoch, ciphertext_b64, algo } = await person.keyring.seal(person.holders.epoch, text);
  return { userId: person.me, sealed: { algo, ciphertext: ciphertext_b64, epoch: key_epoch } };
}
const read = (person, line) => person.keyring.open(line).catch(({ why }) => `closed: ${why}`);

async function sealedRoom(...ids) {
  const room = new FakeRoom();
  const people = [];
  for (const id of ids) people.push(await room.join(id));
  await people[0].holders.turnOn();
  await quiet();
  return { room, people };
}

test("a room is plain until somebody turns the lock, and then everyone inside can read", async () => {
  const { people: [ann, bob] } = await sealedRoom(1, 2);
  assert.deepEqual([ann.holders.epoch, bob.holders.epoch], [1, 1]);
  assert.equal(await read(bob, await said(ann, "hello")), "hello");
  assert.deepEqual([...ann.notices, ...bob.notices], []);
});

test("two who turn it at once end with one key", async () => {
  const room = new FakeRoom();
  const [ann, bob] = [await room.join(1), await room.join(2)];
  await Promise.all([ann.holders.turnOn(), bob.holders.turnOn()]);
  await quiet();
  assert.equal(room.begun.length, 1);
  assert.equal(await read(ann, await said(bob, "hello")), "hello");
  assert.deepEqual([...ann.notices, ...bob.notices], []);
});

test("a newcomer is given an unused key, and after the first line a new one, so that the past stays closed", async () => {
  const { room, people: [ann, bob] } = await sealedRoom(1, 2);
  const cy = await room.join(3);
  assert.deepEqual([room.key_epoch, cy.holders.epoch], [1, 1]);
  const line = await said(ann, "before Dan");
  room.tell({ type: "chat.message.enc", key_epoch: 1 });
  const dan = await room.join(4);
  assert.deepEqual(room.begun.map(([by]) => by), [1, 1], "the lowest of those who hold the key does it for all");
  assert.equal(dan.holders.epoch, 2);
  assert.deepEqual(await Promise.all([bob, cy, dan].map((one) => read(one, line))),
    ["before Dan", "before Dan", "closed: absent"]);
});

test("when one leaves the next key is made, and the one who left cannot read on, not even back again", async () => {
  const { room, people: [ann, bob] } = await sealedRoom(1, 2);
  room.tell({ type: "chat.message.enc", key_epoch: 1 });
  const before = await said(bob, "while we were two");
  await room.leave(2);
  assert.deepEqual([room.key_epoch, ann.holders.epoch], [2, 2]);
  const between = await said(ann, "alone");
  room.tell({ type: "chat.message.enc", key_epoch: 2 });
  const back = await room.join(2, { store: bob.store });
  assert.equal(await read(back, between), "closed: absent");
  assert.equal(await read(back, before), "while we were two", "the key of then is asked for again and opened");
  assert.equal(await read(back, await said(ann, "welcome back")), "welcome back");
});

test("if the first in turn does nothing, the next one does it a second later", async () => {
  const { room, people: [ann, bob, cy] } = await sealedRoom(1, 2, 3);
  ann.holders.close();
  room.inside.set(1, { holders: { take: () => {} } });
  room.tell({ type: "chat.message.enc", key_epoch: 1 });
  await room.leave(3);
  assert.equal(room.key_epoch, 1);
  assert.equal(bob.holders.epoch, null, "nothing is sealed with a key that somebody took along");
  await room.world.pass(1_100);
  await quiet();
  assert.deepEqual(room.begun.at(-1), [2, 2]);
  assert.equal(bob.holders.epoch, 2);
  assert.equal(cy.holders.epoch === 2, false);
});

test("when all who held the key have gone, whoever comes begins the next", async () => {
  const { room } = await sealedRoom(1);
  await room.leave(1);
  const bob = await room.join(2);
  assert.deepEqual([room.begun.at(-1), bob.holders.epoch], [[2, 2], 2]);
});

test("a share that does not open leads to the next key, and the line says whose fault it is", async () => {
  const { room, people: [ann] } = await sealedRoom(1);
  const line = await said(ann, "old");
  await room.leave(1);
  const other = await room.join(1); // the same user with storage cleared: another device
  assert.equal(room.key_epoch, 2);
  assert.equal(await read(other, line), "closed: device");
  assert.equal(await read(other, await said(other, "new")), "new");
});

test("a newcomer who is given rubbish begins the next key, once", async () => {
  const { room } = await sealedRoom(1);
  const share = room.share.bind(room);
  room.share = (me, epoch, shares) => share(me, epoch, shares.map(({ user_id }) => (
    { user_id, wrapped_key_b64: Buffer.alloc(80, 7).toString("base64") })));
  const bob = await room.join(2);
  assert.deepEqual([room.key_epoch, bob.holders.epoch], [1, null]);
  await room.world.pass(1_100);
  await quiet();
  assert.deepEqual([room.begun.at(-1), bob.holders.epoch, room.key_epoch], [[2, 2], 2, 2]);
});

test("a browser that cannot seal reads nothing and is left out of the count", async () => {
  const { room, people: [ann] } = await sealedRoom(1);
  const old = await room.join(2, { able: false });
  assert.deepEqual([room.key_epoch, old.holders.epoch], [1, null]);
  assert.equal(await read(old, await said(ann, "hello")), "closed: unable");
});

test("a line that was changed, or put in another's mouth, is damaged", async () => {
  const { people: [ann, bob] } = await sealedRoom(1, 2);
  const line = await said(ann, "hello");
  assert.equal(await read(bob, { ...line, userId: 2 }), "closed: damaged");
  assert.equal(await read(bob, { ...line, sealed: { ...line.sealed, algo: "ROT13" } }), "closed: damaged");
  assert.equal(await read(bob, { ...line, sealed: { ...line.sealed, ciphertext: "AAAA" } }), "closed: damaged");
});

test("a key begun in our name that is not ours is said aloud", async () => {
  const { room, people: [ann] } = await sealedRoom(1, 2);
  const members = room.seen(1).members;
  room.begin(1, 2, await makeShares(makeRoomKey(), "tea", 2, members));
  await quiet();
  assert.deepEqual(ann.notices, ["notice_key_in_my_name"]);
});

test("a look that goes wrong in a way nobody foresaw does not keep the next from being taken", async (t) => {
  const { room, people: [ann] } = await sealedRoom(1);
  const complaint = t.mock.method(console, "error", () => {});
  room.seen = () => { throw new TypeError("a fault on purpose"); };
  room.tell({ type: "member.left", user_id: 9 });
  await quiet();
  assert.equal(complaint.mock.callCount(), 1);
  delete room.seen;
  const bob = await room.join(2);
  assert.equal(await read(bob, await said(ann, "hello")), "hello");
});

test("the device key is made once, and its private half cannot be taken out", async () => {
  const store = new Map();
  const room = new FakeRoom();
  const first = await room.join(1, { store });
  const again = await room.join(1, { store });
  assert.equal(again.keyring.device.x25519_b64, first.keyring.device.x25519_b64);
  assert.equal(first.keyring.device.pair.privateKey.extractable, false);
  assert.notEqual((await makeDevice()).x25519_b64, first.keyring.device.x25519_b64);
});

test("the key that lines are sealed with cannot be taken out either", async () => {
  const { people: [ann] } = await sealedRoom(1);
  assert.equal((await ann.keyring.key(1)).extractable, false);
  assert.equal(ann.keyring.raw(1).length, 32);
});
