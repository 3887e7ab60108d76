/**
 * The desk's calls to the server, with the operator's token.
 *
 * The token lives in sessionStorage: it ends with the tab. A token in the address (#token=...) is
 * taken once and removed, so it stays out of the history and of screenshots.
 */

import { call, newKey } from "./api.js";
import { thisTab } from "./memory.js";

const STORED = "threadline.desk.token";
const BASE = "/api/v1/desk";

export class DeskApi {
  /** Keys of texts whose answer never came: the same text goes out again under the same key. */
  #unanswered = new Map();

  constructor() {
    this.token = takeTokenFromAddress() ?? thisTab.get(STORED);
    if (this.token) thisTab.set(STORED, this.token);
  }

  /** @param {string|null} token null signs out */
  setToken(token) {
    this.token = token;
    thisTab.set(STORED, token);
  }

  me() {
    return this.#call("GET", "me");
  }

  /** @param {"open"|"resolved"|"all"} state @returns {Promise<Array<Object>>} */
  async cases(state) {
    return (await this.#call("GET", `cases?state=${state}`)).cases ?? [];
  }

  /** @param {string} id */
  case(id) {
    return this.#call("GET", `cases/${encodeURIComponent(id)}`);
  }

  /**
   * Does something to a case. A text whose answer was lost goes out again with its old key; the
   * other actions always get a new one, because the state of the case guards them (409).
   * @param {string} id
   * @param {string} action
   * @param {string} [text]
   * @returns {Promise<Object>} the case as it is now
   */
  async act(id, action, text) {
    const what = JSON.stringify([id, action, text]);
    const key = this.#unanswered.get(what) ?? newKey();
    if (text !== undefined) this.#unanswered.set(what, key);
    const body = text === undefined ? { action } : { action, text };
    try {
      const answer = await this.#call("POST", `cases/${encodeURIComponent(id)}/actions`, { body, key });
      this.#unanswered.delete(what);
      return answer;
    } catch (error) {
      if (error.status && !error.temporary) this.#unanswered.delete(what);
      throw error;
    }
  }

  /** @returns {Promise<string>} path and query of the WebSocket, with a new ticket */
  async socketPath() {
    const { ticket } = await this.#call("POST", "ticket", { body: {} });
    return `${BASE}/ws?ticket=${encodeURIComponent(ticket)}`;
  }

  #call(method, rest, options = {}) {
    return call(method, `${BASE}/${rest}`, { ...options, token: this.token });
  }
}

function takeTokenFromAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const token = parts.get("token");
  if (token === null) return null;
  parts.delete("token");
  const rest = parts.toString();
  history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  return token.trim() || null;
}
