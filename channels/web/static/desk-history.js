/**
 * What was before this case and what was done to it: the same customer's other conversations, fetched
 * when one is opened, and the operators' deeds. Part of the facts.
 */

import { plainMessage } from "./desk-message.js";
import { channelBadge, deedWords, outcomeWords } from "./desk-words.js";
import { el } from "./dom.js";
import { ago, dateAndTime } from "./times.js";

export class History {
  #fetch;
  #known = new Map();

  /** @param {(caseId: string, thread: string) => Promise<Array<Object>>} fetch */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  /** @param {Object} one a case in detail form @returns {Array<Node>|null} its customer's other conversations */
  list(one) {
    if (!one.earlier?.length) return null;
    return [el("ol", { class: "passages" }, ...one.earlier.map((thread) => el("li", {}, this.#details(one, thread))))];
  }

  #details(one, thread) {
    const body = el("div", { class: "earlier-body" });
    const node = el("details", { class: "passage-card earlier", data: { key: thread.thread_id, threadId: thread.thread_id } },
      el("summary", {}, channelBadge(thread), el("span", { class: "passage-title" },
        el("span", { class: "earlier-text", dir: "auto", text: thread.last_text || "No text" }), el("span", { class: "soft", text: facts(thread) }))), body);
    node.addEventListener("toggle", () => { if (node.open) this.#fill(body, one, thread); });
    return node;
  }

  async #fill(body, one, thread) {
    const key = `${thread.thread_id} ${thread.last_at} ${thread.messages}`;
    if (!this.#known.has(key)) body.replaceChildren(el("p", { class: "soft", role: "status", text: "Loading…" }));
    try {
      const messages = this.#known.get(key) ?? (await this.#fetch(one.id, thread.thread_id));
      this.#known.set(key, messages);
      body.replaceChildren(...messages.map((message) => plainMessage(message, one)));
    } catch (error) {
      body.replaceChildren(el("p", { class: "form-error", role: "alert", text: error.message }));
    }
  }

  /** Forgets what was fetched. */
  clear() {
    this.#known.clear();
  }
}

function facts({ last_at: at, messages, cases }) {
  const about = (cases ?? []).map(({ number, outcome }) => `#${number} ${outcome ? outcomeWords(outcome) : "open"}`);
  return [ago(at), messages === 1 ? "1 message" : `${messages} messages`, ...about].join(" · ");
}

/** @param {Object} one a case in detail form @returns {Array<Node>|null} what operators did to it, newest last */
export function logList(one) {
  if (!one.log?.length) return null;
  const items = one.log.map(({ at, operator, action, detail }) => el("li", {},
    el("span", { class: "step" }, el("bdi", { text: operator || "Somebody" }), ` ${deedWords(action)}`),
    el("span", { class: "step-detail" }, el("time", { datetime: at, text: dateAndTime(at) }), detail && " · ", detail && el("bdi", { text: detail }))));
  return [el("ol", { class: "trace" }, ...items)];
}
