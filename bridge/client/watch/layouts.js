// Layouts of the grid, and the cells of a view. No DOM here.

/** Layout -> cells, columns, rows, and how many of both the first cell takes. */
export const LAYOUTS = {
  1: { cells: 1, columns: 1, rows: 1, big: 1 },
  4: { cells: 4, columns: 2, rows: 2, big: 1 },
  6: { cells: 6, columns: 3, rows: 3, big: 2 },
  9: { cells: 9, columns: 3, rows: 3, big: 1 },
  16: { cells: 16, columns: 4, rows: 4, big: 1 },
};

/** @typedef {{camera: string, stream: string}} Cell */

/** The smallest layout that holds so many. @returns {string} */
export function layoutFor(count) {
  return Object.keys(LAYOUTS).find((name) => LAYOUTS[name].cells >= count) ?? "16";
}

/** As many cells as the layout has; surplus ones are left out, missing ones are empty. @param {(Cell | null)[]} cells @returns {(Cell | null)[]} */
export function fitted(cells, layout) {
  const count = (LAYOUTS[layout] ?? LAYOUTS[4]).cells;
  return Array.from({ length: count }, (_, i) => (cells[i]?.camera ? cells[i] : null));
}

/** A camera into a cell: what was in the cell takes its old place. @param {(Cell | null)[]} cells */
export function placed(cells, index, camera) {
  const out = cells.slice();
  const old = out.findIndex((cell) => cell?.camera === camera);
  const before = out[index];
  out[index] = old >= 0 ? out[old] : { camera, stream: "" };
  if (old >= 0 && old !== index) out[old] = before;
  return out;
}

/** The first empty cell, or -1. @param {(Cell | null)[]} cells */
export function firstEmpty(cells) {
  return cells.findIndex((cell) => !cell);
}
