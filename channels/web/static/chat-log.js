/**
 * The conversation on the customer's page.
 *
 * Finished messages go into the log (a live region, so a screen reader reads each once); what is
 * still on its way stays outside it: own messages being sent in #pending, the streaming answer and
 * the typing dots in #live. A message the page has already shown is never shown twice.
 */

import { byId, el, icon, reconcile } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { messageBody } from "./messages.js";
import { citeMaker } from "./sources.js";
import { dateAndTime, dayName, instant, timeOfDay } from "./times.js";

const SAME_BREATH_MS = 4 * 60_000;

export class ChatLog {
  #log = byId("log");
  #pending = byId("pending");
  #live = byId("live");
  #shown = new Map();
  #last = null;
  #frame = 0;
  #partial = "";
  #typing = false;
  #speaker = "Assistant";

  /** @param {{onRetry: (key: string) => void, onEdit: (key: string) => void}} hooks */
  constructor(hooks) {
    this.hooks = hooks;
  }

  get empty() {
    return this.#shown.size === 0 && this.#pending.childElementCount === 0;
  }

  /** @param {string|number} id */
  has(id) {
    return this.#shown.has(String(id));
  }

  /** Removes everything. */
  clear() {
    for (const part of [this.#log, this.#pending, this.#live]) part.replaceChildren();
    this.#shown.clear();
    this.#last = null;
    this.#partial = "";
    this.#typing = false;
  }

  /** @param {boolean} on while history loads, screen readers stay quiet */
  busy(on) {
    this.#log.setAttribute("aria-busy", String(on));
  }

  /**
   * Shows a message, or brings one that is shown up to date.
   * @param {Object} message
   * @param {{fresh?: boolean}} [options] fresh ones slide in
   * @returns {boolean} whether it is new
   */
  add(message, { fresh = false } = {}) {
    const id = String(message.id);
    const known = this.#shown.get(id);
    if (known) {
      this.#update(known, message);
      return false;
    }
    if (message.author === "bot" || message.author === "operator") this.#endStream();
    this.#separateDays(message);
    const node = this.#row(message, fresh);
    this.#shown.set(id, { node, message });
    this.#log.append(node);
    this.#last = message;
    return true;
  }

  /** @param {string} text a line of the page itself, for example 'a new conversation' */
  addLine(text) {
    this.#log.append(el("div", { class: "line", text }));
    this.#last = null;
  }

  /** @param {Array<import("./chat-outbox.js").Entry>} entries */
  showPending(entries) {
    const visible = entries.filter((entry) => !(entry.echo && this.has(entry.echo)));
    const make = () => el("article", { class: "message own pending" });
    reconcile(this.#pending, visible, (entry) => entry.key, make, (node, entry) => this.#fillPending(node, entry));
  }

  /** @param {string} text the answer so far */
  showPartial(text) {
    this.#partial = text;
    this.#draw();
  }

  /** @param {boolean} on @param {string} speaker who is typing */
  showTyping(on, speaker) {
    this.#typing = on;
    this.#speaker = speaker;
    this.#draw();
  }

  /** Drops the unfinished answer: its end may have been missed while the line was down. */
  dropPartial() {
    this.#partial = "";
    this.#draw();
  }

  /** @returns {string} the conversation as plain text */
  asText() {
    const lines = [...this.#shown.values()].map(({ message }) => `${label(message)} (${dateAndTime(message.at)}):\n${message.text}\n`);
    return lines.join("\n");
  }

  #update(known, message) {
    if (known.message.author === "customer" || known.message.text === message.text) return;
    const node = this.#row(message, false);
    known.node.replaceWith(node);
    this.#shown.set(String(message.id), { node, message });
  }

  #endStream() {
    this.#partial = "";
    this.#typing = false;
    this.#draw();
  }

  #separateDays(message) {
    const day = dayName(message.at);
    if (!day || day === (this.#last ? dayName(this.#last.at) : "") || (!this.#last && day === "Today")) return;
    this.#log.append(el("div", { class: "day" }, el("span", { text: day })));
    this.#last = null;
  }

  #row(message, fresh) {
    if (message.author === "system") {
      return el("div", { class: `line${fresh ? " fresh" : ""}`, data: { messageId: message.id, author: "system" }, dir: "auto", text: message.text });
    }
    const own = message.author === "customer";
    const follows = continues(this.#last, message);
    return el("article", {
      class: `message ${own ? "own" : "other"}${follows ? " follows" : ""}${fresh ? " fresh" : ""}`,
      data: { messageId: message.id, author: message.author },
    }, follows ? hiddenHead(message) : head(message), el("div", { class: "bubble" }, ...messageBody(message, { fold: own })));
  }

  #fillPending(node, entry) {
    const signature = `${entry.state}|${entry.error ?? ""}`;
    if (node.dataset.signature === signature) return;
    node.dataset.signature = signature;
    node.dataset.state = entry.state;
    const body = messageBody({ author: "customer", text: entry.text });
    node.replaceChildren(el("div", { class: "bubble" }, ...body), this.#mark(entry));
  }

  #mark(entry) {
    if (entry.state === "sending") return el("p", { class: "mark", text: "Sending…" });
    const button = (text, run) => {
      const node = el("button", { type: "button", class: "link-button", text });
      node.addEventListener("click", () => run(entry.key));
      return node;
    };
    const why = entry.error ? `Not sent: ${entry.error}` : "Not sent. It will go out when the connection is back.";
    return el("p", { class: "mark bad", role: "status" }, icon("alert"), el("span", { text: why }),
      button("Retry", this.hooks.onRetry), entry.state === "refused" && button("Edit", this.hooks.onEdit));
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#live.replaceChildren(...this.#liveNodes());
      this.onDraw?.();
    });
  }

  #liveNodes() {
    if (this.#partial) {
      const text = el("div", { class: "prose streaming" }, renderMarkdown(this.#partial, { cite: citeMaker([], true) }));
      return [el("article", { class: "message other" }, head({ author: "bot" }), el("div", { class: "bubble" }, text))];
    }
    if (!this.#typing) return [];
    const dots = el("span", { class: "dots" }, el("i"), el("i"), el("i"));
    return [el("div", { class: "typing" }, dots, el("span", { text: `${this.#speaker} is typing` }))];
  }
}

function continues(last, message) {
  const near = last && instant(message.at) - instant(last.at) < SAME_BREATH_MS;
  return Boolean(near && last.author === message.author && last.name === message.name);
}

/** @param {Object} message @returns {string} who speaks, as the customer reads it */
export function label({ author, name }) {
  if (author === "customer") return "You";
  if (author === "operator") return name || "Support";
  if (author === "system") return "Note";
  return name || "Assistant";
}

function head(message) {
  return el("header", { class: "message-head" }, message.author !== "customer" && avatar(message),
    el("span", { class: "author", dir: "auto", text: label(message) }), stamp(message));
}

function hiddenHead(message) {
  return el("header", { class: "message-head hidden" }, el("span", { text: label(message) }), stamp(message));
}

function stamp({ at }) {
  return at ? el("time", { datetime: at, title: dateAndTime(at), text: timeOfDay(at) }) : null;
}

function avatar({ author, name }) {
  if (author === "operator") {
    return el("span", { class: "avatar person", "aria-hidden": "true", text: [...(name || "?")][0].toUpperCase() });
  }
  return el("span", { class: "avatar", "aria-hidden": "true" }, icon("bolt"));
}
