// Logging in, with a sentence for everything that may be wrong.

import { answered } from "../api.js";
import { h } from "../dom.js";
import { logo } from "../icons.js";
import { t } from "../texts.js";
import { field, problemBox } from "../ui.js";

/** @param {(session: any) => void} onDone @param {string} note why one is here again */
export function loginPage(onDone, note = "") {
  const user = h("input", { name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = problemBox();
  const submit = h("button", { type: "submit", class: "button primary wide" }, t("login.do"));
  if (note) problem.say(note);
  let waiting = 0;

  /** Pressed again when the pause is over. */
  const pause = (seconds) => {
    window.clearInterval(waiting);
    let left = Math.max(1, Math.ceil(seconds));
    submit.disabled = true;
    const show = () => {
      submit.textContent = left > 0 ? t("login.wait", { seconds: left }) : t("login.do");
      if (left > 0) return;
      submit.disabled = false;
      window.clearInterval(waiting);
    };
    show();
    waiting = window.setInterval(() => {
      left -= 1;
      show();
    }, 1000);
  };

  const explain = (error) => {
    const { name, problem: document_, status } = error;
    if (status === 0) problem.say(t("error.unreachable"));
    else if (status === 401) problem.say(t("login.wrong"));
    else if (status === 429) {
      problem.say(name === "locked" || /lock|many/i.test(error.message) ? t("login.locked") : t("login.busy"));
      pause(error.retry_after_s || 2);
    } else if (status === 403 && secureAddress(document_)) {
      const address = secureAddress(document_);
      problem.say(t("login.plain"), " ", h("a", { href: address }, address));
    } else if (status === 403) problem.say(error.message || t("login.locked"));
    else problem.say(error.message || t("error.unknown"));
  };

  const form = h(
    "form",
    {
      class: "login-card",
      on: {
        submit: async (event) => {
          event.preventDefault();
          submit.disabled = true;
          problem.say("");
          try {
            const session = await answered("POST", "/api/v1/session", { user: user.value, password: password.value });
            onDone(session ?? {});
            return;
          } catch (error) {
            password.value = "";
            submit.disabled = false;
            explain(error);
          }
          password.focus();
        },
      },
    },
    h("div", { class: "login-mark" }, logo(), h("h1", { tabindex: "-1" }, t("product"))),
    problem.element,
    field(t("login.user"), user),
    field(t("login.password"), password),
    submit,
    location.protocol === "http:" ? h("p", { class: "note" }, t("login.http")) : null,
  );
  queueMicrotask(() => user.focus());
  return h("main", { class: "login" }, form);
}

/** The https address in a problem, wherever it stands. */
function secureAddress(problem) {
  const found = problem?.https ?? /https:\/\/[^\s"'<>]+/.exec(problem?.detail ?? "")?.[0] ?? "";
  return /^https:\/\//.test(found) ? found.replace(/[.,;]$/, "") : "";
}
