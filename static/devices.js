// @ts-check
/**
 * Which cameras, microphones and speakers there are, and which of them this person likes.
 *
 * The choice is remembered; "" is whatever the system prefers. Opens nothing: see media.js.
 */

/** @typedef {"audio" | "video" | "speaker"} Sort */
/** @typedef {{ id: string, label: string }} Device  Without a label until the person has let us use one. */

/** @type {Record<string, Sort>} */
const SORTS = { audioinput: "audio", videoinput: "video", audiooutput: "speaker" };
const ALIASES = new Set(["", "default", "communications"]); // other names for devices that are listed anyway
const NAME = "axenix.devices";

export class Devices {
  /** @type {Record<Sort, Device[]>} */
  list = { audio: [], video: [], speaker: [] };
  /** @type {Record<Sort, string>} */
  chosen = { audio: "", video: "", speaker: "" };
  #listeners = /** @type {Set<(added: Device[]) => void>} */ (new Set());

  /** @param {MediaDevices | undefined} source  There is none where the page did not come by a secure way.
   * @param {Pick<Storage, "getItem" | "setItem">} storage */
  constructor(source, storage) {
    this.#source = source;
    this.#storage = storage;
    Object.assign(this.chosen, remembered(storage.getItem(NAME)));
    source?.addEventListener("devicechange", () => void this.refresh());
  }

  #source;
  #storage;

  /** Look again: devices come and go, and have labels once one of them has been opened. */
  async refresh() {
    const before = new Set(this.#all.map(({ id }) => id));
    const found = (await this.#source?.enumerateDevices()) ?? [];
    for (const sort of Object.values(SORTS)) {
      this.list[sort] = found.filter(({ kind, deviceId }) => SORTS[kind] === sort && !ALIASES.has(deviceId))
        .map(({ deviceId, label }) => ({ id: deviceId, label }));
    }
    const added = before.size === 0 ? [] : this.#all.filter(({ id }) => !before.has(id));
    this.#listeners.forEach((listener) => listener(added));
  }

  /** @param {Sort} sort @param {string} id */
  choose(sort, id) {
    this.chosen[sort] = id;
    this.#storage.setItem(NAME, JSON.stringify(this.chosen));
    this.#listeners.forEach((listener) => listener([]));
  }

  /** The chosen one if it is there. @param {Sort} sort */
  present(sort) {
    return this.list[sort].some(({ id }) => id === this.chosen[sort]) ? this.chosen[sort] : "";
  }

  /** Told of every change, and of the devices that are new. @param {(added: Device[]) => void} listener
   * @returns {() => void} which ends it */
  watch(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get #all() {
    return Object.values(this.list).flat();
  }
}

/** @param {string | null} text @returns {Partial<Record<Sort, string>>} */
function remembered(text) {
  const kept = text === null ? null : JSON.parse(text);
  const sorts = Object.values(SORTS).filter((sort) => typeof kept?.[sort] === "string");
  return Object.fromEntries(sorts.map((sort) => [sort, kept[sort]]));
}

/** Whether the browser would open one without asking the person. Where it does not say, it would ask.
 * @param {"microphone" | "camera"} name */
export async function granted(name) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) });
    return status.state === "granted";
  } catch {
    return false; // a browser that has no such question
  }
}
