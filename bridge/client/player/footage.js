// Recorded video of one stream, following the common clock: pieces of footage into the browser's decoder.
//
// Media times are UTC; `base_s` (a midnight) is taken off, so that currentTime stays small and exact.

import { keyFramesOnly } from "./clock.js";
import { PictureTimes } from "./pictures.js";
import { nextPiece, stillWanted } from "./pieces.js";
import { Source } from "./source.js";
import { find, joined, without } from "./spans.js";

/** @typedef {"loading" | "shown" | "gap" | "refused" | "failed"} FootageState */

const DAY_S = 86_400;
const KEEP_BEHIND_S = 40;
const KEEP_AHEAD_S = 150;
/** A picture may be so far from the clock before the player seeks. */
const DRIFT_S = 0.35;
/** A hole so short is none. */
const HOLE_S = 0.5;
/** At the growing end we ask again after so long. */
const GROWING_MS = 1_000;
const RETRY_MS = 2_000;

export class FootagePlayer {
  /**
   * @param {HTMLVideoElement} video
   * @param {{camera: string, stream: string, onState: (state: FootageState, more: {reason?: string}) => void,
   *   fetcher: (path: string, signal: AbortSignal) => Promise<Response>, fps?: number, now_ms?: () => number}} how
   */
  constructor(video, { camera, stream, onState, fetcher, fps = 25, now_ms = () => Date.now() }) {
    Object.assign(this, { video, camera, stream, onState, fetcher, fps, now_ms });
    this.state = "";
    this.closed = false;
    this.source = /** @type {Source | null} */ (null);
    this.base_s = 0;
    this.frames = /** @type {"all" | "key"} */ ("all");
    this.times = new PictureTimes();
    /** @type {import("./spans.js").Span[]} */
    this.known = [];
    this.fetching = /** @type {{piece: import("./pieces.js").Piece, abort: AbortController} | null} */ (null);
    this.not_before = 0;
    this.picture_s = NaN;
    this.pictures = 0;
    video.pause();
    this._watchPictures();
  }

  /** Waits for pictures that should be there. */
  get loading() {
    return this.state === "loading" || this.state === "";
  }

  /** When the shown picture was captured, UTC milliseconds; null: none is shown. */
  get shown_utc_ms() {
    return this.state === "shown" && !Number.isNaN(this.picture_s) ? (this.picture_s + this.base_s) * 1000 : null;
  }

  /**
   * Goes where the clock is. Called several times a second.
   * @param {import("./clock.js").PlayClock} clock
   * @param {boolean} scrubbing
   */
  follow(clock, scrubbing) {
    if (this.closed || this.state === "refused") return;
    const position_ms = clock.position_ms;
    const frames = scrubbing || (clock.playing && keyFramesOnly(clock.rate)) ? "key" : "all";
    if (!this.source || frames !== this.frames || Math.abs(position_ms / 1000 - this.base_s - DAY_S / 2) > DAY_S) {
      this._anew(position_ms, frames);
    }
    this._load(clock, position_ms, scrubbing);
    this._show(clock, position_ms / 1000 - this.base_s, position_ms, frames, scrubbing);
  }

  /**
   * Where the picture before or after the shown one is, UTC milliseconds.
   * @param {1 | -1} way
   */
  neighbour_ms(way, position_ms) {
    const at_s = this.base_s + (Number.isNaN(this.picture_s) ? position_ms / 1000 - this.base_s : this.picture_s);
    // Where the fragments do not tell, a guess by the frame rate.
    return 1000 * (this.times.neighbour_s(way, at_s) ?? at_s + (way > 0 ? 1.5 : -0.5) / (this.fps || 25));
  }

  close() {
    this.closed = true;
    this.fetching?.abort.abort();
    this.source?.close();
  }

