import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf, storageLines } from "../../bridge/client/admin/history.js";
import { describe, isRecorded, recordedStream } from "../../bridge/client/camera.js";
import { codecName, decodable, pickStream } from "../../bridge/client/player/codecs.js";
import { niceTop } from "../../bridge/client/admin/plot.js";
import { pick, t } from "../../bridge/client/texts.js";

const STREAMS = [
  { name: "main", codec: "H265", width: 1920, recording: "recording" },
  { name: "sub", codec: "H264", width: 640, recording: null },
];

test("what can be decoded is asked of the browser", () => {
  assert.deepEqual(decodable((mime) => /avc1|flac/.test(mime)), ["h264", "flac"]);
  assert.deepEqual(["H.265", "hevc", "MPEG4-GENERIC", "JPEG", "opus"].map(codecName), ["h265", "h265", "aac", "mjpeg", "opus"]);
});

test("the smallest stream that fills the tile, of those that can be decoded", () => {
  const all = ["h264", "h265"];
  assert.equal(pickStream(STREAMS, 400, all), "sub");
  assert.equal(pickStream(STREAMS, 1400, all), "main");
  assert.equal(pickStream(STREAMS, 1400, ["h264"]), "sub");
  assert.equal(pickStream(STREAMS, 4000, all), "main");
  assert.equal(pickStream([], 400, all), "");
  assert.equal(pickStream([{ name: "main" }], 400, all), "main");
});

test("which stream's recording is played", () => {
  const camera = { streams: STREAMS };
  assert.equal(recordedStream(camera).name, "main");
  assert.equal(recordedStream(camera, "sub").name, "main");
  assert.equal(recordedStream({ streams: [{ name: "main", recording: "off" }] }).name, "main");
  assert.equal(recordedStream(undefined), undefined);
  assert.deepEqual([null, "off", "no signal", "recording"].map((recording) => isRecorded({ recording })), [false, false, true, true]);
  assert.equal(describe({ codec: "H264", width: 640, height: 360, fps: 12.5 }), "H264 · 640×360 · 12.5/s");
});

test("the hour as lines", () => {
  const rows = [{ cpu: 0.2, storages: { default: 5 } }, { cpu: null, storages: { default: 6, archive: 1 } }];
  assert.deepEqual(lineOf(rows, "cpu", 100), [20, null]);
  assert.deepEqual(storageLines(rows), [{ name: "default", values: [5, 6] }, { name: "archive", values: [null, 1] }]);
  assert.deepEqual([0, 3, 17, 700, 1000].map(niceTop), [1, 5, 20, 1000, 1000]);
});

test("texts: filled in, and English where there is nothing else", () => {
  assert.equal(t("login.wait", { seconds: 3 }), "Again in 3 s");
  assert.equal(pick(["xx", "en-GB"]).lang, "en");
  assert.equal(pick([]).lang, "en");
  assert.equal(t("user.nobody.knows"), "knows");
});
