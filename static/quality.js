// @ts-check
/**
 * How good the line to each of the others is: 3 good, 2 fair, 1 poor, 0 not known; asked every few seconds.
 *
 * `assess` is the arithmetic alone: what getStats says now and said before go in, a grade comes out.
 */

/** @typedef {{ received: number, lost: number }} Counted */
/** @typedef {{ id: number, connected: boolean, stats: () => Promise<RTCStatsReport> }} Line */

const EVERY = 3_000;

/** Seconds there and back, share of packets lost; the first row that is kept within. */
const GRADES = [
  { grade: 3, roundTrip: 0.25, loss: 0.03 },
  { grade: 2, roundTrip: 0.6, loss: 0.1 },
];

/** @param {Iterable<any>} reports @param {Counted} before */
export function assess(reports, before) {
  let roundTrip = 0;
  let lostThere = 0;
  const counted = { received: 0, lost: 0 };
  for (const report of reports) {
    if (report.type === "candidate-pair" && report.nominated) roundTrip = report.currentRoundTripTime ?? roundTrip;
    if (report.type === "remote-inbound-rtp") lostThere = Math.max(lostThere, report.fractionLost ?? 0);
    if (report.type !== "inbound-rtp") continue;
    counted.received += report.packetsReceived ?? 0;
    counted.lost += report.packetsLost ?? 0;
  }
  const lost = Math.max(0, counted.lost - before.lost);
  const sent = lost + Math.max(0, counted.received - before.received);
  const loss = Math.max(lostThere, sent > 0 ? lost / sent : 0);
  const grade = GRADES.find((row) => roundTrip <= row.roundTrip && loss <= row.loss)?.grade ?? 1;
  return { grade, counted };
}

export class Quality {
  #known = /** @type {Map<number, ReturnType<typeof assess>>} */ (new Map());
  #timer;

  /** @param {{ lines: () => Line[], changed: () => void }} given */
  constructor({ lines, changed }) {
    this.#lines = lines;
    this.#changed = changed;
    this.#timer = setInterval(() => void this.#look(), EVERY);
  }

  #lines;
  #changed;

  /** @param {number} id */
  of(id) {
    return this.#known.get(id)?.grade ?? 0;
  }

  close() {
    clearInterval(this.#timer);
  }

  async #look() {
    const known = new Map();
    for (const line of this.#lines().filter(({ connected }) => connected)) {
      const before = this.#known.get(line.id)?.counted ?? { received: 0, lost: 0 };
      known.set(line.id, assess((await line.stats()).values(), before));
    }
    const same = known.size === this.#known.size && [...known].every(([id, { grade }]) => grade === this.of(id));
    this.#known = known;
    if (!same) this.#changed();
  }
}
