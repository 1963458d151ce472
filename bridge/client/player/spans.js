// Stretches of time, [from, until) in milliseconds: sorted, apart from each other.

/** @typedef {[number, number]} Span */

/**
 * Sorted and joined; what lies closer together than `slack_ms` is one.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
export function joined(spans, slack_ms = 0) {
  const sorted = spans.filter(([from, until]) => until > from).sort((a, b) => a[0] - b[0]);
  /** @type {Span[]} */
  const out = [];
  for (const [from, until] of sorted) {
    const last = out.at(-1);
    if (last && from <= last[1] + slack_ms) last[1] = Math.max(last[1], until);
    else out.push([from, until]);
  }
  return out;
}

/** Index of the span that holds `at`, or -1. @param {Span[]} spans */
export function find(spans, at) {
  let low = 0;
  let high = spans.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (spans[middle][1] <= at) low = middle + 1;
    else if (spans[middle][0] > at) high = middle - 1;
    else return middle;
  }
  return -1;
}

/** Where the next span after `at` begins, not the one that holds it; null: there is none. @param {Span[]} spans */
export function nextStart(spans, at) {
  for (const [from] of spans) if (from > at) return from;
  return null;
}

/** Where the span before the one at `at` begins, or the begin of this one when more than `into_ms` into it. @param {Span[]} spans */
export function previousStart(spans, at, into_ms = 2000) {
  let found = null;
  for (const [from] of spans) {
    if (from >= at - into_ms) break;
    found = from;
  }
  return found;
}

/** What of the spans lies in [from, until). @param {Span[]} spans @returns {Span[]} */
export function within(spans, from, until) {
  return spans
    .filter((one) => one[1] > from && one[0] < until)
    .map((one) => /** @type {Span} */ ([Math.max(one[0], from), Math.min(one[1], until)]));
}

/** The spans without [from, until). @param {Span[]} spans @returns {Span[]} */
export function without(spans, from, until) {
  /** @type {Span[]} */
  const out = [];
  for (const [begin, end] of spans) {
    if (end <= from || begin >= until) out.push([begin, end]);
    else {
      if (begin < from) out.push([begin, from]);
      if (end > until) out.push([until, end]);
    }
  }
  return out;
}
