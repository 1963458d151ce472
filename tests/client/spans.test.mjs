import assert from "node:assert/strict";
import { test } from "node:test";
import { find, joined, nextStart, previousStart, within, without } from "../../bridge/client/player/spans.js";

const SPANS = [[10, 20], [30, 40], [50, 60]];

test("joined: sorted, overlaps are one, near ones with slack", () => {
  assert.deepEqual(joined([[5, 9], [1, 3], [2, 6], [20, 20]]), [[1, 9]]);
  assert.deepEqual(joined([[1, 3], [4, 5]]), [[1, 3], [4, 5]]);
  assert.deepEqual(joined([[1, 3], [4, 5]], 1), [[1, 5]]);
});

test("find: the beginning is in it, the end is not", () => {
  assert.deepEqual([9, 10, 19, 20, 35, 60].map((at) => find(SPANS, at)), [-1, 0, 0, -1, 1, -1]);
});

test("jumps over gaps", () => {
  assert.equal(nextStart(SPANS, 15), 30);
  assert.equal(nextStart(SPANS, 55), null);
  assert.equal(previousStart(SPANS, 55, 2), 50);
  assert.equal(previousStart(SPANS, 51, 2), 30);
  assert.equal(previousStart(SPANS, 9, 2), null);
});

test("parts of them", () => {
  assert.deepEqual(within(SPANS, 15, 35), [[15, 20], [30, 35]]);
  assert.deepEqual(without(SPANS, 15, 35), [[10, 15], [35, 40], [50, 60]]);
  assert.deepEqual(without([[0, 100]], 40, 60), [[0, 40], [60, 100]]);
});
