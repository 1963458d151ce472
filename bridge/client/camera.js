// What is said of a camera and its streams, as `/api/v1/cameras` has them. No DOM here.

/** The colour of the dot of a state: connecting, up, down. */
export function stateKind(name) {
  return { up: "good", connecting: "fair" }[name] ?? "late";
}

/** Whether a stream is recorded at all, be it at this moment or not. */
export function isRecorded(stream) {
  return Boolean(stream?.recording) && stream.recording !== "off";
}

/** Whether it is being recorded now. */
export function isRecording(stream) {
  return stream?.recording === "recording" || stream?.recording === true;
}

/** The stream whose recording is played: the chosen one, else the first that is recorded, else the first: it may have been. */
export function recordedStream(camera, chosen = "") {
  const streams = camera?.streams ?? [];
  return streams.find((one) => one.name === chosen && isRecorded(one)) ?? streams.find(isRecorded) ?? streams[0];
}

/** `H264 · 1920×1080 · 25/s` */
export function describe(stream) {
  const size = stream.width && stream.height ? `${stream.width}×${stream.height}` : "";
  return [stream.codec?.toUpperCase(), size, stream.fps ? `${Math.round(stream.fps * 10) / 10}/s` : ""].filter(Boolean).join(" · ");
}
