// One cell of the grid: a camera live or at the time of the common clock, with its state and its own few buttons.

import { raw, stillIn } from "../api.js";
import { describe, recordedStream } from "../camera.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { codecName, decodable, mediaSourceClass, pickStream } from "../player/codecs.js";
import { FootagePlayer } from "../player/footage.js";
import { LivePlayer } from "../player/live.js";
import { state } from "../state.js";
import { t } from "../texts.js";
import { clockTime, dateTime } from "../times.js";
import { button, menu, sentence, toast } from "../ui.js";

export class Tile {
  /**
   * @param {{index: number, deck: any, onSelect: (index: number) => void, onDrop: (index: number, camera: string) => void,
   *   onRemove: (index: number) => void, onStream: (index: number, stream: string) => void, onBig: (index: number) => void}} how
   */
  constructor(how) {
    Object.assign(this, how);
    this.cell = /** @type {import("./layouts.js").Cell | null} */ (null);
    this.player = /** @type {any} */ (null);
    this.mode = "";
    this.sound = false;
    this.mjpeg = false;
    this.tried = "";
    this.video = this._video();
    this.picture = h("div", { class: "tile-picture" }, this.video);
    this.name = h("span", { class: "tile-name" });
    this.dot = h("span", { class: "dot" });
    this.badge = h("span", { class: "tile-badge" });
    this.time = h("span", { class: "tile-time" });
    this.message = h("div", { class: "tile-message", role: "status" });
    this.bar = h("div", { class: "tile-bar", role: "toolbar", "aria-label": t("tile.tools") });
    this.element = h(
      "section",
      {
        class: "tile",
        tabindex: "0",
        "data-index": String(this.index),
        on: {
          pointerdown: () => this.onSelect(this.index),
          focus: () => this.onSelect(this.index),
          dblclick: (event) => !event.target.closest("button") && this.onBig(this.index),
          dragover: (event) => {
            event.preventDefault();
            this.element.classList.add("over");
          },
          dragleave: () => this.element.classList.remove("over"),
          drop: (event) => {
            event.preventDefault();
            this.element.classList.remove("over");
            const camera = event.dataTransfer.getData("text/camera");
            if (camera) this.onDrop(this.index, camera);
          },
        },
      },
      this.picture,
      h("div", { class: "tile-head" }, this.dot, this.name, this.badge, this.time),
      this.message,
      this.bar,
    );
    this.size = new ResizeObserver(() => this._resized());
    this.size.observe(this.element);
    this._empty();
  }

  get camera() {
    return this.cell ? state.camera(this.cell.camera) : undefined;
  }

  /** Waits for recorded pictures that should be there. */
  get holds() {
    return this.mode === "footage" && this.player?.loading && this.element.isConnected;
  }

  /** @param {import("./layouts.js").Cell | null} cell */
  show(cell) {
    const same = cell?.camera === this.cell?.camera && (cell?.stream ?? "") === (this.cell?.stream ?? "");
    this.cell = cell;
    if (same && this.mode) {
      this._names();
      return;
    }
    this.mjpeg = false;
    this.tried = "";
    this._stop();
    if (!cell) this._empty();
    else this.start();
  }

  /** Live or footage, as the deck has it. */
  start() {
    this._stop();
    const camera = this.camera;
    if (!this.cell) return;
    this.element.classList.add("filled");
    this._names();
    this._buttons();
    if (!camera) {
      this._say("bad", t("tile.unknown"), t("tile.unknown.why"));
      return;
    }
    if (this.deck.live) this._live(camera);
    else this._footage(camera);
  }

  /** Called several times a second. */
  tick() {
    if (this.mode === "live") this._liveTick();
    else if (this.mode === "footage") {
      this.player.follow(this.deck.clock, this.deck.scrubbing);
      const at = this.player.shown_utc_ms;
      this.time.textContent = at === null ? "" : clockTime(at);
      this.element.dataset.shown = at === null ? "" : String(Math.round(at));
    }
  }

  /** @param {boolean} on */
  setSound(on) {
    this.sound = on;
    this.video.muted = !on;
    if (this.mode === "live" && this.player?.setAudio) this.player.setAudio(on);
    this._buttons();
  }

  selected(on) {
    this.element.classList.toggle("selected", on);
    this.element.setAttribute("aria-current", String(on));
  }

  /** The stream that is shown. */
  get stream() {
    return this.player?.stream ?? "";
  }

  async snapshot() {
    const camera = this.camera;
    if (!camera) return;
    const at = this.deck.live ? null : this.deck.clock.position_ms;
    try {
      // What is on the screen, in full size; the service's own picture where the browser cannot give it.
      const blob = (await this._screen()) ?? (await this._fetched(camera.id, at));
      const link = h("a", { href: URL.createObjectURL(blob), download: `${camera.id}-${stamp(at ?? Date.now())}.jpg` });
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      toast(t("snapshot.saved", { name: camera.name }), "good");
    } catch (error) {
      toast(sentence(error), "bad");
    }
  }