  /** Everything from the beginning: another day, other frames, a broken buffer. */
  _anew(position_ms, frames) {
    this.fetching?.abort.abort();
    this.fetching = null;
    this.known = [];
    this.times.clear();
    this.frames = frames;
    const base_s = Math.floor(position_ms / 1000 / DAY_S) * DAY_S;
    if (this.source && !this.source.closed && base_s === this.base_s) {
      this.source.reset();
      this.source.remove(0, Infinity);
      return;
    }
    this.source?.close();
    this.base_s = base_s;
    this.source = new Source(this.video, (error) => this._broken(error));
  }

  _broken(error) {
    if (this.closed) return;
    this.source = null;
    this.not_before = performance.now() + RETRY_MS;
    this._say("failed", { reason: String(/** @type {any} */ (error)?.message ?? error) });
  }

  _load(clock, position_ms, scrubbing) {
    const busy = this.fetching;
    if (busy && stillWanted(busy.piece, position_ms, clock.rate, this.frames)) return;
    if (busy && scrubbing) return; // The newest place of the scrubbing comes when this key frame is in.
    if (busy) {
      busy.abort.abort();
      this.fetching = null;
      this.source?.reset();
    }
    if (performance.now() < this.not_before) return;
    const piece = nextPiece({
      position_ms: Math.floor(position_ms),
      rate: clock.playing ? clock.rate : 1,
      known: this.known,
      frames: this.frames,
      scrubbing,
      now_ms: this.now_ms(),
    });
    if (piece && piece.until_ms > piece.from_ms) this._fetch(piece);
  }

  async _fetch(piece) {
    const mine = { piece, abort: new AbortController() };
    this.fetching = mine;
    const query = new URLSearchParams({
      from: String(Math.floor(piece.from_ms)),
      until: String(Math.ceil(piece.until_ms)),
      frames: piece.frames,
    });
    const path = `/api/v1/footage/${encodeURIComponent(this.camera)}/${encodeURIComponent(this.stream)}?${query}`;
    try {
      const response = await this.fetcher(path, mine.abort.signal);
      if (response.status === 404) await this._nothing(piece, response);
      else if (!response.ok) throw new Error(`HTTP ${response.status}`);
      else await this._take(mine, response);
    } catch (error) {
      if (mine.abort.signal.aborted || this.closed) return;
      this.not_before = performance.now() + RETRY_MS;
      this._say("failed", { reason: String(/** @type {any} */ (error)?.message ?? error) });
    } finally {
      if (this.fetching === mine) this.fetching = null;
    }
  }

