// The REST API: JSON both ways, problem documents as errors, one refresh of the session for all that wait for it.

export class ApiError extends Error {
  /** @param {number} status 0: not reached @param {any} problem */
  constructor(status, problem, retry_after_s = 0) {
    super(problem?.detail || problem?.title || `HTTP ${status}`);
    this.status = status;
    this.problem = problem ?? {};
    this.retry_after_s = retry_after_s;
    this.name = String(problem?.type ?? "").split("#")[1] ?? "";
  }
}

/** Told `loggedout` when the session is over. */
export const sessionEvents = new EventTarget();

let refreshing = /** @type {Promise<any> | null} */ (null);

/** A new access token by the refresh token; one at a time. @returns {Promise<any>} what it says of the session */
export function refresh() {
  refreshing ??= answered("POST", "/api/v1/session/refresh", {}).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/**
 * @param {string} method
 * @param {string} path below /api/v1, or whole
 * @param {any} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the JSON; null: no content
 */
export async function call(method, path, body, signal) {
  const whole = path.startsWith("/api/") ? path : `/api/v1${path}`;
  return withSession(() => answered(method, whole, body, signal));
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);

/** A response as it is (video, files). Refreshes the session like the others. @returns {Promise<Response>} */
export async function raw(path, signal) {
  const first = await fetch(path, { signal, credentials: "same-origin" });
  if (first.status !== 401) return first;
  await renewed();
  return fetch(path, { signal, credentials: "same-origin" });
}

/** Resolves while somebody is logged in: for those who cannot see why they were refused. */
export async function stillIn() {
  try {
    await get("/session");
  } catch (error) {
    // Not reached is no answer: whoever asks tries again later.
    if (/** @type {any} */ (error).status === 401) throw error;
  }
}

async function withSession(ask) {
  try {
    return await ask();
  } catch (error) {
    if (/** @type {any} */ (error).status !== 401) throw error;
    await renewed();
    return ask();
  }
}

async function renewed() {
  try {
    await refresh();
  } catch (error) {
    const status = /** @type {any} */ (error).status;
    if (status === 401 || status === 403) sessionEvents.dispatchEvent(new Event("loggedout"));
    throw error;
  }
}

/** Without a look at the session: logging in itself. */
export async function answered(method, path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (/** @type {any} */ (error).name === "AbortError") throw error;
    throw new ApiError(0, { detail: "" });
  }
  const text = response.status === 204 ? "" : await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = { detail: text.slice(0, 200) };
  }
  if (!response.ok) throw new ApiError(response.status, value, Number(response.headers.get("Retry-After")) || 0);
  return value;
}