  close() {
    this._stop();
    this.size.disconnect();
  }

  _video() {
    return h("video", { muted: true, playsinline: true, disablepictureinpicture: true, tabindex: "-1", "aria-hidden": "true", autoplay: false });
  }

  _live(camera) {
    if (!state.may(camera, "live")) {
      this._say("bad", t("tile.notLive"), t("tile.notLive.why"));
      return;
    }
    this.mode = "live";
    const can = decodable();
    const wanted = this.cell?.stream || this.tried || pickStream(camera.streams ?? [], this._pixels(), can);
    if (this.mjpeg || !mediaSourceClass()) {
      this._motionJpeg(camera);
      return;
    }
    this._freshVideo();
    this.player = new LivePlayer(this.video, {
      camera: camera.id,
      stream: wanted,
      audio: this.sound,
      beforeRetry: stillIn,
      onState: (now, more) => this._liveState(now, more),
    });
    this._badge();
  }

  _footage(camera) {
    if (!state.may(camera, "playback")) {
      this._say("bad", t("tile.notPlayback"), t("tile.notPlayback.why"));
      return;
    }
    this.mode = "footage";
    const stream = recordedStream(camera, this.cell?.stream);
    if (!stream) {
      this._say("calm", t("tile.notRecorded"), camera.streams?.[0]?.recording_reason ?? "");
      return;
    }
    this._freshVideo();
    this._say("busy", t("tile.loading"));
    this.player = new FootagePlayer(this.video, {
      camera: camera.id,
      stream: stream.name,
      fps: stream.fps || 25,
      fetcher: raw,
      onState: (now, more) => this._footageState(now, more),
    });
    this._badge();
  }

  _liveState(now, more) {
    this.dot.className = "dot";
    const camera = this.camera;
    if (now === "connecting") this._say("busy", t("tile.connecting"));
    else if (now === "live") this._say("");
    else if (now === "waiting") this._say("away", t("tile.away"), more.reason || camera?.reason || "");
    else if (now === "lost") this._say("busy", t("tile.lost"), t("tile.lost.why"));
    else if (now === "ended") this._say("bad", t("tile.ended"), more.reason ?? "", [this._action(t("tile.again"), () => this.start())]);
    else if (now === "refused") this._refused(more);
    this.element.dataset.state = now;
  }

  _refused(more) {
    const others = (more.streams ?? []).map((one) => one.name ?? one).filter((name) => name !== this.stream);
    // Nobody chose this stream: another of the camera does as well.
    if (others.length && !this.cell?.stream && !this.tried) {
      this.tried = others[0];
      queueMicrotask(() => this.start());
      return;
    }
    this._say("bad", t("tile.cannot"), more.reason ?? "", [
      ...others.map((name) => this._action(t("tile.playStream", { name }), () => this.onStream(this.index, name))),
      this._action(t("tile.mjpeg"), () => {
        this.mjpeg = true;
        this.start();
      }),
    ]);
  }

  _footageState(now, more) {
    this.element.dataset.state = now;
    this.dot.className = "dot";
    if (now === "loading") this._say("busy", t("tile.loading"));
    else if (now === "shown") this._say("");
    else if (now === "gap") this._say("calm", t("tile.gap"), t("tile.gap.why"));
    else if (now === "refused") this._say("bad", t("tile.cannot"), more.reason ?? "");
    else this._say("busy", t("tile.failed"), more.reason ?? "");
  }

  _liveTick() {
    const player = this.player;
    if (!player?.delay_s && player?.delay_s !== 0) return;
    const delay = player.delay_s;
    this.dot.className = `dot ${delay < 0.8 ? "good" : delay < 2 ? "fair" : "late"}`;
    this.dot.title = t("tile.delay", { ms: Math.round(delay * 1000) });
    const at = player.shown_utc_ms;
    this.time.textContent = at ? clockTime(at) : "";
    this.element.dataset.shown = at ? String(Math.round(at)) : "";
  }

  _motionJpeg(camera) {
    const image = h("img", {
      class: "tile-mjpeg",
      alt: t("tile.pictureOf", { name: camera.name }),
      src: `/mjpeg/${encodeURIComponent(camera.id)}?fps=5`,
      on: { load: () => this._say(""), error: () => this._say("bad", t("tile.noPicture"), camera.reason ?? "", [this._action(t("tile.again"), () => this.start())]) },
    });
    this._say("busy", t("tile.connecting"));
    fill(this.picture, image);
    this.player = { stream: "mjpeg", close: () => image.removeAttribute("src") };
    this._badge();
  }

