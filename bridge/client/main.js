// The page begins here: who is logged in, the frame around the pages, the way from one to another.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { icon, logo } from "./icons.js";
import { loginPage } from "./pages/login.js";
import { openHelp } from "./pages/help.js";
import { state } from "./state.js";
import { t } from "./texts.js";
import { button, menu, sentence } from "./ui.js";

/** Address -> page. `who`: administrator, export, anybody. */
const PAGES = {
  watch: { icon: "live", text: "nav.watch", who: "anybody", load: () => import("./watch/watch.js") },
  exports: { icon: "exports", text: "nav.exports", who: "export", load: () => import("./admin/exports.js") },
  cameras: { icon: "camera", text: "nav.cameras", who: "administrator", load: () => import("./admin/cameras.js") },
  users: { icon: "users", text: "nav.users", who: "administrator", load: () => import("./admin/users.js") },
  storage: { icon: "storage", text: "nav.storage", who: "administrator", load: () => import("./admin/storage.js") },
  certificates: { icon: "certificate", text: "nav.certificates", who: "administrator", load: () => import("./admin/certificates.js") },
  health: { icon: "health", text: "nav.health", who: "administrator", load: () => import("./admin/health.js") },
  tokens: { icon: "key", text: "nav.tokens", who: "anybody", load: () => import("./admin/tokens.js") },
};

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let shown = /** @type {{element: HTMLElement, close?: () => void, wide?: boolean} | null} */ (null);
let frame = /** @type {any} */ (null);
let turn = 0;

async function begin() {
  state.applySettings();
  document.documentElement.lang = t("lang");
  api.sessionEvents.addEventListener("loggedout", () => state.session && leave(t("login.over")));
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
    state.applySettings();
    state.tell("settings");
  });
  document.addEventListener("keydown", keys);
  window.addEventListener("hashchange", () => state.session && route());
  registerWorker();
  await enter();
}

/** The session that is there, or the log-in page. */
async function enter() {
  try {
    await entered(await api.get("/session"));
  } catch (error) {
    const status = /** @type {any} */ (error).status;
    if (status === 401 || status === 403) showLogin();
    else showUnreachable(error);
  }
}

async function entered(session) {
  // What the log-in answers may be tokens alone.
  await state.begin(session.role ? session : await api.get("/session"));
  buildFrame();
  await route();
}

function showLogin(note = "") {
  close();
  document.title = t("product");
  fill(root, loginPage((session) => entered(session).catch(showUnreachable), note));
}

function showUnreachable(error) {
  close();
  fill(
    root,
    h("main", { class: "login" }, h("div", { class: "login-card" }, h("div", { class: "login-mark" }, logo(), h("h1", {}, t("product"))), h("p", { role: "alert" }, sentence(error)), button({ text: t("tile.again"), kind: "primary wide", on: () => enter() }))),
  );
  window.setTimeout(() => !state.session && root.querySelector("[role=alert]") && enter(), 5000);
}

function leave(note = "") {
  state.end();
  frame = null;
  showLogin(note);
}

async function logOut() {
  await api.remove("/session").catch(() => {});
  leave(t("login.bye"));
}

function close() {
  shown?.close?.();
  shown = null;
  document.querySelectorAll("dialog, .menu").forEach((element) => element.remove());
}

function allowed(page) {
  if (page.who === "administrator") return state.administrator;
  return page.who === "anybody" || state.mayAny(page.who);
}

