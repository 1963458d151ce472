// What every page shares: who is logged in, the cameras, the views, the settings of this browser, and news of changes.

import * as api from "./api.js";
import { Backoff } from "./player/backoff.js";
import { useUtc } from "./times.js";

const KEY = "onb";
const POLL_MS = 30_000;

class State extends EventTarget {
  constructor() {
    super();
    this.session = /** @type {any} */ (null);
    /** @type {any[]} */
    this.cameras = [];
    /** @type {any[]} */
    this.views = [];
    /** @type {any} */
    this.system = {};
    this.settings = { theme: "", utc: false, ...load() };
    this.socket = /** @type {WebSocket | null} */ (null);
    this.backoff = new Backoff({ first_ms: 300 });
    this.connected = false;
    this.timer = 0;
    this.renewing = 0;
    document.addEventListener("visibilitychange", () => !document.hidden && this._awake());
    window.addEventListener("online", () => this._awake());
  }

  get administrator() {
    return this.session?.role === "administrator";
  }

  /** @param {string} id @returns {any} the camera, or undefined */
  camera(id) {
    return this.cameras.find((one) => one.id === id);
  }

  may(camera, action) {
    return Boolean(camera?.may?.includes(action));
  }

  /** Any camera at all that allows it? */
  mayAny(action) {
    return this.cameras.some((camera) => this.may(camera, action));
  }

  set(changes) {
    Object.assign(this.settings, changes);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.settings));
    } catch {
      // Private windows may have none: then it holds for this page.
    }
    this.applySettings();
    this.tell("settings");
  }

  applySettings() {
    const dark = this.settings.theme ? this.settings.theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    useUtc(this.settings.utc);
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }

  /** Calls back on that change until `signal` aborts. */
  on(name, callback, signal) {
    this.addEventListener(name, callback, { signal });
  }

  /** Logged in. */
  async begin(session) {
    this.session = session;
    this._renewLater();
    await Promise.all([this.fetch("cameras"), this.fetch("views"), this.fetch("system")]);
    this._listen();
    window.clearInterval(this.timer);
    this.timer = window.setInterval(() => {
      if (document.hidden) return;
      this.fetch("cameras");
      this.fetch("system");
    }, POLL_MS);
  }

  end() {
    this.session = null;
    this.cameras = [];
    this.views = [];
    window.clearInterval(this.timer);
    window.clearTimeout(this.renewing);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** One of cameras, views, system, again. */
  async fetch(what) {
    try {
      const value = await api.get(`/${what}`);
      if (!this.session) return;
      const same = JSON.stringify(this[what]) === JSON.stringify(value);
      this[what] = value;
      if (!same) this.tell(what);
    } catch {
      // The next poll or notice brings it; that the service is away the banner says.
    }
  }

  _listen() {
    if (!this.session || this.socket) return;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/v1/notices`);
    this.socket = socket;
    socket.onopen = () => {
      this.backoff.reset();
      this._reach(true);
      // What changed while nobody listened.
      this.fetch("cameras");
      this.fetch("views");
    };
    socket.onmessage = (event) => {
      const changed = JSON.parse(event.data).changed;
      if (["cameras", "views", "system"].includes(changed)) this.fetch(changed);
      else this.tell(changed);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (!this.session) return;
      this._reach(false);
      window.setTimeout(() => api.stillIn().then(() => this._listen(), () => this.session && this._listen()), this.backoff.next());
    };
  }

  _reach(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    this.tell("connection");
  }

  /** The tab was asleep, or the network away: the session may have run out meanwhile. */
  async _awake() {
    if (!this.session) return;
    try {
      Object.assign(this.session, await api.get("/session"));
    } catch {
      return;
    }
    this._renewLater();
    this.fetch("cameras");
    this.fetch("system");
    this._listen();
  }

  _renewLater() {
    window.clearTimeout(this.renewing);
    const left_s = (Date.parse(this.session?.expires_at ?? "") - Date.now()) / 1000 || 600;
    this.renewing = window.setTimeout(async () => {
      try {
        Object.assign(this.session ?? {}, await api.refresh());
      } catch {
        // The next request that is refused tries again.
      }
      if (this.session) this._renewLater();
    }, Math.max(20, left_s * 0.7) * 1000);
  }
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

export const state = new State();
