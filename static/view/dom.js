// @ts-check
/** Making elements. Text becomes text nodes and nothing else, so no word of anybody's is ever read as HTML. */

/** @typedef {string | number | Node | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props]  Functions listen, true stands alone, false and null are left out.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else set(element, name, value);
  }
  element.append(...children.filter(isThere).map(asNode));
  return element;
}

/** @param {Element} element @param {string} name @param {string | number | boolean | null | undefined} value */
export function set(element, name, value) {
  const text = value === true ? "" : String(value);
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Only when it differs: what has not changed is not announced again. @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of `parent` show `items`, one each, moving as few as possible (a moved video stops).
 * @template T
 * @template {Element} E
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => E} make
 * @param {(element: E, item: T, before: T | undefined) => void} update
 */
export function reconcile(parent, items, keyOf, make, update) {
  const keys = new Set(items.map(keyOf));
  const there = new Map([...parent.children].map((child) => [child.getAttribute("data-key"), child]));
  there.forEach((child, key) => key !== null && keys.has(key) || child.remove());
  items.forEach((item, index) => {
    const key = keyOf(item);
    const element = /** @type {E} */ (there.get(key) ?? make(item));
    set(element, "data-key", key);
    update(element, item, items[index - 1]);
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

/** @param {Child} child @returns {child is string | number | Node} */
const isThere = (child) => child !== null && child !== undefined && child !== false;

/** @param {string | number | Node} child */
const asNode = (child) => (child instanceof Node ? child : document.createTextNode(String(child)));
