/**
 * One message of the log, brought up to date in place: what a person is doing in it (a reason half
 * written, a text being changed) stays while the rest follows the server.
 */

import { byId, el, fitHeight, icon } from "./dom.js";
import { Feedback } from "./chat-feedback.js";
import { editForm, ownMenu, sureToWithdraw } from "./chat-own.js";
import { SurveyView } from "./chat-survey.js";
import { messageBody } from "./messages.js";
import { dateAndTime, timeOfDay } from "./times.js";

/**
 * @typedef {{
 *   rate: (id: string, score: 1|-1, reason?: string) => Promise<void>,
 *   edit: (id: string, text: string) => Promise<void>,
 *   withdraw: (id: string) => Promise<void>,
 *   answer: (caseId: string, score: number, reason: string) => Promise<void>,
 *   answerLeaving: (caseId: string, score: number, reason: string) => void,
 *   openFile: (file: import("./messages.js").FileInfo) => Promise<void>,
 *   say: (sentence: string) => void,
 * }} MessageHooks what the customer can do to a message; a failure is an Error whose message may be shown
 */

/**
 * Makes the view of a message: `node` goes into the page, `update(message)` keeps it current.
 * @param {Object} message
 * @param {{follows: boolean, fresh: boolean, hooks: MessageHooks}} options
 */
export function viewOf(message, options) {
  if (message.author !== "system") return new MessageView(message, options);
  return message.survey ? new SurveyView(message, options) : new LineView(message, options);
}

class LineView {
  constructor(message, { fresh }) {
    this.node = el("div", { class: `line${fresh ? " fresh" : ""}`, data: { messageId: message.id, author: "system" }, dir: "auto" });
    this.update(message);
  }

  update(message) {
    this.message = message;
    this.node.textContent = message.withdrawn ? "This message was withdrawn." : message.text;
  }
}

class MessageView {
  #hooks;
  #bubble = el("div", { class: "bubble" });
  #row = el("div", { class: "bubble-row" }, this.#bubble);
  #feedback = null;
  #menu = null;
  #shown = "";
  #editing = false;
  #changeable = false;

  constructor(message, { follows, fresh, hooks }) {
    const own = message.author === "customer";
    this.#hooks = hooks;
    this.node = el("article", {
      class: `message ${own ? "own" : "other"}${follows ? " follows" : ""}${fresh ? " fresh" : ""}`,
      data: { messageId: message.id, author: message.author },
    }, follows ? hiddenHead(message) : head(message), this.#row);
    if (message.author === "bot") {
      this.#feedback = new Feedback(message, (score, reason) => hooks.rate(message.id, score, reason));
      this.node.append(this.#feedback.node);
    }
    this.update(message);
  }

  /** @param {Object} message as it is now */
  update(message) {
    this.message = message;
    this.#feedback?.update(message);
    if (message.withdrawn) this.#editing = false;
    if (!this.#editing) this.#fill();
    this.#offer();
  }

  /** @param {boolean} on whether the customer may still change or withdraw it */
  set changeable(on) {
    if (this.#changeable === on) return;
    this.#changeable = on;
    this.#offer();
  }

  #offer() {
    const wanted = this.#changeable && !this.message.withdrawn;
    if (wanted && !this.#menu) {
      this.#menu = ownMenu({ onEdit: () => this.#edit(), onWithdraw: () => this.#withdraw() });
      this.#row.append(this.#menu);
    } else if (!wanted && this.#menu) {
      this.#menu.remove();
      this.#menu = null;
    }
  }

  #fill() {
    const { author, text, citations, files, withdrawn, changed } = this.message;
    const signature = JSON.stringify([text, citations, files, withdrawn, changed]);
    if (signature === this.#shown) return;
    this.#shown = signature;
    this.node.toggleAttribute("data-withdrawn", Boolean(withdrawn));
    this.node.classList.remove("editing");
    const mark = changed && !withdrawn && el("p", { class: "edited", title: dateAndTime(changed.at), text: "edited" });
    const body = messageBody(this.message, { fold: author === "customer", onFile: (file) => this.#hooks.openFile(file) });
    this.#bubble.replaceChildren(...body, mark || "");
  }

  #edit() {
    this.#editing = true;
    this.#shown = "";
    this.node.classList.add("editing");
    const leave = () => this.#leaveEditing();
    const save = async (text) => {
      await this.#hooks.edit(this.message.id, text);
      leave();
    };
    this.#bubble.replaceChildren(editForm(this.message.text ?? "", { onSave: save, onLeave: leave }));
    const area = this.#bubble.querySelector("textarea");
    fitHeight(area);
    area.focus();
  }

  #leaveEditing() {
    this.#editing = false;
    this.#fill();
    (this.#menu?.querySelector("button") ?? byId("scroller")).focus({ preventScroll: true });
  }

  async #withdraw() {
    if (!(await sureToWithdraw())) return;
    try {
      await this.#hooks.withdraw(this.message.id);
      byId("scroller").focus({ preventScroll: true });
    } catch (error) {
      this.#hooks.say(error.message);
    }
  }
}

/** @param {Object} message @returns {string} who speaks, as the customer reads it */
export function label({ author, name }) {
  if (author === "customer") return "You";
  if (author === "operator") return name || "Support";
  if (author === "system") return "Note";
  return name || "Assistant";
}

/** @param {Object} message @returns {HTMLElement} who speaks, and when */
export function head(message) {
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