  async _take(mine, response) {
    const mime = response.headers.get("X-Footage-Mime") ?? "";
    const source = this.source;
    const Kind = /** @type {any} */ (source)?.media.constructor;
    if (!source || !Kind.isTypeSupported(mime)) {
      mine.abort.abort();
      this._say("refused", { reason: mime });
      return;
    }
    await source.begin(mime, -this.base_s);
    this.times.begin();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (this.fetching !== mine || this.closed) return;
      if (done) break;
      this.times.feed(value);
      source.append(value);
    }
    this.times.end();
    await source.settled();
    if (this.fetching !== mine) return;
    const from_ms = time(response.headers.get("X-Footage-From")) ?? mine.piece.from_ms;
    const until_ms = time(response.headers.get("X-Footage-Until")) ?? mine.piece.until_ms;
    const next_ms = time(response.headers.get("X-Footage-Next"));
    this._know(mine.piece, Math.min(from_ms, mine.piece.from_ms), until_ms, next_ms);
  }

  async _nothing(piece, response) {
    const problem = await response.json().catch(() => ({}));
    this._know(piece, piece.from_ms, piece.from_ms, time(problem.next));
  }

  /** Up to `until_ms` it is here; up to `next_ms` there is nothing. */
  _know(piece, from_ms, until_ms, next_ms) {
    const growing = this.now_ms() - piece.until_ms < 5_000;
    let end_ms = until_ms;
    if (next_ms !== null && next_ms > until_ms) end_ms = Math.min(next_ms, Math.max(piece.until_ms, until_ms));
    else if (!growing) end_ms = Math.max(until_ms, next_ms === until_ms ? until_ms : piece.until_ms);
    if (growing && end_ms < piece.until_ms) this.not_before = performance.now() + GROWING_MS;
    this.known = joined([...this.known, [from_ms, end_ms]], 1);
  }

  _show(clock, target_s, position_ms, frames, scrubbing) {
    const source = this.source;
    if (!source) return;
    const video = this.video;
    // A key frame stands until the next one.
    const end = source.endAt(target_s, 0.15) ?? (frames === "key" ? this._keyBefore(target_s) : null);
    if (end === null) {
      if (!video.paused) video.pause();
      if (find(this.known, position_ms) >= 0) this._say("gap");
      else if (!scrubbing && this.state !== "failed") this._say("loading");
      return;
    }
    const playing = clock.running && frames === "all" && clock.rate > 0;
    if (playing) this._play(clock.rate, target_s);
    else this._seek(target_s, end);
    if (video.readyState >= 2) this._say("shown");
    else if (this.state !== "shown") this._say("loading");
    this._trim(target_s, frames);
  }

  _play(rate, target_s) {
    const video = this.video;
    this._overHole();
    const drift_s = target_s - video.currentTime;
    if (Math.abs(drift_s) > DRIFT_S * Math.max(1, rate)) {
      if (!video.seeking) video.currentTime = target_s;
    }
    const wanted = rate * (1 + Math.max(-0.1, Math.min(0.1, drift_s * 0.5)));
    if (Math.abs(video.playbackRate - wanted) > 0.02 * rate) video.playbackRate = Math.max(0.1, wanted);
    if (video.paused) video.play().catch(() => {});
  }

  /** Where two pieces meet sound may lack for a few samples; a player would stand there. */
  _overHole() {
    const { video } = this;
    const ranges = this.source?.buffered;
    if (!ranges || video.readyState >= 3 || video.seeking) return;
    for (let i = 1; i < ranges.length; i += 1) {
      const hole_s = ranges.start(i) - ranges.end(i - 1);
      if (hole_s < HOLE_S && Math.abs(video.currentTime - ranges.end(i - 1)) < 0.1) video.currentTime = ranges.start(i) + 0.001;
    }
  }

  _seek(target_s, end) {
    const video = this.video;
    if (!video.paused) video.pause();
    if (video.seeking) return;
    const at = Math.min(target_s, end - 0.001);
    if (Math.abs(video.currentTime - at) > 0.004) video.currentTime = at;
  }

  /** The end of the newest buffered stretch before the time, when it is near enough to stand for it. */
  _keyBefore(target_s) {
    const ranges = this.source?.buffered;
    let end = null;
    for (let i = 0; ranges && i < ranges.length; i += 1) {
      if (ranges.start(i) <= target_s + 0.15 && target_s - ranges.end(i) < 12) end = ranges.end(i);
    }
    return end;
  }

  _trim(target_s, frames) {
    const ranges = this.source?.buffered;
    if (!this.source || !ranges || !ranges.length || this.fetching) return;
    const wide = frames === "key" ? 40 : 1;
    const low = target_s - KEEP_BEHIND_S * wide;
    const high = target_s + KEEP_AHEAD_S * wide;
    if (ranges.start(0) < low - 20) {
      this.source.remove(0, low);
      this.known = without(this.known, 0, (low + this.base_s) * 1000);
    }
    if (ranges.end(ranges.length - 1) > high + 20) {
      this.source.remove(high, Infinity);
      this.known = without(this.known, (high + this.base_s) * 1000, Infinity);
    }
  }

  /** Which picture is on the screen, where the browser tells. */
  _watchPictures() {
    const video = /** @type {any} */ (this.video);
    if (!video.requestVideoFrameCallback) return;
    const seen = (_now, frame) => {
      if (this.closed) return;
      this.picture_s = frame.mediaTime;
      this.pictures += 1;
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }

  _say(state, more = {}) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state, more);
  }
}

/** RFC 3339 or milliseconds -> milliseconds; null: nothing. */
function time(value) {
  if (value === null || value === undefined || value === "") return null;
  const text = String(value);
  // To the millisecond: that is all that every browser reads.
  const number = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(number) ? null : number;
}
