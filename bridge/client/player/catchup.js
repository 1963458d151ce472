// How a live player keeps up: it plays a little faster while it is behind and jumps when it is far behind.
//
// `ahead` is what is buffered beyond the shown picture, in seconds: the delay that the browser adds. Whoever runs dry gets
// more of it, and gives it back while nothing happens.

export const JUMP_S = 2;
const LEAST_S = 0.12;
const MOST_S = 0.8;
const CALM_S = 20;

export class CatchUp {
  constructor() {
    this.target_s = LEAST_S;
    this.fast = false;
    this.calm_since_s = 0;
  }

  /** The picture stood still for want of data. @param {number} now_s monotonic */
  ranDry(now_s) {
    this.target_s = Math.min(MOST_S, this.target_s * 1.4);
    this.calm_since_s = now_s;
  }

  /**
   * @param {number} ahead_s
   * @param {number} now_s monotonic
   * @returns {{rate: number, jump_s: number | null}} jump_s: go to so much before the end of what is buffered
   */
  pace(ahead_s, now_s) {
    if (now_s - this.calm_since_s > CALM_S) {
      this.target_s = Math.max(LEAST_S, this.target_s * 0.85);
      this.calm_since_s = now_s;
    }
    if (ahead_s > JUMP_S) {
      this.fast = false;
      return { rate: 1, jump_s: this.target_s };
    }
    const surplus = ahead_s - this.target_s;
    if (surplus > 0.25) this.fast = true;
    else if (surplus < 0.05) this.fast = false;
    return { rate: this.fast ? Math.min(1.5, 1.05 + surplus * 0.4) : 1, jump_s: null };
  }
}
