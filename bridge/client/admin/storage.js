// Storages: how full they are, how far back they reach, and how they filled in the last hour.

import * as api from "../api.js";
import { isRecording } from "../camera.js";
import { fill, h } from "../dom.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { bytes, dateTime, duration } from "../times.js";
import { page, sentence, table } from "../ui.js";
import { storageLines, timesOf } from "./history.js";
import { meter, plot } from "./plot.js";

const POLL_MS = 10_000;

export function open() {
  const place = h("div", {}, h("p", { class: "empty" }, t("loading")));
  const refresh = async () => {
    try {
      const [system, history] = await Promise.all([api.get("/system"), api.get("/system/history")]);
      draw(system.storages ?? [], history.rows);
    } catch (error) {
      fill(place, h("p", { class: "empty" }, sentence(error)));
    }
  };
  const draw = (storages, rows) => {
    const lines = storageLines(rows);
    fill(
      place,
      h("div", { class: "cards" }, storages.map(card)),
      lines.length ? plot({ title: t("storage.history"), times: timesOf(rows), lines, format: bytes, wide: true }) : null,
      h("h2", { class: "section" }, t("storage.retention")),
      table(
        t("storage.retention"),
        [t("camera"), t("camera.recording"), t("storage.bytes"), t("storage.oldest"), t("camera.retention")],
        state.cameras.map((camera) => {
          const kept = storages.flatMap((one) => one.kept ?? []).filter((one) => one.camera === camera.id);
          const oldest = kept.map((one) => one.oldest).filter(Boolean).sort()[0];
          return [
            camera.name,
            camera.streams?.some(isRecording) ? t("recording") : camera.streams?.[0]?.recording_reason || t("camera.notRecorded"),
            bytes(kept.reduce((sum, one) => sum + one.bytes, 0)),
            oldest ? dateTime(Date.parse(oldest)) : "–",
            camera.settings?.retention || t("storage.byRoom"),
          ];
        }),
      ),
    );
  };
  const timer = window.setInterval(refresh, POLL_MS);
  refresh();
  return { element: page(t("nav.storage"), null, h("p", { class: "lead" }, t("storage.lead")), place), close: () => window.clearInterval(timer) };
}

function card(one) {
  const limit = one.max_bytes || (one.bytes ?? 0) + one.free_bytes;
  const oldest = Date.parse(one.oldest ?? "");
  const ok = one.state === "ok";
  return h(
    "article",
    { class: "card" },
    h("header", {}, h("h2", {}, one.name), h("span", { class: `tag ${ok ? "good" : "bad"}` }, ok ? t("storage.ok") : one.reason || one.state)),
    meter(limit ? (one.bytes ?? 0) / limit : 0, t("storage.full", { name: one.name })),
    h(
      "dl",
      { class: "facts" },
      fact(t("storage.used"), bytes(one.bytes)),
      fact(t("storage.free"), bytes(one.free_bytes)),
      one.max_bytes ? fact(t("storage.limit"), bytes(one.max_bytes)) : null,
      Number.isNaN(oldest) ? null : fact(t("storage.oldest"), `${dateTime(oldest)} (${duration(Date.now() - oldest)})`),
    ),
  );
}

export function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}
