// Cameras: which there are and how they do; add one by its address, tested before it is kept.

import * as api from "../api.js";
import { describe, isRecorded, isRecording, stateKind } from "../camera.js";
import { fill, freshId, h } from "../dom.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { button, confirmed, dialog, field, page, problemBox, select, sentence, table, tried } from "../ui.js";

const TRANSPORTS = /** @type {[string, string][]} */ ([["tcp", "TCP"], ["udp", "UDP"], ["http", "HTTP"]]);

export function open() {
  const ending = new AbortController();
  const place = h("div", {});
  const draw = () =>
    fill(
      place,
      table(
        t("nav.cameras"),
        [t("name"), t("camera.state"), t("camera.streams"), t("camera.recording"), ""],
        state.cameras.map((camera) => [
          h("div", { class: "two" }, h("strong", {}, camera.name), h("code", {}, camera.id)),
          h("div", { class: "two" }, h("span", {}, h("span", { class: `dot ${stateKind(camera.state)}` }), ` ${t(`state.${camera.state}`)}`), camera.reason ? h("small", {}, camera.reason) : null),
          h("div", { class: "two" }, (camera.streams ?? []).map((one) => h("span", { class: "stream" }, h("b", {}, one.name), ` ${describe(one)}`))),
          recording(camera),
          h(
            "div",
            { class: "row-actions" },
            camera.source === "file"
              ? h("span", { class: "tag", title: t("camera.file.why") }, t("camera.file"))
              : [
                  button({ icon: "edit", label: t("camera.edit", { name: camera.name }), on: () => edit(camera) }),
                  button({ icon: "trash", label: t("camera.remove", { name: camera.name }), on: () => remove(camera) }),
                ],
          ),
        ]),
        t("camera.none"),
      ),
    );
  state.on("cameras", draw, ending.signal);
  draw();
  return {
    element: page(t("nav.cameras"), button({ icon: "plus", text: t("camera.add"), kind: "primary", on: () => edit(null) }), place),
    close: () => ending.abort(),
  };
}

function recording(camera) {
  const streams = camera.streams ?? [];
  const on = streams.filter(isRecording);
  if (on.length) return h("span", { class: "recording" }, h("span", { class: "rec" }), t("recording"));
  return h("small", {}, streams[0]?.recording_reason || t("camera.notRecorded"));
}

async function remove(camera) {
  if (!(await confirmed(t("camera.remove", { name: camera.name }), t("camera.remove.sure"), t("remove")))) return;
  if (await tried(() => api.remove(`/cameras/${encodeURIComponent(camera.id)}`), null, t("camera.removed"))) state.fetch("cameras");
}

/** @param {any} camera null: a new one */
function edit(camera) {
  const form = freshId("form");
  const name = h("input", { required: true, maxlength: "64", value: camera?.name ?? "" });
  const id = h("input", { required: true, pattern: "[a-z0-9\\-]{1,32}", maxlength: "32", value: camera?.id ?? "", disabled: Boolean(camera), spellcheck: "false" });
  const first = camera?.streams?.[0];
  const url = h("input", { required: !camera, value: first?.url ?? "", type: "text", placeholder: "rtsp://192.0.2.10/stream1", inputmode: "url", spellcheck: "false", autocomplete: "off" });
  const user = h("input", { autocomplete: "off", spellcheck: "false" });
  const password = h("input", { type: "password", autocomplete: "new-password" });
  const transport = select(TRANSPORTS, first?.transport ?? "tcp");
  const record = select([["always", t("camera.record.always")], ["never", t("camera.record.never")]], camera?.settings?.record ?? (camera?.streams?.some(isRecorded) === false ? "never" : "always"));
  const retention = h("input", { pattern: "\\d+[smhdw]?", placeholder: "7d", value: camera?.settings?.retention ?? "", size: 6 });
  const problem = problemBox();
  const result = h("div", { class: "test-result", "aria-live": "polite" });
  const login = () => ({ ...(user.value ? { user: user.value } : {}), ...(password.value ? { password: password.value } : {}) });
  // Its other streams stay as they are.
  const others = (camera?.streams ?? []).slice(1).filter((one) => one.url).map((one) => ({ name: one.name, url: one.url, ...(one.transport ? { transport: one.transport } : {}) }));
  let typed = Boolean(camera);
  id.addEventListener("input", () => (typed = true));
  name.addEventListener("input", () => {
    if (!typed) id.value = slug(name.value);
  });

  const test = async (pressed) => {
    if (!url.value.trim()) {
      url.focus();
      return false;
    }
    pressed.disabled = true;
    fill(result, h("p", { class: "note" }, h("span", { class: "spinner" }), ` ${t("camera.testing")}`));
    try {
      const told = await api.post("/cameras/test", {
        url: url.value.trim(),
        transport: transport.value,
        ...login(),
      });
      fill(result, told.ok ? good(told) : h("div", { class: "problem" }, icon("warning"), h("span", {}, told.reason || t("camera.fails"))));
      return told.ok;
    } catch (error) {
      fill(result, h("div", { class: "problem" }, icon("warning"), h("span", {}, sentence(error))));
      return false;
    } finally {
      pressed.disabled = false;
    }
  };

  const save = async (event) => {
    event.preventDefault();
    problem.say("");
    const changed = !camera || url.value.trim() !== (first?.url ?? "") || transport.value !== (first?.transport ?? "tcp") || user.value;
    const streams = changed && url.value.trim() ? { streams: [{ ...(first ? { name: first.name } : {}), url: url.value.trim(), transport: transport.value }, ...others], ...login() } : {};
    const value = { name: name.value.trim(), record: record.value, ...(retention.value ? { retention: retention.value } : {}), ...streams };
    try {
      if (camera) await api.patch(`/cameras/${encodeURIComponent(camera.id)}`, value);
      else await api.post("/cameras", { id: id.value, ...value });
      shown.close();
      state.fetch("cameras");
    } catch (error) {
      problem.say(sentence(error));
    }
  };

  const shown = dialog({
    title: camera ? t("camera.edit", { name: camera.name }) : t("camera.add"),
    wide: true,
    body: h(
      "form",
      { id: form, class: "form", on: { submit: save } },
      problem.element,
      h("div", { class: "columns" }, field(t("name"), name), field(t("camera.id"), id, camera ? "" : t("camera.id.hint"))),
      field(t("camera.url"), url, camera ? t("camera.url.keep") : t("camera.url.hint")),
      h("div", { class: "columns" }, field(t("login.user"), user), field(t("login.password"), password), field(t("camera.transport"), transport)),
      h("div", { class: "row" }, button({ icon: "play", text: t("camera.test"), on: (event) => test(event.currentTarget) })),
      result,
      h("div", { class: "columns" }, field(t("camera.record"), record), field(t("camera.retention"), retention, t("camera.retention.hint"))),
    ),
    actions: [button({ text: t("cancel"), on: () => shown.close() }), h("button", { class: "button primary", form, type: "submit" }, camera ? t("save") : t("camera.add"))],
  });
  name.focus();
}

function good(told) {
  const picture = /^data:image\/jpeg;base64,/.test(told.picture ?? "") ? h("img", { src: told.picture, alt: t("camera.picture") }) : null;
  return h(
    "div",
    { class: "test-good" },
    picture,
    h("div", {}, h("strong", {}, icon("check"), ` ${t("camera.works")}`), h("ul", {}, (told.tracks ?? []).map((track) => h("li", {}, track.width ? describe(track) : `${track.codec} · ${track.clock_rate} Hz`)))),
  );
}

function slug(text) {
  return text.normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f]/g, "").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 32);
}
