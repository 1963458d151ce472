// How the service does: numbers now, and the last hour as plots.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../texts.js";
import { bytes, duration } from "../times.js";
import { page, sentence } from "../ui.js";
import { lineOf, timesOf } from "./history.js";
import { plot } from "./plot.js";
import { fact } from "./storage.js";

const POLL_MS = 10_000;

export function open() {
  const place = h("div", {}, h("p", { class: "empty" }, t("loading")));
  const refresh = async () => {
    try {
      const [system, history] = await Promise.all([api.get("/system"), api.get("/system/history")]);
      draw(system, history.rows);
    } catch (error) {
      fill(place, h("p", { class: "empty" }, sentence(error)));
    }
  };
  const draw = (system, rows) => {
    const times = timesOf(rows);
    const one = (title, name, format, factor = 1, most = 0) => plot({ title, times, lines: [{ name: title, values: lineOf(rows, name, factor) }], format, most });
    fill(
      place,
      h(
        "div",
        { class: "tiles" },
        figure(t("health.uptime"), duration((system.uptime_s ?? 0) * 1000)),
        figure(t("health.viewers"), number(system.counts?.viewers)),
        figure(t("health.lag"), milliseconds(system.lag_ms)),
        figure(t("health.cameras"), `${number(system.counts?.cameras_up)} / ${number(system.counts?.cameras)}`),
        figure(t("health.version"), system.version ?? "–"),
      ),
      rows.length
        ? h(
            "div",
            { class: "plots" },
            one(t("health.cpu"), "cpu", (value) => `${round(value)} %`, 100, 10),
            one(t("health.memory"), "memory_bytes", bytes),
            one(t("health.lag"), "lag_ms", (value) => `${round(value)} ms`, 1, 10),
            one(t("health.viewers"), "viewers", round, 1, 4),
            one(t("health.recorded"), "recorded_bytes_per_s", (value) => `${bytes(value)}/s`),
          )
        : h("p", { class: "empty" }, t("health.soon")),
      h("h2", { class: "section" }, t("health.doors")),
      h("dl", { class: "facts card" }, doors(system.doors)),
    );
  };
  const timer = window.setInterval(refresh, POLL_MS);
  refresh();
  return { element: page(t("nav.health"), null, place), close: () => window.clearInterval(timer) };
}

function doors(list) {
  return (list ?? []).map((door) => fact(door.name, [door.port, door.tls ? "TLS" : "", door.addresses.join(", ")].filter(Boolean).join(" · ")));
}

function figure(name, value) {
  return h("div", { class: "figure card" }, h("span", {}, name), h("strong", {}, value));
}

function number(value) {
  return value === undefined || value === null ? "–" : String(value);
}

function milliseconds(value) {
  return value === undefined || value === null ? "–" : `${round(value)} ms`;
}

function round(value) {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
