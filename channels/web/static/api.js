/**
 * One way to call the server: JSON in and out, a bearer token, an idempotency key, a time limit.
 *
 * Two kinds of error leave it, because the pages treat them differently: ApiError (the server
 * answered, its message may be shown) and NetworkError (nobody knows whether the request arrived,
 * so repeat it with the same key).
 */

const TIME_LIMIT_MS = 20_000;

/** The server's refusal; `message` is meant to be read by the person at the page. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {Object|null} body the parsed answer
   * @param {number|null} retryAfter seconds
   */
  constructor(status, body, retryAfter) {
    super(body?.error?.message || fallbackMessage(status));
    this.status = status;
    this.code = body?.error?.code ?? "http_" + status;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may work later. */
  get temporary() {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** No answer came: offline, refused, or too slow. */
export class NetworkError extends Error {
  constructor() {
    super("The server can't be reached right now.");
  }
}

function fallbackMessage(status) {
  if (status === 413) return "That is too long to send.";
  if (status === 429) return "Too many requests. Please wait a moment.";
  if (status >= 500) return "The server had a problem. Please try again.";
  return `The server refused the request (${status}).`;
}

/**
 * Calls the server.
 * @param {string} method
 * @param {string} path
 * @param {{token?: string|null, body?: Object, key?: string, timeLimit?: number}} [options]
 *   `key` goes out as Idempotency-Key
 * @returns {Promise<any>} the parsed answer
 * @throws {ApiError|NetworkError}
 */
export async function call(method, path, { token, body, key, timeLimit = TIME_LIMIT_MS } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeLimit);
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: stop.signal,
      cache: "no-store",
      credentials: "same-origin",
    });
    return await read(response);
  } catch (error) {
    throw error instanceof ApiError ? error : new NetworkError();
  } finally {
    clearTimeout(timer);
  }
}

async function read(response) {
  const text = await response.text();
  if (!response.ok) throw refusal(response.status, text, response.headers.get("Retry-After"));
  return parse(text) ?? {};
}

/** @param {number} status @param {string} text the answer @param {string|null} retryAfter the header @returns {ApiError} */
export function refusal(status, text, retryAfter) {
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  return new ApiError(status, parse(text), Number.isFinite(seconds) ? seconds : null);
}

/** @param {string} text @returns {any} what the JSON says, or null where it is none */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * A fresh UUID (v4). crypto.randomUUID exists only on https and localhost, and a team may try
 * the page over plain http on its own network first.
 * @returns {string}
 */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
