/**
 * The one question after a person has helped: five choices in words, then a comment for who likes.
 *
 * The server takes one answer, comment included, so a choice waits a little for the comment: until
 * 'Send', until nothing happens for a while, or until the page is left. Nothing chosen gets lost.
 */

import { ApiError } from "./api.js";
import { announce, el } from "./dom.js";

const CHOICES = ["Very poor", "Poor", "Fair", "Good", "Very good"];
const PATIENCE_MS = 8_000;
const LONGEST_REASON = 1_000;

export class SurveyView {
  #hooks;
  #score = 0;
  #state = "open"; // open, sending, done
  #timer = 0;
  #buttons = CHOICES.map((words, at) => this.#choice(words, at + 1));
  #choices = el("div", { class: "survey-choices", role: "radiogroup" }, ...this.#buttons);
  #reason = el("input", { type: "text", class: "survey-reason", maxlength: LONGEST_REASON, placeholder: "Add a comment (optional)", "aria-label": "Add a comment (optional)", dir: "auto", enterkeyhint: "send" });
  #form = el("form", { class: "survey-more", hidden: true }, this.#reason, el("button", { type: "submit", class: "button", text: "Send" }));
  #said = el("p", { class: "survey-said", role: "status" });

  /**
   * @param {Object} message a system message with a `survey`
   * @param {{fresh: boolean, hooks: {
   *   answer: (caseId: string, score: number, reason: string) => Promise<void>,
   *   answerLeaving: (caseId: string, score: number, reason: string) => void,
   * }}} options
   */
  constructor(message, { fresh, hooks }) {
    this.#hooks = hooks;
    this.message = message;
    this.#choices.setAttribute("aria-label", message.text);
    this.node = el("section", {
      class: `survey${fresh ? " fresh" : ""}`, data: { messageId: message.id, author: "system" },
    }, el("p", { class: "survey-question", dir: "auto", text: message.text }), this.#choices, this.#form, this.#said);
    this.#wire();
    this.update(message);
  }

  /** @param {Object} message as it is now */
  update(message) {
    this.message = message;
    if (message.survey.score && !this.#score) this.#choose(message.survey.score);
    if (message.survey.answered && this.#state === "open") this.#done("Thank you for your answer.");
  }

  #wire() {
    this.#choices.addEventListener("keydown", (event) => this.#key(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#reason.addEventListener("focus", () => clearTimeout(this.#timer));
    this.#reason.addEventListener("blur", () => this.#wait());
    window.addEventListener("pagehide", this.leave);
  }

  /** The page or the conversation is being left: what was chosen goes out as it is. */
  leave = () => {
    clearTimeout(this.#timer);
    window.removeEventListener("pagehide", this.leave);
    if (this.#score && this.#state === "open") this.#hooks.answerLeaving(this.message.survey.case_id, this.#score, this.#reason.value.trim());
  };

  #choice(words, score) {
    const button = el("button", { type: "button", role: "radio", class: "choice", data: { score }, "aria-checked": "false", tabindex: score === 1 ? "0" : "-1" },
      el("span", { class: "choice-number", text: String(score) }), " ", el("span", { class: "choice-words", text: words }));
    button.addEventListener("click", () => {
      if (this.#state !== "open") return;
      this.#choose(score);
      this.#form.hidden = false;
      this.#said.textContent = "";
      this.#wait();
    });
    return button;
  }

  /** Arrows walk, as among radio buttons, but only Enter, Space or a click chooses. */
  #key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = this.#buttons.indexOf(document.activeElement);
    this.#tabStop(this.#buttons[(at + step + this.#buttons.length) % this.#buttons.length]).focus();
  }

  #tabStop(button) {
    for (const one of this.#buttons) one.tabIndex = one === button ? 0 : -1;
    return button;
  }

  #choose(score) {
    this.#score = score;
    for (const one of this.#buttons) one.setAttribute("aria-checked", String(Number(one.dataset.score) === score));
    this.#tabStop(this.#buttons[score - 1] ?? this.#buttons[0]);
  }

  #wait() {
    clearTimeout(this.#timer);
    if (this.#score && this.#state === "open") this.#timer = setTimeout(() => this.#send(), PATIENCE_MS);
  }

  async #send() {
    if (!this.#score || this.#state !== "open") return;
    clearTimeout(this.#timer);
    this.#state = "sending";
    this.#form.inert = true;
    try {
      await this.#hooks.answer(this.message.survey.case_id, this.#score, this.#reason.value.trim());
      this.#done("Thank you for your answer.");
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) this.#done("You had answered this already. Thank you.");
      else this.#failed(error);
    }
  }

  #failed(error) {
    this.#state = "open";
    this.#form.inert = false;
    this.#form.hidden = false;
    this.#said.textContent = `${error.message} Press Send to try again.`;
  }

  #done(words) {
    const inside = this.node.contains(document.activeElement);
    window.removeEventListener("pagehide", this.leave);
    clearTimeout(this.#timer);
    this.#state = "done";
    this.node.dataset.answered = "true";
    this.#form.remove();
    for (const button of this.#buttons) button.disabled = true;
    this.#choices.hidden = this.#score === 0;
    this.#said.textContent = words;
    if (inside) {
      this.#said.tabIndex = -1;
      this.#said.focus({ preventScroll: true });
      announce(words);
    }
  }
}
