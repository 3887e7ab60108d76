/**
 * The customer's conversation with the server: its id and token, and the calls that need them.
 *
 * A session is made when the first message is sent, not when the page is looked at, so visits
 * without a question leave no rows behind. Id and token stay in localStorage: the thread survives
 * a reload, and other tabs share it. Each customer whom the site around the page names has a place
 * of their own there, so that two people at one browser don't read each other's.
 */

import { ApiError, call } from "./api.js";
import { lasting } from "./memory.js";
import { fetchFile, saveFile, upload } from "./transfer.js";

const STORED = "threadline.chat.session";
const BASE = "/api/v1/chat";

/** The server doesn't know the stored session any more (expired, erased, another database). */
export class SessionLost extends Error {}

/** The server doesn't believe the identity that the site gave; no session was made. */
export class IdentityRefused extends Error {
  constructor() {
    super("We could not confirm who you are.");
  }
}

/** @returns {Promise<{name: string, notice: string|null, suggestions: string[], widget_origins?: string[]}>} */
export function loadConfig() {
  return call("GET", `${BASE}/config`);
}

export class Session {
  id = null;
  token = null;
  /** @type {import("./chat-identity.js").Identity|null} */
  identity = null;
  /** The key under which storage events of this session arrive. */
  key = STORED;

  /**
   * Becomes the session of `identity`.
   * @param {import("./chat-identity.js").Identity|null} identity
   * @param {string} scope their part of the browser's storage
   */
  use(identity, scope) {
    this.identity = identity;
    this.key = scope ? `${STORED}.${scope}` : STORED;
    this.making = null;
    this.reload();
  }

  /** Takes up what is stored; another tab may have changed it. */
  reload() {
    const stored = lasting.get(this.key);
    const complete = typeof stored?.session_id === "string" && typeof stored?.token === "string";
    this.id = complete ? stored.session_id : null;
    this.token = complete ? stored.token : null;
  }

  get exists() {
    return this.id !== null;
  }

  /**
   * Makes a session on the server unless there is one. Two calls at once make one.
   * @throws {IdentityRefused|ApiError|NetworkError}
   */
  async ensure() {
    if (this.exists) return;
    this.making ??= this.#make().finally(() => { this.making = null; });
    await this.making;
  }

  async #make() {
    try {
      const made = await call("POST", `${BASE}/sessions`, { body: this.identity ? { identity: this.identity } : {} });
      this.id = made.session_id;
      this.token = made.token;
      lasting.set(this.key, { session_id: this.id, token: this.token });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "forged_identity")) throw error;
      console.warn(`Threadline: ${error.message}`); // the sentence names the fix, for the owner of the site
      throw new IdentityRefused();
    }
  }

  forget() {
    this.id = null;
    this.token = null;
    lasting.set(this.key, null);
  }

  /**
   * @param {{text: string, key: string, files?: File[], onProgress?: (part: number) => void}} message
   * @returns {Promise<{message_id: string}>}
   */
  send({ text, key, files, onProgress }) {
    if (!files?.length) return this.#call("POST", "messages", { body: { text }, key });
    return this.#watched(() => upload(this.#path("messages"), { token: this.token, key, fields: { text }, files, onProgress }));
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

  /** @param {string} message @param {1|-1} score @param {string} [reason] @returns {Promise<Object>} the message */
  rate(message, score, reason) {
    return this.#part("POST", `${line(message)}/feedback`, { score, ...(reason ? { reason } : {}) });
  }

  /** @param {string} message @param {string} text @returns {Promise<Object>} the message */
  edit(message, text) {
    return this.#part("PUT", line(message), { text });
  }

  /** @param {string} message @returns {Promise<Object>} the message */
  withdraw(message) {
    return this.#part("DELETE", line(message));
  }

  /** @param {string} caseId @param {number} score 1 to 5 @param {string} reason */
  answer(caseId, score, reason) {
    return this.#part("POST", "survey", survey(caseId, score, reason));
  }

  /** As `answer`, while the page is being left: the browser sends it, and nobody waits for what comes back. */
  answerLeaving(caseId, score, reason) {
    fetch(this.#path("survey"), {
      method: "POST",
      keepalive: true,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      body: JSON.stringify(survey(caseId, score, reason)),
    }).catch(() => {});
  }

  /** @param {import("./messages.js").FileInfo} file saves it on the customer's device */
  async save(file) {
    saveFile(await fetchFile(this.#path(`files/${encodeURIComponent(file.id)}`), this.token), file.name);
  }

  #path(rest) {
    return `${BASE}/sessions/${encodeURIComponent(this.id)}/${rest}`;
  }

  #call(method, rest, options = {}) {
    return this.#watched(() => call(method, this.#path(rest), { ...options, token: this.token }));
  }

  /** A call about one thing of the conversation: a 404 is about that thing, not about the session. */
  #part(method, rest, body) {
    return this.#watched(() => call(method, this.#path(rest), { body, token: this.token }), [401]);
  }

  async #watched(run, gone = [401, 404]) {
    const id = this.id;
    try {
      return await run();
    } catch (error) {
      if (error instanceof ApiError && gone.includes(error.status) && id === this.id) throw new SessionLost();
      throw error;
    }
  }
}

function line(message) {
  return `messages/${encodeURIComponent(message)}`;
}

function survey(caseId, score, reason) {
  return { case_id: caseId, score, ...(reason ? { reason } : {}) };
}

function query(after) {
  return after === null ? "" : `?after=${encodeURIComponent(after)}`;
}
