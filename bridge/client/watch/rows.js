// `/api/v1/recordings` as spans of time. No DOM here.

/**
 * @param {any[]} recordings
 * @param {string} stream only this one; "": all
 * @returns {{spans: import("../player/spans.js").Span[], growing: boolean}}
 */
export function spansOf(recordings, stream = "") {
  const chosen = recordings.filter((one) => !stream || one.stream === stream);
  const spans = chosen.flatMap((one) =>
    (one.spans ?? []).map((span) => /** @type {[number, number]} */ ([Date.parse(span.from), Date.parse(span.until)])),
  );
  return { spans, growing: chosen.some((one) => one.growing) };
}
