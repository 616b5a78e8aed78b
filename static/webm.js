// @ts-check
/**
 * What a browser's recorder leaves out of its WebM: how long it lasts, and where one can jump to.
 *
 * The recorder writes a stream: a head (what it is, its tracks) and clusters without end. Here the clusters are looked
 * through as they come; afterwards there is a better head for them: with a duration, a length and an index (Cues), so
 * that players can seek without reading it all. Bytes in, bytes out. The state is plain data and survives a reload.
 */

/**
 * @typedef {object} Index  What is known so far; positions are counted from the first cluster.
 * @property {Uint8Array} head  What stands before the first cluster; all that has come, while there is none.
 * @property {boolean} begun  The first cluster has come.
 * @property {number} at  Up to here it is understood.
 * @property {number} skip  Bytes of what comes next that say nothing.
 * @property {Uint8Array} rest  The beginning of something that has not come as a whole.
 * @property {number} cluster  Where the last cluster begins.
 * @property {number} time  When it begins, in ms.
 * @property {number} end  When the last block begins.
 * @property {[time: number, at: number][]} cues
 */

const SEGMENT = 0x18538067, INFO = 0x1549a966, TRACKS = 0x1654ae6b, CLUSTER = 0x1f43b675;
const DURATION = 0x4489, VOID = 0xec, CRC = 0xbf, TRACK = 0xae, TRACK_NUMBER = 0xd7, TRACK_TYPE = 0x83;
const TIME = 0xe7, SIMPLE_BLOCK = 0xa3, BLOCK_GROUP = 0xa0, BLOCK = 0xa1;
const CUES = 0x1c53bb6b, CUE = 0xbb, CUE_TIME = 0xb3, CUE_PLACE = 0xb7, CUE_TRACK = 0xf7, CUE_CLUSTER = 0xf1;
const LOOKED_AT = 12; // of a block: the track, the time, the flags
const BETWEEN_CUES = 2_000;
const MOST_CUES = 5_000;
const LAST_BLOCK = 20;
const NOTHING = new Uint8Array(0);

/** @returns {Index} */
export const emptyIndex = () => ({
  head: NOTHING, begun: false, at: 0, skip: 0, rest: NOTHING, cluster: 0, time: 0, end: 0, cues: [],
});

/** Looks through what comes next, and answers with what of it belongs behind the head.
 * @param {Index} index @param {Uint8Array} bytes */
export function feed(index, bytes) {
  if (index.begun) return scan(index, bytes), bytes;
  const all = joined([index.head, bytes]);
  const begin = firstCluster(all);
  index.head = all.slice(0, begin ?? all.length);
  if (begin === null) return NOTHING;
  index.begun = true;
  const body = all.slice(begin);
  scan(index, body);
  return body;
}

/** @param {Index} index */
export const seconds = ({ end }) => (end + LAST_BLOCK) / 1000;

/** A head for so many bytes of clusters. @param {Index} index @param {number} size */
export function headFor(index, size) {
  const { head } = index;
  const [prologue, segment] = children(head, 0, head.length);
  const parts = children(head, segment.start, head.length);
  const only = (/** @type {number} */ id) => /** @type {Element} */ (parts.find((part) => part.id === id));
  const info = children(head, only(INFO).start, only(INFO).end).filter(({ id }) => ![DURATION, VOID, CRC].includes(id));
  const kept = info.map(({ begin, end }) => head.slice(begin, end));
  const front = joined([
    element(INFO, ...kept, element(DURATION, float(index.end + LAST_BLOCK))),
    head.slice(only(TRACKS).begin, only(TRACKS).end),
  ]);
  const cues = thinned(index.cues);
  const track = videoTrack(head, only(TRACKS));
  const length = front.length + cuesFor(cues, track, 0).length;
  const body = joined([front, cuesFor(cues, track, length)]);
  return joined([head.slice(prologue.begin, prologue.end), number(SEGMENT, 4), sized(body.length + size), body]);
}

// ---- reading --------------------------------------------------------------------------------------------------------

/** @typedef {{ id: number, begin: number, start: number, end: number }} Element  An unknown end is Infinity. */

/** The element that begins here, or null when its own head is not all there.
 * @param {Uint8Array} data @param {number} begin @returns {Element | null} */
function elementAt(data, begin) {
  const wide = 9 - bits(data[begin] ?? 0);
  const long = 9 - bits(data[begin + wide] ?? 0);
  if (begin + wide >= data.length || begin + wide + long > data.length) return null;
  if (wide > 4 || long > 8) throw new Error("This is no WebM.");
  const start = begin + wide + long;
  const size = variable(data, begin + wide, long);
  return { id: read(data, begin, wide), begin, start, end: start + size };
}

/** A number that says in its first bits how wide it is; nothing but ones is infinity.
 * @param {Uint8Array} data @param {number} at @param {number} wide */
function variable(data, at, wide) {
  const top = 2 ** (8 - wide) - 1;
  if ((data[at] & top) === top && data.subarray(at + 1, at + wide).every((byte) => byte === 255)) return Infinity;
  return (data[at] & top) * 2 ** (8 * (wide - 1)) + read(data, at + 1, wide - 1);
}

