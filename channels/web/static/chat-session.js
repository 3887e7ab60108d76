/**
 * The customer's conversation with the server: its id and token, and the calls that need them.
 *
 * A session is made when the first message is sent, not when the page is looked at, so visits
 * without a question leave no rows behind. Id and token stay in localStorage: the thread survives
 * a reload, and other tabs share it.
 */

import { ApiError, call } from "./api.js";
import { lasting } from "./memory.js";

const STORED = "threadline.chat.session";
const BASE = "/api/v1/chat";

/** The server doesn't know the stored session any more (expired, erased, another database). */
export class SessionLost extends Error {}

/** The key under which storage events of this session arrive. */
export const SESSION_KEY = STORED;

/** @returns {Promise<{name: string, notice: string|null, suggestions: string[]}>} */
export function loadConfig() {
  return call("GET", `${BASE}/config`);
}

export class Session {
  constructor() {
    this.reload();
  }

  /** Takes up what is stored; another tab may have changed it. */
  reload() {
    const stored = lasting.get(STORED);
    const complete = typeof stored?.session_id === "string" && typeof stored?.token === "string";
    this.id = complete ? stored.session_id : null;
    this.token = complete ? stored.token : null;
  }

  get exists() {
    return this.id !== null;
  }

  /** Makes a session on the server unless there is one. Two calls at once make one. */
  async ensure() {
    if (this.exists) return;
    this.making ??= this.#make().finally(() => { this.making = null; });
    await this.making;
  }

  async #make() {
    const made = await call("POST", `${BASE}/sessions`, { body: {} });
    this.id = made.session_id;
    this.token = made.token;
    lasting.set(STORED, { session_id: this.id, token: this.token });
  }

  forget() {
    this.id = null;
    this.token = null;
    lasting.set(STORED, null);
  }

  /** @param {string} text @param {string} key @returns {Promise<{message_id: string}>} */
  send(text, key) {
    return this.#call("POST", "messages", { body: { text }, key });
  }

  /** @param {string|number|null} after the last message id seen */
  messages(after) {
    return this.#call("GET", `messages${query(after)}`);
  }

  /** @param {string|number|null} after @returns {Promise<string>} path and query of the WebSocket, with a new ticket */
  async socketPath(after) {
    const { ticket } = await this.#call("POST", "ticket", { body: {} });
    const rest = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    return `${this.#path("ws")}?ticket=${encodeURIComponent(ticket)}${rest}`;
  }

  #path(rest) {
    return `${BASE}/sessions/${encodeURIComponent(this.id)}/${rest}`;
  }

  async #call(method, rest, options = {}) {
    const id = this.id;
    try {
      return await call(method, this.#path(rest), { ...options, token: this.token });
    } catch (error) {
      const unknown = error instanceof ApiError && (error.status === 401 || error.status === 404);
      if (unknown && id === this.id) throw new SessionLost();
      throw error;
    }
  }
}

function query(after) {
  return after === null ? "" : `?after=${encodeURIComponent(after)}`;
}
