// @ts-check
/**
 * The connection to one other person: perfect negotiation, and its own repair. What it carries is in sections.js.
 *
 * Signals may be lost with either socket. So an offer is sent again until it is answered, and whoever meets a
 * description of another RTCPeerConnection than before begins anew with it. Signals are handled one after the other.
 */

import { SILENCING } from "./protocol.js";
import { dress, nameOf, sectionOf } from "./sections.js";

/** @typedef {import("./protocol.js").Signal} Signal */
/** @typedef {import("./protocol.js").Command} Command */

/**
 * @typedef {object} Own  What all peers share: changed by Calls, read here.
 * @property {number} me
 * @property {RTCConfiguration} config
 * @property {(command: Command) => boolean} send
 * @property {() => void} changed
 */
/** @typedef {Own & import("./sections.js").Outfit} Ours */

const ANSWER_WITHIN = 4_000;
const RECOVER_WITHIN = 5_000;
let spoken = 0;

export class Peer {
  #queue = Promise.resolve();
  #remote = /** @type {string | null} */ (null); // which RTCPeerConnection of theirs ours talks to
  #cid = "";
  #closed = false;
  #again = /** @type {any} */ (null);
  #recovery = /** @type {any} */ (null);
  #screen = new MediaStream();
  /** Their voice and their face. */
  stream = new MediaStream();
  /** @type {RTCPeerConnection} */
  #pc;

  /** @param {number} id @param {Ours} ours */
  constructor(id, ours) {
    this.id = id;
    this.#ours = ours;
    this.#polite = ours.me < id;
    this.#pc = this.#begin();
  }

  #ours;
  #polite;

  get connected() {
    return this.#pc.connectionState === "connected";
  }

