// A MediaSource with one SourceBuffer whose operations run one after the other. Shared by live and footage.

import { mediaSourceClass } from "./codecs.js";

/** So many bytes may wait to be appended; whoever has more is told by `full`. */
const QUEUE_BYTES = 24 * 1024 * 1024;

export class Source {
  /**
   * @param {HTMLVideoElement} video
   * @param {(error: unknown) => void} onBroken the buffer is closed or cannot read what it was given: make a new Source
   */
  constructor(video, onBroken) {
    this.video = video;
    this.onBroken = onBroken;
    const kind = mediaSourceClass();
    this.media = new kind();
    this.buffer = /** @type {SourceBuffer | null} */ (null);
    this.mime = "";
    this.closed = false;
    /** @type {{run: (buffer: SourceBuffer) => void, bytes: number, done?: () => void}[]} */
    this.waiting = [];
    this.waiting_bytes = 0;
    this.opened = new Promise((resolve) => this.media.addEventListener("sourceopen", resolve, { once: true }));
    this.media.addEventListener("sourceclose", () => this._broken(new Error("the source was closed")));
    if (kind !== /** @type {any} */ (globalThis).MediaSource) video.disableRemotePlayback = true;
    this.url = URL.createObjectURL(this.media);
    video.src = this.url;
  }

  /** More waits than should: drop, or begin anew. */
  get full() {
    return this.waiting_bytes > QUEUE_BYTES;
  }

  /** What follows is of this type. @param {string} mime */
  async begin(mime, offset_s = 0) {
    await this.opened;
    if (this.closed) return;
    if (!this.buffer) {
      this.media.duration = Infinity;
      this.buffer = /** @type {SourceBuffer} */ (this.media.addSourceBuffer(mime));
      this.buffer.timestampOffset = offset_s;
      this.buffer.addEventListener("updateend", () => this._next());
      this.buffer.addEventListener("error", () => this._broken(new Error("the browser cannot read this video")));
      this.mime = mime;
      this._next();
    } else if (mime !== this.mime) {
      this.mime = mime;
      this._add({ run: (buffer) => buffer.changeType(mime), bytes: 0 });
    }
  }

  /** @param {BufferSource & {byteLength: number}} data */
  append(data) {
    this._add({ run: (buffer) => buffer.appendBuffer(data), bytes: data.byteLength });
  }

  /** @param {number} from_s @param {number} until_s */
  remove(from_s, until_s) {
    if (until_s > from_s) this._add({ run: (buffer) => buffer.remove(from_s, until_s), bytes: 0 });
  }

  /** Resolves when everything that was given before is in. @returns {Promise<void>} */
  settled() {
    return new Promise((resolve) => this._add({ run: () => resolve(), bytes: 0 }));
  }

  /** Forgets what waits and half of a fragment that was begun. */
  reset() {
    this.waiting.length = 0;
    this.waiting_bytes = 0;
    this._add({ run: (buffer) => buffer.abort(), bytes: 0 });
  }

  /** @returns {TimeRanges | null} */
  get buffered() {
    if (!this.buffer || this.closed || this.media.readyState === "closed") return null;
    return this.buffer.buffered;
  }

  /** The end of the buffered stretch that holds `at_s` (a little before it counts too), or null. */
  endAt(at_s, slack_s = 0.1) {
    const ranges = this.buffered;
    for (let i = 0; ranges && i < ranges.length; i += 1) {
      if (at_s >= ranges.start(i) - slack_s && at_s < ranges.end(i)) return ranges.end(i);
    }
    return null;
  }

  /** The end of everything, or null. */
  get end() {
    const ranges = this.buffered;
    return ranges && ranges.length ? ranges.end(ranges.length - 1) : null;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.waiting.length = 0;
    this.waiting_bytes = 0;
    URL.revokeObjectURL(this.url);
    if (this.video.src === this.url) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  _add(job) {
    if (this.closed) return;
    this.waiting.push(job);
    this.waiting_bytes += job.bytes;
    this._next();
  }

  _next() {
    while (!this.closed && this.buffer && !this.buffer.updating && this.waiting.length) {
      const job = this.waiting[0];
      try {
        job.run(this.buffer);
      } catch (error) {
        if (/** @type {any} */ (error).name === "QuotaExceededError" && this._makeRoom()) return;
        this._broken(error);
        return;
      }
      this.waiting.shift();
      this.waiting_bytes -= job.bytes;
    }
  }

  /** The browser keeps no more: what lies behind goes first. */
  _makeRoom() {
    const at = this.video.currentTime;
    const ranges = this.buffered;
    if (!this.buffer || !ranges || !ranges.length) return false;
    if (ranges.start(0) < at - 2) this.buffer.remove(0, at - 1);
    else if (ranges.end(ranges.length - 1) > at + 20) this.buffer.remove(at + 15, Infinity);
    else return false;
    return true;
  }

  _broken(error) {
    if (this.closed) return;
    this.close();
    this.onBroken(error);
  }
}
