// API tokens: what programs log in with. Shown once.

import * as api from "../api.js";
import { fill, freshId, h } from "../dom.js";
import { t } from "../texts.js";
import { dateTime } from "../times.js";
import { button, confirmed, dialog, field, page, problemBox, select, sentence, table, toast, tried } from "../ui.js";

export function open() {
  const place = h("div", {}, h("p", { class: "empty" }, t("loading")));
  const refresh = async () => {
    try {
      draw(await api.get("/tokens"));
    } catch (error) {
      fill(place, h("p", { class: "empty" }, sentence(error)));
    }
  };
  const when = (value, never) => (value ? dateTime(Date.parse(value)) : never);
  const draw = (tokens) =>
    fill(
      place,
      table(
        t("nav.tokens"),
        [t("name"), t("token.made"), t("token.ends"), t("token.used"), ""],
        tokens.map((token) => [
          h("strong", {}, token.name),
          when(token.created, "–"),
          when(token.expires, t("token.never")),
          when(token.used, t("token.unused")),
          h(
            "div",
            { class: "row-actions" },
            button({
              icon: "trash",
              label: t("token.revoke", { name: token.name }),
              on: async () => {
                if (!(await confirmed(t("token.revoke", { name: token.name }), t("token.revoke.sure"), t("token.revoke.do")))) return;
                await tried(() => api.remove(`/tokens/${encodeURIComponent(token.id)}`));
                refresh();
              },
            }),
          ),
        ]),
        t("token.none"),
      ),
    );
  refresh();
  return { element: page(t("nav.tokens"), button({ icon: "plus", text: t("token.add"), kind: "primary", on: () => add(refresh) }), h("p", { class: "lead" }, t("token.lead")), place) };
}

function add(refresh) {
  const form = freshId("form");
  const problem = problemBox();
  const name = h("input", { required: true, maxlength: "64", autocomplete: "off" });
  const days = select([["30", t("token.days", { n: 30 })], ["365", t("token.days", { n: 365 })], ["", t("token.never")]], "365");
  const shown = dialog({
    title: t("token.add"),
    body: h(
      "form",
      {
        id: form,
        class: "form",
        on: {
          submit: async (event) => {
            event.preventDefault();
            try {
              const made = await api.post("/tokens", { name: name.value.trim(), ...(days.value ? { days: Number(days.value) } : {}) });
              shown.close();
              refresh();
              showOnce(made);
            } catch (error) {
              problem.say(sentence(error));
            }
          },
        },
      },
      problem.element,
      field(t("name"), name, t("token.name.hint")),
      field(t("token.ends"), days),
    ),
    actions: [button({ text: t("cancel"), on: () => shown.close() }), h("button", { class: "button primary", form, type: "submit" }, t("token.add"))],
  });
  name.focus();
}

function showOnce(made) {
  const value = h("input", { readonly: true, value: made.token, class: "code", "aria-label": t("token.value") });
  const shown = dialog({
    title: t("token.once"),
    body: [h("p", {}, t("token.once.why")), h("div", { class: "row" }, value, button({ icon: "copy", text: t("copy"), on: copy }))],
    actions: [button({ text: t("token.kept"), kind: "primary", on: () => shown.close() })],
  });
  value.select();
  async function copy() {
    try {
      await navigator.clipboard.writeText(made.token);
      toast(t("copied"), "good");
    } catch {
      value.select();
    }
  }
}
