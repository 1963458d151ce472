import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../bridge/client/player/backoff.js";
import { CatchUp } from "../../bridge/client/player/catchup.js";

test("plays at its own speed near the end, faster behind it, and jumps from afar", () => {
  const one = new CatchUp();
  assert.deepEqual(one.pace(0.15, 0), { rate: 1, jump_s: null });
  const behind = one.pace(1, 1);
  assert.ok(behind.rate > 1.05 && behind.rate <= 1.5);
  assert.equal(behind.jump_s, null);
  assert.equal(one.pace(1.9, 1).rate, 1.5);
  const far = one.pace(2.5, 2);
  assert.deepEqual([far.rate, far.jump_s], [1, one.target_s]);
});

test("does not waver: faster until it is there, then its own speed until it is well behind", () => {
  const one = new CatchUp();
  assert.equal(one.pace(one.target_s + 0.2, 0).rate, 1);
  assert.ok(one.pace(one.target_s + 0.3, 0).rate > 1);
  assert.ok(one.pace(one.target_s + 0.2, 0).rate > 1);
  assert.equal(one.pace(one.target_s + 0.02, 0).rate, 1);
  assert.equal(one.pace(one.target_s + 0.2, 0).rate, 1);
});

test("who runs dry keeps more, up to a limit, and gives it back", () => {
  const one = new CatchUp();
  const least = one.target_s;
  one.ranDry(1);
  assert.ok(one.target_s > least);
  for (let i = 0; i < 20; i += 1) one.ranDry(2);
  assert.equal(one.target_s, 0.8);
  for (let now = 30; now < 2000; now += 30) one.pace(0.1, now);
  assert.equal(one.target_s, least);
});

test("waits double, with chance, to a limit", () => {
  const backoff = new Backoff({ first_ms: 100, most_ms: 1000, chance: () => 1 });
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => backoff.next()), [100, 200, 400, 800, 1000, 1000]);
  backoff.reset();
  assert.equal(backoff.next(), 100);
  const early = new Backoff({ first_ms: 100, chance: () => 0 });
  assert.equal(early.next(), 50);
});
