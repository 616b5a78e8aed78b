// @ts-check
/**
 * The recordings of a room: those that are there, those on their way, and the one that this page is making.
 *
 * That a room is being recorded is a flag of the room; the recording is made by the page of whoever raised it. A flag
 * whose recorder has gone is taken down by hand, or by the recorder's own page when it comes back. Knows no DOM.
 */

import { ApiError } from "./api.js";
import { Mixer } from "./mixing.js";
import { Recorder, recordedAs } from "./recorder.js";
import { member } from "./room.js";
import { moderates } from "./ranks.js";
import { openShelf } from "./shelf.js";
import { Tus } from "./tus.js";
import { Uploads } from "./uploads.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Snapshot} Snapshot */
/** @typedef {import("./protocol.js").Refusal} Refusal */
/** @typedef {import("./painting.js").Face} Face */
/** @typedef {import("./api.js").Recording} Recording */
/** @typedef {"me" | "other" | "nobody"} Hand  Whose page makes the recording. */

const CID = "record";
const MARGIN = 1 << 20; // for the head, which comes last

export class Recordings {
  #state = /** @type {Snapshot | null} */ (null);
  #by = /** @type {number | null} */ (null); // who raised the flag, if we know
  #wanted = false;
  #asking = false;
  #making = /** @type {Making | null} */ (null);
  #items = /** @type {Recording[] | null} */ (null);
  #problem = /** @type {string | null} */ (null);

  /**
   * @param {object} given
   * @param {string} given.slug
   * @param {number} given.me
   * @param {import("./api.js").Api} given.api
   * @param {import("./identity.js").Identity} given.identity
   * @param {(command: import("./protocol.js").Command) => boolean} given.send
   * @param {() => Face[]} given.faces
   * @param {() => MediaStreamTrack[]} given.voices
   * @param {() => void} given.changed
   * @param {(key: string) => void} given.notice
   */
  constructor({ slug, me, api, identity, send, faces, voices, changed, notice }) {
    this.#slug = slug;
    this.#me = me;
    this.#api = api;
    this.#token = () => identity.sameUser(false);
    this.#send = send;
    this.#seen = { faces, voices };
    this.#changed = changed;
    this.#notice = notice;
    this.#uploads = uploadsOf(identity);
    this.#uploads.changed = changed;
    void this.#uploads.find(me);
  }

  #slug;
  #me;
  #api;
  #token;
  #send;
  #seen;
  #changed;
  #notice;
  #uploads;

  get model() {
    return {
      able: recordedAs() !== undefined,
      hand: this.#hand,
      items: this.#items,
      problem: this.#problem,
      uploads: this.#uploads.of(this.#slug),
    };
  }

  // ---- what a person does ----

