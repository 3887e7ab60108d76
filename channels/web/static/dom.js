/**
 * Builds page elements without HTML strings.
 *
 * Everything shown on the two pages comes from outside (customers, documents, a model), so nothing
 * here parses markup: text becomes text nodes, and attributes are set one by one. Both pages use it.
 */

const SVG = "http://www.w3.org/2000/svg";
const FORBIDDEN = new Set(["style", "innerHTML", "outerHTML", "srcdoc"]);

/**
 * Makes an element.
 * @param {string} tag
 * @param {Object} [props] attributes; `class`, `text`, `data` (dataset) and `on` (listeners) are
 *   special; false, null and undefined leave an attribute out, true sets it empty
 * @param {...(Node|string|null|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  // Children first: with dir=auto set, Chromium looks through all children at each insertion.
  append(node, ...children);
  for (const [name, value] of Object.entries(props)) setProp(node, name, value);
  return node;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (FORBIDDEN.has(name)) throw new Error(`el() does not set ${name}`);
  if (name === "class") node.className = value;
  else if (name === "text") node.textContent = value;
  else if (name === "data") Object.assign(node.dataset, value);
  else if (name === "on") for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/**
 * Appends children, leaving out what is null or false; strings become text nodes.
 * @param {Node} node
 * @param {...(Node|string|null|false|undefined)} children
 */
export function append(node, ...children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
}

/**
 * Finds an element by id, and fails loudly when the page lacks it.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no element #${id}`);
  return node;
}

/** The outlines of the icons, on a 24 by 24 grid. */
const ICONS = {
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M4.5 20.5c.9-3.6 3.9-5.5 7.5-5.5s6.6 1.9 7.5 5.5"],
  send: ["M5 12h14", "M13 6l6 6-6 6"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  back: ["M19 12H5", "M11 6l-6 6 6 6"],
  next: ["M9 6l6 6-6 6"],
  previous: ["M15 6l-6 6 6 6"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  clock: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M12 7v5l3.5 2"],
  alert: ["M12 4 2.8 20h18.4L12 4Z", "M12 10v4.5", "M12 17.4v.1"],
  question: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M9.5 9.5a2.6 2.6 0 1 1 3.7 2.4c-.8.4-1.2.9-1.2 1.8", "M12 16.9v.1"],
  bolt: ["M12 3v3", "M5 9.5A2.5 2.5 0 0 1 7.5 7h9A2.5 2.5 0 0 1 19 9.5v7a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 5 16.5Z", "M9 12v1.5", "M15 12v1.5"],
  document: ["M7 3h7l4 4v14H7Z", "M14 3v4h4", "M10 12h5", "M10 16h5"],
  lock: ["M6 11h12v9H6Z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  clip: ["M19 11.5l-7.3 7.3a4.6 4.6 0 0 1-6.5-6.5l7.8-7.8a3.1 3.1 0 0 1 4.4 4.4L9.7 16.6a1.5 1.5 0 0 1-2.2-2.2l7-7"],
  download: ["M12 4v11", "M7 10.5l5 5 5-5", "M5 20h14"],
  image: ["M4 5h16v14H4Z", "M4 16l4.5-4.5 4 4 3-3L20 17", "M15.5 9.2v.1"],
  thumbUp: ["M7 20V10.5l4-7a2 2 0 0 1 2.6 2.2L13 9.5h5.2a2 2 0 0 1 2 2.4l-1.3 6.5a2 2 0 0 1-2 1.6Z", "M7 11H3.5v9H7"],
  thumbDown: ["M7 4v9.5l4 7a2 2 0 0 0 2.6-2.2l-.6-3.8h5.2a2 2 0 0 0 2-2.4l-1.3-6.5a2 2 0 0 0-2-1.6Z", "M7 13H3.5V4H7"],
};

/**
 * Draws an icon; it is hidden from screen readers, so give its button a name.
 * @param {keyof typeof ICONS} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * Brings the children of `parent` in line with `items`, keeping the nodes (and the focus) of those
 * that were there already.
 * @param {Element} parent
 * @param {Array<T>} items
 * @param {(item: T) => (string|number)} key
 * @param {(item: T) => HTMLElement} make
 * @param {(node: HTMLElement, item: T) => void} update
 * @template T
 */
export function reconcile(parent, items, key, make, update) {
  const focused = document.activeElement;
  const wanted = new Set(items.map((item) => String(key(item))));
  const known = new Map();
  for (const node of [...parent.children]) {
    if (wanted.has(node.dataset.key)) known.set(node.dataset.key, node);
    else node.remove();
  }
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const node = known.get(name) ?? make(item);
    node.dataset.key = name;
    update(node, item);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/**
 * Says a sentence to screen readers through the page's #announcer.
 * @param {string} text
 */
export function announce(text) {
  const node = byId("announcer");
  node.textContent = "";
  requestAnimationFrame(() => { node.textContent = text; });
}

/**
 * Lets a textarea grow with its text, up to the max-height its style sheet gives it.
 * @param {HTMLTextAreaElement} area
 */
export function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}

/**
 * The number of characters as the server counts them (code points, not UTF-16 units).
 * @param {string} text
 * @returns {number}
 */
export function lengthOf(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * The modifier-free key of an event outside text fields, or null.
 * @param {KeyboardEvent} event
 * @returns {string|null}
 */
export function plainKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const target = event.target;
  if (target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog")) return null;
  return event.key;
}
