// Our own icons: strokes on a grid of 24.

import { svg } from "./dom.js";

const PATHS = {
  live: "M3 5h18v12H3z M9 21h6 M12 17v4",
  exports: "M12 3v11 M8 10l4 4 4-4 M4 17v3h16v-3",
  camera: "M3 8h11v9H3z M14 11l6-3v9l-6-3z",
  users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6 M16 4.5a3.2 3.2 0 0 1 0 6 M18 14.5c2.2.8 3.5 2.9 3.5 5.5",
  key: "M8 15a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M12 11h9v3 M17 11v3",
  storage: "M4 6c0-1.4 3.6-2.5 8-2.5S20 4.6 20 6s-3.6 2.5-8 2.5S4 7.4 4 6z M4 6v12c0 1.4 3.6 2.5 8 2.500s8-1.1 8-2.500V6 M4 12c0 1.4 3.6 2.5 8 2.500s8-1.1 8-2.5",
  certificate: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6z M9 12l2 2 4-4",
  health: "M3 12h4l2.5-7 4 14 2.5-7h5",
  logout: "M10 4H4v16h6 M14 8l4 4-4 4 M18 12H9",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M9.5 9.500a2.5 2.5 0 1 1 3.7 2.200c-.8.4-1.2 1-1.2 1.8 M12 16.800v.1",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M12 2v2 M12 20v2 M2 12h2 M20 12h2 M5 5l1.4 1.4 M17.6 17.600L19 19 M19 5l-1.4 1.4 M6.4 17.600L5 19",
  moon: "M20 14.500A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.500z",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M3 12h18 M12 3c5 5 5 13 0 18 M12 3c-5 5-5 13 0 18",
  play: "M7 4.500l12 7.5-12 7.500z",
  pause: "M8 5v14 M16 5v14",
  reverse: "M17 4.500L5 12l12 7.500z",
  stepForward: "M7 5l8 7-8 7z M18 5v14",
  stepBack: "M17 5l-8 7 8 7z M6 5v14",
  jumpForward: "M4 6l7 6-7 6z M12 6l7 6-7 6z",
  jumpBack: "M20 6l-7 6 7 6z M12 6l-7 6 7 6z",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  minus: "M5 12h14",
  plus: "M12 5v14 M5 12h14",
  calendar: "M4 6h16v14H4z M4 10.500h16 M8 3v4 M16 3v4",
  snapshot: "M4 8h4l1.5-2.500h5L16 8h4v11H4z M12 16.500a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400z",
  sound: "M4 9.500h3.500L12 5.500v13L7.5 14.500H4z M15 9a4 4 0 0 1 0 6 M17.5 6.500a8 8 0 0 1 0 11",
  mute: "M4 9.500h3.500L12 5.500v13L7.5 14.500H4z M16 9.500l5 5 M21 9.500l-5 5",
  full: "M4 9V4h5 M20 9V4h-5 M4 15v5h5 M20 15v5h-5",
  unfull: "M9 4v5H4 M15 4v5h5 M9 20v-5H4 M15 20v-5h5",
  close: "M6 6l12 12 M18 6L6 18",
  layers: "M12 4l9 5-9 5-9-5z M3 14l9 5 9-5",
  save: "M5 4h11l3 3v13H5z M8 4v5h7V4 M8 20v-6h8v6",
  star: "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8z",
  share: "M8 12a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z M21 5.500a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z M21 18.500a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z M8 11l8-4.5 M8 13l8 4.5",
  trash: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  edit: "M4 20l1-4.500L16.5 4 20 7.5 8.5 19z",
  warning: "M12 4l9.5 16h-19z M12 10v4.5 M12 17.300v.1",
  check: "M5 12.500l4.5 4.500L19 7.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z M15.5 15.500L21 21",
  list: "M8 6h12 M8 12h12 M8 18h12 M4 6h.1 M4 12h.1 M4 18h.1",
  download: "M12 4v10 M8 10.500l4 4 4-4 M5 20h14",
  copy: "M9 9h11v11H9z M5 15H4V4h11v1",
  lock: "M6 11h12v9H6z M8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  more: "M5 12h.1 M12 12h.1 M19 12h.1",
};

/** @param {string} name @returns {SVGElement} hidden from screen readers: its button has the words */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: PATHS[name] ?? "" }));
}

export const LOGO = "M3 12c4.5-6.5 13.5-6.5 18 0-4.5 6.5-13.5 6.5-18 0z M12 15.200a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400z M3 19.500h18";

export function logo() {
  return svg("svg", { viewBox: "0 0 24 24", class: "logo", "aria-hidden": "true" }, svg("path", { d: LOGO }));
}