  /** What they share, as long as they do: their description says so. */
  get screen() {
    return /recv/.test(sectionOf(this.#pc, "screen")?.currentDirection ?? "") ? this.#screen : null;
  }

  /** How loud they are at this moment, from 0 to 1. */
  get level() {
    return sectionOf(this.#pc, "audio")?.receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  stats() {
    return this.#pc.getStats();
  }

  /** Make the first offer. The other side waits for it. */
  call() {
    void this.#run(() => dress(this.#pc, this.#ours));
  }

  /** @param {Signal} signal */
  take(signal) {
    if (signal.type === "offer") void this.#run(() => this.#offered(signal.sdp));
    if (signal.type === "answer") void this.#run(() => this.#answered(signal.sdp));
    if (signal.type === "ice") void this.#run(() => this.#candidate(signal));
  }

  /** Tracks or rights have changed. Nothing is done before there is anything to change. */
  refresh() {
    void this.#run(async () => {
      if (this.#pc.getTransceivers().length > 0) await dress(this.#pc, this.#ours);
    });
  }

  /** The server did not pass on what we sent. @param {{ cid?: string, reason: string }} refusal */
  refused({ cid, reason }) {
    const kind = SILENCING[reason];
    if (cid !== this.#cid || !kind) return; // anything else: the offer is repeated in a while
    this.#ours.allowed[kind] = false; // the event that says so may still be on its way
    void this.#run(async () => {
      if (this.#pc.signalingState === "have-local-offer") await this.#pc.setLocalDescription({ type: "rollback" });
      await dress(this.#pc, this.#ours);
      await this.#offer();
    });
  }

  /** The socket is back: what was said meanwhile may not have arrived. */
  revive() {
    if (this.connected) return;
    if (this.#pc.signalingState === "have-local-offer") this.#describe();
    else if (this.#remote) this.#pc.restartIce();
  }

  /** @param {RTCConfiguration} config */
  configure(config) {
    this.#pc.setConfiguration(config);
  }

  close() {
    this.#closed = true;
    this.#end();
  }

  /** @param {() => Promise<void>} step */
  #run(step) {
    this.#queue = this.#queue.then(() => (this.#closed ? undefined : step())).catch((error) => {
      if (!this.#closed) console.error(`The connection to ${this.id}:`, error);
    });
    return this.#queue;
  }

  #begin() {
    const pc = new RTCPeerConnection(this.#ours.config);
    this.#remote = null;
    pc.onnegotiationneeded = () => this.#run(() => this.#offer());
    pc.onicecandidate = ({ candidate }) => {
      if (candidate) this.#ours.send({ type: "ice", to: this.id, candidate: candidate.toJSON() });
    };
    pc.ontrack = ({ track, transceiver }) => {
      (nameOf(pc, transceiver) === "screen" ? this.#screen : this.stream).addTrack(track);
      this.#ours.changed();
    };
    pc.onsignalingstatechange = () => this.#ours.changed(); // a screen may have come or gone
    pc.onconnectionstatechange = () => this.#watch();
    return pc;
  }

  #end() {
    const pc = this.#pc;
    clearTimeout(this.#again);
    clearTimeout(this.#recovery);
    pc.onnegotiationneeded = pc.onicecandidate = pc.ontrack = null;
    pc.onconnectionstatechange = pc.onsignalingstatechange = null;
    pc.close();
    for (const stream of [this.stream, this.#screen]) {
      stream.getTracks().forEach((track) => stream.removeTrack(track));
    }
  }

  #anew() {
    this.#end();
    this.#pc = this.#begin();
  }

  async #offer() {
    if (this.#pc.signalingState !== "stable") return; // it will be needed again once it is
    await this.#pc.setLocalDescription();
    this.#describe();
  }

  #describe() {
    clearTimeout(this.#again);
    const description = this.#pc.localDescription;
    if (this.#closed || !description) return;
    this.#cid = `sdp-${++spoken}`;
    this.#ours.send({ type: description.type, to: this.id, sdp: description.sdp, cid: this.#cid });
    if (description.type !== "offer") return;
    this.#again = setTimeout(() => {
      if (this.#pc.signalingState === "have-local-offer") this.#describe();
    }, ANSWER_WITHIN);
  }

  /** @param {string} sdp */
  async #offered(sdp) {
    if (this.#remote && this.#remote !== originOf(sdp)) this.#anew();
    const collision = this.#pc.signalingState === "have-local-offer";
    if (collision && !this.#polite) return; // ours stands; they take theirs back
    // Before anything is agreed there is nothing to keep, and a fresh start has no sections left over.
    if (collision && !this.#remote) this.#anew();
    await this.#pc.setRemoteDescription({ type: "offer", sdp });
    this.#remote = originOf(sdp);
    await dress(this.#pc, this.#ours);
    await this.#pc.setLocalDescription();
    this.#describe();
  }

  /** @param {string} sdp */
  async #answered(sdp) {
    if (this.#pc.signalingState !== "have-local-offer") return; // to an offer that was answered before
    if (this.#remote && this.#remote !== originOf(sdp)) {
      this.#anew();
      return dress(this.#pc, this.#ours);
    }
    clearTimeout(this.#again);
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
    this.#remote = originOf(sdp);
  }

  /** Others may write a candidate as text with its fields beside it. @param {Signal} signal */
  async #candidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    if (!candidate) return; // the end of candidates: nothing that anyone waits for
    const init = typeof candidate === "string" ? { candidate, sdpMid, sdpMLineIndex, usernameFragment } : candidate;
    const agreed = this.#pc.remoteDescription?.sdp;
    const ours = agreed && (!init.usernameFragment || agreed.includes(`a=ice-ufrag:${init.usernameFragment}\r\n`));
    if (ours) await this.#pc.addIceCandidate(init); // else it belongs to a description we did not take
  }

  #watch() {
    const { connectionState } = this.#pc;
    clearTimeout(this.#recovery);
    if (connectionState === "failed") this.#pc.restartIce();
    if (connectionState === "disconnected") {
      this.#recovery = setTimeout(() => this.#pc.restartIce(), RECOVER_WITHIN);
    }
    this.#ours.changed();
  }
}

/** The session id of a description, which one RTCPeerConnection keeps for life. @param {string} sdp */
const originOf = (sdp) => /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
