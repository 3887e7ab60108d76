/**
 * The conversation on the customer's page.
 *
 * Finished messages go into the log (a live region, so a screen reader reads each once); what is
 * still on its way stays outside it: own messages being sent in #pending, the streaming answer and
 * the typing dots in #live. A message the page has already shown is never shown twice.
 */

import { byId, el } from "./dom.js";
import { head, label, viewOf } from "./chat-message.js";
import { Pending } from "./chat-pending.js";
import { renderMarkdown } from "./markdown.js";
import { citeMaker } from "./sources.js";
import { dateAndTime, dayName, instant } from "./times.js";

const SAME_BREATH_MS = 4 * 60_000;
const CHANGEABLE = 5; // so many of the customer's last messages offer to be changed

export class ChatLog {
  #log = byId("log");
  #live = byId("live");
  #hooks;
  #pending;
  #views = new Map();
  #last = null;
  #frame = 0;
  #partial = "";
  #typing = false;
  #speaker = "Assistant";

  /** @param {import("./chat-message.js").MessageHooks & ConstructorParameters<typeof Pending>[0]} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
    this.#pending = new Pending(hooks);
  }

  get empty() {
    return this.#views.size === 0 && this.#pending.empty;
  }

  /** @param {string|number} id */
  has(id) {
    return this.#views.has(String(id));
  }

  /** @param {string|number} id @returns {Object|undefined} the message as it is shown */
  message(id) {
    return this.#views.get(String(id))?.message;
  }

  /** @param {string|null} id @returns {number} how many messages of others come after message `id` */
  othersAfter(id) {
    const messages = [...this.#views.values()].map((view) => view.message);
    const at = messages.findIndex((message) => String(message.id) === String(id));
    return messages.slice(at + 1).filter((message) => message.author !== "customer").length;
  }

  /** Removes everything. */
  clear() {
    for (const view of this.#views.values()) view.leave?.();
    for (const part of [this.#log, this.#live]) part.replaceChildren();
    this.#pending.show([]);
    this.#views.clear();
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
    if (this.has(message.id)) {
      this.change(message);
      return false;
    }
    if (message.author === "bot" || message.author === "operator") this.#endStream();
    this.#separateDays(message);
    const view = viewOf(message, { follows: continues(this.#last, message), fresh, hooks: this.#hooks });
    this.#views.set(String(message.id), view);
    this.#log.append(view.node);
    this.#last = message;
    if (message.author === "customer") this.#offerChanges();
    return true;
  }

  /** @param {Object} message one that was edited, withdrawn or rated; one that isn't shown is left alone */
  change(message) {
    this.#views.get(String(message.id))?.update(message);
  }

  /** @param {string} text a line of the page itself, for example 'a new conversation' */
  addLine(text) {
    this.#log.append(el("div", { class: "line", text }));
    this.#last = null;
  }

  /** @param {Array<import("./chat-outbox.js").Entry>} entries */
  showPending(entries) {
    this.#pending.show(entries.filter((entry) => !(entry.echo && this.has(entry.echo))));
  }

  /** @param {string} text the answer so far; '' takes it back: its end may have been missed */
  showPartial(text) {
    this.#partial = text;
    this.#draw();
  }

  /** @param {boolean} on @param {string} speaker who is typing @returns {boolean} whether that is new */
  showTyping(on, speaker) {
    const news = on !== this.#typing || speaker !== this.#speaker;
    this.#typing = on;
    this.#speaker = speaker;
    this.#draw();
    return news;
  }

  /** @returns {string} the conversation as plain text */
  asText() {
    return [...this.#views.values()].map(({ message }) => `${label(message)} (${dateAndTime(message.at)}):\n${plain(message)}\n`).join("\n");
  }

  #offerChanges() {
    const own = [...this.#views.values()].filter((view) => view.message.author === "customer");
    for (const [at, view] of own.entries()) view.changeable = at >= own.length - CHANGEABLE;
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

function plain({ text, files, withdrawn }) {
  if (withdrawn) return "(withdrawn)";
  return [text, ...(files ?? []).map((file) => `[${file.name || "File"}]`)].filter(Boolean).join("\n");
}
