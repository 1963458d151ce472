// Which piece of footage to fetch next, by where the clock is, how it runs and what is there already.

import { find } from "./spans.js";

/** @typedef {import("./spans.js").Span} Span */
/** @typedef {{from_ms: number, until_ms: number, frames: "all" | "key"}} Piece */

/** A first piece is short: its pictures are waited for. */
const FIRST_MS = 4_000;
const ALL_MS = 10_000;
const AHEAD_ALL_MS = 12_000;
const CRUMB_MS = 3_000;
const MOST_ALL_MS = 60_000;
const MOST_KEY_MS = 3_600_000;

/**
 * @param {{position_ms: number, rate: number, known: Span[], frames: "all" | "key", scrubbing?: boolean, now_ms: number}} asked
 *   known: what was fetched or is known to be empty
 * @returns {Piece | null} null: enough is there
 */
export function nextPiece({ position_ms, rate, known, frames, scrubbing = false, now_ms }) {
  const at = find(known, position_ms);
  if (scrubbing) {
    // One key frame, at or before the place.
    return at >= 0 ? null : { from_ms: position_ms, until_ms: Math.min(position_ms + 1000, now_ms), frames: "key" };
  }
  const speed = Math.abs(rate);
  const ahead_ms = frames === "key" ? Math.max(60_000, speed * 20_000) : AHEAD_ALL_MS * Math.max(1, speed);
  const most_ms = frames === "key" ? MOST_KEY_MS : MOST_ALL_MS;
  const long_ms = Math.min(most_ms, frames === "key" ? ahead_ms : ALL_MS * Math.max(1, speed));
  if (rate < 0) return backward(position_ms, known, at, ahead_ms, long_ms, FIRST_MS * Math.max(1, speed), frames, now_ms);
  const from_ms = at < 0 ? position_ms : known[at][1];
  if (from_ms - position_ms >= ahead_ms || from_ms >= now_ms) return null;
  const wanted_ms = at < 0 ? FIRST_MS * Math.max(1, speed) : long_ms;
  // Up to the next thing that is known already, no further.
  const next = known.find((span) => span[0] > from_ms);
  const until_ms = Math.min(from_ms + wanted_ms, now_ms, next ? next[0] : Infinity);
  // Close behind the growing end: not a crumb every moment, each with its GOP from the beginning.
  if (until_ms === now_ms && until_ms - from_ms < CRUMB_MS && from_ms - position_ms > 4_000 * Math.max(1, speed)) return null;
  return { from_ms, until_ms, frames };
}

/** @returns {Piece | null} */
function backward(position_ms, known, at, ahead_ms, long_ms, first_ms, frames, now_ms) {
  const until_ms = at < 0 ? Math.min(position_ms + 500, now_ms) : known[at][0];
  if (position_ms - until_ms >= ahead_ms) return null;
  const before = known.filter((span) => span[1] <= until_ms - 1).at(-1);
  const from_ms = Math.max(until_ms - (at < 0 ? Math.min(long_ms, first_ms) : long_ms), before ? before[1] : 0);
  return until_ms > from_ms ? { from_ms, until_ms, frames } : null;
}

/** Whether a piece on its way is still of use: the clock is in it, or about to be. @param {Piece} piece */
export function stillWanted(piece, position_ms, rate, frames) {
  if (piece.frames !== frames) return false;
  const reach = (piece.until_ms - piece.from_ms) * 2 + 20_000 * Math.max(1, Math.abs(rate));
  return rate < 0
    ? piece.from_ms <= position_ms && position_ms - piece.until_ms < reach
    : position_ms < piece.until_ms && piece.from_ms - position_ms < reach;
}