  start() {
    this.#wanted = true;
    if (!this.#send({ type: "record.start", cid: CID })) this.#notice("unreachable");
  }

  stop() {
    this.#wanted = false;
    if (!this.#send({ type: "record.stop", cid: CID })) this.#end(); // the flag comes down when we are back
  }

  /** The list as it is now, with links that play. */
  async load() {
    try {
      const token = await this.#token();
      if (token === null) return;
      this.#items = (await this.#api.recordings(token, this.#slug)).items;
      this.#problem = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#problem = error.reason;
    }
    this.#changed();
  }

  /** Throws what the server refuses it with. @param {number} id */
  async remove(id) {
    const token = await this.#token();
    if (token !== null) await this.#api.deleteRecording(token, this.#slug, id);
  }

  /** @param {string} id of an upload */
  retry(id) {
    this.#uploads.retry(id);
  }

  /** @param {string} id of an upload */
  async abandon(id) {
    if (this.#making?.id === id) this.stop();
    await this.#uploads.abandon(id);
  }

  /** Before we go. */
  leaving() {
    if (this.#making) this.stop();
  }

  // ---- what the room does ----

  /** @param {Snapshot} state */
  adopt(state) {
    this.#state = state;
    if (!state.recording_active) this.#by = null;
    this.#obey();
  }

  /** @param {RoomEvent} event @param {Snapshot} state */
  take(event, state) {
    if (event.type === "record.started") {
      this.#by = event.by_user;
      if (this.#wanted && event.by_user === this.#me) void this.#begin(state);
      this.#wanted = false;
    }
    this.adopt(state);
    if (event.type.startsWith("recording.") && this.#items) void this.load();
  }

  settle() {
    this.#obey();
    this.#uploads.hurry();
  }

  /** @param {Refusal} refusal */
  refused({ cid, reason }) {
    if (cid !== CID) return;
    this.#wanted = false;
    this.#notice(reason);
  }

  close() {
    this.#end();
  }

  /** @returns {Hand | null} */
  get #hand() {
    if (!this.#state?.recording_active) return null;
    if (this.#making) return "me";
    return this.#by === null || moderates(member(this.#state, this.#by)) ? "other" : "nobody";
  }

  get #mod() {
    return moderates(member(this.#state, this.#me));
  }

  #obey() {
    const active = this.#state?.recording_active ?? false;
    if (this.#making && !(active && this.#mod)) this.#end();
    if (active && this.#mod && this.#by === null) void this.#askWho();
    if (active && this.#mod && this.#by === this.#me && !this.#making) this.#send({ type: "record.stop", cid: CID });
  }

  /** Only the log knows who raised a flag that we found raised. */
  async #askWho() {
    const token = this.#asking ? null : await this.#token();
    if (token === null || this.#asking) return;
    this.#asking = true;
    const deeds = await this.#api.deeds(token, this.#slug).catch(() => null); // another time
    this.#asking = false;
    const last = deeds?.items.find(({ action }) => action === "record_start");
    if (!last || this.#by !== null || !this.#state?.recording_active) return;
    this.#by = last.by_user;
    this.#obey();
    this.#changed();
  }

  // ---- the recording itself ----

  /** @param {Snapshot} state */
  async #begin({ title }) {
    const mime = recordedAs();
    if (mime === undefined || this.#making) return;
    const making = (this.#making = new Making(this.#uploads, this.#seen, this.#notice, () => this.stop()));
    await making.begin({ slug: this.#slug, userId: this.#me, title, mime });
    this.#changed();
  }

  #end() {
    void this.#making?.end();
    this.#making = null;
    this.#changed();
  }
}

/** From the first piece to the last. */
class Making {
  #recorder = /** @type {Recorder | null} */ (null);
  #over = false;
  #empty = true;
  #most = Infinity;
  id = "";

  /** @param {Uploads} uploads @param {{ faces: () => Face[], voices: () => MediaStreamTrack[] }} seen
   * @param {(key: string) => void} notice @param {() => void} stop */
  constructor(uploads, seen, notice, stop) {
    this.#uploads = uploads;
    this.#seen = seen;
    this.#notice = notice;
    this.#stop = stop;
  }

  #uploads;
  #seen;
  #notice;
  #stop;

  /** @param {{ slug: string, userId: number, title: string, mime: string }} about */
  async begin(about) {
    const path = `/api/recordings/${encodeURIComponent(about.slug)}/tus`;
    void this.#uploads.most(path).then((most) => (this.#most = most), () => null);
    this.id = await this.#uploads.begin(about);
    if (this.#over) return this.#uploads.finish(this.id);
    const failed = () => this.#mustEnd("recording_broke");
    const piece = (/** @type {Blob} */ blob, /** @type {number} */ lasts) => this.#piece(about.slug, blob, lasts);
    try {
      const mixer = new Mixer();
      await mixer.begin();
      if (this.#over) return mixer.close();
      this.#recorder = new Recorder({ mime: about.mime, mixer, ...this.#seen, piece, failed });
      if (!mixer.track) this.#notice("recording_silent");
    } catch (error) {
      console.error("A recording that cannot begin:", error);
      failed();
    }
  }

  /** @param {string} key  Why. */
  #mustEnd(key) {
    this.#notice(key);
    this.#stop();
  }

  async end() {
    if (this.#over) return;
    this.#over = true;
    await this.#recorder?.stop();
    if (this.#empty) this.#notice("recording_empty");
    if (this.id) await this.#uploads.finish(this.id); // else begin() does, as soon as there is one
  }

  /** @param {string} slug @param {Blob} blob @param {number} lasts */
  #piece(slug, blob, lasts) {
    this.#empty = false;
    void this.#uploads.add(this.id, blob, lasts);
    const upload = this.#uploads.of(slug).find(({ id }) => id === this.id);
    if (this.#over || !upload) return;
    if (upload.step === "failed") this.#mustEnd(upload.reason ?? "recording_broke");
    else if (upload.size + blob.size > this.#most - 2 * MARGIN) this.#mustEnd("recording_full");
  }
}

const all = /** @type {WeakMap<object, Uploads>} */ (new WeakMap());

/** They outlive a stay in a room: whoever leaves does not cut off what is being uploaded.
 * @param {import("./identity.js").Identity} identity */
function uploadsOf(identity) {
  const known = all.get(identity);
  if (known) return known;
  const tus = new Tus({ token: (renew) => identity.sameUser(renew) });
  const uploads = new Uploads({ shelf: openShelf, tus, changed: () => {} });
  all.set(identity, uploads);
  addEventListener("online", () => uploads.hurry());
  addEventListener("beforeunload", (event) => uploads.busy && event.preventDefault());
  return uploads;
}
