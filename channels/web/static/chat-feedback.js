/**
 * Two quiet thumbs under an answer. A thumb down may say why, in a field that is there once, asks
 * nothing and goes away by itself when it is not used.
 */

import { announce, el, icon } from "./dom.js";

const LONGEST_REASON = 500;
const WORDS = { 1: "Good answer", [-1]: "Bad answer" };

export class Feedback {
  #score = null;
  #send;
  #said = el("span", { class: "feedback-said", role: "status" });
  #thumbs = [1, -1].map((score) => this.#thumb(score));
  #form = null;

  /**
   * @param {Object} message an answer of the bot
   * @param {(score: 1|-1, reason?: string) => Promise<void>} send
   */
  constructor(message, send) {
    this.#send = send;
    this.node = el("div", { class: "feedback", role: "group", "aria-label": "Was this answer helpful?", "aria-live": "off" },
      ...this.#thumbs, this.#said);
    this.update(message);
  }

  /** @param {Object} message as it is now */
  update({ rating, withdrawn }) {
    this.node.hidden = Boolean(withdrawn);
    this.#press(rating?.score ?? null);
  }

  #thumb(score) {
    const name = score > 0 ? "thumbUp" : "thumbDown";
    const button = el("button", { type: "button", class: "thumb", data: { score }, "aria-label": WORDS[score], title: WORDS[score], "aria-pressed": "false" }, icon(name));
    button.addEventListener("click", () => this.#rate(score));
    return button;
  }

  #press(score) {
    this.#score = score;
    for (const thumb of this.#thumbs) thumb.setAttribute("aria-pressed", String(Number(thumb.dataset.score) === score));
  }

  async #rate(score) {
    const before = this.#score;
    if (score === before) return;
    this.#press(score);
    this.#say("");
    this.#closeForm();
    if (score < 0) this.#openForm();
    try {
      await this.#send(score);
      if (score > 0) this.#say("Thank you.");
      else announce("Noted. You may say what was wrong.");
    } catch (error) {
      this.#press(before);
      this.#closeForm();
      this.#say(error.message);
    }
  }

  #openForm() {
    const input = el("input", { type: "text", class: "reason-text", maxlength: LONGEST_REASON, placeholder: "What was wrong? (optional)", "aria-label": "What was wrong? (optional)", dir: "auto", enterkeyhint: "send" });
    const close = el("button", { type: "button", class: "tray-remove", "aria-label": "No reason" }, icon("close"));
    const form = el("form", { class: "reason" }, input, el("button", { type: "submit", class: "link-button", text: "Send" }), close);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#explain(input.value.trim());
    });
    const leave = () => { this.#closeForm(); this.#thumbs[1].focus(); };
    close.addEventListener("click", leave);
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      leave();
    });
    this.#form = form;
    this.node.append(form);
    if (matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
  }

  async #explain(reason) {
    this.#closeForm();
    this.#thumbs[1].focus({ preventScroll: true });
    if (!reason) return;
    this.#say("Thank you.");
    try {
      await this.#send(-1, reason);
    } catch (error) {
      this.#say(`${error.message} Your words were not sent.`);
    }
  }

  #closeForm() {
    this.#form?.remove();
    this.#form = null;
  }

  #say(text) {
    this.#said.textContent = text;
  }
}
