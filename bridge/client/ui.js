// Pieces that every page uses: buttons, dialogs, menus, short messages, fields of forms.

import { fill, freshId, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./texts.js";

/** A button with an icon. @param {{icon?: string, text?: string, label?: string, title?: string, kind?: string, pressed?: boolean | null, on: (event: any) => any} & Record<string, any>} how */
export function button({ icon: name, text, label, kind = "", pressed = null, on, ...more }) {
  return h(
    "button",
    {
      type: "button",
      class: `button ${kind} ${text ? "" : "bare"}`,
      "aria-label": text ? null : label,
      title: label,
      "aria-pressed": pressed === null ? null : String(pressed),
      on: { click: on },
      ...more,
    },
    name ? icon(name) : null,
    text ? h("span", {}, text) : null,
  );
}

/** Says something for a moment, to screen readers too. @param {string} text @param {"" | "bad" | "good"} kind */
export function toast(text, kind = "") {
  const box = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  const item = h("div", { class: `toast ${kind}` }, icon(kind === "bad" ? "warning" : "check"), h("span", {}, text));
  box.append(item);
  window.setTimeout(() => item.remove(), kind === "bad" ? 8000 : 4000);
}

/** The sentence of an error for people. @param {any} error */
export function sentence(error) {
  if (error?.status === 0) return t("error.unreachable");
  if (error?.status === 429) return t("error.busy", { seconds: error.retry_after_s || 1 });
  const fields = error?.problem?.errors;
  if (fields?.length) return fields.map((one) => `${one.field}: ${one.expected}`).join("; ");
  return error?.message || t("error.unknown");
}

/**
 * A dialog; Escape and the cross close it, the focus goes back to where it was.
 * @param {{title: string, body: any, actions?: any[], wide?: boolean, onClose?: () => void}} how
 * @returns {{close: () => void, element: HTMLDialogElement}}
 */
export function dialog({ title, body, actions = [], wide = false, onClose }) {
  const id = freshId("d");
  const close = () => element.close();
  const element = h(
    "dialog",
    { class: `dialog ${wide ? "wide" : ""}`, "aria-labelledby": id },
    h("header", {}, h("h2", { id }, title), button({ icon: "close", label: t("close"), on: close })),
    h("div", { class: "dialog-body" }, body),
    actions.length ? h("footer", {}, actions) : null,
  );
  const before = /** @type {any} */ (document.activeElement);
  element.addEventListener("close", () => {
    element.remove();
    onClose?.();
    before?.focus?.();
  });
  element.addEventListener("click", (event) => event.target === element && close());
  document.body.append(element);
  element.showModal();
  return { close, element };
}

/** Asks before something is done that cannot be undone. @returns {Promise<boolean>} */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    let answer = false;
    const shown = dialog({
      title,
      body: h("p", {}, text),
      actions: [
        button({ text: t("cancel"), on: () => shown.close() }),
        button({
          text: action,
          kind: "danger",
          on: () => {
            answer = true;
            shown.close();
          },
        }),
      ],
      onClose: () => resolve(answer),
    });
  });
}

/**
 * A menu below a button. @param {HTMLElement} anchor
 * @param {({text: string, icon?: string, on: () => any, checked?: boolean, detail?: string} | null)[]} items null: a line
 */
export function menu(anchor, items) {
  document.querySelector(".menu")?.remove();
  const close = () => {
    box.remove();
    document.removeEventListener("pointerdown", outside, true);
    anchor.setAttribute("aria-expanded", "false");
  };
  const outside = (event) => !box.contains(event.target) && close();
  const box = h(
    "div",
    { class: "menu", role: "menu" },
    items.map((item) =>
      item
        ? h(
            "button",
            {
              type: "button",
              role: item.checked === undefined ? "menuitem" : "menuitemradio",
              "aria-checked": item.checked === undefined ? null : String(item.checked),
              on: {
                click: () => {
                  close();
                  anchor.focus();
                  item.on();
                },
              },
            },
            item.checked === undefined ? (item.icon ? icon(item.icon) : null) : h("span", { class: "tick" }, item.checked ? icon("check") : null),
            h("span", {}, item.text),
            item.detail ? h("small", {}, item.detail) : null,
          )
        : h("hr"),
    ),
  );
  box.addEventListener("keydown", (event) => {
    const all = [...box.querySelectorAll("button")];
    const at = all.indexOf(/** @type {any} */ (document.activeElement));
    if (event.key === "ArrowDown") all[(at + 1) % all.length].focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      close();
      anchor.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // A full-screen element shows nothing that lies outside it.
  (document.fullscreenElement ?? document.body).append(box);
  const place = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const top = place.bottom + size.height + 8 > innerHeight ? Math.max(8, place.top - size.height - 6) : place.bottom + 6;
  box.style.setProperty("left", `${Math.max(8, Math.min(place.left, innerWidth - size.width - 8))}px`);
  box.style.setProperty("top", `${top}px`);
  anchor.setAttribute("aria-expanded", "true");
  box.querySelector("button")?.focus();
  document.addEventListener("pointerdown", outside, true);
}

/** A labelled field. @param {string} label @param {HTMLElement} input */
export function field(label, input, hint = "") {
  const id = input.id || (input.id = freshId("f"));
  const hintId = hint ? freshId("h") : null;
  if (hintId) input.setAttribute("aria-describedby", hintId);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint ? h("small", { id: hintId }, hint) : null);
}

/** @param {[string, string][]} options value, text */
export function select(options, value, props = {}) {
  return h("select", props, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
}

export function checkbox(label, checked, props = {}) {
  const input = h("input", { type: "checkbox", checked, ...props });
  return { input, element: h("label", { class: "check" }, input, h("span", {}, label)) };
}

/** The frame of a page: heading, what stands beside it, the content. */
export function page(title, beside, ...content) {
  return h("div", { class: "page" }, h("header", { class: "page-head" }, h("h1", { tabindex: "-1" }, title), h("div", { class: "beside" }, beside)), content);
}

/** @param {string[]} heads @param {any[][]} rows elements of the cells */
export function table(caption, heads, rows, empty = "") {
  if (!rows.length) return h("p", { class: "empty" }, empty || t("nothing"));
  return h(
    "div",
    { class: "table-box", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "sr" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "sr" }, t("actions")))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => h("td", { "data-head": heads[i] }, cell))))),
    ),
  );
}

/** Runs something and says what went wrong; the button cannot be pressed meanwhile. */
export async function tried(work, pressed, done = "") {
  if (pressed) pressed.disabled = true;
  try {
    const value = await work();
    if (done) toast(done, "good");
    return value ?? true;
  } catch (error) {
    toast(sentence(error), "bad");
    return null;
  } finally {
    if (pressed) pressed.disabled = false;
  }
}

/** A place for what goes wrong in a form. */
export function problemBox() {
  const box = h("div", { class: "problem", role: "alert", hidden: true });
  return {
    element: box,
    say: (text, ...more) => {
      box.hidden = !text;
      fill(box, text ? [icon("warning"), h("span", {}, text, more)] : []);
    },
  };
}
