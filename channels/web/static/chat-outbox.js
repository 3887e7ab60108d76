/**
 * The customer's messages on their way out.
 *
 * One goes at a time, so they arrive in the order they were written. Each keeps its idempotency key
 * until the server has answered: after a lost connection, or a reload, it is sent again with the
 * same key and can't arrive twice. Files live only as long as the page does: after a reload their
 * message waits for the customer to attach them again.
 */

import { ApiError, newKey } from "./api.js";
import { IdentityRefused, SessionLost } from "./chat-session.js";
import { lasting } from "./memory.js";
import { instant } from "./times.js";
import { readable } from "./transfer.js";

const STORED = "threadline.chat.outbox";
const FIRST_WAIT_MS = 1_500;
const LONGEST_WAIT_MS = 30_000;
const CLOCKS_DIFFER_MS = 10 * 60_000;
const RELOADED = "the page was reloaded before its files had gone out. Please attach them again.";
const CHANGED = "a file was changed or removed after you chose it. Please attach it again.";

/**
 * @typedef {{
 *   key: string, text: string, files: Array<import("./messages.js").FileInfo>, at: number,
 *   state: "sending"|"waiting"|"refused", error: string|null, tried: boolean, echo: string|null,
 *   lost?: boolean, moved?: boolean, progress?: number,
 * }} Entry
 *   `waiting`: will be sent again by itself; `refused`: the server said no, the customer decides;
 *   `lost`: refused because its files are gone; `progress`: the part of the files that has gone out
 */

export class Outbox {
  /** @type {Entry[]} */
  entries = [];
  #key = STORED;
  #session;
  #hooks;
  /** @type {Map<string, File[]>} the files of an entry, by its key */
  #files = new Map();
  #busy = false;
  #timer = 0;
  #failures = 0;

  /**
   * @param {import("./chat-session.js").Session} session
   * @param {{
   *   onChange: (entries: Entry[]) => void, onSent: (entry: Entry, id: string) => void,
   *   onLost: () => void, onIdentityRefused: () => void,
   * }} hooks
   */
  constructor(session, hooks) {
    this.#session = session;
    this.#hooks = hooks;
  }

  /**
   * Takes up what `scope` had not sent yet.
   * @param {string} scope a part of the browser's storage
   * @param {{carry?: boolean}} [options] `carry`: what is here now comes along
   */
  use(scope, { carry = false } = {}) {
    const carried = carry ? this.entries : [];
    if (carry) lasting.set(this.#key, null);
    this.#key = scope ? `${STORED}.${scope}` : STORED;
    const stored = lasting.get(this.#key);
    this.entries = [...(Array.isArray(stored) ? stored.filter(isEntry).map(awakened) : []), ...carried];
    this.#changed();
  }

  /** @param {string} text @param {File[]} [files] */
  add(text, files = []) {
    const key = newKey();
    if (files.length) this.#files.set(key, files);
    const about = files.map(({ name, size, type }) => ({ name, size, type }));
    this.entries.push({ key, text, files: about, at: Date.now(), state: "sending", error: null, tried: false, echo: null });
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
    this.#revive((one) => one.key === key);
  }

  /** Sends again whatever was refused for a reason that is gone. */
  retryAll() {
    this.#revive(() => true);
  }

  /** @param {string} key @returns {{text: string, files: File[]}} the message that was taken out */
  discard(key) {
    const entry = this.entries.find((one) => one.key === key);
    const files = (!entry?.lost && this.#files.get(key)) || [];
    this.#remove(key);
    return { text: entry?.text ?? "", files };
  }

  clear() {
    this.entries = [];
    this.#files.clear();
    this.#changed();
  }

  /**
   * A customer line came from the server: if it is one of ours whose answer is still on its way,
   * it must not show twice.
   * @param {{id: string, text: string, files?: Array<Object>, at: string}} message
   */
  seen(message) {
    const entry = this.entries.find((one) => one.tried && !one.echo && (one.lost || one.state !== "refused") && matches(one, message));
    if (!entry) return;
    if (entry.lost) return this.#remove(entry.key);
    entry.echo = message.id;
    this.#changed();
  }

  #revive(which) {
    for (const entry of this.entries) {
      if (entry.state !== "refused" || entry.lost || !which(entry)) continue;
      entry.state = "waiting";
      entry.error = null;
    }
    this.flush();
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
    entry.progress = 0;
    this.#changed();
    try {
      await this.#session.ensure();
      const { message_id: id } = await this.#session.send({ ...entry, files: this.#files.get(entry.key), onProgress: (part) => this.#progress(entry, part) });
      this.#failures = 0;
      this.#hooks.onSent(entry, id);
      this.#remove(entry.key);
      return true;
    } catch (error) {
      return this.#failed(entry, error);
    }
  }

  async #failed(entry, error) {
    if (error instanceof SessionLost) return this.#lost(entry);
    if (error instanceof IdentityRefused) return this.#unknown(error);
    if (error instanceof ApiError && !error.temporary) return this.#refuse(entry, error.message);
    if (!(await readable(this.#files.get(entry.key) ?? []))) {
      entry.lost = true;
      return this.#refuse(entry, CHANGED);
    }
    entry.state = "waiting";
    entry.error = error instanceof ApiError ? error.message : null;
    this.#changed();
    this.#later(error.retryAfter);
    return false;
  }

  #refuse(entry, why) {
    entry.state = "refused";
    entry.error = why;
    this.#changed();
    return true;
  }

  /** Nothing can go out for this customer: each message waits for their decision. */
  #unknown(error) {
    for (const entry of this.entries) if (!entry.lost) this.#refuse(entry, error.message);
    this.#hooks.onIdentityRefused();
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

  #progress(entry, part) {
    entry.progress = part;
    this.#hooks.onChange(this.entries);
  }

  #remove(key) {
    this.entries = this.entries.filter((one) => one.key !== key);
    this.#files.delete(key);
    this.#changed();
  }

  #changed() {
    lasting.set(this.#key, this.entries.length ? this.entries : null);
    this.#hooks.onChange(this.entries);
  }
}

function isEntry(one) {
  return typeof one?.key === "string" && typeof one?.text === "string";
}

/** @returns {Entry} a stored entry as the page takes it up: its files, if any, did not outlive the old page */
function awakened(stored) {
  const entry = { files: [], at: 0, ...stored };
  if (entry.files.length) return { ...entry, state: "refused", lost: true, error: RELOADED };
  return entry.state === "refused" ? entry : { ...entry, state: "waiting" };
}

/** Whether a line from the server is this entry; one whose files are lost is thrown away then, so time must fit too. */
function matches(entry, { text, files = [], at }) {
  if (entry.text.trim() !== (text ?? "").trim() || entry.files.length !== files.length) return false;
  if (!entry.lost) return true;
  const sizes = (list) => list.map(({ size }) => size).sort((a, b) => a - b).join();
  return sizes(entry.files) === sizes(files) && !(instant(at) < entry.at - CLOCKS_DIFFER_MS);
}
