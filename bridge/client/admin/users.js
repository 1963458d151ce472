// Users: who may log in, and what of which cameras he may.

import * as api from "../api.js";
import { fill, freshId, h } from "../dom.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { button, checkbox, confirmed, dialog, field, page, problemBox, select, sentence, table, tried } from "../ui.js";

const ROLES = ["viewer", "operator", "administrator"];
const ACTIONS = ["live", "playback", "export", "audio"];

export function open() {
  const ending = new AbortController();
  const place = h("div", {}, h("p", { class: "empty" }, t("loading")));
  const refresh = async () => {
    try {
      draw(await api.get("/users"));
    } catch (error) {
      fill(place, h("p", { class: "empty" }, sentence(error)));
    }
  };
  const draw = (users) =>
    fill(
      place,
      table(
        t("nav.users"),
        [t("name"), t("user.role"), t("user.cameras"), ""],
        users.map((user) => [
          h("div", { class: "two" }, h("strong", {}, user.name), user.doors?.length ? h("small", {}, user.doors.join(", ")) : null),
          t(`role.${user.role}`),
          h("div", { class: "two" }, h("span", {}, cameraText(user.cameras)), (user.grants ?? []).map((one) => h("small", {}, `${cameraText(one.cameras)}: ${(one.actions ?? []).join(", ")}`))),
          h(
            "div",
            { class: "row-actions" },
            user.source === "file"
              ? h("span", { class: "tag", title: t("user.file.why") }, t("camera.file"))
              : [
                  button({ icon: "edit", label: t("user.edit", { name: user.name }), on: () => edit(user, refresh) }),
                  button({ icon: "trash", label: t("user.remove", { name: user.name }), on: () => remove(user, refresh) }),
                ],
          ),
        ]),
      ),
    );
  state.on("users", refresh, ending.signal);
  refresh();
  return {
    element: page(t("nav.users"), button({ icon: "plus", text: t("user.add"), kind: "primary", on: () => edit(null, refresh) }), h("p", { class: "lead" }, t("user.lead")), place),
    close: () => ending.abort(),
  };
}

function cameraText(patterns) {
  if (!patterns?.length) return t("user.noCameras");
  return patterns.map((one) => (one === "*" ? t("user.all") : (state.camera(one)?.name ?? one))).join(", ");
}

async function remove(user, refresh) {
  if (!(await confirmed(t("user.remove", { name: user.name }), t("user.remove.sure"), t("remove")))) return;
  await tried(() => api.remove(`/users/${encodeURIComponent(user.name)}`), null, t("user.removed"));
  refresh();
}

/** @param {any} user null: a new one */
function edit(user, refresh) {
  const form = freshId("form");
  const problem = problemBox();
  const name = h("input", { required: true, maxlength: "64", value: user?.name ?? "", disabled: Boolean(user), autocomplete: "off", spellcheck: "false" });
  const password = h("input", { type: "password", autocomplete: "new-password", required: !user, minlength: "8" });
  const role = select(ROLES.map((one) => [one, t(`role.${one}`)]), user?.role ?? "viewer");
  const patterns = user?.cameras ?? ["*"];
  const all = checkbox(t("user.all"), patterns.includes("*"));
  const named = state.cameras.map((camera) => ({ id: camera.id, box: checkbox(camera.name, patterns.includes("*") || patterns.includes(camera.id)) }));
  const others = h("input", { value: patterns.filter((one) => one !== "*" && !state.camera(one)).join(", "), placeholder: "gate-*", spellcheck: "false" });
  const extra = (user?.grants ?? [])[0];
  const actions = ACTIONS.map((action) => ({ action, box: checkbox(t(`action.${action}`), extra?.actions?.includes(action) ?? false) }));
  const roleHint = h("p", { class: "note", "aria-live": "polite" });
  const follow = () => {
    for (const { box } of named) box.input.disabled = all.input.checked;
    roleHint.textContent = t(`role.${role.value}.why`);
  };
  all.input.addEventListener("change", follow);
  role.addEventListener("change", follow);
  follow();

  const save = async (event) => {
    event.preventDefault();
    problem.say("");
    const cameras = all.input.checked ? ["*"] : [...named.filter(({ box }) => box.input.checked).map(({ id }) => id), ...words(others.value)];
    const chosen = actions.filter(({ box }) => box.input.checked).map(({ action }) => action);
    const value = {
      role: role.value,
      cameras,
      ...(chosen.length || extra ? { grants: [...(chosen.length ? [{ cameras, actions: chosen }] : []), ...(user?.grants ?? []).slice(1)] } : {}),
      ...(password.value ? { password: password.value } : {}),
    };
    try {
      if (user) await api.patch(`/users/${encodeURIComponent(user.name)}`, value);
      else await api.post("/users", { name: name.value.trim(), ...value });
      shown.close();
      refresh();
    } catch (error) {
      problem.say(sentence(error));
    }
  };

  const shown = dialog({
    title: user ? t("user.edit", { name: user.name }) : t("user.add"),
    wide: true,
    body: h(
      "form",
      { id: form, class: "form", on: { submit: save } },
      problem.element,
      h("div", { class: "columns" }, field(t("name"), name), field(user ? t("user.newPassword") : t("login.password"), password, user ? t("user.keepPassword") : t("user.passwordHint")), field(t("user.role"), role)),
      roleHint,
      h("fieldset", {}, h("legend", {}, t("user.cameras")), all.element, h("div", { class: "checks" }, named.map(({ box }) => box.element)), field(t("user.patterns"), others, t("user.patterns.hint"))),
      h("fieldset", {}, h("legend", {}, t("user.more")), h("div", { class: "checks" }, actions.map(({ box }) => box.element))),
    ),
    actions: [button({ text: t("cancel"), on: () => shown.close() }), h("button", { class: "button primary", form, type: "submit" }, t("save"))],
  });
  (user ? password : name).focus();
}

function words(text) {
  return text.split(/[,\s]+/).filter(Boolean);
}
