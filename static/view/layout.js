// @ts-check
/** Where tiles go: arithmetic on rectangles, and nothing of the page. */

/** @typedef {{ left: number, top: number, width: number, height: number }} Rect */

const GAP = 12;
const WIDEST = 16 / 9;

/**
 * One rectangle for each tile, none over another. One of them may be large; the others then stand in a strip beside it.
 * @param {{ width: number, height: number }} room @param {number} count @param {number} [large]  Its index, if any.
 * @returns {Rect[]}
 */
export function arrange({ width, height }, count, large = -1) {
  const whole = { left: 0, top: 0, width, height };
  if (large < 0 || large >= count) return grid(whole, count);
  if (count === 1) return [whole];
  const [stage, strip] = parted(whole);
  const rects = grid(strip, count - 1);
  rects.splice(large, 0, stage);
  return rects;
}

/** The strip is at the right of a wide window and at the bottom of a tall one. @param {Rect} whole @returns {Rect[]} */
function parted({ width, height }) {
  if (width > height) {
    const side = clamp(width * 0.2, 120, 280);
    const left = width - side - GAP;
    return [{ left: 0, top: 0, width: left, height }, { left: left + GAP, top: 0, width: side, height }];
  }
  const below = clamp(height * 0.24, 90, 220);
  const top = height - below - GAP;
  return [{ left: 0, top: 0, width, height: top }, { left: 0, top: top + GAP, width, height: below }];
}

/** As many columns as let the tiles cover most, of a bearable shape; the last row stands in the middle.
 * @param {Rect} area @param {number} count @returns {Rect[]} */
function grid({ left, top, width, height }, count) {
  const narrowest = width > height ? 4 / 3 : 9 / 16;
  const fits = Array.from({ length: count }, (_, index) => fitting(width, height, count, index + 1, narrowest));
  const best = fits.reduce((a, b) => (b.wide * b.high > a.wide * a.high ? b : a), { columns: 1, wide: 0, high: 0 });
  const rows = Math.ceil(count / best.columns);
  const above = (height - rows * best.high - (rows - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / best.columns);
    const inRow = Math.min(best.columns, count - row * best.columns);
    const before = (width - inRow * best.wide - (inRow - 1) * GAP) / 2;
    return {
      left: Math.round(left + before + (index % best.columns) * (best.wide + GAP)),
      top: Math.round(top + above + row * (best.high + GAP)),
      width: best.wide,
      height: best.high,
    };
  });
}

/** @param {number} width @param {number} height @param {number} count @param {number} columns
 * @param {number} narrowest */
function fitting(width, height, count, columns, narrowest) {
  const rows = Math.ceil(count / columns);
  const cellWidth = (width - GAP * (columns - 1)) / columns;
  const cellHeight = (height - GAP * (rows - 1)) / rows;
  const wide = Math.max(0, Math.floor(Math.min(cellWidth, cellHeight * WIDEST)));
  return { columns, wide, high: Math.max(0, Math.floor(Math.min(cellHeight, wide / narrowest))) };
}

/** @param {number} value @param {number} least @param {number} most */
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
