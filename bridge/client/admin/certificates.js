// The certificates of the doors, and the authority that browsers are told to trust.

import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../texts.js";
import { dateTime, duration } from "../times.js";
import { button, confirmed, page, sentence, tried } from "../ui.js";
import { fact } from "./storage.js";

const DAY_MS = 86_400_000;

export function open() {
  const place = h("div", {}, h("p", { class: "empty" }, t("loading")));
  const refresh = async () => {
    try {
      draw(await api.get("/certificates"));
    } catch (error) {
      fill(place, h("p", { class: "empty" }, sentence(error)));
    }
  };
  const draw = (certificates) => fill(place, h("div", { class: "cards" }, certificates.map(card)));
  refresh();
  return {
    element: page(
      t("nav.certificates"),
      [
        h("a", { class: "button", href: "/api/v1/certificates/ca.pem", download: "onb-ca.pem" }, icon("download"), h("span", {}, t("certificate.ca"))),
        button({
          text: t("certificate.renew"),
          on: async (event) => {
            const pressed = event.currentTarget;
            if (!(await confirmed(t("certificate.renew"), t("certificate.renew.sure"), t("certificate.renew")))) return;
            await tried(() => api.post("/certificates/renew"), pressed, t("certificate.renewed"));
            refresh();
          },
        }),
      ],
      h("p", { class: "lead" }, t("certificate.lead")),
      place,
    ),
  };
}

function card(one) {
  const until = Date.parse(one.until ?? "");
  const left = until - Date.now();
  const kind = left < 7 * DAY_MS ? "bad" : left < 30 * DAY_MS ? "warn" : "good";
  return h(
    "article",
    { class: "card" },
    h("header", {}, h("h2", {}, one.name), Number.isNaN(until) ? null : h("span", { class: `tag ${kind}` }, left > 0 ? t("certificate.left", { time: duration(left) }) : t("certificate.over"))),
    h(
      "dl",
      { class: "facts" },
      one.source ? fact(t("certificate.source"), t(`certificate.source.${one.source}`)) : null,
      fact(t("health.doors"), one.doors.join(", ")),
      one.names ? fact(t("certificate.names"), one.names.join(", ")) : null,
      one.issuer ? fact(t("certificate.issuer"), one.issuer) : null,
      Number.isNaN(until) ? null : fact(t("certificate.until"), dateTime(until)),
      fact(t("certificate.print"), h("code", { class: "print" }, one.sha256)),
    ),
  );
}
