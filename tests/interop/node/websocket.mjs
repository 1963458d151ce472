// A WebSocket client that is none of ours, Node's own: plays RTSP over it and prints one JSON line.
//
// usage: node [--experimental-websocket] websocket.mjs ws://HOST:PORT/PATH rtsp://HOST:PORT/live/CAMERA USER PASSWORD FRAMES

import { createHash } from "node:crypto";

const [address, url, user, password, frames] = process.argv.slice(2);
const md5 = (text) => createHash("md5").update(text).digest("hex");
const socket = new WebSocket(address, "rtsp.onvif.org");
socket.binaryType = "arraybuffer";
let stream = Buffer.alloc(0);
let waiting = null;
let cseq = 0;
let session = "";
let challenge = null;
const seen = { protocol: "", statuses: [], channels: {}, messages: 0, closed: null };

function take() {
  while (stream.length) {
    if (stream[0] === 0x24) {
      if (stream.length < 4 || stream.length < 4 + stream.readUInt16BE(2)) return;
      seen.channels[stream[1]] = (seen.channels[stream[1]] ?? 0) + 1;
      stream = stream.subarray(4 + stream.readUInt16BE(2));
      continue;
    }
    const end = stream.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = stream.subarray(0, end).toString();
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (stream.length < end + 4 + length) return;
    stream = stream.subarray(end + 4 + length);
    waiting(head);
  }
}

function authorization(method, target) {
  if (!challenge) return "";
  const { realm, nonce, qop } = challenge;
  const parts = [`username="${user}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${target}"`];
  const first = md5(`${user}:${realm}:${password}`);
  const second = md5(`${method}:${target}`);
  const middle = qop ? `${nonce}:00000001:abcd:auth` : nonce;
  if (qop) parts.push("qop=auth", "nc=00000001", 'cnonce="abcd"');
  parts.push(`response="${md5(`${first}:${middle}:${second}`)}"`);
  return `Authorization: Digest ${parts.join(", ")}\r\n`;
}

async function ask(method, target, headers = "") {
  cseq += 1;
  const reply = new Promise((resolve) => { waiting = resolve; });
  const named = session ? `Session: ${session}\r\n` : "";
  socket.send(Buffer.from(
    `${method} ${target} RTSP/1.0\r\nCSeq: ${cseq}\r\n${authorization(method, target)}${named}${headers}\r\n`));
  const head = await reply;
  const status = Number(head.split(" ")[1]);
  seen.statuses.push(status);
  if (status === 401 && !challenge) {
    const line = /^www-authenticate: *digest (.*)$/im.exec(head)[1];
    challenge = Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map((found) => [found[1], found[2]]));
    return ask(method, target, headers);
  }
  session = /^session: *([^;\r\n]+)/im.exec(head)?.[1] ?? session;
  return head;
}

socket.onmessage = (event) => {
  seen.messages += 1;
  stream = Buffer.concat([stream, Buffer.from(event.data)]);
  take();
  if ((seen.channels[0] ?? 0) >= Number(frames)) socket.close(1000);
};
socket.onerror = (event) => { seen.error = String(event.message ?? event.error ?? event.type); };
socket.onclose = (event) => {
  seen.closed = event.code;
  console.log(JSON.stringify(seen));
  process.exit(0);
};
socket.onopen = async () => {
  seen.protocol = socket.protocol;
  await ask("OPTIONS", url);
  await ask("DESCRIBE", url, "Accept: application/sdp\r\n");
  await ask("SETUP", `${url}/trackID=0`, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
  await ask("PLAY", url);
};
setTimeout(() => { seen.error = "nothing for 25 s"; console.log(JSON.stringify(seen)); process.exit(1); }, 25000);
