import assert from "node:assert/strict";
import { test } from "node:test";
import { PlayClock, keyFramesOnly, nextRate } from "../../bridge/client/player/clock.js";

function clock(start = 1_000_000) {
  const time = { now: 0 };
  const made = new PlayClock(() => time.now);
  made.seek(start);
  return { time, made };
}

test("runs at its rate, both ways", () => {
  const { time, made } = clock();
  made.play();
  time.now = 500;
  assert.equal(made.position_ms, 1_000_500);
  made.setRate(4);
  time.now = 1500;
  assert.equal(made.position_ms, 1_004_500);
  made.setRate(-2);
  time.now = 2500;
  assert.equal(made.position_ms, 1_002_500);
});

test("stands while paused or held, and goes on from there", () => {
  const { time, made } = clock();
  time.now = 900;
  assert.equal(made.position_ms, 1_000_000);
  made.play();
  time.now = 1000;
  made.hold(true);
  time.now = 5000;
  assert.equal(made.position_ms, 1_000_100);
  assert.equal(made.running, false);
  made.hold(false);
  time.now = 5100;
  assert.equal(made.position_ms, 1_000_200);
  made.pause();
  time.now = 9999;
  assert.equal(made.position_ms, 1_000_200);
});

test("rates go up and down in their direction, and end", () => {
  assert.equal(nextRate(1, 1), 2);
  assert.equal(nextRate(1, -1), 0.5);
  assert.equal(nextRate(0.25, -1), 0.25);
  assert.equal(nextRate(32, 1), 32);
  assert.equal(nextRate(-1, 1), -2);
  assert.equal(nextRate(3, 1), 2);
});

test("key frames beyond four times on and twice back", () => {
  assert.deepEqual([1, 4, 8, -1, -2, -4].map(keyFramesOnly), [false, false, true, false, false, true]);
});
