// The buttons of the deck: play, rates, steps, jumps, live, zoom, calendar.

import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { RATES, nextRate } from "../player/clock.js";
import { t } from "../texts.js";
import { clockTime, dayName } from "../times.js";
import { button, menu } from "../ui.js";
import { openCalendar } from "./calendar.js";
import { SPANS } from "./timeline.js";

export class Transport {
  /**
   * @param {import("./deck.js").Deck} deck
   * @param {import("./timeline.js").Timeline} timeline
   * @param {{selected: () => any, onExport: () => void}} how selected: the tile whose pictures are stepped
   */
  constructor(deck, timeline, { selected, onExport }) {
    this.deck = deck;
    this.timeline = timeline;
    this.selected = selected;
    this.play = button({ icon: "play", label: t("play"), kind: "big", on: () => deck.toggle(), "data-testid": "play" });
    this.rate = button({ text: "1×", label: t("rate"), kind: "rate", "aria-haspopup": "menu", on: (event) => this._rates(event.currentTarget) });
    this.live = h("button", { type: "button", class: "button live", title: t("live.label"), on: { click: () => deck.goLive() } }, h("span", { class: "dot good" }), h("span", {}, t("live")));
    this.clock = h("time", { class: "clock" });
    this.day = h("span", { class: "clock-day" });
    this.where = h("button", { type: "button", class: "where", title: t("calendar.open"), "aria-haspopup": "dialog", on: { click: () => this.calendar() } }, icon("calendar"), this.day, this.clock);
    this.element = h(
      "div",
      { class: "transport", role: "toolbar", "aria-label": t("transport") },
      h("div", { class: "group" }, this.where),
      h(
        "div",
        { class: "group middle" },
        button({ icon: "jumpBack", label: t("jumpBack"), on: () => deck.jump(-1) }),
        button({ icon: "stepBack", label: t("stepBack"), kind: "wide-only", on: () => deck.step(-1, selected()) }),
        button({ icon: "reverse", label: t("reverse"), kind: "wide-only", on: () => this.reverse() }),
        this.play,
        button({ icon: "stepForward", label: t("stepForward"), kind: "wide-only", on: () => deck.step(1, selected()) }),
        button({ icon: "jumpForward", label: t("jumpForward"), on: () => deck.jump(1) }),
        this.rate,
        this.live,
      ),
      h(
        "div",
        { class: "group end" },
        h("div", { class: "spans wide-only", role: "group", "aria-label": t("timeline.span") }, SPANS.map(([name, span]) => button({ text: t(name), label: t(`${name}.label`), kind: "small", on: () => timeline.showSpan(span) }))),
        button({ icon: "minus", label: t("zoomOut"), kind: "wide-only", on: () => timeline.zoom(2) }),
        button({ icon: "plus", label: t("zoomIn"), kind: "wide-only", on: () => timeline.zoom(0.5) }),
        button({ icon: "exports", text: t("export"), kind: "export", on: onExport }),
      ),
    );
    deck.addEventListener("change", () => this.update());
    deck.addEventListener("tick", () => this._tick());
    this.update();
  }

  reverse() {
    const { deck } = this;
    deck.setRate(!deck.live && deck.clock.playing && deck.clock.rate < 0 ? Math.abs(deck.clock.rate) : -1);
  }

  /** @param {1 | -1} way */
  faster(way) {
    this.deck.setRate(nextRate(this.deck.live ? 1 : this.deck.clock.rate, way));
  }

  calendar() {
    openCalendar(this.deck, this.timeline.coverage);
  }

  update() {
    const { deck } = this;
    const playing = deck.live || deck.clock.playing;
    fill(this.play, icon(playing ? "pause" : "play"));
    this.play.setAttribute("aria-label", playing ? t("pause") : t("play"));
    this.play.title = playing ? t("pause") : t("play");
    const rate = deck.live ? 1 : deck.clock.rate;
    this.rate.textContent = rateText(rate);
    this.rate.classList.toggle("on", rate !== 1);
    this.live.setAttribute("aria-pressed", String(deck.live));
    this._tick();
  }

  _tick() {
    const second = Math.floor(this.deck.position_ms / 1000);
    if (second === this.second) return;
    this.second = second;
    this.clock.textContent = clockTime(second * 1000);
    this.clock.dateTime = new Date(second * 1000).toISOString();
    this.day.textContent = dayName(second * 1000);
  }

  _rates(anchor) {
    const { deck } = this;
    const now = deck.live ? 1 : deck.clock.rate;
    menu(anchor, [
      ...[...RATES].reverse().map((rate) => ({ text: rateText(rate), checked: now === rate, on: () => deck.setRate(rate) })),
      null,
      ...[1, 2, 4, 8, 16, 32].map((rate) => ({ text: rateText(-rate), checked: now === -rate, on: () => deck.setRate(-rate) })),
    ]);
  }
}

function rateText(rate) {
  const size = Math.abs(rate);
  return `${rate < 0 ? "−" : ""}${{ 0.25: "¼", 0.5: "½" }[size] ?? size}×`;
}
