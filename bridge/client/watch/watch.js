// The page where one watches: grid, list, deck and time line; live, and back in time.

import * as api from "../api.js";
import { recordedStream } from "../camera.js";
import { freshId, h } from "../dom.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { button, checkbox, confirmed, dialog, field, tried } from "../ui.js";
import { Coverage } from "./coverage.js";
import { Deck } from "./deck.js";
import { ExportPanel } from "./exporting.js";
import { LAYOUTS, firstEmpty, fitted, layoutFor, placed } from "./layouts.js";
import { spansOf } from "./rows.js";
import { Sidebar } from "./sidebar.js";
import { Tile } from "./tile.js";
import { Timeline } from "./timeline.js";
import { Transport } from "./transport.js";

class WatchPage {
  constructor() {
    this.ending = new AbortController();
    this.coverage = new Coverage(askRecordings, () => this.timeline?.draw());
    this.deck = new Deck(this.coverage);
    this.timeline = new Timeline(this.deck, this.coverage);
    const kept = state.settings.watch ?? {};
    this.layout = LAYOUTS[kept.layout] ? String(kept.layout) : layoutFor(Math.min(9, state.cameras.length));
    this.cells = fitted(kept.cells ?? state.cameras.map((camera) => ({ camera: camera.id, stream: "" })), this.layout);
    this.big = -1;
    this.chosen = 0;
    this.grid = h("div", { class: "grid" });
    const selected = () => this.deck.tiles[this.chosen];
    this.export = new ExportPanel(this.deck, this.timeline, selected);
    this.transport = new Transport(this.deck, this.timeline, { selected, onExport: () => this.export.toggle() });
    this.side = new Sidebar({
      onCamera: (id) => this._pick(id),
      onView: (view) => this._open(view),
      onSave: () => this._save(),
      onRemoveView: (view) => this._removeView(view),
      shown: () => this.cells.map((cell) => cell?.camera ?? ""),
    });
    this.element = h(
      "div",
      { class: `watch ${state.settings.side === false || narrow() ? "no-side" : ""}` },
      h("h1", { class: "sr", tabindex: "-1" }, t("nav.watch")),
      this.side.element,
      h("div", { class: "shade", on: { click: () => this.element.classList.add("no-side") } }),
      h("div", { class: "stage" }, this._toolbar(), this.grid, this.export.element, h("div", { class: "deck" }, this.transport.element, this.timeline.element)),
    );
    this._lay();
    this.deck.addEventListener("tick", () => this.timeline.tick());
    this.deck.addEventListener("change", () => this._marked());
    const { signal } = this.ending;
    state.on("cameras", () => this._news(), signal);
    state.on("views", () => this.side.update(), signal);
    state.on("settings", () => this.timeline.themed(), signal);
    state.on("recordings", () => this.coverage.forget(), signal);
    document.addEventListener("keydown", (event) => this._key(event), { signal });
    document.addEventListener("fullscreenchange", () => this.deck.tiles.forEach((tile) => tile.cell && tile._buttons()), { signal });
    this._marked();
    /** For tests and for those who look from the console. */
    /** @type {any} */ (globalThis).onb = { deck: this.deck, timeline: this.timeline };
  }

  close() {
    this.ending.abort();
    this.export.close();
    this.deck.close();
    this.timeline.close();
  }

  _toolbar() {
    this.layouts = h(
      "div",
      { class: "layouts", role: "group", "aria-label": t("layout") },
      Object.keys(LAYOUTS).map((name) =>
        h(
          "button",
          { type: "button", class: "button bare", "data-layout": name, "aria-label": t("layout.of", { n: LAYOUTS[name].cells }), title: t("layout.of", { n: LAYOUTS[name].cells }), on: { click: () => this._setLayout(name) } },
          layoutPicture(name),
        ),
      ),
    );
    return h(
      "div",
      { class: "stage-bar" },
      button({
        icon: "list",
        label: t("side.toggle"),
        "aria-controls": "sidebar",
        on: () => {
          const hidden = this.element.classList.toggle("no-side");
          if (!narrow()) state.set({ side: !hidden });
        },
      }),
      this.layouts,
      h("span", { class: "mode-note", role: "status", ref: (element) => (this.note = element) }),
      h("span", { class: "grow" }),
      button({ icon: "full", label: t("stage.full"), kind: "wide-only", on: () => this._fullStage() }),
    );
  }

