// Make elements. Text becomes text nodes only: nothing of this page ever parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; `on*` properties are listeners, null and false leave an attribute out. */
export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** Return an element of a picture. */
export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Write text where it differs, so that what has not changed is not laid out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute where it differs. */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const waiting = new Set();

/** Run `paint` once before the next frame, however often it is asked for until then. */
export function beforeFrame(paint) {
  if (waiting.size === 0) requestAnimationFrame(flush);
  waiting.add(paint);
}

function flush() {
  const paints = [...waiting];
  waiting.clear();
  for (const paint of paints) paint();
}
