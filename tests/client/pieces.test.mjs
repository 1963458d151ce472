import assert from "node:assert/strict";
import { test } from "node:test";
import { nextPiece, stillWanted } from "../../bridge/client/player/pieces.js";

const NOW = 10_000_000;
const ask = (more) => nextPiece({ position_ms: 1_000_000, rate: 1, known: [], frames: "all", now_ms: NOW, ...more });

test("the first piece is short, the next ones longer, and then there is enough", () => {
  assert.deepEqual(ask({}), { from_ms: 1_000_000, until_ms: 1_004_000, frames: "all" });
  assert.deepEqual(ask({ known: [[999_000, 1_004_000]] }), { from_ms: 1_004_000, until_ms: 1_014_000, frames: "all" });
  assert.equal(ask({ known: [[999_000, 1_014_000]] }), null);
});

test("faster needs more, within what a piece may be", () => {
  const piece = ask({ rate: 4, known: [[999_000, 1_004_000]] });
  assert.equal(piece.until_ms - piece.from_ms, 40_000);
  const keys = ask({ rate: 32, frames: "key", known: [[999_000, 1_004_000]] });
  assert.equal(keys.until_ms - keys.from_ms, 640_000);
});

test("up to what is known already, and never beyond now", () => {
  assert.equal(ask({ known: [[1_002_000, 1_050_000]] }).until_ms, 1_002_000);
  assert.equal(ask({ position_ms: NOW - 1000 }).until_ms, NOW);
  assert.equal(ask({ position_ms: NOW - 1000, known: [[0, NOW]] }), null);
});

test("behind the growing end no crumbs, unless they are needed soon", () => {
  assert.equal(ask({ position_ms: NOW - 10_000, known: [[0, NOW - 1_000]] }), null);
  assert.equal(ask({ position_ms: NOW - 3_000, known: [[0, NOW - 1_000]] }).until_ms, NOW);
});

test("backwards the piece before", () => {
  const first = ask({ rate: -1 });
  assert.ok(first.from_ms < 1_000_000 && first.until_ms > 1_000_000);
  assert.deepEqual(ask({ rate: -1, known: [[997_000, 1_001_000]] }), { from_ms: 987_000, until_ms: 997_000, frames: "all" });
  assert.deepEqual(ask({ rate: -1, known: [[980_000, 990_000], [997_000, 1_001_000]] }).from_ms, 990_000);
  assert.equal(ask({ rate: -1, known: [[900_000, 1_001_000]] }), null);
});

test("scrubbing wants one key frame", () => {
  const piece = ask({ scrubbing: true, frames: "key" });
  assert.deepEqual([piece.frames, piece.until_ms - piece.from_ms], ["key", 1000]);
  assert.equal(ask({ scrubbing: true, frames: "key", known: [[999_500, 1_000_500]] }), null);
});

test("a piece on its way is of use while the clock is in it or comes to it", () => {
  const piece = { from_ms: 1_000_000, until_ms: 1_010_000, frames: "all" };
  assert.ok(stillWanted(piece, 1_005_000, 1, "all"));
  assert.ok(stillWanted(piece, 990_000, 1, "all"));
  assert.ok(!stillWanted(piece, 1_011_000, 1, "all"));
  assert.ok(!stillWanted(piece, 100_000, 1, "all"));
  assert.ok(stillWanted({ from_ms: 1_000_000, until_ms: 1_001_000, frames: "all" }, 991_000, 1, "all"));
  assert.ok(!stillWanted(piece, 1_005_000, 1, "key"));
  assert.ok(stillWanted(piece, 1_012_000, -1, "all"));
  assert.ok(!stillWanted(piece, 900_000, -1, "all"));
});
