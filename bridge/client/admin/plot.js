// Small plots of numbers over time: one filled line or several, with a scale and what lies under the pointer.

import { h, svg } from "../dom.js";
import { shortTime, clockTime } from "../times.js";

const PHONE = 360;
const HALF = 600;
const WIDE = 1120;
const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 20;
const TOP = 8;

/**
 * @param {{title: string, times: number[], lines: {name: string, values: (number | null)[]}[], format: (value: number) => string, most?: number, wide?: boolean}} how
 *   most: the scale reaches at least to here; wide: as wide as the page
 */
export function plot({ title, times, lines, format, most = 0, wide = false }) {
  const WIDTH = innerWidth <= 760 ? PHONE : wide ? WIDE : HALF;
  const values = lines.flatMap((line) => line.values.filter((value) => value !== null && value !== undefined));
  const top = niceTop(Math.max(most, ...values, 0));
  const first = times[0] ?? 0;
  const last = times.at(-1) ?? 1;
  const x = (ms) => LEFT + ((ms - first) / Math.max(1, last - first)) * (WIDTH - LEFT - 8);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const marks = [0, top / 2, top].map((value) => [
    svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "plot-line" }),
    svg("text", { x: LEFT - 6, y: y(value) + 4, class: "plot-text", "text-anchor": "end" }, format(value)),
  ]);
  const hours = times.length > 1 ? (WIDTH === PHONE ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => first + (last - first) * part) : [];
  const pointer = svg("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "plot-pointer", visibility: "hidden" });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "img", "aria-label": `${title}: ${lines.map((line) => `${line.name} ${format(line.values.at(-1) ?? 0)}`).join(", ")}` },
    marks,
    hours.map((at, i) => svg("text", { x: x(at), y: HEIGHT - 5, class: "plot-text", "text-anchor": i === 0 ? "start" : i === hours.length - 1 ? "end" : "middle" }, shortTime(at))),
    lines.map((line, i) => [
      lines.length === 1 ? svg("path", { d: area(times, line.values, x, y), class: "plot-area" }) : null,
      svg("path", { d: path(times, line.values, x, y), class: `plot-path c${i % 5}` }),
    ]),
    pointer,
  );
  const told = h("output", { class: "plot-told" }, now());
  function now(at = times.length - 1) {
    return lines.map((line) => `${lines.length > 1 ? `${line.name} ` : ""}${line.values[at] === null || line.values[at] === undefined ? "–" : format(line.values[at])}`).join(" · ");
  }
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const at = first + ((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - 8)) * (last - first);
    let nearest = 0;
    times.forEach((time, i) => {
      if (Math.abs(time - at) < Math.abs(times[nearest] - at)) nearest = i;
    });
    pointer.setAttribute("x1", x(times[nearest]));
    pointer.setAttribute("x2", x(times[nearest]));
    pointer.setAttribute("visibility", "visible");
    told.textContent = `${clockTime(times[nearest])}  ${now(nearest)}`;
  });
  picture.addEventListener("pointerleave", () => {
    pointer.setAttribute("visibility", "hidden");
    told.textContent = now();
  });
  const names = lines.length > 1 ? h("ul", { class: "legend" }, lines.map((line, i) => h("li", { class: `c${i % 5}` }, line.name))) : null;
  return h("figure", { class: "card plot-card" }, h("figcaption", {}, h("h2", {}, title), told), picture, names);
}

function path(times, values, x, y) {
  let out = "";
  let pen = false;
  times.forEach((time, i) => {
    const value = values[i];
    if (value === null || value === undefined) pen = false;
    else {
      out += `${pen ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
    }
  });
  return out;
}

function area(times, values, x, y) {
  const line = path(times, values.map((value) => value ?? 0), x, y);
  return line ? `${line}L${x(times.at(-1)).toFixed(1)} ${y(0)}L${x(times[0]).toFixed(1)} ${y(0)}Z` : "";
}

/** 1, 2, 5 times a power of ten. @param {number} value */
export function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= value * 0.999) ?? value;
}

/** A bar with a text: how full something is. */
export function meter(part, label) {
  const percent = Math.round(Math.max(0, Math.min(1, part)) * 100);
  return h("div", { class: `meter ${percent > 95 ? "bad" : percent > 85 ? "warn" : ""}`, role: "meter", "aria-valuenow": String(percent), "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": label }, h("i", { style: { width: `${percent}%` } }));
}
