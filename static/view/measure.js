// @ts-check
/** How long and how large, in words of the language spoken now. */

import { language } from "../strings.js";

/** 1:02:03, 2:03. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** @param {number} bytes */
export function size(bytes) {
  const power = bytes < 1e6 ? 0 : bytes < 1e9 ? 1 : 2;
  const [value, unit] = [bytes / 1000 ** (power + 1), ["kilobyte", "megabyte", "gigabyte"][power]];
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(language(), { style: "unit", unit, maximumFractionDigits: digits }).format(value);
}

/** @param {number} share from 0 to 1 */
export const percent = (share) => new Intl.NumberFormat(language(), { style: "percent" }).format(share);

/** @param {string} iso */
export const moment = (iso) => new Date(iso).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
