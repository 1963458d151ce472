// Times as people read them, in the browser's time zone or in UTC. No DOM here.

let zone = /** @type {string | undefined} */ (undefined);
const formats = new Map();

/** @param {boolean} utc */
export function useUtc(utc) {
  zone = utc ? "UTC" : undefined;
  formats.clear();
}

function format(name, options) {
  let found = formats.get(name);
  if (!found) formats.set(name, (found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options })));
  return found;
}

/** 14:03:27 */
export function clockTime(ms) {
  return format("time", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms);
}

/** 14:03 */
export function shortTime(ms) {
  return format("short", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms);
}

/** Sat 28 Nov */
export function dayName(ms) {
  return format("day", { weekday: "short", day: "numeric", month: "short" }).format(ms).replace(",", "");
}

/** November 2026 */
export function monthName(ms) {
  return format("month", { month: "long", year: "numeric" }).format(ms);
}

/** 28 Nov 2026, 14:03:27 */
export function dateTime(ms) {
  return format("both", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(ms);
}

/** The parts of a moment in the zone: {year, month (1-12), day, hour, minute, second, weekday (0 is Monday)} */
export function parts(ms) {
  const date = new Date(ms);
  const utc = zone === "UTC";
  return {
    year: utc ? date.getUTCFullYear() : date.getFullYear(),
    month: (utc ? date.getUTCMonth() : date.getMonth()) + 1,
    day: utc ? date.getUTCDate() : date.getDate(),
    hour: utc ? date.getUTCHours() : date.getHours(),
    minute: utc ? date.getUTCMinutes() : date.getMinutes(),
    second: utc ? date.getUTCSeconds() : date.getSeconds(),
    weekday: ((utc ? date.getUTCDay() : date.getDay()) + 6) % 7,
  };
}

/** The reverse; days and months may overflow as Date has it. */
export function moment(year, month, day, hour = 0, minute = 0, second = 0) {
  return zone === "UTC"
    ? Date.UTC(year, month - 1, day, hour, minute, second)
    : new Date(year, month - 1, day, hour, minute, second).getTime();
}

/** For <input type="datetime-local" step="1">. */
export function toInput(ms) {
  const p = parts(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${p.year}-${two(p.month)}-${two(p.day)}T${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
}

/** @returns {number} NaN where the text is none */
export function fromInput(text) {
  const found = /^(\d+)-(\d+)-(\d+)T(\d+):(\d+)(?::(\d+))?/.exec(text);
  if (!found) return NaN;
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0));
  return moment(year, month, day, hour, minute, second || 0);
}

/** 2 d 4 h, 3 min 5 s, 12 s */
export function duration(ms) {
  let seconds = Math.round(Math.abs(ms) / 1000);
  const out = [];
  for (const [size, unit] of /** @type {[number, string][]} */ ([[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]])) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count) out.push(`${count} ${unit}`);
    if (out.length === 2 || (out.length && !count)) break;
  }
  return out.join(" ") || "0 s";
}

/** 1.4 GB */
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  let value = count;
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (Math.abs(value) < 1000 || unit === "TB") return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return "";
}
