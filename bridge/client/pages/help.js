// The keys, in an overlay.

import { h } from "../dom.js";
import { t } from "../texts.js";
import { dialog } from "../ui.js";

/** Keys and what they do: texts of `key.<name>`. */
const KEYS = /** @type {[string, [string[], string][]][]} */ ([
  ["help.play", [[["Space", "K"], "toggle"], [["L"], "live"], [[",", "."], "step"], [["R"], "reverse"], [["<", ">"], "rate"], [["[", "]"], "jump"], [["←", "→"], "ten"]]],
  ["help.line", [[["+", "−"], "zoom"], [["C"], "calendar"], [["E"], "export"], [["I", "O"], "marks"]]],
  ["help.tiles", [[["1–9"], "select"], [["Enter"], "big"], [["F"], "full"], [["S"], "snapshot"], [["M"], "sound"], [["Del"], "empty"]]],
  ["help.page", [[["?"], "help"], [["Esc"], "close"], [["T"], "theme"]]],
]);

export function openHelp() {
  dialog({
    title: t("help.title"),
    wide: true,
    body: [
      h("div", { class: "keys" }, KEYS.map(([head, rows]) => h("section", {}, h("h3", {}, t(head)), h("dl", {}, rows.map(([keys, name]) => [h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, t(`key.${name}`))]))))),
      h("p", { class: "note" }, t("help.touch")),
    ],
  });
}
