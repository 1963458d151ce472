// The time line: footage of the shown cameras, the place, now; zoomed, moved and scrubbed with mouse, finger and keys.

import { h } from "../dom.js";
import { within } from "../player/spans.js";
import { t } from "../texts.js";
import { dateTime, clockTime, dayName } from "../times.js";
import { Scale } from "./scale.js";

const RULER_PX = 26;
const LANE_PX = 11;
const MOST_LANES = 9;
const HANDLE_PX = 14;

export class Timeline {
  /**
   * @param {import("./deck.js").Deck} deck
   * @param {import("./coverage.js").Coverage} coverage
   */
  constructor(deck, coverage) {
    this.deck = deck;
    this.coverage = coverage;
    const now = Date.now();
    this.scale = new Scale(now - 55 * 60_000, now + 5 * 60_000, 1000);
    this.follow = true;
    this.hover_x = /** @type {number | null} */ (null);
    /** @type {{from_ms: number, until_ms: number} | null} what is to be exported */
    this.range = null;
    this.onRange = () => {};
    this.pointers = new Map();
    this.gesture = "";
    this.selected = "";
    this.canvas = h("canvas", {
      class: "timeline",
      tabindex: "0",
      role: "slider",
      "aria-label": t("timeline.label"),
      "aria-describedby": "timeline-hint",
      on: {
        pointerdown: (event) => this._down(event),
        pointermove: (event) => this._move(event),
        pointerup: (event) => this._up(event),
        pointercancel: (event) => this._up(event),
        pointerleave: () => {
          this.hover_x = null;
          this.draw();
        },
        wheel: (event) => this._wheel(event),
        keydown: (event) => this._key(event),
        contextmenu: (event) => event.preventDefault(),
      },
    });
    this.element = h("div", { class: "timeline-box" }, this.canvas, h("p", { id: "timeline-hint", class: "sr" }, t("timeline.hint")));
    this.size = new ResizeObserver(() => this._resized());
    this.size.observe(this.element);
    this.colours = {};
  }

  get cameras() {
    return this.deck.cameras;
  }

  /** Follows the deck. Called several times a second. */
  tick() {
    const at = this.deck.position_ms;
    if (this.follow && !this.gesture) {
      const x = this.scale.x(at);
      const place = this.deck.live ? 0.88 : 0.75;
      if (this.deck.live || x > this.scale.width_px * 0.92 || x < this.scale.width_px * 0.04) {
        const goal = this.deck.live || x > 0 ? place : 0.25;
        this.scale = this.scale.moved(at - this.scale.time(this.scale.width_px * goal));
      }
    }
    this._want();
    this.draw();
  }

  /** @param {number} factor under 1: closer */
  zoom(factor, x = this.scale.x(this.deck.position_ms)) {
    this.scale = this.scale.zoomed(factor, Math.max(0, Math.min(this.scale.width_px, x)));
    this._want();
    this.draw();
  }

  /** Shows so long, the place in the middle. @param {number} span_ms */
  showSpan(span_ms, at = this.deck.position_ms) {
    const width = this.scale.width_px;
    this.scale = new Scale(at - span_ms / 2, at + span_ms / 2, width);
    this.follow = true;
    this.tick();
  }

  /** The range to export in the middle, wide enough for its handles to be taken. */
  showRange() {
    if (!this.range) return;
    const { from_ms, until_ms } = this.range;
    const span = Math.max((until_ms - from_ms) * 6, 120_000);
    this.follow = false;
    this.scale = new Scale((from_ms + until_ms - span) / 2, (from_ms + until_ms + span) / 2, this.scale.width_px);
    this._want();
  }

  pan(part) {
    this.follow = false;
    this.scale = this.scale.moved(this.scale.span_ms * part);
    this._want();
    this.draw();
  }

  close() {
    this.size.disconnect();
  }

