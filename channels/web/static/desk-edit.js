/**
 * Changing a message where it stands. What is being written survives a fetch and a look at another
 * case; it ends with saving, with Escape, or when the message may no longer be changed.
 */

import { el, fitHeight } from "./dom.js";

export class Editors {
  #open = new Map();

  /**
   * @param {(message: string, text: string) => Promise<void>} onSave throws an error with a readable message when it did not work
   * @param {() => void} onClose called when one was closed, so that the text shows again
   */
  constructor(onSave, onClose) {
    this.onSave = onSave;
    this.onClose = onClose;
  }

  /** @param {string} id a message @returns {HTMLElement|null} its editor, when it is open */
  of(id) {
    return this.#open.get(id) ?? null;
  }

  /** @param {Object} message opens its editor */
  open(message) {
    if (!this.#open.has(message.id)) this.#open.set(message.id, this.#make(message));
  }

  /** @param {string} id */
  focus(id) {
    const area = this.of(id)?.querySelector("textarea");
    if (!area) return;
    fitHeight(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }

  /** Drops them all. */
  clear() {
    this.#open.clear();
  }

  #make(message) {
    const area = el("textarea", { rows: 2, dir: "auto", "aria-label": "Change the message" });
    area.value = message.text;
    const save = el("button", { type: "submit", class: "button primary", text: "Save" });
    const cancel = el("button", { type: "button", class: "button", text: "Cancel" });
    const error = el("p", { class: "form-error", role: "alert", hidden: true });
    const form = el("form", { class: "editor" }, area, error, el("div", { class: "editor-row" }, cancel, save));
    area.addEventListener("input", () => fitHeight(area));
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close(message.id, form);
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit();
    });
    cancel.addEventListener("click", () => this.#close(message.id, form));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(message, { form, area, save, error });
    });
    return form;
  }

  async #save(message, { form, area, save, error }) {
    const text = area.value.trim();
    if (save.disabled || !text) return;
    if (text === message.text.trim()) return this.#close(message.id, form);
    save.disabled = true;
    error.hidden = true;
    try {
      await this.onSave(message.id, text);
      this.#close(message.id, form);
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    } finally {
      save.disabled = false;
    }
  }

  #close(id, form) {
    if (this.#open.get(id) !== form) return;
    this.#open.delete(id);
    this.onClose();
  }
}
