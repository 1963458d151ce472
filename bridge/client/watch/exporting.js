// Taking evidence home: the range by handles on the time line or by its times, then the job with its progress.

import * as api from "../api.js";
import { recordedStream } from "../camera.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { jobRow } from "../admin/exports.js";
import { within } from "../player/spans.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { duration, fromInput, toInput } from "../times.js";
import { button, checkbox, field, problemBox, select, sentence } from "../ui.js";

const FIRST_MS = 60_000;

export class ExportPanel {
  /**
   * @param {import("./deck.js").Deck} deck
   * @param {import("./timeline.js").Timeline} timeline
   * @param {() => any} selected tile
   */
  constructor(deck, timeline, selected) {
    Object.assign(this, { deck, timeline, selected });
    this.element = h("section", { class: "export-panel", hidden: true, "aria-label": t("export.title") });
    this.job = /** @type {any} */ (null);
    this.timer = 0;
  }

  get open() {
    return !this.element.hidden;
  }

  toggle() {
    if (this.open) this.close();
    else this.begin();
  }

  begin() {
    const cameras = state.cameras.filter((camera) => state.may(camera, "export"));
    const { deck, timeline } = this;
    const until = Math.min(deck.position_ms + FIRST_MS / 2, Date.now());
    timeline.range = { from_ms: Math.floor((until - FIRST_MS) / 1000) * 1000, until_ms: Math.floor(until / 1000) * 1000 };
    timeline.showRange();
    const current = this.selected()?.cell?.camera;
    this.problem = problemBox();
    if (!cameras.length) this.problem.say(t("export.none"));
    this.camera = select(
      cameras.map((one) => [one.id, one.name]),
      cameras.some((one) => one.id === current) ? current : cameras[0]?.id,
    );
    this.from = h("input", { type: "datetime-local", step: "1" });
    this.until = h("input", { type: "datetime-local", step: "1" });
    this.audio = checkbox(t("export.audio"), true);
    this.note = h("p", { class: "note", "aria-live": "polite" });
    this.start = button({ icon: "exports", text: t("export.start"), kind: "primary", on: (event) => this._start(event.currentTarget) });
    this.jobs = h("div", { class: "job-place" });
    for (const input of [this.from, this.until]) input.addEventListener("change", () => this._typed());
    this.camera.addEventListener("change", () => this._note());
    fill(
      this.element,
      h("header", {}, h("h2", {}, t("export.title")), button({ icon: "close", label: t("close"), on: () => this.close() })),
      h("div", { class: "export-form" }, field(t("camera"), this.camera), field(t("from"), this.from), field(t("until"), this.until), this.audio.element, this.start),
      this.note,
      this.problem.element,
      this.jobs,
    );
    timeline.onRange = () => this._shown();
    this.element.hidden = false;
    this._shown();
    timeline.draw();
    this.camera.focus();
  }

  close() {
    this.element.hidden = true;
    this.timeline.range = null;
    this.timeline.onRange = () => {};
    this.timeline.follow = true;
    window.clearInterval(this.timer);
    this.timeline.draw();
  }

  /** The place becomes an end of the range. @param {"from_ms" | "until_ms"} end */
  mark(end) {
    if (!this.open) this.begin();
    const range = this.timeline.range;
    if (!range) return;
    range[end] = Math.round(this.deck.position_ms / 1000) * 1000;
    if (range.until_ms <= range.from_ms) {
      if (end === "from_ms") range.until_ms = range.from_ms + 1000;
      else range.from_ms = range.until_ms - 1000;
    }
    this._shown();
    this.timeline.draw();
  }

  _shown() {
    const range = this.timeline.range;
    if (!range) return;
    this.from.value = toInput(range.from_ms);
    this.until.value = toInput(range.until_ms);
    this._note();
  }

  _typed() {
    const from_ms = fromInput(this.from.value);
    const until_ms = fromInput(this.until.value);
    if (!(until_ms > from_ms)) {
      this.problem.say(t("export.order"));
      return;
    }
    this.problem.say("");
    this.timeline.range = { from_ms, until_ms };
    this._note();
    this.timeline.draw();
  }

  /** How long it is and whether something is missing in it. */
  _note() {
    const range = this.timeline.range;
    if (!range) return;
    const { from_ms, until_ms } = range;
    const there = within(this.timeline.coverage.of(this.camera.value), from_ms, until_ms).reduce((sum, span) => sum + span[1] - span[0], 0);
    const missing = until_ms - from_ms - there;
    const known = this.timeline.coverage.of(this.camera.value).length > 0;
    this.note.textContent = `${duration(until_ms - from_ms)}${known && missing > 1500 ? ` · ${t("export.missing", { time: duration(missing) })}` : ""}`;
  }

  async _start(pressed) {
    const range = this.timeline.range;
    const camera = state.camera(this.camera.value);
    if (!range || !camera) return;
    pressed.disabled = true;
    this.problem.say("");
    try {
      const stream = recordedStream(camera)?.name;
      const job = await api.post("/exports", {
        camera: camera.id,
        ...(stream ? { stream } : {}),
        from: new Date(range.from_ms).toISOString(),
        until: new Date(range.until_ms).toISOString(),
        audio: this.audio.input.checked,
      });
      this._follow(job);
    } catch (error) {
      this.problem.say(sentence(error));
    } finally {
      pressed.disabled = false;
    }
  }

  _follow(job) {
    window.clearInterval(this.timer);
    const show = (now) => fill(this.jobs, jobRow(now, () => refresh()));
    const refresh = async () => {
      try {
        const now = await api.get(`/exports/${encodeURIComponent(job.id)}`);
        show(now);
        if (!["waiting", "running"].includes(now.state)) window.clearInterval(this.timer);
      } catch (error) {
        window.clearInterval(this.timer);
        fill(this.jobs, h("p", { class: "note" }, icon("warning"), sentence(error)));
      }
    };
    show(job);
    this.timer = window.setInterval(refresh, 700);
    refresh();
  }
}
