// @ts-check
/** Choosing a camera, a microphone and speakers: in the lobby, and in the middle of a call. */

import { chime, meter, onceTouched } from "../meter.js";
import { whyNot } from "../media.js";
import { say, t } from "../strings.js";
import { openDialog } from "./dialog.js";
import { h, set, write } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../devices.js").Devices} Devices */
/** @typedef {import("../devices.js").Sort} Sort */
/** @typedef {import("../media.js").Kind} Kind */
/** @typedef {import("../media.js").LocalMedia} LocalMedia */
/** @typedef {(kind: Kind) => Promise<unknown>} Change  Makes the chosen device the one in use; throws why it cannot. */

const SORTS = /** @type {Sort[]} */ (["video", "audio", "speaker"]);
const STEPS = 20; // finer than this no eye sees a meter move

/** @param {Devices} devices @param {Change} change */
export function deviceFields(devices, change) {
  const problem = h("p", { class: "problem", role: "alert", "data-testid": "device-problem" });
  const fields = SORTS.map((sort) => field(devices, sort, async () => {
    write(problem, "");
    if (sort === "speaker") return true;
    return change(sort).then(() => true, (error) => {
      write(problem, say(`${sort}_${whyNot(error)}`));
      return false;
    });
  }));
  const test = h("button", {
    class: "button quiet test-sound", type: "button", "data-testid": "test-sound",
    click: () => void chime(devices.present("speaker")),
  }, icon("speaker"), t("test_sound"));
  const element = h("div", { class: "device-fields" }, ...fields.map((one) => one.element), test, problem);
  return { element, update: () => fields.forEach((one) => one.update()) };
}

/** @param {Devices} devices @param {Sort} sort @param {() => Promise<boolean>} chosen  Whether it works. */
function field(devices, sort, chosen) {
  const select = h("select", {
    "data-testid": `choose-${sort}`,
    change: async () => {
      const before = devices.chosen[sort];
      devices.choose(sort, select.value);
      select.disabled = true;
      if (!(await chosen())) devices.choose(sort, before);
      select.disabled = false;
      update();
    },
  });
  const element = h("label", { class: "field device-field" },
    h("span", {}, icon(ICONS[sort]), t(NAMES[sort])), select);
  const update = () => {
    const list = [{ id: "", label: t("device_default") }, ...devices.list[sort]];
    const named = (/** @type {string} */ label, /** @type {number} */ index) => label || `${t(NAMES[sort])} ${index}`;
    const options = list.map(({ id, label }, index) => h("option", { value: id }, named(label, index)));
    const same = select.options.length === options.length
      && options.every((option, index) => option.isEqualNode(select.options[index]));
    if (!same) select.replaceChildren(...options); // an open list stays open
    select.value = devices.present(sort);
    set(element, "hidden", devices.list[sort].length === 0);
  };
  update();
  return { element, update };
}

/** @type {Record<Sort, import("./icons.js").Icon>} */
const ICONS = { audio: "mic", video: "cam", speaker: "speaker" };
/** @type {Record<Sort, import("../strings.js").Key>} */
const NAMES = { audio: "microphone", video: "camera", speaker: "speakers" };

/** How loud we are, for as long as it is on the page. */
export function levelMeter() {
  const bar = h("div", {
    class: "level", role: "meter", "aria-label": t("mic_level"), "aria-valuemin": 0, "aria-valuemax": STEPS,
    "aria-valuenow": 0, "data-testid": "mic-level",
  });
  let followed = /** @type {MediaStreamTrack | null} */ (null);
  let stop = () => {};
  const show = (/** @type {number} */ level) => {
    const step = Math.round(level * STEPS);
    if (bar.getAttribute("aria-valuenow") === String(step)) return;
    bar.style.setProperty("--level", String(step / STEPS));
    set(bar, "aria-valuenow", step);
  };
  const heard = (/** @type {number} */ level) => (bar.isConnected ? show(level) : stop());
  return {
    element: bar,
    /** @param {MediaStreamTrack | null} track */
    follow(track) {
      if (track === followed) return;
      stop();
      show(0);
      followed = track;
      stop = track ? onceTouched(() => meter(track, heard)) : () => {};
    },
  };
}

/** The same in the middle of a call, where what is chosen takes the place of what is sent.
 * @param {{ devices: Devices, media: LocalMedia }} given */
export function openDevices({ devices, media }) {
  const level = levelMeter();
  const video = h("video", { class: "device-preview", autoplay: true, playsinline: true });
  video.muted = true;
  video.srcObject = media.preview;
  const quiet = h("p", { class: "hint" }, t("mic_is_silent"));
  const update = () => {
    const { audio, video: camera } = media.tracks;
    fields.update();
    level.follow(audio);
    set(video, "hidden", !camera);
    set(quiet, "hidden", audio?.enabled === true);
    set(level.element, "hidden", audio?.enabled !== true);
  };
  const fields = deviceFields(devices, (kind) => media.change(kind).finally(update));
  const forget = devices.watch(update);
  const closed = () => {
    forget();
    level.follow(null);
  };
  void devices.refresh();
  openDialog(t("devices"), { testid: "devices-dialog", closed },
    h("div", { class: "devices" }, video, level.element, quiet, fields.element));
  update();
}

/** Everything that sounds in this part of the page sounds from the chosen speaker.
 * @param {HTMLElement} root @param {string} speaker */
export function soundsFrom(root, speaker) {
  for (const element of /** @type {NodeListOf<HTMLMediaElement>} */ (root.querySelectorAll("video, audio"))) {
    if (!("setSinkId" in element) || element.muted || element.sinkId === speaker) continue;
    element.setSinkId(speaker).catch(() => {}); // it has just been taken away, and the list will say so
  }
}
