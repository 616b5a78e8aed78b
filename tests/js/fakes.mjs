// A clock, chance and sockets that a test holds in its hands, and a listener that writes down what it is told.

import { Connection } from "../../static/connection.js";

export class FakeWorld {
  time = 1_000_000;
  chance = 1; // the longest of all delays, so that tests know when
  sockets = [];
  #timers = new Map();
  #names = 0;

  open = (url, protocols) => {
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };
  after = (ms, then) => {
    this.#timers.set(++this.#names, { at: this.time + ms, then });
    return this.#names;
  };
  cancel = (name) => this.#timers.delete(name);
  now = () => this.time;
  random = () => this.chance;

  /** Lets time go by, with everything that falls due in it. */
  async pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].then();
      await settled();
    }
    this.time = end;
  }

  get socket() {
    return this.sockets.at(-1);
  }
}

class FakeSocket {
  sent = [];
  closedWith = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  /** The server says something. */
  say(...frames) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The line is gone, as the browser sees it. */
  end(code) {
    this.onclose?.({ code });
  }

  of(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** Everything that promises have left to do. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export async function connect(other = {}) {
  const world = new FakeWorld();
  const told = {
    statuses: [], snapshots: [], events: [], signals: [], acks: [], refusals: [], ends: [], joined: [], renewals: [], deaf: 0,
  };
  const connection = new Connection({
    url: "ws://here/ws/rooms/r",
    token: async (renew) => {
      told.renewals.push(renew);
      return "T";
    },
    listener: {
      status: (status) => told.statuses.push(status),
      joined: (joined) => told.joined.push(joined),
      adopt: (snapshot) => told.snapshots.push(snapshot),
      event: (event) => told.events.push(event.seq),
      signal: (signal) => told.signals.push(signal),
      acked: (cid, seq) => told.acks.push([cid, seq]),
      refused: (refusal) => told.refusals.push(refusal),
      deaf: () => told.deaf++,
      ended: (end) => told.ends.push(end),
    },
    world,
    ...other,
  });
  await connection.start();
  return { connection, world, told };
}

export const happened = (seq) => ({ type: "chat.message", seq, text: `line ${seq}` });

/** The server's greeting to somebody who joins at `seq`. */
export function greeting(seq, { epoch = "e", resumed = false } = {}) {
  return [
    { type: "joined", room_slug: "r", user_id: 1, role: "guest", resumed },
    { type: "state.snapshot", seq, epoch, participants: [] },
    { type: "sync.info", next_seq: seq + 1, floor_seq: 1, epoch },
  ];
}

export const page = (from, to, has_more = false) => ({
  type: "sync.batch", items: Array.from({ length: to - from + 1 }, (_, index) => happened(from + index)),
  next_seq: to + 1, floor_seq: 1, epoch: "e", has_more,
});