function buildFrame() {
  const banner = h("div", { class: "banners", role: "status" });
  const place = h("main", { id: "main", tabindex: "-1" });
  const links = Object.entries(PAGES)
    .filter(([name, page]) => name !== "tokens" && allowed(page))
    .map(([name, page]) => h("a", { href: `#/${name}`, class: "nav-link", "data-page": name }, icon(page.icon), h("span", {}, t(page.text))));
  const account = h("button", { type: "button", class: "nav-link", "aria-haspopup": "menu", title: t("account"), on: { click: (event) => accountMenu(event.currentTarget) } }, h("span", { class: "avatar", "aria-hidden": "true" }, initial()), h("span", {}, userName()));
  frame = { banner, place, links };
  fill(
    root,
    h("a", { class: "skip", href: "#main", on: { click: (event) => (event.preventDefault(), place.focus()) } }, t("skip")),
    h("div", { class: "frame" }, h("nav", { class: "nav", "aria-label": t("nav") }, h("div", { class: "nav-mark", title: t("product") }, logo()), links, h("span", { class: "grow" }), account), h("div", { class: "body" }, banner, place)),
  );
  showBanners();
}

function userName() {
  return state.session?.user ?? state.session?.name ?? "";
}

function initial() {
  return (userName()[0] ?? "?").toUpperCase();
}

function accountMenu(anchor) {
  const dark = document.documentElement.dataset.theme === "dark";
  menu(anchor, [
    { text: t("nav.tokens"), icon: "key", on: () => (location.hash = "#/tokens") },
    { text: dark ? t("theme.light") : t("theme.dark"), icon: dark ? "sun" : "moon", on: () => state.set({ theme: dark ? "light" : "dark" }) },
    { text: state.settings.utc ? t("zone.local") : t("zone.utc"), icon: "globe", on: () => (state.set({ utc: !state.settings.utc }), route()) },
    { text: t("help.title"), icon: "help", on: openHelp },
    null,
    { text: t("logout"), icon: "logout", on: logOut },
  ]);
}

async function route() {
  const mine = (turn += 1);
  const wanted = location.hash.replace(/^#\//, "").split("/")[0];
  const name = PAGES[wanted] && allowed(PAGES[wanted]) ? wanted : "watch";
  let page;
  try {
    page = await PAGES[name].load();
  } catch (error) {
    showUnreachable(error);
    return;
  }
  if (mine !== turn || !frame) return;
  const first = !shown;
  close();
  shown = page.open();
  fill(frame.place, shown.element);
  frame.place.classList.toggle("wide", Boolean(shown.wide));
  // What scrolls must be reached by keys.
  frame.place.tabIndex = shown.wide ? -1 : 0;
  for (const link of frame.links) link.toggleAttribute("aria-current", false);
  for (const link of frame.links) if (link.dataset.page === name) link.setAttribute("aria-current", "page");
  document.title = `${t(PAGES[name].text)} · ${t("product")}`;
  // Whoever cannot see the page is told that it is another one.
  if (!first) frame.place.querySelector("h1")?.focus();
}

/** What everybody should see: the service away, a certificate that expires, what the service says. */
function showBanners() {
  if (!frame) return;
  const notes = [];
  if (state.socket === null && !state.connected && state.had) notes.push(["bad", t("banner.away")]);
  for (const notice of state.system.notices ?? []) notes.push([notice.level === "error" ? "bad" : "warn", [notice.text, notice.detail].filter(Boolean).join(" – ")]);
  fill(frame.banner, notes.map(([kind, text]) => h("div", { class: `banner ${kind}` }, icon("warning"), h("span", {}, text))));
}

state.addEventListener("connection", () => {
  state.had = state.had || state.connected;
  showBanners();
});
state.addEventListener("system", showBanners);

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, textarea") || document.querySelector("dialog[open]")) return;
  if (event.key === "?" && state.session) openHelp();
  else if (event.key === "t") state.set({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
  else return;
  event.preventDefault();
}

/** So that it can be installed, and says what is wrong when the bridge is away. */
function registerWorker() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  const types = /** @type {any} */ (window).trustedTypes;
  const policy = types?.createPolicy("onb", { createScriptURL: (url) => (url === "/sw.js" ? url : "") });
  workers.register(policy ? policy.createScriptURL("/sw.js") : "/sw.js").catch(() => {});
}

begin();
