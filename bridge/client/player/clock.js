// The one play clock of all tiles: a position in UTC milliseconds that runs at a rate, backwards where it is negative.

export const RATES = [0.25, 0.5, 1, 2, 4, 8, 16, 32];
/** Up to here every picture is shown; beyond it key frames. */
export const ALL_FRAMES_FORWARD = 4;
export const ALL_FRAMES_BACKWARD = 2;

export class PlayClock {
  /** @param {() => number} now monotonic milliseconds */
  constructor(now) {
    this.now = now;
    this.rate = 1;
    this.playing = false;
    this.held = false;
    this._at_ms = 0;
    this._since = now();
  }

  get running() {
    return this.playing && !this.held;
  }

  /** @returns {number} UTC milliseconds */
  get position_ms() {
    return this.running ? this._at_ms + (this.now() - this._since) * this.rate : this._at_ms;
  }

  /** @param {number} utc_ms */
  seek(utc_ms) {
    this._at_ms = utc_ms;
    this._since = this.now();
  }

  play() {
    this._settle();
    this.playing = true;
  }

  pause() {
    this._settle();
    this.playing = false;
  }

  /** Stands still while a tile waits for its pictures. @param {boolean} on */
  hold(on) {
    if (on === this.held) return;
    this._settle();
    this.held = on;
  }

  /** @param {number} rate not zero */
  setRate(rate) {
    this._settle();
    this.rate = rate;
  }

  _settle() {
    this.seek(this.position_ms);
  }
}

/** Key frames alone, at this rate? @param {number} rate */
export function keyFramesOnly(rate) {
  return rate > ALL_FRAMES_FORWARD || rate < -ALL_FRAMES_BACKWARD;
}

/**
 * The next rate of the row, up or down; stays in its direction.
 * @param {number} rate
 * @param {1 | -1} way
 */
export function nextRate(rate, way) {
  const sign = Math.sign(rate) || 1;
  const at = RATES.indexOf(Math.abs(rate));
  const next = RATES[Math.max(0, Math.min(RATES.length - 1, (at < 0 ? 2 : at) + way))];
  return sign * next;
}
