// Live video of one stream: fragments over a WebSocket into the browser's decoder; docs/design/web.md "Live".

import { Backoff } from "./backoff.js";
import { CatchUp } from "./catchup.js";
import { decodable } from "./codecs.js";
import { Source } from "./source.js";

/** @typedef {"connecting" | "live" | "waiting" | "refused" | "ended" | "lost"} LiveState */

/** So long a tab may be out of sight before it stops to fetch. */
const ASLEEP_MS = 8_000;
/** What is behind is let go. */
const KEEP_S = 8;
/** Nothing came for so long: something is stuck. */
const SILENT_MS = 12_000;

export class LivePlayer {
  /**
   * @param {HTMLVideoElement} video
   * @param {{camera: string, stream: string, audio: boolean, onState: (state: LiveState, more: {reason?: string, streams?: string[]}) => void,
   *   beforeRetry?: () => Promise<unknown>}} how beforeRetry: says whether we are logged in, which a WebSocket cannot
   */
  constructor(video, { camera, stream, audio, onState, beforeRetry = async () => {} }) {
    Object.assign(this, { video, camera, stream, audio, onState, beforeRetry });
    this.backoff = new Backoff();
    this.catchUp = new CatchUp();
    this.state = /** @type {LiveState} */ ("connecting");
    this.socket = /** @type {WebSocket | null} */ (null);
    this.source = /** @type {Source | null} */ (null);
    this.clock = /** @type {{media_s: number, utc_ms: number} | null} */ (null);
    this.info = /** @type {any} */ (null);
    this.heard_at = 0;
    this.closed = false;
    this.final = false;
    this.shown = false;
    this.retry = 0;
    this.sleep = 0;
    this.onVisible = () => this._visibility();
    document.addEventListener("visibilitychange", this.onVisible);
    this.onWaiting = () => this.shown && this.catchUp.ranDry(performance.now() / 1000);
    video.addEventListener("waiting", this.onWaiting);
    this.onPlaying = () => this._playing();
    video.addEventListener("playing", this.onPlaying);
    video.addEventListener("loadeddata", this.onPlaying);
    this.ticking = window.setInterval(() => this._tick(), 200);
    this._say("connecting");
    this._connect();
  }

  /** When what is shown was captured, UTC milliseconds; null: not known yet. */
  get shown_utc_ms() {
    if (!this.clock || !this.shown) return null;
    return this.clock.utc_ms + (this.video.currentTime - this.clock.media_s) * 1000;
  }

  /** How far behind its newest picture this browser is, in seconds; null: nothing is shown. */
  get delay_s() {
    const end = this.source?.end;
    if (end == null || !this.shown) return null;
    return Math.max(0, end - this.video.currentTime) + Math.max(0, (performance.now() - this.heard_at) / 1000 - 0.2);
  }

  /** Sound on or off needs another set of tracks. @param {boolean} audio */
  setAudio(audio) {
    if (audio === this.audio) return;
    this.audio = audio;
    this._again(0);
  }

  close() {
    this.closed = true;
    window.clearInterval(this.ticking);
    window.clearTimeout(this.retry);
    window.clearTimeout(this.sleep);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.video.removeEventListener("waiting", this.onWaiting);
    this.video.removeEventListener("playing", this.onPlaying);
    this.video.removeEventListener("loadeddata", this.onPlaying);
    this._drop();
    this.source?.close();
  }

  _connect() {
    if (this.closed) return;
    this.retry = 0;
    const place = [this.camera, this.stream].filter(Boolean).map(encodeURIComponent).join("/");
    const query = new URLSearchParams({ can: decodable().join(",") });
    if (!this.audio) query.set("audio", "0");
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live/${place}?${query}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this._message(event.data);
    socket.onclose = () => socket === this.socket && this._lost();
    this.socket = socket;
    this.heard_at = performance.now();
  }