/** @param {Uint8Array} data @param {number} from @param {number} to */
function children(data, from, to) {
  const found = /** @type {Element[]} */ ([]);
  for (let at = from; at < to;) {
    const next = elementAt(data, at);
    if (!next) break;
    found.push(next);
    at = next.end;
  }
  return found;
}

/** @param {Uint8Array} data */
function firstCluster(data) {
  const segment = children(data, 0, data.length).find(({ id }) => id === SEGMENT);
  return (segment && children(data, segment.start, data.length).find(({ id }) => id === CLUSTER)?.begin) ?? null;
}

/** @param {Uint8Array} head @param {Element} tracks */
function videoTrack(head, { start, end }) {
  for (const track of children(head, start, end).filter(({ id }) => id === TRACK)) {
    const parts = children(head, track.start, track.end);
    const value = (/** @type {number} */ wanted) => {
      const part = parts.find(({ id }) => id === wanted);
      return part ? read(head, part.start, part.end - part.start) : 0;
    };
    if (value(TRACK_TYPE) === 1) return value(TRACK_NUMBER);
  }
  return 1;
}

/** @param {Index} index @param {Uint8Array} bytes */
function scan(index, bytes) {
  const jump = Math.min(index.skip, bytes.length);
  index.skip -= jump;
  index.at += jump;
  const data = joined([index.rest, bytes.subarray(jump)]);
  const done = walk(index, data);
  index.skip += Math.max(0, done - data.length);
  index.at += Math.min(done, data.length);
  index.rest = data.slice(done);
}

/** How far it got. @param {Index} index @param {Uint8Array} data */
function walk(index, data) {
  let at = 0;
  for (let next = elementAt(data, at); next; next = elementAt(data, at)) {
    const { id, begin, start, end } = next;
    if (id === CLUSTER) index.cluster = index.at + begin;
    const within = id === CLUSTER || id === BLOCK_GROUP;
    if ([TIME, SIMPLE_BLOCK, BLOCK].includes(id)) {
      if (Math.min(end, start + LOOKED_AT) > data.length) return at;
      note(index, id, data.subarray(start, Math.min(end, start + LOOKED_AT)));
    }
    at = within ? start : end;
    if (at >= data.length) return at;
  }
  return at;
}

/** @param {Index} index @param {number} id @param {Uint8Array} data */
function note(index, id, data) {
  if (id === TIME) {
    index.time = read(data, 0, data.length);
    return;
  }
  const wide = 9 - bits(data[0]);
  const time = index.time + new DataView(data.buffer, data.byteOffset + wide).getInt16(0);
  index.end = Math.max(index.end, time);
  const isKey = id === SIMPLE_BLOCK && (data[wide + 2] & 0x80) !== 0;
  if (isKey && isVideo(index, variable(data, 0, wide))) mark(index, time);
}

/** @param {Index} index @param {number} track */
function isVideo({ head }, track) {
  const segment = children(head, 0, head.length)[1];
  const tracks = children(head, segment.start, head.length).find(({ id }) => id === TRACKS);
  return tracks !== undefined && videoTrack(head, tracks) === track;
}

/** @param {Index} index @param {number} time */
function mark({ cues, cluster }, time) {
  const last = cues.at(-1);
  if (!last || (time - last[0] >= BETWEEN_CUES && cluster !== last[1])) cues.push([time, cluster]);
}

// ---- writing --------------------------------------------------------------------------------------------------------

/** @param {Index["cues"]} cues @param {number} track @param {number} before what stands before the first cluster */
function cuesFor(cues, track, before) {
  if (cues.length === 0) return NOTHING;
  return element(CUES, ...cues.map(([time, at]) => element(CUE,
    element(CUE_TIME, number(time, 8)),
    element(CUE_PLACE, element(CUE_TRACK, number(track, 1)), element(CUE_CLUSTER, number(before + at, 8))))));
}

/** @param {Index["cues"]} cues */
function thinned(cues) {
  const each = Math.ceil(cues.length / MOST_CUES);
  return cues.filter((_, place) => place % each === 0);
}

/** @param {number} id @param {...Uint8Array} content */
function element(id, ...content) {
  const body = joined(content);
  const wide = Math.ceil(Math.log2(id + 1) / 8);
  return joined([number(id, wide), body.length < 127 ? number(0x80 + body.length, 1) : sized(body.length), body]);
}

/** Eight bytes wide, whatever it is. @param {number} size */
const sized = (size) => joined([Uint8Array.of(1), number(size, 7)]);

/** Big-endian. @param {number} value @param {number} wide */
function number(value, wide) {
  const bytes = new Uint8Array(wide);
  for (let place = wide - 1; place >= 0; place--) {
    bytes[place] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

/** @param {number} value */
function float(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** @param {Uint8Array} data @param {number} from @param {number} wide */
function read(data, from, wide) {
  return data.subarray(from, from + wide).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** @param {number} byte */
const bits = (byte) => 32 - Math.clz32(byte);

/** @param {Uint8Array[]} parts */
export function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