  themed() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    this.colours = {
      back: value("--sunken"),
      line: value("--line"),
      text: value("--muted"),
      strong: value("--text"),
      footage: value("--footage"),
      chosen: value("--footage-strong"),
      place: value("--accent"),
      now: value("--good"),
      range: value("--range"),
      future: value("--future"),
    };
    this.draw();
  }

  _want() {
    this.coverage.want(this.cameras, this.scale.from_ms, this.scale.until_ms);
  }

  _resized() {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.scale = new Scale(this.scale.from_ms, this.scale.until_ms, width);
    this.themed();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.width / ratio;
    const height = this.canvas.height / ratio;
    const { scale, colours } = this;
    if (!width || !colours.back) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.back;
    context.fillRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    const now_x = scale.x(Date.now());
    if (now_x < width) {
      context.fillStyle = colours.future;
      context.fillRect(Math.max(0, now_x), 0, width, height);
    }
    this._drawMarks(context, height);
    this._drawLanes(context, width, height);
    if (this.range) this._drawRange(context, height);
    if (now_x >= 0 && now_x <= width) {
      context.fillStyle = colours.now;
      context.fillRect(now_x - 0.5, RULER_PX - 6, 1.5, height);
    }
    this._drawPlace(context, width, height);
    this._describe();
  }

  _drawMarks(context, height) {
    const { scale, colours } = this;
    for (const mark of scale.marks(this.scale.width_px < 600 ? 64 : 84)) {
      context.fillStyle = colours.line;
      context.fillRect(Math.round(mark.x), mark.label ? 18 : 22, 1, mark.day ? height : (mark.label ? 8 : 4));
      if (mark.label) {
        context.fillStyle = mark.day ? colours.strong : colours.text;
        context.textAlign = "center";
        context.fillText(mark.label, mark.x, 10);
      }
    }
    context.fillStyle = colours.line;
    context.fillRect(0, RULER_PX, scale.width_px, 1);
  }

  _drawLanes(context, width, height) {
    const cameras = this.cameras;
    const { scale, colours } = this;
    if (!cameras.length) {
      context.fillStyle = colours.text;
      context.textAlign = "center";
      context.fillText(t("timeline.none"), width / 2, (height + RULER_PX) / 2);
      return;
    }
    const single = cameras.length > MOST_LANES;
    const lanes = single ? [null] : cameras;
    const room = height - RULER_PX - 8;
    const lane = Math.min(lanes.length === 1 ? 22 : LANE_PX + 5, room / lanes.length);
    const top = RULER_PX + 4 + (room - lane * lanes.length) / 2;
    lanes.forEach((camera, i) => {
      const y = top + i * lane;
      const bar = Math.max(3, lane - 3);
      context.fillStyle = colours.line;
      context.fillRect(0, y + bar / 2, width, 1);
      context.fillStyle = camera === this.selected || lanes.length === 1 ? colours.chosen : colours.footage;
      const spans = camera ? this.coverage.of(camera) : this.coverage.all(cameras);
      let last = -Infinity;
      for (const [from, until] of within(spans, scale.from_ms, scale.until_ms)) {
        const left = Math.max(scale.x(from), last);
        const right = Math.max(scale.x(until), left + 1);
        context.fillRect(left, y, right - left, bar);
        last = right;
      }
    });
  }

  _drawRange(context, height) {
    const { scale, colours } = this;
    const range = /** @type {{from_ms: number, until_ms: number}} */ (this.range);
    const left = scale.x(range.from_ms);
    const right = scale.x(range.until_ms);
    context.globalAlpha = 0.28;
    context.fillStyle = colours.range;
    context.fillRect(left, RULER_PX, right - left, height);
    context.globalAlpha = 1;
    for (const [x, way] of [[left, -1], [right, 1]]) {
      context.fillRect(x - 1, RULER_PX, 2, height);
      context.beginPath();
      context.roundRect(way < 0 ? x - 11 : x, height - 24, 11, 20, 3);
      context.fill();
    }
  }

  _drawPlace(context, width, height) {
    const { scale, colours } = this;
    const x = scale.x(this.deck.position_ms);
    if (this.hover_x !== null && !this.gesture) {
      context.fillStyle = colours.text;
      context.globalAlpha = 0.6;
      context.fillRect(this.hover_x, RULER_PX, 1, height);
      context.globalAlpha = 1;
      this._flag(context, this.hover_x, scale.time(this.hover_x), colours.line, colours.strong, width);
    }
    if (x < -40 || x > width + 40) return;
    context.fillStyle = this.deck.live ? colours.now : colours.place;
    context.fillRect(x - 1, RULER_PX - 8, 2, height);
    context.beginPath();
    context.moveTo(x - 6, RULER_PX - 8);
    context.lineTo(x + 6, RULER_PX - 8);
    context.lineTo(x, RULER_PX + 1);
    context.fill();
    if (this.gesture === "scrub") this._flag(context, x, this.deck.position_ms, colours.place, colours.back, width);
  }

  _flag(context, x, ms, back, text, width) {
    const words = this.scale.span_ms > 86_400_000 ? `${dayName(ms)} ${clockTime(ms)}` : clockTime(ms);
    const wide = context.measureText(words).width + 14;
    const left = Math.max(2, Math.min(x - wide / 2, width - wide - 2));
    context.fillStyle = back;
    context.beginPath();
    context.roundRect(left, 1, wide, 18, 4);
    context.fill();
    context.fillStyle = text;
    context.textAlign = "center";
    context.fillText(words, left + wide / 2, 10.5);
  }

  _describe() {
    const at = Math.round(this.deck.position_ms / 1000);
    if (at === this.described) return;
    this.described = at;
    const { canvas, scale } = this;
    canvas.setAttribute("aria-valuemin", String(Math.round(scale.from_ms / 1000)));
    canvas.setAttribute("aria-valuemax", String(Math.round(scale.until_ms / 1000)));
    canvas.setAttribute("aria-valuenow", String(at));
    canvas.setAttribute("aria-valuetext", this.deck.live ? t("live") : dateTime(at * 1000));
  }

  // --- Mouse, fingers, keys ------------------------------------------------------------------------------------------

  _down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event.offsetX);
    if (this.pointers.size === 2) {
      if (this.gesture === "scrub") this.deck.endScrub(this.deck.position_ms);
      this.gesture = "pinch";
      return;
    }
    const handle = this._handleAt(event.offsetX);
    if (handle) this.gesture = handle;
    else if (event.button === 1 || event.button === 2 || event.shiftKey) this.gesture = "pan";
    else this.gesture = "press";
    this.pressed_x = event.offsetX;
  }

  _move(event) {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.hover_x = event.pointerType === "mouse" ? event.offsetX : null;
      this.canvas.style.setProperty("cursor", this._handleAt(event.offsetX) ? "ew-resize" : "pointer");
      this.draw();
      return;
    }
    const x = event.offsetX;
    if (this.gesture === "pinch") this._pinch(event.pointerId, x);
    else if (this.gesture === "pan") {
      this.follow = false;
      this.scale = this.scale.moved(this.scale.time(before) - this.scale.time(x));
    } else if (this.gesture === "from" || this.gesture === "until") this._moveHandle(x);
    else if (this.gesture === "scrub" || (this.gesture === "press" && Math.abs(x - this.pressed_x) > 4)) {
      this.gesture = "scrub";
      this._nudge(x);
      this.deck.scrub(Math.min(this.scale.time(x), Date.now()));
    }
    this.pointers.set(event.pointerId, x);
    this._want();
    this.draw();
  }

  _up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const gesture = this.gesture;
    if (this.pointers.size && gesture === "pinch") return;
    this.gesture = "";
    const at = this.scale.time(event.offsetX);
    if (gesture === "press") {
      this.follow = true;
      this.deck.seek(at);
    } else if (gesture === "scrub") {
      this.follow = true;
      this.deck.endScrub(at);
    }
    this.draw();
  }

  /** At the edges the time line moves on. */
  _nudge(x) {
    const { width_px, span_ms } = this.scale;
    if (x > width_px - 24) this.scale = this.scale.moved(span_ms * 0.01);
    else if (x < 24) this.scale = this.scale.moved(-span_ms * 0.01);
  }

  _pinch(id, x) {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1] ?? 0;
    const before = this.pointers.get(id);
    const middle = (x + other) / 2;
    const factor = Math.max(4, Math.abs(before - other)) / Math.max(4, Math.abs(x - other));
    this.follow = false;
    const moved = this.scale.time((before + other) / 2) - this.scale.time(middle);
    this.scale = this.scale.moved(moved).zoomed(factor, middle);
  }

  _handleAt(x) {
    if (!this.range) return "";
    const left = this.scale.x(this.range.from_ms);
    const right = this.scale.x(this.range.until_ms);
    if (Math.abs(x - left) < HANDLE_PX && x <= (left + right) / 2 + 4) return "from";
    if (Math.abs(x - right) < HANDLE_PX) return "until";
    return "";
  }

  _moveHandle(x) {
    const range = /** @type {{from_ms: number, until_ms: number}} */ (this.range);
    const at = Math.round(this.scale.time(x) / 1000) * 1000;
    this.follow = false;
    if (this.gesture === "from") range.from_ms = Math.min(at, range.until_ms - 1000);
    else range.until_ms = Math.max(at, range.from_ms + 1000);
    this.onRange();
  }

  _wheel(event) {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.pan((event.deltaX || event.deltaY) / 1500);
      return;
    }
    this.zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) / 300), event.offsetX);
  }

  _key(event) {
    const span = this.scale.span_ms;
    const at = this.deck.position_ms;
    const to = {
      ArrowLeft: at - span / 100,
      ArrowRight: at + span / 100,
      PageUp: at - span / 4,
      PageDown: at + span / 4,
    }[event.key];
    if (to !== undefined) this.deck.seek(to);
    else if (event.key === "Home") this._oldest();
    else if (event.key === "End") this.deck.goLive();
    else if (event.key === "+" || event.key === "=") this.zoom(0.6);
    else if (event.key === "-") this.zoom(1.6);
    else return;
    this.follow = true;
    event.preventDefault();
    event.stopPropagation();
  }

  _oldest() {
    const first = this.coverage.all(this.cameras)[0];
    if (first) this.deck.seek(first[0]);
  }
}

export const SPANS = /** @type {[string, number][]} */ ([
  ["timeline.minute", 60_000],
  ["timeline.hour", 3_600_000],
  ["timeline.day", 86_400_000],
  ["timeline.month", 31 * 86_400_000],
]);