  _freshVideo() {
    this.video.remove();
    this.video = this._video();
    this.video.muted = !this.sound;
    fill(this.picture, this.video);
  }

  _stop() {
    this.player?.close();
    this.player = null;
    this.mode = "";
    this.time.textContent = "";
    this.element.dataset.shown = "";
    this.element.dataset.state = "";
    this.dot.className = "dot";
  }

  _empty() {
    this.element.classList.remove("filled");
    fill(this.picture, this.video);
    this.name.textContent = "";
    this.badge.textContent = "";
    fill(this.bar);
    this._say("empty", t("tile.empty"), t("tile.empty.why"));
    this.element.setAttribute("aria-label", t("tile.emptyLabel", { n: this.index + 1 }));
  }

  _names() {
    const camera = this.camera;
    this.name.textContent = camera?.name ?? this.cell?.camera ?? "";
    this.element.setAttribute("aria-label", t("tile.label", { n: this.index + 1, name: this.name.textContent }));
  }

  _badge() {
    const stream = this.stream;
    const main = this.camera?.streams?.[0]?.name;
    this.badge.textContent = stream && stream !== main ? stream : "";
  }

  _buttons() {
    const full = document.fullscreenElement === this.element;
    fill(this.bar, [
      button({ icon: "snapshot", label: t("tile.snapshot"), on: () => this.snapshot() }),
      state.may(this.camera, "audio")
        ? button({
            icon: this.sound ? "sound" : "mute",
            label: this.sound ? t("tile.mute") : t("tile.sound"),
            pressed: this.sound,
            on: () => this.deck.soundOf(this.sound ? null : this),
          })
        : null,
      button({ icon: "layers", label: t("tile.stream"), "aria-haspopup": "menu", on: (event) => this._streams(event.currentTarget) }),
      button({ icon: full ? "unfull" : "full", label: full ? t("tile.unfull") : t("tile.full"), on: () => this.full() }),
      button({ icon: "close", label: t("tile.remove"), on: () => this.onRemove(this.index) }),
    ]);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.element.requestFullscreen) this.element.requestFullscreen().catch(() => this.onBig(this.index));
    else this.onBig(this.index);
  }

  _streams(anchor) {
    const camera = this.camera;
    if (!camera) return;
    const can = decodable();
    const choose = (name) => {
      this.mjpeg = false;
      this.onStream(this.index, name);
    };
    menu(anchor, [
      { text: t("tile.auto"), checked: !this.cell?.stream && !this.mjpeg, on: () => choose("") },
      ...(camera.streams ?? []).map((one) => ({
        text: one.name,
        detail: describe(one) + (one.codec && !can.includes(codecName(one.codec)) ? ` · ${t("tile.notHere")}` : ""),
        checked: this.cell?.stream === one.name && !this.mjpeg,
        on: () => choose(one.name),
      })),
      {
        text: t("tile.mjpeg"),
        checked: this.mjpeg,
        on: () => {
          this.mjpeg = true;
          this.start();
        },
      },
    ]);
  }

  _action(text, on) {
    return button({ text, kind: "small", on });
  }

  /** @param {"" | "busy" | "away" | "bad" | "calm" | "empty"} kind "": the picture speaks */
  _say(kind, title = "", detail = "", actions = []) {
    this.element.dataset.kind = kind;
    fill(
      this.message,
      kind
        ? [
            kind === "busy" ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon({ away: "camera", bad: "warning", calm: "camera", empty: "plus" }[kind]),
            h("strong", {}, title),
            detail ? h("span", {}, detail) : null,
            actions.length ? h("div", { class: "actions" }, actions) : null,
          ]
        : [],
    );
  }

  _pixels() {
    return (this.element.clientWidth || 480) * (globalThis.devicePixelRatio || 1);
  }

  /** A much larger or smaller tile may want another stream. */
  _resized() {
    window.clearTimeout(this.later);
    this.later = window.setTimeout(() => {
      const camera = this.camera;
      if (this.mode !== "live" || this.cell?.stream || this.mjpeg || this.tried || !camera) return;
      if (pickStream(camera.streams ?? [], this._pixels(), decodable()) !== this.stream) this.start();
    }, 600);
    if (this.cell) this._buttons();
  }

  /** @returns {Promise<Blob | null>} */
  async _screen() {
    const video = this.video;
    if (!video.videoWidth || video.readyState < 2 || this.mjpeg) return null;
    const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }

  async _fetched(camera, at) {
    const query = at === null ? "" : `?at=${Math.round(at)}`;
    const response = await raw(`/api/v1/cameras/${encodeURIComponent(camera)}/snapshot.jpg${query}`);
    if (!response.ok) throw new Error(t("tile.noPicture"));
    return response.blob();
  }
}

function stamp(ms) {
  return dateTime(ms).replace(/[^0-9A-Za-z]+/g, "-");
}
