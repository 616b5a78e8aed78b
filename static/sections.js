// @ts-check
/**
 * The three sections of a connection, always in this order: sound, camera, screen.
 *
 * Nobody says which section is which; both sides know it by the place among those of its kind. So a client that knows
 * of no third section, or offers its camera before its sound, is understood too. Knows no signals and no rooms.
 */

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {Kind | "screen"} Section */

/**
 * @typedef {object} Outfit  What we send, and how much of it.
 * @property {Record<Section, MediaStreamTrack | null>} tracks
 * @property {Record<Kind, boolean>} allowed  What the room lets us send; a screen is video too.
 * @property {MediaStream} together  Names voice and face as belonging together, so that lips stay in step.
 * @property {MediaStream} apart  And names the screen as something else.
 * @property {number} others  How many we send to.
 */

/** @typedef {{ maxBitrate: number, maxFramerate: number, scaleResolutionDownBy: number }} Budget */

export const SECTIONS = /** @type {Section[]} */ (["audio", "video", "screen"]);

/** @type {Record<"video" | "screen", { upTo: number, budget: Budget }[]>} */
const BUDGETS = {
  video: [
    { upTo: 1, budget: { maxBitrate: 1_500_000, maxFramerate: 30, scaleResolutionDownBy: 1 } },
    { upTo: 3, budget: { maxBitrate: 700_000, maxFramerate: 24, scaleResolutionDownBy: 1.5 } },
    { upTo: 6, budget: { maxBitrate: 300_000, maxFramerate: 20, scaleResolutionDownBy: 2 } },
    { upTo: Infinity, budget: { maxBitrate: 150_000, maxFramerate: 15, scaleResolutionDownBy: 3 } },
  ],
  screen: [
    { upTo: 3, budget: { maxBitrate: 2_500_000, maxFramerate: 15, scaleResolutionDownBy: 1 } },
    { upTo: Infinity, budget: { maxBitrate: 1_000_000, maxFramerate: 5, scaleResolutionDownBy: 1 } },
  ],
};

/** In a mesh everyone encodes for everyone: the more there are, the less each gets.
 * @param {"video" | "screen"} section @param {number} others @returns {Budget} */
export function budgetFor(section, others) {
  const row = BUDGETS[section].find(({ upTo }) => others <= upTo);
  return /** @type {{ budget: Budget }} */ (row).budget;
}

/** @param {RTCPeerConnection} pc @param {Section} name @returns {RTCRtpTransceiver | undefined} */
export function sectionOf(pc, name) {
  const kind = name === "audio" ? "audio" : "video";
  const place = name === "screen" ? 1 : 0;
  return pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind)[place];
}

/** @param {RTCPeerConnection} pc @param {RTCRtpTransceiver} transceiver */
export function nameOf(pc, transceiver) {
  return SECTIONS.find((name) => sectionOf(pc, name) === transceiver);
}

/** All three, with our tracks, in the directions we may have. The screen's direction says whether there is one.
 * @param {RTCPeerConnection} pc @param {Outfit} outfit */
export async function dress(pc, { allowed, apart, others, together, tracks }) {
  for (const name of SECTIONS) {
    const sends = name === "screen" ? allowed.video && tracks.screen !== null : allowed[name];
    const direction = sends ? "sendrecv" : "recvonly";
    const section = sectionOf(pc, name) ?? pc.addTransceiver(name === "audio" ? "audio" : "video", { direction });
    if (section.direction !== direction) section.direction = direction;
    section.sender.setStreams(name === "screen" ? apart : together);
    if (section.sender.track !== tracks[name]) await section.sender.replaceTrack(tracks[name]);
    if (name !== "audio" && tracks[name]) await spend(section.sender, budgetFor(name, others));
  }
}

/** @param {RTCRtpSender} sender @param {Budget} budget */
async function spend(sender, budget) {
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings ?? [];
  if (!encoding || Object.entries(budget).every(([key, value]) => Reflect.get(encoding, key) === value)) return;
  Object.assign(encoding, budget);
  await sender.setParameters(parameters);
}
