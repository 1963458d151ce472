// The list beside the grid: saved views and all cameras with their states; pick one or drag it into a cell.

import { isRecording, stateKind } from "../camera.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { button } from "../ui.js";

export class Sidebar {
  /** @param {{onCamera: (id: string) => void, onView: (view: any) => void, onSave: () => void, onRemoveView: (view: any) => void, shown: () => string[]}} how */
  constructor(how) {
    Object.assign(this, how);
    this.words = "";
    this.search = h("input", {
      type: "search",
      placeholder: t("side.search"),
      "aria-label": t("side.search"),
      on: {
        input: () => {
          this.words = this.search.value.trim().toLowerCase();
          this.update();
        },
      },
    });
    this.views = h("ul", { class: "views" });
    this.list = h("ul", { class: "cameras" });
    this.count = h("span", { class: "count" });
    this.element = h(
      "aside",
      { class: "sidebar", "aria-label": t("side.label"), id: "sidebar" },
      h("div", { class: "side-head" }, h("h2", {}, t("side.views")), button({ icon: "save", label: t("view.save"), on: () => this.onSave() })),
      this.views,
      h("div", { class: "side-head" }, h("h2", {}, t("side.cameras")), this.count),
      h("div", { class: "search" }, icon("search"), this.search),
      this.list,
    );
    this.update();
  }

  update() {
    const shown = new Set(this.shown());
    const cameras = state.cameras.filter((one) => !this.words || `${one.name} ${one.id}`.toLowerCase().includes(this.words));
    this.count.textContent = String(state.cameras.length);
    fill(
      this.views,
      state.views.length
        ? state.views.map((view) =>
            h(
              "li",
              {},
              h("button", { type: "button", class: "pick", on: { click: () => this.onView(view) } }, icon(view.shared ? "share" : "star"), h("span", {}, view.name), view.shared ? h("small", {}, t("view.shared")) : null),
              view.mine === false ? null : button({ icon: "trash", label: t("view.remove", { name: view.name }), kind: "quiet", on: () => this.onRemoveView(view) }),
            ),
          )
        : h("li", { class: "hint" }, t("side.noViews")),
    );
    fill(
      this.list,
      cameras.length
        ? cameras.map((camera) =>
            h(
              "li",
              {},
              h(
                "button",
                {
                  type: "button",
                  class: `pick ${shown.has(camera.id) ? "shown" : ""}`,
                  draggable: "true",
                  title: camera.reason || t(`state.${camera.state}`),
                  on: {
                    click: () => this.onCamera(camera.id),
                    dragstart: (event) => {
                      event.dataTransfer.setData("text/camera", camera.id);
                      event.dataTransfer.effectAllowed = "copy";
                    },
                  },
                },
                h("span", { class: `dot ${stateKind(camera.state)}`, "aria-hidden": "true" }),
                h("span", {}, camera.name),
                camera.state === "up" ? null : h("small", {}, t(`state.${camera.state}`)),
                camera.streams?.some(isRecording) ? h("span", { class: "rec", title: t("recording"), role: "img", "aria-label": t("recording") }) : null,
              ),
            ),
          )
        : h("li", { class: "hint" }, state.cameras.length ? t("side.noMatch") : t("side.noCameras")),
    );
  }
}
