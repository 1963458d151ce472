// What this browser can decode, asked and not guessed; and which stream of a camera suits a tile.

const PROBES = {
  h264: 'video/mp4; codecs="avc1.640028"',
  h265: 'video/mp4; codecs="hvc1.1.6.L123.B0"',
  aac: 'video/mp4; codecs="mp4a.40.2"',
  opus: 'video/mp4; codecs="opus"',
  flac: 'video/mp4; codecs="flac"',
};

/** @returns {any} MediaSource, ManagedMediaSource on iPhones, or undefined */
export function mediaSourceClass() {
  const scope = /** @type {any} */ (globalThis);
  return scope.ManagedMediaSource || scope.MediaSource;
}

/** @param {(mime: string) => boolean} supported @returns {string[]} names as `can=` has them */
export function decodable(supported = (mime) => mediaSourceClass()?.isTypeSupported(mime) ?? false) {
  return Object.keys(PROBES).filter((name) => supported(PROBES[name]));
}

/** `H.265`, `hevc`, `h265` are one. @param {string} codec */
export function codecName(codec) {
  const plain = (codec || "").toLowerCase().replace(/[^a-z0-9]/g, "");
  return { hevc: "h265", avc: "h264", mpeg4generic: "aac", jpeg: "mjpeg" }[plain] ?? plain;
}

/**
 * The smallest stream that fills the tile, of those that can be decoded; else the one that comes closest.
 * @param {{name: string, codec?: string, width?: number}[]} streams the first is the main one
 * @param {number} width_px of the tile, in device pixels
 * @param {string[]} can
 * @returns {string} name; "" when there is none to choose from
 */
export function pickStream(streams, width_px, can) {
  const good = streams.filter((one) => !one.codec || can.includes(codecName(one.codec)));
  const from = good.length ? good : streams;
  const enough = from.filter((one) => one.width && one.width >= width_px * 0.75);
  const sorted = (enough.length ? enough : from).slice().sort((a, b) => (a.width || 1e9) - (b.width || 1e9));
  return (enough.length ? sorted[0] : from[0])?.name ?? "";
}
