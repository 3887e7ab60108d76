/**
 * Which cases there are, which of them the operator sees, and in what order. No page elements here.
 *
 * What is overdue stands first, then who waits longest; a claimed case whose customer waits stands
 * among the waiting ones.
 */

import { thisTab } from "./memory.js";
import { instant } from "./times.js";

const SEEN = "threadline.desk.seen";
const DRAFTS = "threadline.desk.drafts";

export class Cases {
  /** @type {Array<Object>} */
  open = [];
  /** @type {Array<Object>} */
  resolved = [];
  /** The lists that have been fetched at least once. */
  loaded = new Set();
  filter = "open";
  query = "";
  #me = null;
  #seen = thisTab.get(SEEN) ?? {};
  #drafts = thisTab.get(DRAFTS) ?? {};

  /** @param {{id: string}} me the signed-in operator */
  setOperator(me) {
    this.#me = me;
  }

  /** The id of the signed-in operator. */
  get me() {
    return this.#me?.id ?? null;
  }

  /** @param {Object} one @returns {boolean} */
  isMine(one) {
    return one.owner === `operator:${this.#me?.id}`;
  }

  /** @param {Object} one @returns {boolean} */
  isUnclaimed(one) {
    return one.state === "open" && one.owner === "desk";
  }

  /** The cases of the filter that match the search, in order. */
  visible() {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    return this.#filtered(this.filter).filter((one) => matches(one, words)).sort(this.filter === "resolved" ? newestFirst : mostUrgentFirst);
  }

  /** Whether the list of the chosen filter is known. */
  get ready() {
    return this.loaded.has(this.filter === "resolved" ? "resolved" : "open");
  }

  /** Takes a list as the server has it. @param {"open"|"resolved"} state @param {Array<Object>} list */
  take(state, list) {
    this[state] = list;
    this.loaded.add(state);
  }

  /** @param {string} filter @returns {number|null} null where it is not known */
  count(filter) {
    if (!this.loaded.has(filter === "resolved" ? "resolved" : "open")) return null;
    return this.#filtered(filter).length;
  }

  #filtered(filter) {
    if (filter === "resolved") return this.resolved;
    if (filter === "unclaimed") return this.open.filter((one) => this.isUnclaimed(one));
    if (filter === "mine") return this.open.filter((one) => this.isMine(one));
    if (filter === "overdue") return this.open.filter((one) => one.overdue);
    return [...this.open];
  }

  /** Takes the fresh form of one case, after an action, before the list is fetched again. */
  put(one) {
    const others = (list) => list.filter((other) => other.id !== one.id);
    this.open = others(this.open);
    this.resolved = others(this.resolved);
    (one.state === "open" ? this.open : this.resolved).push(one);
  }

  /** @param {Object} one remembers that the operator has looked at it as it is now */
  look(one) {
    this.#seen[one.id] = one.updated_at;
    thisTab.set(SEEN, this.#seen);
  }

  /** @param {Object} one @returns {boolean} whether something happened since the operator looked */
  isUnread(one) {
    return one.state === "open" && this.#seen[one.id] !== one.updated_at;
  }

  /** @param {string} id @param {"reply"|"note"} mode @returns {string} what was being written */
  draft(id, mode) {
    return this.#drafts[`${id} ${mode}`] ?? "";
  }

  /** @param {string} id @param {"reply"|"note"} mode @param {string} text */
  setDraft(id, mode, text) {
    if (text) this.#drafts[`${id} ${mode}`] = text;
    else delete this.#drafts[`${id} ${mode}`];
    thisTab.set(DRAFTS, this.#drafts);
  }

  /** @param {Object} one @returns {boolean} */
  hasDraft(one) {
    return Boolean(this.draft(one.id, "reply").trim() || this.draft(one.id, "note").trim());
  }

  /** Forgets who looked at what and what was written: another operator may sign in next. */
  forget() {
    this.open = [];
    this.resolved = [];
    this.loaded.clear();
    this.#seen = {};
    this.#drafts = {};
    thisTab.set(SEEN, null);
    thisTab.set(DRAFTS, null);
  }
}

function matches(one, words) {
  const text = [one.customer, `#${one.number}`, one.channel, one.reason_text, one.summary, one.last_text, one.owner_name].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function mostUrgentFirst(a, b) {
  return Number(Boolean(b.overdue)) - Number(Boolean(a.overdue)) || longestWaitFirst(a, b);
}

function longestWaitFirst(a, b) {
  const left = instant(a.waiting_since) || Infinity;
  const right = instant(b.waiting_since) || Infinity;
  return left === right ? newestFirst(a, b) : left - right;
}

function newestFirst(a, b) {
  return (instant(b.updated_at) || 0) - (instant(a.updated_at) || 0);
}
