// A month with the days that have footage, and a time of day.

import { fill, h } from "../dom.js";
import { within } from "../player/spans.js";
import { Coverage } from "./coverage.js";
import { t } from "../texts.js";
import { monthName, moment, parts, fromInput, toInput, dayName } from "../times.js";
import { button, dialog, field } from "../ui.js";

/**
 * @param {import("./deck.js").Deck} deck
 * @param {import("./coverage.js").Coverage} coverage whose way of asking is used
 */
export function openCalendar(deck, { ask }) {
  // Its own: the time line asks for less and forgets the month.
  const coverage = new Coverage(ask, () => draw());
  const at = parts(deck.position_ms);
  let { year, month } = at;
  const exact = h("input", { type: "datetime-local", step: "1", value: toInput(deck.position_ms) });
  const grid = h("div", { class: "days", role: "grid" });
  const title = h("strong", { "aria-live": "polite" });
  const go = (ms) => {
    deck.seek(Math.min(ms, Date.now()));
    shown.close();
  };
  const turn = (by) => {
    const p = parts(moment(year, month + by, 1));
    year = p.year;
    month = p.month;
    draw();
  };
  const draw = () => {
    const first = moment(year, month, 1);
    const next = moment(year, month + 1, 1);
    coverage.want(deck.cameras, first, next);
    title.textContent = monthName(first + 86_400_000);
    const spans = coverage.all(deck.cameras);
    const blanks = parts(first).weekday;
    const count = Math.round((next - first) / 86_400_000);
    grid.setAttribute("aria-label", title.textContent);
    const focused = /** @type {any} */ (document.activeElement)?.dataset?.day;
    const cells = Array.from({ length: blanks }, () => h("span", { role: "gridcell" }));
    for (let day = 1; day <= count; day += 1) {
      const from = moment(year, month, day);
      const until = moment(year, month, day + 1);
      const inside = within(spans, from, until);
      const today = year === at.year && month === at.month && day === at.day;
      const covered = inside.reduce((sum, span) => sum + span[1] - span[0], 0) / (until - from);
      cells.push(
        h(
          "button",
          {
            type: "button",
            role: "gridcell",
            class: `day ${inside.length ? "has" : ""} ${today ? "today" : ""}`,
            disabled: from > Date.now(),
            "data-day": String(day),
            "aria-label": `${dayName(from)}, ${inside.length ? t("calendar.has") : t("calendar.hasNot")}`,
            style: { "--part": `${Math.round(Math.max(covered, inside.length ? 0.08 : 0) * 100)}%` },
            on: { click: () => go(inside.length ? Math.max(inside[0][0], sameTime(from, inside)) : from) },
          },
          String(day),
        ),
      );
    }
    const rows = [];
    while (cells.length) rows.push(h("div", { role: "row", class: "week" }, cells.splice(0, 7)));
    fill(grid, rows);
    if (focused) grid.querySelector(`[data-day="${focused}"]`)?.focus();
  };
  // The time of day stays when another day is chosen, where there is footage then.
  const sameTime = (from, inside) => {
    const wanted = from + (at.hour * 3600 + at.minute * 60 + at.second) * 1000;
    return inside.some((span) => span[0] <= wanted && span[1] > wanted) ? wanted : inside[0][0];
  };
  grid.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
    const day = Number(event.target.dataset.day);
    if (!by || !day) return;
    event.preventDefault();
    grid.querySelector(`[data-day="${day + by}"]`)?.focus();
  });
  const refresh = window.setInterval(draw, 1000);
  const shown = dialog({
    title: t("calendar"),
    body: [
      h("div", { class: "month" }, button({ icon: "left", label: t("calendar.before"), on: () => turn(-1) }), title, button({ icon: "right", label: t("calendar.after"), on: () => turn(1) })),
      h("div", { class: "week names", "aria-hidden": "true" }, Array.from({ length: 7 }, (_, i) => h("span", {}, t(`weekday.${i}`)))),
      grid,
      h(
        "form",
        {
          class: "row",
          on: {
            submit: (event) => {
              event.preventDefault();
              const ms = fromInput(exact.value);
              if (!Number.isNaN(ms)) go(ms);
            },
          },
        },
        field(t("calendar.exact"), exact),
        h("button", { class: "button primary", type: "submit" }, t("calendar.go")),
      ),
    ],
    onClose: () => window.clearInterval(refresh),
  });
  draw();
  grid.querySelector(".today")?.focus();
}
