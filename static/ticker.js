// @ts-check
/** A clock that does not slow down while the window is hidden, as those of pages do. Runs as a worker. */

const PER_SECOND = 15;

setInterval(() => postMessage(null), 1000 / PER_SECOND);
