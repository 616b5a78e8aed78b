// @ts-check
/** The drawings of the page: strokes on a field of 24 by 24, in the colour of the text around them. */

const SHAPES = {
  more: ["M5 12h.01", "M12 12h.01", "M19 12h.01"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  mic: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z", "M5.5 11a6.5 6.5 0 0 0 13 0", "M12 17.5V21"],
  mic_off: [
    "M15 10V6a3 3 0 0 0-5.8-1",
    "M9 9v2a3 3 0 0 0 4.8 2.4",
    "M5.5 11a6.5 6.5 0 0 0 10.4 5.2",
    "M18.5 11a6.5 6.5 0 0 1-.6 2.7",
    "M12 17.5V21",
    "M4 4l16 16",
  ],
  cam: [
    "M4.5 6.5h9A1.5 1.5 0 0 1 15 8v8a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1.5-1.5z",
    "M15 10.8l6-3.3v9l-6-3.3",
  ],
  cam_off: [
    "M10 6.5h3.5A1.5 1.5 0 0 1 15 8v3",
    "M15 15.5v.5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1.5-1.5H6",
    "M15 10.8l6-3.3v9l-3-1.6",
    "M4 3.5l17 17",
  ],
  hand: [
    "M8 12.5V6a1.5 1.5 0 0 1 3 0",
    "M11 11V4.5a1.5 1.5 0 0 1 3 0V11",
    "M14 6.5a1.5 1.5 0 0 1 3 0V14a7 7 0 0 1-7 7c-2.6 0-4.2-1.2-5.5-3.2L2.7 15a1.4 1.4 0 0 1 2.2-1.7L8 16",
    "M11 6v5",
    "M17 11V8.5",
  ],
  chat: [
    "M11 17l-5 3v-3H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2z",
  ],
  people: [
    "M9 5a3.2 3.2 0 1 1 0 6.4A3.2 3.2 0 0 1 9 5z",
    "M3 19.5a6 6 0 0 1 12 0",
    "M15.5 5.4a3.2 3.2 0 0 1 0 5.6",
    "M17.5 14.2a6 6 0 0 1 3.5 5.3",
  ],
  leave: [
    "M3 14c0-5 18-5 18 0v2a1 1 0 0 1-1.2 1l-4-1a1 1 0 0 1-.8-1v-2a12 12 0 0 0-6 0v2a1 1 0 0 1-.8 1l-4 1A1 1 0 0 1 3 16z",
  ],
  link: [
    "M10 14a4 4 0 0 0 5.7 0l3.3-3.3a4 4 0 0 0-5.7-5.7L12 6.3",
    "M14 10a4 4 0 0 0-5.7 0L5 13.3A4 4 0 0 0 10.7 19l1.3-1.3",
  ],
  close: ["M6 6l12 12", "M18 6L6 18"],
  send: ["M20.5 3.5L10 14", "M20.5 3.5L14 20.5l-4-6.5-6.5-4z"],
  lock: [
    "M7 11h10a1.5 1.5 0 0 1 1.5 1.5v6A1.5 1.5 0 0 1 17 20H7a1.5 1.5 0 0 1-1.5-1.5v-6A1.5 1.5 0 0 1 7 11z",
    "M8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  ],
};

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {keyof typeof SHAPES} Icon */

/** Decoration: whoever cannot see it reads the label of what it stands on. @param {Icon} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const d of SHAPES[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