  _fullStage() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.querySelector(".stage").requestFullscreen?.();
  }

  /** The tiles as the layout and the cells have them; those that stay go on playing. */
  _lay() {
    const shape = LAYOUTS[this.layout];
    const tiles = this.deck.tiles;
    while (tiles.length > shape.cells) tiles.pop()?.close();
    for (let index = tiles.length; index < shape.cells; index += 1) {
      tiles.push(
        new Tile({
          index,
          deck: this.deck,
          onSelect: (at) => this._select(at),
          onDrop: (at, camera) => this._place(at, camera),
          onRemove: (at) => this._place(at, null),
          onStream: (at, stream) => this._stream(at, stream),
          onBig: (at) => this._enlarge(at),
        }),
      );
    }
    if (this.big >= shape.cells) this.big = -1;
    this.grid.dataset.layout = this.layout;
    this.grid.classList.toggle("one", this.big >= 0);
    this.grid.style.setProperty("--columns", String(shape.columns));
    this.grid.style.setProperty("--rows", String(shape.rows));
    // Moving an element would stop its video: only what is missing is added, what is too much removed.
    for (const child of [...this.grid.children]) if (!tiles.some((tile) => tile.element === child)) child.remove();
    tiles.forEach((tile, i) => {
      if (tile.element.parentNode !== this.grid) this.grid.append(tile.element);
      tile.element.classList.toggle("large", i === 0 && shape.big > 1);
      tile.element.classList.toggle("hidden", this.big >= 0 && this.big !== i);
      // What is not shown costs nothing.
      tile.show(this.big >= 0 && this.big !== i ? null : this.cells[i]);
    });
    for (const one of this.layouts?.children ?? []) one.setAttribute("aria-pressed", String(one.dataset.layout === this.layout));
    this._select(Math.min(this.chosen, shape.cells - 1));
    this.side.update();
  }

  _setLayout(name) {
    // Cells beyond a smaller layout are kept for when it grows again.
    this.kept = [...this.cells, ...(this.kept ?? []).slice(this.cells.length)];
    this.layout = name;
    this.big = -1;
    this.cells = fitted(this.kept, name);
    this._remember();
    this._lay();
  }

  _place(index, camera) {
    const cells = camera ? placed(this.cells, index, camera) : this.cells.map((cell, i) => (i === index ? null : cell));
    this.cells = cells;
    this.kept = null;
    this._remember();
    this._lay();
  }

  _pick(id) {
    const there = this.cells.findIndex((cell) => cell?.camera === id);
    if (there >= 0) {
      this._select(there);
      this.deck.tiles[there].element.focus();
    } else {
      const empty = this.cells[this.chosen] ? firstEmpty(this.cells) : this.chosen;
      this._place(empty >= 0 ? empty : this.chosen, id);
    }
    if (narrow()) this.element.classList.add("no-side");
  }

  _stream(index, stream) {
    const cell = this.cells[index];
    if (!cell) return;
    this.cells = this.cells.map((one, i) => (i === index ? { ...cell, stream } : one));
    const tile = this.deck.tiles[index];
    tile.cell = this.cells[index];
    tile.tried = "";
    tile.start();
    this._remember();
  }

  _enlarge(index) {
    if (this.layout === "1") return;
    this.big = this.big >= 0 ? -1 : index;
    this.chosen = index;
    this._lay();
  }

  _select(index) {
    this.chosen = index;
    this.deck.tiles.forEach((tile, i) => tile.selected(i === index && this.deck.tiles.length > 1));
    this.timeline.selected = this.deck.tiles[index]?.cell?.camera ?? "";
  }

  _marked() {
    this.element.classList.toggle("past", !this.deck.live);
    this.note.textContent = this.deck.live ? "" : t("past");
  }

  _news() {
    this.deck.tiles.forEach((tile, i) => {
      const known = Boolean(tile.mode);
      // A cell of a camera that came back, or a first one.
      if (this.cells[i] && tile.cell && !known && state.camera(tile.cell.camera)) tile.start();
      else if (tile.cell) tile._names();
    });
    if (this.cells.every((cell) => !cell) && state.cameras.length && !state.settings.watch) {
      this.layout = layoutFor(Math.min(9, state.cameras.length));
      this.cells = fitted(state.cameras.map((camera) => ({ camera: camera.id, stream: "" })), this.layout);
      this._lay();
    }
    this.side.update();
  }

  _remember() {
    state.set({ watch: { layout: this.layout, cells: this.cells } });
  }

  _open(view) {
    this.layout = LAYOUTS[view.layout] ? String(view.layout) : layoutFor(view.cells.length);
    this.cells = fitted(view.cells, this.layout);
    this.kept = null;
    this.big = -1;
    this._remember();
    this._lay();
  }

  _save() {
    const name = h("input", { required: true, maxlength: "64", autocomplete: "off" });
    const shared = checkbox(t("view.share"), false);
    const form = freshId("form");
    const shown = dialog({
      title: t("view.save"),
      body: h(
        "form",
        {
          id: form,
          on: {
            submit: async (event) => {
              event.preventDefault();
              const same = state.views.find((view) => view.name === name.value.trim() && view.mine !== false);
              const id = same?.id ?? crypto.getRandomValues(new Uint32Array(2)).join("").slice(0, 16);
              const view = {
                name: name.value.trim(),
                layout: this.layout,
                cells: this.cells.map((cell) => ({ camera: cell?.camera ?? "", stream: cell?.stream ?? "" })),
                shared: shared.input.checked,
              };
              if (await tried(() => api.put(`/views/${id}`, view), null, t("view.saved"))) {
                shown.close();
                state.fetch("views");
              }
            },
          },
        },
        field(t("view.name"), name),
        shared.element,
      ),
      actions: [button({ text: t("cancel"), on: () => shown.close() }), h("button", { class: "button primary", form, type: "submit" }, t("save"))],
    });
    name.focus();
  }

  async _removeView(view) {
    if (!(await confirmed(t("view.remove", { name: view.name }), t("view.remove.sure"), t("remove")))) return;
    await tried(() => api.remove(`/views/${encodeURIComponent(view.id)}`));
    state.fetch("views");
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches?.("input, select, textarea") || event.target.closest?.(".menu")) return;
    const { deck } = this;
    const tile = deck.tiles[this.chosen];
    const acts = {
      " ": () => deck.toggle(),
      k: () => deck.toggle(),
      l: () => deck.goLive(),
      ",": () => deck.step(-1, tile),
      ".": () => deck.step(1, tile),
      r: () => this.transport.reverse(),
      "<": () => this.transport.faster(-1),
      ">": () => this.transport.faster(1),
      "[": () => deck.jump(-1),
      "]": () => deck.jump(1),
      ArrowLeft: () => deck.seek(deck.position_ms - 10_000),
      ArrowRight: () => deck.live || deck.seek(deck.position_ms + 10_000),
      "+": () => this.timeline.zoom(0.5),
      "-": () => this.timeline.zoom(2),
      c: () => this.transport.calendar(),
      e: () => this.export.toggle(),
      i: () => this.export.mark("from_ms"),
      o: () => this.export.mark("until_ms"),
      s: () => tile?.snapshot(),
      m: () => tile?.cell && state.may(tile.camera, "audio") && deck.soundOf(tile.sound ? null : tile),
      f: () => tile?.full(),
      Enter: () => event.target === tile?.element && this._enlarge(this.chosen),
      Delete: () => event.target === tile?.element && this._place(this.chosen, null),
      Escape: () => (this.export.open ? this.export.close() : this.big >= 0 && this._enlarge(this.big)),
      Tab: null,
    };
    if (/^[1-9]$/.test(event.key) && Number(event.key) <= deck.tiles.length) {
      this._select(Number(event.key) - 1);
      deck.tiles[this.chosen].element.focus();
    } else if (acts[event.key]) {
      // Space and Enter on a button press that button.
      if (event.target.closest?.("button, a") && [" ", "Enter"].includes(event.key)) return;
      acts[event.key]();
    } else return;
    event.preventDefault();
  }
}

/** A phone: the list lies over the pictures. */
function narrow() {
  return matchMedia("(max-width: 760px)").matches;
}

/** A small picture of a layout. */
function layoutPicture(name) {
  const shape = LAYOUTS[name];
  return h(
    "span",
    { class: "layout-picture", style: { "--columns": String(shape.columns) }, "aria-hidden": "true" },
    Array.from({ length: shape.cells }, (_, i) => h("i", { class: i === 0 && shape.big > 1 ? "large" : "" })),
  );
}

async function askRecordings(camera, from_ms, until_ms) {
  const query = new URLSearchParams({ camera, from: new Date(from_ms).toISOString(), until: new Date(until_ms).toISOString() });
  const rows = await api.get(`/recordings?${query}`);
  return spansOf(rows, recordedStream(state.camera(camera))?.name);
}

export function open() {
  const page = new WatchPage();
  return { element: page.element, close: () => page.close(), wide: true };
}
