// @ts-check
/**
 * What modules that wait need of a browser, in one place, so that a test can be the clock, the chance and the wire.
 *
 * @typedef {object} World
 * @property {(url: string, protocols: string[]) => WebSocket} open
 * @property {(ms: number, then: () => void) => any} after
 * @property {(timer: any) => void} cancel
 * @property {() => number} now
 * @property {() => number} random  0 to 1
 */

/** @type {World} */
export const BROWSER = {
  open: (url, protocols) => new WebSocket(url, protocols),
  after: (ms, then) => setTimeout(then, ms),
  cancel: (timer) => clearTimeout(timer),
  now: () => Date.now(),
  random: () => Math.random(),
};
