// When each picture of the footage that was fetched is shown, read from the fragments themselves: cameras leave pictures
// out when they are busy, so their frame rate tells nobody where the next one is.

/** A few minutes of any camera; beyond it the oldest go. */
const MOST = 20_000;
/** Two that are nearer are one that was fetched twice. */
const SAME_S = 0.0005;

export class PictureTimes {
  constructor() {
    /** @type {number[]} seconds since 1970, in order */
    this.times = [];
    this.begin();
  }

  /** Another piece comes: its init segment first. */
  begin() {
    /** @type {number[]} of this piece */
    this.coming = [];
    this.rest = new Uint8Array(0);
    this.skip = 0;
    this.track = 0;
    this.rate = 0;
  }

  clear() {
    this.times = [];
    this.begin();
  }

  /** The next bytes of the piece, cut anywhere. @param {Uint8Array} bytes */
  feed(bytes) {
    const skipped = Math.min(this.skip, bytes.length);
    this.skip -= skipped;
    let data = bytes.subarray(skipped);
    if (this.rest.length) {
      const both = new Uint8Array(this.rest.length + data.length);
      both.set(this.rest);
      both.set(data, this.rest.length);
      data = both;
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;
    while (data.length - at >= 8) {
      const size = view.getUint32(at);
      const kind = kindAt(view, at);
      if (size < 8) break; // No box of ours: the browser will say so.
      if (kind === "moov" || kind === "moof") {
        if (data.length - at < size) break;
        if (kind === "moov") this._moov(view, at + 8, at + size);
        else this._moof(view, at + 8, at + size);
        at += size;
      } else if (data.length - at < size) {
        this.skip = size - (data.length - at);
        at = data.length;
      } else at += size;
    }
    this.rest = data.slice(at);
  }

  /** The piece is in: puts its pictures in order. */
  end() {
    const all = [...this.times, ...this.coming].sort((one, other) => one - other);
    this.coming = [];
    this.times = all.filter((time, i) => i === 0 || time - all[i - 1] > SAME_S).slice(-MOST);
  }

  /**
   * A moment at which the picture before or behind the one at `at_s` is on the screen; null: that is not known.
   * @param {1 | -1} way @param {number} at_s seconds since 1970
   */
  neighbour_s(way, at_s) {
    const times = this.times;
    let shown = -1;
    while (shown + 1 < times.length && times[shown + 1] <= at_s + 2 * SAME_S) shown += 1;
    const wanted = shown + way;
    if (shown < 0 || wanted < 0 || wanted >= times.length) return null;
    const next = times[wanted + 1] ?? times[wanted] + 0.02;
    return times[wanted] + Math.min(next - times[wanted], 0.2) / 2;
  }

  _moov(view, from, until) {
    for (const trak of boxes(view, from, until, "trak")) {
      const [header] = boxes(view, ...trak, "tkhd");
      const [media] = boxes(view, ...trak, "mdia");
      const [time] = boxes(view, ...media, "mdhd");
      const [handler] = boxes(view, ...media, "hdlr");
      if (kindAt(view, handler[0] + 4) !== "vide") continue;
      this.track = view.getUint32(header[0] + (view.getUint8(header[0]) ? 20 : 12));
      this.rate = view.getUint32(time[0] + (view.getUint8(time[0]) ? 20 : 12));
    }
  }

  _moof(view, from, until) {
    for (const traf of boxes(view, from, until, "traf")) {
      const [head] = boxes(view, ...traf, "tfhd");
      if (view.getUint32(head[0] + 4) !== this.track) continue;
      const flags = view.getUint32(head[0]) & 0xffffff;
      const at = head[0] + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
      const usual = flags & 0x8 ? view.getUint32(at) : 0;
      const [time] = boxes(view, ...traf, "tfdt");
      let decoded = view.getUint8(time[0]) ? Number(view.getBigUint64(time[0] + 4)) : view.getUint32(time[0] + 4);
      for (const run of boxes(view, ...traf, "trun")) decoded = this._trun(view, run[0], decoded, usual);
    }
  }

  _trun(view, from, decoded, usual) {
    const flags = view.getUint32(from) & 0xffffff;
    const count = view.getUint32(from + 4);
    let at = from + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
    for (let i = 0; i < count; i += 1) {
      const lasts = flags & 0x100 ? view.getUint32(at) : usual;
      at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0);
      const later = flags & 0x800 ? view.getInt32(at) : 0;
      at += flags & 0x800 ? 4 : 0;
      this.coming.push((decoded + later) / this.rate);
      decoded += lasts;
    }
    return decoded;
  }
}

/** @returns {[number, number][]} where the content of each box of that kind begins and ends */
function boxes(view, from, until, kind) {
  const found = /** @type {[number, number][]} */ ([]);
  for (let at = from; at + 8 <= until; ) {
    const size = view.getUint32(at);
    if (size < 8) break;
    if (kindAt(view, at) === kind) found.push([at + 8, Math.min(at + size, until)]);
    at += size;
  }
  return found;
}

function kindAt(view, at) {
  return String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));
}
