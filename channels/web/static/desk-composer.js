/**
 * The box operators write in, with two modes that must never be mixed up: a reply the customer
 * reads, and a note that stays at the desk. Each case keeps a draft of both; fetching a case again
 * never touches what is being written.
 */

import { byId, fitHeight } from "./dom.js";
import { confirmDialog } from "./dialog.js";

const LIKE_A_NOTE = /^\s*(!|note\s*:)/i;

export class DeskComposer {
  #area = byId("desk-text");
  #mode = "reply";
  #case = null;
  #sending = new Set();
  #errors = new Map();

  /**
   * @param {import("./desk-cases.js").Cases} cases
   * @param {{onSend: (id: string, mode: "reply"|"note", text: string) => Promise<void>, onClaim: () => void}} hooks
   *   `onSend` throws an error with a readable message when it did not work
   */
  constructor(cases, hooks) {
    this.cases = cases;
    this.hooks = hooks;
    for (const mode of ["reply", "note"]) {
      byId(`mode-${mode}`).addEventListener("click", () => this.setMode(mode, true));
      byId(`mode-${mode}`).addEventListener("keydown", (event) => this.#tabKey(event));
    }
    this.#area.addEventListener("input", () => this.#typed());
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    byId("desk-composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("gate-claim").addEventListener("click", () => hooks.onClaim());
    byId("slip-note").addEventListener("click", () => this.#toNote());
  }

  /** @param {Object} one the open case; a new one brings its own draft */
  show(one) {
    const other = one.id !== this.#case?.id;
    this.#case = one;
    if (other) this.setMode(this.#startMode(one));
    else this.#render();
  }

  /** Forgets the case and the text on the screen. */
  clear() {
    this.#case = null;
    this.#errors.clear();
    this.setMode("reply");
  }

  /** @param {"reply"|"note"} mode @param {boolean} [focus] */
  setMode(mode, focus = false) {
    this.#mode = mode;
    this.#area.value = this.#case ? this.cases.draft(this.#case.id, mode) : "";
    this.#render();
    fitHeight(this.#area);
    if (focus) this.#area.focus();
  }

  #startMode(one) {
    const note = this.cases.draft(one.id, "note").trim() && !this.cases.draft(one.id, "reply").trim();
    return note || one.state === "resolved" ? "note" : "reply";
  }

  #may(mode) {
    return (this.#case?.actions ?? []).includes(mode);
  }

  #typed() {
    fitHeight(this.#area);
    if (!this.#case) return;
    this.cases.setDraft(this.#case.id, this.#mode, this.#area.value);
    this.#errors.delete(this.#place());
    this.#render();
  }

  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    }
    if (event.key === "Escape") this.#area.blur();
  }

  #tabKey(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    this.setMode(this.#mode === "reply" ? "note" : "reply");
    byId(`mode-${this.#mode}`).focus();
  }

  #toNote() {
    const id = this.#case.id;
    const text = this.#area.value.replace(LIKE_A_NOTE, "").trimStart();
    const before = this.cases.draft(id, "note");
    this.cases.setDraft(id, "note", [before, text].filter(Boolean).join("\n"));
    this.cases.setDraft(id, "reply", "");
    this.setMode("note", true);
  }

  async #submit() {
    const id = this.#case?.id;
    const mode = this.#mode;
    const text = this.#area.value.trim();
    const place = this.#place();
    if (!text || !this.#may(mode) || this.#sending.has(place)) return;
    this.#sending.add(place);
    try {
      if (mode === "reply" && LIKE_A_NOTE.test(text) && !(await sure())) return;
      this.#errors.delete(place);
      this.#render();
      await this.hooks.onSend(id, mode, text);
      this.#sent(id, mode, text);
    } catch (error) {
      this.#errors.set(place, error.message);
    } finally {
      this.#sending.delete(place);
      this.#render();
    }
  }

  /** Empties the box, unless something else has been written there meanwhile. */
  #sent(id, mode, text) {
    if (this.cases.draft(id, mode).trim() !== text) return;
    this.cases.setDraft(id, mode, "");
    if (this.#case?.id === id && this.#mode === mode) {
      this.#area.value = "";
      fitHeight(this.#area);
    }
  }

  #place() {
    return `${this.#case?.id} ${this.#mode}`;
  }

  #render() {
    const reply = this.#mode === "reply";
    const may = this.#may(this.#mode);
    const sending = this.#sending.has(this.#place());
    byId("desk-composer").dataset.mode = this.#mode;
    byId("composer-panel").setAttribute("aria-labelledby", `mode-${this.#mode}`);
    for (const mode of ["reply", "note"]) {
      byId(`mode-${mode}`).setAttribute("aria-selected", String(mode === this.#mode));
      byId(`mode-${mode}`).tabIndex = mode === this.#mode ? 0 : -1;
    }
    byId("desk-text-label").textContent = reply ? "Reply to customer" : "Internal note";
    this.#area.placeholder = reply ? "Write to the customer…" : "Only operators read this…";
    this.#area.readOnly = !may || sending;
    this.#area.hidden = !may && !this.#area.value;
    byId("desk-send").disabled = !may || sending || !this.#area.value.trim();
    byId("desk-send").textContent = sending ? "Sending…" : reply ? "Send to customer" : "Add note";
    byId("slip").hidden = !(reply && may && LIKE_A_NOTE.test(this.#area.value));
    this.#renderGate(may);
    const error = this.#errors.get(this.#place());
    byId("send-error").hidden = !error;
    byId("send-error").textContent = error ? `Not sent: ${error}` : "";
  }

  #renderGate(may) {
    byId("gate").hidden = may || !this.#case;
    if (may || !this.#case) return;
    const claimable = this.#may("claim");
    byId("gate-claim").hidden = !claimable;
    byId("gate-claim").classList.toggle("primary", this.#case.owner === "desk");
    byId("gate-text").textContent = this.#gateText();
  }

  #gateText() {
    const one = this.#case;
    if (one.state === "resolved") return "This case is resolved, so nothing can be sent to the customer.";
    if (one.owner === "desk") return "Claim this case to answer. The customer has been told that a person will.";
    return `${one.owner_name || "Another operator"} has this case and answers the customer. You can leave a note.`;
  }
}

function sure() {
  return confirmDialog({
    title: "Send this to the customer?",
    text: "It starts like an internal note, but you are writing a reply: the customer will read it.",
    yes: "Send to customer", no: "Keep writing", grave: true,
  });
}
