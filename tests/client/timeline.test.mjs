import assert from "node:assert/strict";
import { test } from "node:test";
import { Coverage } from "../../bridge/client/watch/coverage.js";
import { fitted, firstEmpty, layoutFor, placed } from "../../bridge/client/watch/layouts.js";
import { spansOf } from "../../bridge/client/watch/rows.js";
import { LEAST_SPAN_MS, MOST_SPAN_MS, Scale } from "../../bridge/client/watch/scale.js";
import * as times from "../../bridge/client/times.js";

times.useUtc(true);
const HOUR = 3_600_000;
const AT = Date.UTC(2026, 10, 28, 12, 0, 0);

test("pixels and times are each other's reverse", () => {
  const scale = new Scale(AT, AT + HOUR, 1000);
  assert.equal(scale.x(AT + HOUR / 2), 500);
  assert.equal(scale.time(250), AT + HOUR / 4);
});

test("zooming keeps the time under the pointer, and ends at ten seconds and a month", () => {
  let scale = new Scale(AT, AT + HOUR, 1000);
  const under = scale.time(300);
  scale = scale.zoomed(0.5, 300);
  assert.ok(Math.abs(scale.time(300) - under) < 1);
  assert.equal(scale.span_ms, HOUR / 2);
  for (let i = 0; i < 60; i += 1) scale = scale.zoomed(0.5, 300);
  assert.equal(scale.span_ms, LEAST_SPAN_MS);
  for (let i = 0; i < 60; i += 1) scale = scale.zoomed(2, 300);
  assert.equal(scale.span_ms, MOST_SPAN_MS);
});

test("marks: labels that do not touch, at every width of the view", () => {
  for (const span of [10_000, 60_000, 10 * 60_000, HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 31 * 24 * HOUR]) {
    const named = new Scale(AT, AT + span, 1000).marks(84).filter((mark) => mark.label);
    assert.ok(named.length >= 2, `${span}: ${named.length}`);
    for (let i = 1; i < named.length; i += 1) assert.ok(named[i].x - named[i - 1].x >= 60, `${span}`);
  }
});

test("marks fall on full hours of the zone, and midnight is a day", () => {
  const marks = new Scale(Date.UTC(2026, 10, 28, 20), Date.UTC(2026, 10, 29, 4), 1000).marks(84);
  const midnight = marks.find((mark) => mark.day);
  assert.equal(midnight.label, "Sun 29 Nov");
  assert.ok(marks.some((mark) => mark.label === "22:00"));
});

test("times of people: input and output", () => {
  const text = times.toInput(AT + 61_000);
  assert.equal(text, "2026-11-28T12:01:01");
  assert.equal(times.fromInput(text), AT + 61_000);
  assert.ok(Number.isNaN(times.fromInput("yesterday")));
  assert.equal(times.duration(61_000), "1 min 1 s");
  assert.equal(times.duration(26 * HOUR), "1 d 2 h");
  assert.equal(times.duration(0), "0 s");
  assert.equal(times.bytes(1_412_000_000_000), "1.4 TB");
  assert.equal(times.bytes(999), "999 B");
  assert.equal(times.moment(2026, 13, 1), Date.UTC(2027, 0, 1));
});

test("recordings as spans, of one stream", () => {
  const rows = [
    { stream: "main", growing: true, spans: [{ from: "2026-11-28T12:00:00.000Z", until: "2026-11-28T12:01:00.000Z" }] },
    { stream: "sub", growing: false, spans: [{ from: "2026-11-28T13:00:00.000Z", until: "2026-11-28T13:01:00.000Z" }] },
  ];
  assert.deepEqual(spansOf(rows, "main"), { spans: [[AT, AT + 60_000]], growing: true });
  assert.equal(spansOf(rows).spans.length, 2);
});

test("coverage asks for what is missing, once, and draws what grows up to now", async () => {
  let now = AT;
  const asked = [];
  const answers = async (camera, from_ms, until_ms) => {
    asked.push([camera, from_ms, until_ms]);
    return { spans: [[AT - HOUR, now - 3000]], growing: true };
  };
  const coverage = new Coverage(answers, () => {}, () => now);
  coverage.want(["gate"], AT - HOUR, AT);
  coverage.want(["gate"], AT - HOUR, AT);
  await new Promise(setImmediate);
  assert.equal(asked.length, 1);
  assert.deepEqual(coverage.of("gate"), [[AT - HOUR, now]]);
  coverage.want(["gate"], AT - HOUR / 2, AT);
  assert.equal(asked.length, 1);
  now += 9000;
  coverage.want(["gate"], AT - HOUR / 2, now);
  await new Promise(setImmediate);
  assert.equal(asked.length, 2);
  coverage.want(["gate"], AT - 5 * HOUR, AT - 4 * HOUR);
  assert.equal(asked.length, 3);
});

test("coverage that cannot be had is asked again, not at once", async () => {
  let count = 0;
  const coverage = new Coverage(async () => {
    count += 1;
    throw new Error("away");
  }, () => {}, () => AT);
  coverage.want(["gate"], AT - HOUR, AT);
  await new Promise(setImmediate);
  coverage.want(["gate"], AT - HOUR, AT);
  assert.equal(count, 1);
});

test("layouts: a camera stands once; what it displaces takes its place", () => {
  const cells = fitted([{ camera: "a", stream: "" }, { camera: "b", stream: "sub" }], "4");
  assert.equal(cells.length, 4);
  assert.equal(firstEmpty(cells), 2);
  assert.deepEqual(placed(cells, 0, "b").slice(0, 2).map((cell) => cell.camera), ["b", "a"]);
  assert.equal(placed(cells, 0, "b")[0].stream, "sub");
  assert.deepEqual(placed(cells, 2, "c").map((cell) => cell?.camera), ["a", "b", "c", undefined]);
  assert.deepEqual([0, 1, 2, 5, 7, 12, 40].map(layoutFor), ["1", "1", "4", "6", "9", "16", "16"]);
});
