// The export jobs: progress, cancel, the file, its manifest.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { bytes, dateTime, duration } from "../times.js";
import { button, confirmed, dialog, page, sentence, tried } from "../ui.js";

const POLL_MS = 1500;

/** One job. @param {any} job @param {() => void} changed */
export function jobRow(job, changed) {
  const path = `/api/v1/exports/${encodeURIComponent(job.id)}`;
  const from = Date.parse(job.from);
  const until = Date.parse(job.until);
  const busy = ["waiting", "running"].includes(job.state);
  const part = Math.round((job.state === "done" ? 1 : (job.progress ?? 0)) * 100);
  return h(
    "article",
    { class: `job ${job.state}`, "data-state": job.state },
    h(
      "div",
      { class: "job-what" },
      h("strong", {}, state.camera(job.camera)?.name ?? job.camera),
      h("span", {}, `${dateTime(from)} · ${duration(until - from)}`),
      job.user && job.user !== state.session?.user ? h("small", {}, job.user) : null,
    ),
    h(
      "div",
      { class: "job-state" },
      busy ? h("progress", { max: 100, value: part, "aria-label": t("export.progress") }) : icon(job.state === "done" ? "check" : "warning"),
      h("span", {}, busy ? `${t(`export.${job.state}`)} ${part} %` : t(`export.${job.state}`)),
      job.bytes ? h("span", {}, bytes(job.bytes)) : null,
      job.reason ? h("small", {}, job.reason) : null,
    ),
    h(
      "div",
      { class: "job-do" },
      job.state === "done" ? h("a", { class: "button primary", href: `${path}/file`, download: "" }, icon("download"), h("span", {}, t("export.file"))) : null,
      job.state === "done" ? button({ text: t("export.manifest"), on: () => showManifest(path) }) : null,
      button({
        icon: busy ? "close" : "trash",
        label: busy ? t("export.cancel") : t("remove"),
        on: async (event) => {
          if (!busy && !(await confirmed(t("export.remove"), t("export.remove.sure"), t("remove")))) return;
          await tried(() => api.remove(path), event.target.closest("button"));
          changed();
        },
      }),
    ),
  );
}

async function showManifest(path) {
  const text = h("pre", { class: "manifest", tabindex: "0" }, t("loading"));
  dialog({
    title: t("export.manifest"),
    wide: true,
    body: [h("p", { class: "note" }, t("export.manifest.why")), text],
    actions: [h("a", { class: "button primary", href: `${path}/manifest`, download: "manifest.json" }, icon("download"), h("span", {}, t("download")))],
  });
  try {
    text.textContent = JSON.stringify(await api.get(`${path}/manifest`), null, 2);
  } catch (error) {
    text.textContent = sentence(error);
  }
}

export function open() {
  const ending = new AbortController();
  const list = h("div", { class: "jobs", "aria-live": "polite" }, h("p", { class: "empty" }, t("loading")));
  let kept = "";
  const refresh = async () => {
    let jobs;
    try {
      jobs = await api.get("/exports");
    } catch (error) {
      fill(list, h("p", { class: "empty" }, sentence(error)));
      return;
    }
    const same = JSON.stringify(jobs);
    if (same === kept) return;
    kept = same;
    fill(list, jobs.length ? jobs.map((job) => jobRow(job, refresh)) : h("p", { class: "empty" }, t("export.empty")));
  };
  const timer = window.setInterval(refresh, POLL_MS);
  state.on("exports", refresh, ending.signal);
  refresh();
  return {
    element: page(t("nav.exports"), h("a", { class: "button", href: "#/watch" }, t("export.new")), h("p", { class: "lead" }, t("export.lead")), list),
    close: () => {
      window.clearInterval(timer);
      ending.abort();
    },
  };
}
