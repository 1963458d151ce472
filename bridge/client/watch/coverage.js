// What was recorded when, by camera: asked of the service for what the time line shows, kept, and asked again as it grows.

import { joined, nextStart, previousStart, find } from "../player/spans.js";

/** @typedef {import("../player/spans.js").Span} Span */

const FRESH_MS = 8_000;
/** Footage grows in steps of about this; until then what is being recorded is drawn up to now. */
const GROWING_MS = 12_000;

export class Coverage {
  /**
   * @param {(camera: string, from_ms: number, until_ms: number) => Promise<{spans: Span[], growing: boolean}>} ask
   * @param {() => void} onNews
   * @param {() => number} now_ms
   */
  constructor(ask, onNews, now_ms = () => Date.now()) {
    this.ask = ask;
    this.onNews = onNews;
    this.now_ms = now_ms;
    /** @type {Map<string, {from_ms: number, until_ms: number, asked_ms: number, spans: Span[], growing: boolean, busy: boolean}>} */
    this.cameras = new Map();
  }

  /** Spans of a camera as far as they are known. @returns {Span[]} */
  of(camera) {
    const known = this.cameras.get(camera);
    if (!known) return [];
    const last = known.spans.at(-1);
    const now = this.now_ms();
    // What is being recorded ends now, not where the answer of some seconds ago ended.
    if (known.growing && last && now - last[1] < GROWING_MS) return [...known.spans.slice(0, -1), [last[0], now]];
    return known.spans;
  }

  /** All of these together. @param {string[]} cameras @returns {Span[]} */
  all(cameras) {
    return joined(cameras.flatMap((camera) => this.of(camera).map((span) => /** @type {Span} */ ([...span]))), 1000);
  }

  /** Asks for what is missing or old of [from, until). @param {string[]} cameras */
  want(cameras, from_ms, until_ms) {
    const now = this.now_ms();
    for (const camera of cameras) {
      const known = this.cameras.get(camera);
      const covers = known && known.from_ms <= from_ms && known.until_ms >= Math.min(until_ms, known.asked_ms);
      // An answer for a month, asked for a minute, may be coarse.
      const fits = known && known.until_ms - known.from_ms <= 20 * (until_ms - from_ms);
      const old = known && until_ms > known.asked_ms - 60_000 && now - known.asked_ms > FRESH_MS;
      if (known?.busy || (covers && fits && !old)) continue;
      this._ask(camera, from_ms - (until_ms - from_ms), until_ms + (until_ms - from_ms));
    }
  }

  /** All of them are asked again. */
  forget() {
    for (const known of this.cameras.values()) known.asked_ms = 0;
  }

  async _ask(camera, from_ms, until_ms) {
    const known = this.cameras.get(camera) ?? { from_ms: 0, until_ms: 0, asked_ms: 0, spans: [], growing: false, busy: false };
    this.cameras.set(camera, known);
    known.busy = true;
    const asked_ms = this.now_ms();
    try {
      const { spans, growing } = await this.ask(camera, from_ms, Math.min(until_ms, asked_ms + 60_000));
      Object.assign(known, { from_ms, until_ms, asked_ms, spans: joined(spans), growing });
      this.onNews();
    } catch {
      known.asked_ms = asked_ms; // Asked again when it is old.
      Object.assign(known, { from_ms, until_ms });
    } finally {
      known.busy = false;
    }
  }
}

export { find, nextStart, previousStart };
