/**
 * The desk's calls to the server, with the operator's token.
 *
 * The token lives in sessionStorage: it ends with the tab. A token in the address (#token=...) is
 * taken once and removed, so it stays out of the history and of screenshots.
 */

import { call, newKey } from "./api.js";
import { thisTab } from "./memory.js";
import { fetchFile, upload } from "./transfer.js";

const STORED = "threadline.desk.token";
const BASE = "/api/v1/desk";

/**
 * What an action says: its name and what it needs of the rest.
 * @typedef {{action: string, text?: string, to?: string, outcome?: string, message?: string}} Deed
 */

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

  /** @returns {Promise<Object>} the numbers of the day */
  digest() {
    return this.#call("GET", "digest");
  }

  /** @returns {Promise<{days: number, gaps: Array<Object>}>} what the knowledge base did not carry */
  gaps() {
    return this.#call("GET", "gaps");
  }

  /** @returns {Promise<{groups: Array<Object>}>} what people answered, suggested as articles */
  articles() {
    return this.#call("GET", "articles");
  }

  /**
   * Approves or drops suggestions; repeating it changes nothing.
   * @param {{action: "approve"|"drop", ids: Array<string>, title?: string, question?: string, answer?: string}} decision
   * @returns {Promise<{groups: Array<Object>, file: string|null, told: string|null}>} what is left
   */
  decideArticle(decision) {
    return this.#call("POST", "articles", { body: decision });
  }

  /** @param {"open"|"resolved"|"all"} state @returns {Promise<{cases: Array<Object>, notices?: Array<{text: string}>}>} */
  async cases(state) {
    const { cases, notices } = await this.#call("GET", `cases?state=${state}`);
    return { cases: cases ?? [], notices };
  }

  /** @param {string} id */
  case(id) {
    return this.#call("GET", place(id));
  }

  /** @param {string} id @param {string} thread another thread of the same customer @returns {Promise<Array<Object>>} its messages */
  async earlier(id, thread) {
    return (await this.#call("GET", `${place(id)}/earlier/${encodeURIComponent(thread)}`)).messages ?? [];
  }

  /** @param {string} id @param {string} file @returns {Promise<Blob>} */
  file(id, file) {
    return fetchFile(`${BASE}/${place(id)}/files/${encodeURIComponent(file)}`, this.token);
  }

  /** @param {string} id @param {string} file @returns {Promise<string>} what a customer's file says */
  async fileText(id, file) {
    return (await this.#call("GET", `${place(id)}/files/${encodeURIComponent(file)}/text`)).text ?? "";
  }

  /**
   * Does something to a case. A text whose answer was lost goes out again with its old key; the
   * other actions always get a new one, because the state of the case guards them (409).
   * @param {string} id
   * @param {Deed} deed
   * @param {{files?: Array<File>, onProgress?: (share: number) => void}} [extra] files go with replies and notes
   * @returns {Promise<Object>} the case as it is now
   */
  async act(id, deed, { files = [], onProgress } = {}) {
    const what = JSON.stringify([id, deed, files.map((file) => [file.name, file.size, file.lastModified])]);
    const key = this.#unanswered.get(what) ?? newKey();
    if (deed.text !== undefined) this.#unanswered.set(what, key);
    try {
      const answer = await this.#post(`${place(id)}/actions`, deed, key, files, onProgress);
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

  #post(rest, deed, key, files, onProgress) {
    if (!files.length) return this.#call("POST", rest, { body: deed, key });
    return upload(`${BASE}/${rest}`, { token: this.token, key, fields: deed, files, onProgress });
  }

  #call(method, rest, options = {}) {
    return call(method, `${BASE}/${rest}`, { ...options, token: this.token });
  }
}

function place(id) {
  return `cases/${encodeURIComponent(id)}`;
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
