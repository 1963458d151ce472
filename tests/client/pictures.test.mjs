import assert from "node:assert/strict";
import { test } from "node:test";

import { PictureTimes } from "../../bridge/client/player/pictures.js";

const u32 = (...numbers) => numbers.flatMap((n) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const box = (kind, ...contents) => {
  const content = contents.flat();
  return [...u32(content.length + 8), ...[...kind].map((c) => c.charCodeAt(0)), ...content];
};
const word = (text) => [...text].map((c) => c.charCodeAt(0));
const VERSION_1 = 1 << 24;

const trak = (id, rate, handler) =>
  box(
    "trak",
    box("tkhd", u32(VERSION_1, 0, 0, 0, 0, id)),
    box("mdia", box("mdhd", u32(VERSION_1, 0, 0, 0, 0, rate)), box("hdlr", u32(0, 0), word(handler))),
  );
const INIT = [...box("ftyp", word("iso6")), ...box("moov", trak(1, 48_000, "soun"), trak(2, 90_000, "vide"))];

/** A fragment of track 2 whose samples last 4500 ticks unless told; offsets: of presentation. */
const fragment = (decoded, offsets, lasts = 4500) => [
  ...box(
    "moof",
    box("mfhd", u32(0, 1)),
    box(
      "traf",
      box("tfhd", u32(0x020008, 2, lasts)),
      box("tfdt", u32(VERSION_1, Math.floor(decoded / 2 ** 32), decoded % 2 ** 32)),
      box("trun", u32(VERSION_1 | 0xa01, offsets.length, 0, ...offsets.flatMap((offset) => [100, offset]))),
    ),
  ),
  ...box("mdat", new Array(300).fill(7)),
];

const BEGIN_S = 1_795_000_000;
const piece = (...fragments) => new Uint8Array([...INIT, ...fragments.flat()]);

function read(bytes, step) {
  const times = new PictureTimes();
  times.begin();
  for (let at = 0; at < bytes.length; at += step) times.feed(bytes.subarray(at, at + step));
  times.end();
  return times.times.map((time) => Math.round((time - BEGIN_S) * 1000));
}

test("times of pictures, however the piece is cut", () => {
  const bytes = piece(fragment(BEGIN_S * 90_000, [0, 9000, 0]), fragment(BEGIN_S * 90_000 + 13_500, [0]));
  for (const step of [1, 7, 100, bytes.length]) assert.deepEqual(read(bytes, step), [0, 100, 150]);
});

test("the next picture is where it is, not where the frame rate says", () => {
  const times = new PictureTimes();
  times.begin();
  // One is left out between 50 and 150 ms.
  times.feed(piece(fragment(BEGIN_S * 90_000, [0]), fragment(BEGIN_S * 90_000 + 4500, [0]), fragment(BEGIN_S * 90_000 + 13_500, [0])));
  times.end();
  const at = (ms) => BEGIN_S + ms / 1000;
  const ms = (s) => s && Math.round((s - BEGIN_S) * 1000);
  assert.equal(ms(times.neighbour_s(1, at(0))), 100);
  assert.equal(ms(times.neighbour_s(1, at(50))), 160);
  assert.equal(ms(times.neighbour_s(1, at(120))), 160);
  assert.equal(ms(times.neighbour_s(-1, at(150))), 100);
  assert.equal(ms(times.neighbour_s(-1, at(60))), 25);
  assert.equal(times.neighbour_s(1, at(150)), null);
  assert.equal(times.neighbour_s(-1, at(0)), null);
  assert.equal(times.neighbour_s(1, at(-10)), null);
});

test("what was fetched twice counts once, and a piece that was broken off not at all", () => {
  const times = new PictureTimes();
  const bytes = piece(fragment(BEGIN_S * 90_000, [0]), fragment(BEGIN_S * 90_000 + 4500, [0]));
  for (const whole of [true, true, false]) {
    times.begin();
    times.feed(whole ? bytes : piece(fragment(BEGIN_S * 90_000 + 90_000, [0])).subarray(0, 400));
    if (whole) times.end();
  }
  assert.equal(times.times.length, 2);
});
