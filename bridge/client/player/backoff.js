// How long to wait before the next attempt: doubling, with chance in it so that a hundred browsers do not come back at once.

export class Backoff {
  /**
   * @param {{first_ms?: number, most_ms?: number, chance?: () => number}} [how] chance: 0 to 1
   */
  constructor({ first_ms = 500, most_ms = 15_000, chance = Math.random } = {}) {
    this.first_ms = first_ms;
    this.most_ms = most_ms;
    this.chance = chance;
    this.failures = 0;
  }

  /** It worked: the next failure is the first again. */
  reset() {
    this.failures = 0;
  }

  /** @returns {number} milliseconds until the next attempt */
  next() {
    const whole = Math.min(this.most_ms, this.first_ms * 2 ** Math.min(this.failures, 20));
    this.failures += 1;
    return whole * (0.5 + this.chance() / 2);
  }
}
