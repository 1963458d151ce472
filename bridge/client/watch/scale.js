// The scale of the time line: time <-> pixels, and where its marks are. No DOM here.

import { dayName, monthName, moment, parts, clockTime, shortTime } from "../times.js";

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

export const LEAST_SPAN_MS = 10 * S;
export const MOST_SPAN_MS = 40 * D;

/** [length of a step, length between labelled ones] */
const STEPS = [
  [S, 5 * S], [5 * S, 15 * S], [5 * S, 30 * S], [15 * S, MIN], [MIN, 5 * MIN], [MIN, 10 * MIN], [5 * MIN, 30 * MIN], [15 * MIN, H],
  [30 * MIN, 3 * H], [H, 6 * H], [3 * H, 12 * H], [6 * H, D], [D, 2 * D], [D, 7 * D],
];

export class Scale {
  constructor(from_ms, until_ms, width_px) {
    this.from_ms = from_ms;
    this.until_ms = until_ms;
    this.width_px = Math.max(1, width_px);
  }

  get span_ms() {
    return this.until_ms - this.from_ms;
  }

  /** @returns {number} pixels from the left */
  x(ms) {
    return ((ms - this.from_ms) / this.span_ms) * this.width_px;
  }

  /** @returns {number} */
  time(x) {
    return this.from_ms + (x / this.width_px) * this.span_ms;
  }

  /** Longer or shorter by `factor`, with the time at pixel `x` staying there. */
  zoomed(factor, x) {
    const span = Math.max(LEAST_SPAN_MS, Math.min(MOST_SPAN_MS, this.span_ms * factor));
    const from = this.time(x) - (x / this.width_px) * span;
    return new Scale(from, from + span, this.width_px);
  }

  moved(by_ms) {
    return new Scale(this.from_ms + by_ms, this.until_ms + by_ms, this.width_px);
  }

  /**
   * @param {number} [label_px] room that a label needs
   * @returns {{at_ms: number, x: number, label: string, day: boolean}[]} label: "" for a small mark
   */
  marks(label_px = 72) {
    const per_px = this.span_ms / this.width_px;
    const [small, large] = STEPS.find(([, long]) => long / per_px >= label_px) ?? STEPS[STEPS.length - 1];
    const out = [];
    const p = parts(this.from_ms);
    // Steps are counted from a midnight of the zone, so that they fall on full hours in every one.
    let midnight = moment(p.year, p.month, p.day);
    for (let days = 0; days < 60 && midnight < this.until_ms; days += 1) {
      const next = moment(p.year, p.month, p.day + days + 1);
      const first = Math.max(0, Math.floor((this.from_ms - midnight) / small)) * small;
      for (let at = midnight + first; at < Math.min(next, this.until_ms); at += small) {
        if (at < this.from_ms) continue;
        const day = at === midnight;
        const named = large >= D ? day && dayNumber(at) % Math.round(large / D) === 0 : (at - midnight) % large === 0;
        out.push({ at_ms: at, x: this.x(at), label: named ? label(at, day, large) : "", day });
        if (out.length > 2000) return out;
      }
      midnight = next;
    }
    return out;
  }

  /** What stands at the left: the day, or the month. */
  title() {
    const middle = (this.from_ms + this.until_ms) / 2;
    return this.span_ms > 6 * D ? monthName(middle) : dayName(this.from_ms);
  }
}

function dayNumber(ms) {
  const p = parts(ms);
  return Math.round(Date.UTC(p.year, p.month - 1, p.day) / D);
}

function label(at, day, large) {
  if (day) return dayName(at);
  return large < MIN ? clockTime(at) : shortTime(at);
}
