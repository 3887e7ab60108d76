/**
 * The customer's messages on their way out.
 *
 * One goes at a time, so they arrive in the order they were written. Each keeps its idempotency key
 * until the server has answered: after a lost connection, or a reload, it is sent again with the
 * same key and can't arrive twice.
 */

import { ApiError, newKey } from "./api.js";
import { SessionLost } from "./chat-session.js";
import { lasting } from "./memory.js";

const STORED = "threadline.chat.outbox";
const FIRST_WAIT_MS = 1_500;
const LONGEST_WAIT_MS = 30_000;

/**
 * @typedef {{key: string, text: string, state: "sending"|"waiting"|"refused", error: string|null, tried: boolean, echo: string|null, moved?: boolean}} Entry
 *   `waiting`: will be sent again by itself; `refused`: the server said no, the customer decides
 */

export class Outbox {
  #session;
  #hooks;
  #busy = false;
  #timer = 0;
  #failures = 0;

  /**
   * @param {import("./chat-session.js").Session} session
   * @param {{onChange: (entries: Entry[]) => void, onSent: (entry: Entry, id: string) => void, onLost: () => void}} hooks
   */
  constructor(session, hooks) {
    this.#session = session;
    this.#hooks = hooks;
    const stored = lasting.get(STORED);
    this.entries = Array.isArray(stored) ? stored.filter((one) => typeof one?.key === "string" && typeof one?.text === "string") : [];
    for (const entry of this.entries) if (entry.state !== "refused") entry.state = "waiting";
  }

  /** @param {string} text */
  add(text) {
    this.entries.push({ key: newKey(), text, state: "sending", error: null, tried: false, echo: null });
    this.#changed();
    this.flush();
  }

  /** Sends what waits, now. */
  flush = () => {
    clearTimeout(this.#timer);
    if (!this.#busy) this.#run();
  };

  /** @param {string} key sends a refused message again */
  retry(key) {
    const entry = this.entries.find((one) => one.key === key);
    if (!entry) return;
    entry.state = "waiting";
    entry.error = null;
    this.flush();
  }

  /** @param {string} key @returns {string} the text of the message that was taken out */
  discard(key) {
    const entry = this.entries.find((one) => one.key === key);
    this.#remove(key);
    return entry?.text ?? "";
  }

  clear() {
    this.entries = [];
    this.#changed();
  }

  /**
   * A customer line came from the server: if it is one of ours whose answer is still on its way,
   * it must not show twice.
   * @param {{id: string, text: string}} message
   */
  seen(message) {
    const entry = this.entries.find((one) => one.tried && !one.echo && one.state !== "refused" && one.text.trim() === message.text.trim());
    if (!entry) return;
    entry.echo = message.id;
    this.#changed();
  }

  async #run() {
    this.#busy = true;
    try {
      let next;
      while ((next = this.entries.find((one) => one.state !== "refused")) && (await this.#send(next)));
    } finally {
      this.#busy = false;
    }
  }

  /** @returns {Promise<boolean>} whether the next one may go */
  async #send(entry) {
    entry.state = "sending";
    entry.tried = true;
    this.#changed();
    try {
      await this.#session.ensure();
      const { message_id: id } = await this.#session.send(entry.text, entry.key);
      this.#failures = 0;
      this.#hooks.onSent(entry, id);
      this.#remove(entry.key);
      return true;
    } catch (error) {
      return this.#failed(entry, error);
    }
  }

  #failed(entry, error) {
    if (error instanceof SessionLost) {
      return this.#lost(entry);
    }
    if (error instanceof ApiError && !error.temporary) {
      entry.state = "refused";
      entry.error = error.message;
      this.#changed();
      return true;
    }
    entry.state = "waiting";
    entry.error = error instanceof ApiError ? error.message : null;
    this.#changed();
    this.#later(error.retryAfter);
    return false;
  }

  /** Goes once more into a new conversation; a second loss in a row is the customer's to decide. */
  #lost(entry) {
    entry.state = entry.moved ? "refused" : "waiting";
    entry.error = entry.moved ? "The conversation could not be started." : null;
    entry.moved = true;
    entry.echo = null;
    this.#hooks.onLost();
    this.#changed();
    return true;
  }

  #later(seconds) {
    const wait = seconds ? seconds * 1000 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(this.flush, wait * (0.75 + Math.random() / 2));
  }

  #remove(key) {
    this.entries = this.entries.filter((one) => one.key !== key);
    this.#changed();
  }

  #changed() {
    lasting.set(STORED, this.entries.length ? this.entries : null);
    this.#hooks.onChange(this.entries);
  }
}
