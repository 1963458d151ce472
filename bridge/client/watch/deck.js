// The tape deck: live or playing, one clock for all tiles, jumps over gaps, from the past on into live.

import { PlayClock } from "../player/clock.js";
import { nextStart, previousStart, find } from "../player/spans.js";
import { state } from "../state.js";

const TICK_MS = 60;
/** This near to now playing goes over into live. */
const LIVE_MS = 2_500;
/** The clock waits so long for a tile, then goes on without it. */
const PATIENCE_MS = 5_000;
/** A gap of all tiles is skipped after it has been seen so long. */
const SEEN_MS = 500;

export class Deck extends EventTarget {
  /** @param {import("./coverage.js").Coverage} coverage */
  constructor(coverage) {
    super();
    this.coverage = coverage;
    this.clock = new PlayClock(() => performance.now());
    this.live = true;
    this.scrubbing = false;
    /** @type {import("./tile.js").Tile[]} */
    this.tiles = [];
    this.held_since = 0;
    this.gap_since = 0;
    this.timer = window.setInterval(() => this._tick(), TICK_MS);
  }

  /** Where we are, UTC milliseconds. */
  get position_ms() {
    return this.live ? Date.now() : this.clock.position_ms;
  }

  get cameras() {
    return this.tiles.map((tile) => tile.cell?.camera).filter((id) => id && state.may(state.camera(id), "playback"));
  }

  goLive() {
    this.scrubbing = false;
    if (this.live) return;
    this.live = true;
    this.clock.pause();
    this.clock.setRate(1);
    this._restart();
  }

  /** @param {number} utc_ms */
  seek(utc_ms, playing = this.live || this.clock.playing) {
    if (utc_ms > Date.now() - LIVE_MS / 2) {
      this.goLive();
      return;
    }
    this.clock.seek(utc_ms);
    this.held_since = 0;
    this.gap_since = 0;
    const was = this.live;
    this.live = false;
    if (playing) this.clock.play();
    if (was) {
      this.clock.setRate(1);
      this._restart();
    } else this._changed();
  }

  /** The finger is on the time line: key frames follow it. */
  scrub(utc_ms) {
    if (!this.scrubbing) this.was_playing = this.live || this.clock.playing;
    this.scrubbing = true;
    const now = Date.now();
    if (this.live) {
      this.seek(Math.min(utc_ms, now - LIVE_MS), false);
      this.scrubbing = true;
    }
    this.clock.pause();
    this.clock.seek(Math.min(utc_ms, now));
    this._changed();
  }

  endScrub(utc_ms) {
    this.scrubbing = false;
    this.seek(utc_ms, this.was_playing);
  }

  toggle() {
    if (this.live) {
      // Pausing live: the picture stands where it was.
      this.seek(Date.now() - LIVE_MS, false);
    } else if (this.clock.playing) this.clock.pause();
    else this.clock.play();
    this._changed();
  }

  /** @param {number} rate negative: backwards */
  setRate(rate) {
    if (this.live) {
      if (rate >= 1) return;
      this.seek(Date.now() - LIVE_MS, true);
    }
    this.clock.setRate(rate);
    this.clock.play();
    this._changed();
  }

  /** One picture. @param {1 | -1} way @param {import("./tile.js").Tile | undefined} tile whose pictures count */
  step(way, tile) {
    if (this.live) this.seek(Date.now() - LIVE_MS, false);
    const at_ms = this.clock.position_ms;
    this.clock.pause();
    // An empty cell has no pictures: then those of the first that has.
    const shown = [tile, ...this.tiles].find((one) => one?.mode === "footage");
    const player = /** @type {any} */ (shown?.player);
    this.clock.seek(player ? player.neighbour_ms(way, at_ms) : at_ms + way * 40);
    this._changed();
  }

  /** To the next or the one before of the stretches of footage. @param {1 | -1} way */
  jump(way) {
    const spans = this.coverage.all(this.cameras);
    const at = this.position_ms;
    const to = way > 0 ? nextStart(spans, at) : previousStart(spans, at);
    if (to !== null) this.seek(to);
    else if (way > 0) this.goLive();
  }

  /** Sound of one tile; null: of none. @param {import("./tile.js").Tile | null} chosen */
  soundOf(chosen) {
    for (const tile of this.tiles) if (tile.cell && (tile.sound || tile === chosen)) tile.setSound(tile === chosen);
  }

  close() {
    window.clearInterval(this.timer);
    for (const tile of this.tiles) tile.close();
  }

  _tick() {
    if (!this.live) this._keepTime();
    for (const tile of this.tiles) tile.tick();
    this.dispatchEvent(new Event("tick"));
  }

  _keepTime() {
    const now = performance.now();
    const clock = this.clock;
    if (!clock.playing) {
      clock.hold(false);
      return;
    }
    const waiting = this.tiles.some((tile) => tile.holds);
    if (waiting && !this.held_since) this.held_since = now;
    if (!waiting) this.held_since = 0;
    clock.hold(waiting && now - this.held_since < PATIENCE_MS);
    if (clock.rate > 0 && clock.position_ms > Date.now() - LIVE_MS) {
      this.goLive();
      return;
    }
    this._skipGap(now);
  }

  /** Where none of the tiles has footage there is nothing to wait for. */
  _skipGap(now) {
    const shown = this.tiles.filter((tile) => tile.mode === "footage");
    if (!shown.length || !shown.every((tile) => tile.player?.state === "gap")) {
      this.gap_since = 0;
      return;
    }
    this.gap_since ||= now;
    if (now - this.gap_since < SEEN_MS) return;
    this.gap_since = 0;
    const spans = this.coverage.all(this.cameras);
    const at = this.clock.position_ms;
    if (find(spans, at) >= 0) return;
    if (this.clock.rate > 0) {
      const next = nextStart(spans, at);
      if (next !== null) this.clock.seek(next);
      else if (Date.now() - at < 600_000) this.goLive();
      else this.clock.pause();
    } else {
      const before = spans.filter((span) => span[1] <= at).at(-1);
      if (before) this.clock.seek(before[1] - 100);
      else this.clock.pause();
    }
    this._changed();
  }

  _restart() {
    for (const tile of this.tiles) tile.start();
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}