  _message(data) {
    this.heard_at = performance.now();
    if (typeof data !== "string") {
      this._media(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "init") this._begin(message);
    else if (message.type === "clock") this.clock = message;
    else if (message.type === "waiting") {
      this.shown = false;
      this._say("waiting", { reason: message.reason });
    } else if (message.type === "refused") {
      this.final = true;
      this._say("refused", { reason: message.reason, streams: message.streams ?? [] });
    } else if (message.type === "end") {
      this.final = true;
      this._say("ended", { reason: message.reason });
    }
  }

  _begin(message) {
    this.info = message;
    this.backoff.reset();
    if (!this.source || this.source.closed) {
      this.source = new Source(this.video, () => this._again(this.backoff.next()));
      this.shown = false;
    }
    // A camera that came back may count its times from elsewhere: the jump of the next picture finds them.
    this.source.begin(message.mime).catch(() => this._unplayable(message));
  }

  _media(data) {
    const source = this.source;
    if (!source) return;
    if (source.full) {
      // The decoder does not keep up at all. From a new key frame on it is live again.
      this._again(this.backoff.next());
      return;
    }
    source.append(data);
    if (this.state === "waiting") this._say(this.shown ? "live" : "connecting");
    if (!this.shown) this._show();
  }

  /** The first pictures are in: go to the newest and play. */
  _show() {
    const end = this.source?.end;
    if (end == null) return;
    const ranges = /** @type {TimeRanges} */ (this.source?.buffered);
    const start = ranges.start(ranges.length - 1);
    const at = this.video.currentTime;
    if (at < start || at > end) this.video.currentTime = Math.max(start, end - this.catchUp.target_s);
    if (this.video.paused) this.video.play().catch(() => {});
    if (this.video.readyState >= 2) this._playing();
  }

  _playing() {
    if (this.shown || this.closed || !this.source || this.state === "waiting") return;
    this.shown = true;
    this._say("live");
  }

  _tick() {
    const now = performance.now();
    if (this.socket && !this.final && now - this.heard_at > SILENT_MS && this.state !== "waiting") {
      this._again(this.backoff.next());
      return;
    }
    const source = this.source;
    const end = source?.end;
    if (!source || end == null || document.hidden) return;
    if (!this.shown) {
      if (this.state !== "waiting") this._show();
      return;
    }
    const at = this.video.currentTime;
    const ranges = /** @type {TimeRanges} */ (source.buffered);
    const start = ranges.start(ranges.length - 1);
    const { rate, jump_s } = this.catchUp.pace(end - at, now / 1000);
    if (jump_s !== null || at < start - 0.3) this.video.currentTime = Math.max(start, end - (jump_s ?? 0.1));
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
    if (this.video.paused) this.video.play().catch(() => {});
    if (ranges.start(0) < at - 2 * KEEP_S) source.remove(0, at - KEEP_S);
  }

  _lost() {
    this.socket = null;
    if (this.final || this.closed) return;
    this.shown = false;
    this._say("lost");
    this._again(this.backoff.next());
  }

  _unplayable(message) {
    if (this.closed) return;
    this.final = true;
    this._drop();
    this._say("refused", { reason: message.mime, streams: [] });
  }

  /** A new connection, after so long. */
  _again(wait_ms) {
    this._drop();
    window.clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.shown = false;
    this.final = false;
    if (this.closed || (document.hidden && !this.sleep && wait_ms)) return;
    if (wait_ms && this.state === "live") this._say("lost");
    this.retry = window.setTimeout(() => {
      this.beforeRetry().then(
        () => this._connect(),
        () => this._again(this.backoff.next()),
      );
    }, wait_ms);
  }

  _drop() {
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.close();
    }
  }

  _visibility() {
    window.clearTimeout(this.sleep);
    this.sleep = 0;
    if (document.hidden) {
      this.sleep = window.setTimeout(() => {
        this._drop();
        this.source?.close();
        this.source = null;
        this.shown = false;
      }, ASLEEP_MS);
    } else if (!this.socket && !this.final && !this.closed) {
      this.backoff.reset();
      this._say("connecting");
      this._again(0);
    }
  }

  _say(state, more = {}) {
    this.state = state;
    this.onState(state, more);
  }
}
