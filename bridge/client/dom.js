// Elements are made one by one, never from markup: everything that comes from outside is text.

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `on` has listeners, `class`, `style` (an object), `ref` gets the element; false and null are left out
 * @param {...any} children elements, texts, arrays of both; null and false are left out
 * @returns {any} HTMLElement; any, for what each tag has of its own
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "ref") value(element);
    else if (name in element && !name.startsWith("aria") && typeof value !== "string") /** @type {any} */ (element)[name] = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Other children instead of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} tag @param {Record<string, any>} props @returns {any} */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  add(element, children);
  return element;
}

let numbers = 0;
/** For labels. */
export function freshId(prefix = "i") {
  numbers += 1;
  return `${prefix}${numbers}`;
}
