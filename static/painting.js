// @ts-check
/**
 * All tiles in one picture, as on the stage: screens large, whoever shows no picture as a coloured disc, names on all.
 *
 * Has videos of its own, outside of the page, so that it does not matter what the page shows of them. Nobody is
 * mirrored here: others see us as we are.
 */

import { arrange } from "./view/layout.js";
import { initials } from "./view/tile.js";

/**
 * @typedef {object} Face  A tile, as it is painted.
 * @property {string} key
 * @property {string} name
 * @property {number} hue  One of eight.
 * @property {string | null} avatar  The address of a picture.
 * @property {MediaStreamTrack | null} track  Null while there is nothing to be seen.
 * @property {boolean} screen
 */
/** @typedef {import("./view/layout.js").Rect} Rect */

export const SIZE = { width: 1280, height: 720 };
const MARGIN = 12;
const GROUND = "#0e1213", TILE = "#20282a", INK = "#ffffff", LABEL = "rgb(8 14 13 / 62%)";
const HUES = [168, 212, 268, 330, 12, 36, 96, 190];
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export class Painter {
  #canvas = document.createElement("canvas");
  /** @type {CanvasRenderingContext2D} */
  #brush;
  #videos = /** @type {Map<MediaStreamTrack, HTMLVideoElement>} */ (new Map());
  #pictures = /** @type {Map<string, HTMLImageElement>} */ (new Map());

  constructor() {
    Object.assign(this.#canvas, SIZE);
    const brush = this.#canvas.getContext("2d", { alpha: false }); // what is transparent takes twice the room
    if (!brush) throw new Error("This browser has no canvas.");
    this.#brush = brush;
  }

  /** @param {number} perSecond */
  stream(perSecond) {
    return this.#canvas.captureStream(perSecond);
  }

  /** @param {Face[]} faces */
  paint(faces) {
    this.#follow(faces);
    const inner = { width: SIZE.width - 2 * MARGIN, height: SIZE.height - 2 * MARGIN };
    const rects = arrange(inner, faces.length, faces.findIndex(({ screen }) => screen));
    this.#brush.fillStyle = GROUND;
    this.#brush.fillRect(0, 0, SIZE.width, SIZE.height);
    faces.forEach((face, index) => {
      const { left, top, width, height } = rects[index];
      this.#tile(face, { left: left + MARGIN, top: top + MARGIN, width, height });
    });
  }

  close() {
    this.#follow([]);
  }

  /** One video for each track that is to be seen. @param {Face[]} faces */
  #follow(faces) {
    const wanted = new Set(faces.map(({ track }) => track));
    for (const [track, video] of this.#videos) {
      if (wanted.has(track)) continue;
      video.srcObject = null;
      this.#videos.delete(track);
    }
    for (const track of wanted) {
      if (!track || this.#videos.has(track)) continue;
      const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
      video.srcObject = new MediaStream([track]);
      video.play().catch(() => null); // it may be gone before it has begun
      this.#videos.set(track, video);
    }
  }

  /** @param {Face} face @param {Rect} rect */
  #tile(face, rect) {
    const brush = this.#brush;
    brush.save();
    brush.beginPath();
    brush.roundRect(rect.left, rect.top, rect.width, rect.height, 14);
    brush.clip();
    brush.fillStyle = TILE;
    brush.fillRect(rect.left, rect.top, rect.width, rect.height);
    const video = face.track && this.#videos.get(face.track);
    if (video && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#moving(video, rect, face.screen);
    else if (!face.screen) this.#still(face, rect);
    this.#label(face.name, rect);
    brush.restore();
  }

  /** A face fills its tile, a screen is seen whole. @param {HTMLVideoElement} video @param {Rect} rect
   * @param {boolean} whole */
  #moving(video, { left, top, width, height }, whole) {
    const across = width / video.videoWidth, down = height / video.videoHeight;
    const scale = whole ? Math.min(across, down) : Math.max(across, down);
    const wide = video.videoWidth * scale, high = video.videoHeight * scale;
    this.#brush.drawImage(video, left + (width - wide) / 2, top + (height - high) / 2, wide, high);
  }

  /** @param {Face} face @param {Rect} rect */
  #still({ avatar, hue, name }, { left, top, width, height }) {
    const brush = this.#brush, x = left + width / 2, y = top + height / 2;
    const radius = Math.min(width, height) * 0.24;
    brush.beginPath();
    brush.arc(x, y, radius, 0, 2 * Math.PI);
    brush.fillStyle = `hsl(${HUES[hue]} 38% 38%)`;
    brush.fill();
    const picture = avatar === null ? null : this.#picture(avatar);
    if (picture?.complete && picture.naturalWidth > 0) {
      brush.clip();
      brush.drawImage(picture, x - radius, y - radius, 2 * radius, 2 * radius);
    } else this.#words(initials(name), x, y, radius * 0.8, "center");
  }

  /** @param {string} url */
  #picture(url) {
    const known = this.#pictures.get(url);
    if (known) return known;
    const image = Object.assign(new Image(), { src: url });
    this.#pictures.set(url, image);
    return image;
  }

  /** @param {string} name @param {Rect} rect */
  #label(name, { left, top, width, height }) {
    const brush = this.#brush, size = 20;
    brush.font = `600 ${size}px ${FONT}`;
    const wide = Math.min(brush.measureText(name).width, width - 44);
    brush.fillStyle = LABEL;
    brush.beginPath();
    brush.roundRect(left + 10, top + height - 46, wide + 24, 36, 10);
    brush.fill();
    brush.beginPath();
    brush.rect(left + 22, top + height - 46, wide, 36); // a long name ends at its edge
    brush.clip();
    this.#words(name, left + 22, top + height - 28, size, "left");
  }

  /** @param {string} words @param {number} x @param {number} y @param {number} size @param {CanvasTextAlign} align */
  #words(words, x, y, size, align) {
    const brush = this.#brush;
    brush.font = `600 ${Math.round(size)}px ${FONT}`;
    brush.fillStyle = INK;
    brush.textAlign = align;
    brush.textBaseline = "middle";
    brush.fillText(words, x, y);
  }
}
