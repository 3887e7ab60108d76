/**
 * The box operators write in, with two modes that must never be mixed up: a reply the customer
 * reads, and a note that stays at the desk. Each case keeps a draft of both; fetching a case again
 * never touches what is being written.
 */

import { Attachments } from "./desk-attach.js";
import { Gate } from "./desk-gate.js";
import { Modes } from "./desk-modes.js";
import { confirmDialog } from "./dialog.js";
import { byId, fitHeight } from "./dom.js";

const LIKE_A_NOTE = /^\s*(!|note\s*:)/i;

export class DeskComposer {
  #area = byId("desk-text");
  #mode = "reply";
  #case = null;
  #sending = new Map();
  #errors = new Map();

  /**
   * @param {import("./desk-cases.js").Cases} cases
   * @param {{onSend: (id: string, deed: Object, extra: Object) => Promise<void>, onStep: (step: string) => void, onText: () => void}} hooks
   *   `onSend` throws an error with a readable message when it did not work; `onText` is called when another text stands in the box
   */
  constructor(cases, hooks) {
    this.cases = cases;
    this.hooks = hooks;
    this.files = new Attachments({ onChange: () => this.#changed(), onRefuse: (text) => this.#failed(this.#place(), text) });
    this.gate = new Gate((step) => hooks.onStep(step));
    this.modes = new Modes((mode, byClick) => this.setMode(mode, byClick));
    this.#area.addEventListener("input", () => this.#typed());
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    byId("desk-composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("slip-note").addEventListener("click", () => this.#toNote());
  }

  /** What stands in the box, without the space around it. */
  get text() {
    return this.#case ? this.#area.value.trim() : "";
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
    this.files.clear();
    this.setMode("reply");
  }

  /** @param {"reply"|"note"} mode @param {boolean} [focus] */
  setMode(mode, focus = false) {
    this.#mode = mode;
    this.#area.value = this.#case ? this.cases.draft(this.#case.id, mode) : "";
    this.#render();
    fitHeight(this.#area);
    this.hooks.onText();
    if (!focus) return;
    if (this.#may(mode)) this.#area.focus();
    else this.gate.focus();
  }

  /**
   * Puts a text into the reply, to be changed there; asks before another text is lost.
   * @param {string} text
   * @returns {Promise<boolean>} whether it stands there now
   */
  async putReply(text) {
    const id = this.#case?.id;
    const before = id ? this.cases.draft(id, "reply").trim() : "";
    if (!id || (before && before !== text.trim() && !(await sureToReplace())) || this.#case?.id !== id) return false;
    this.cases.setDraft(id, "reply", text);
    this.setMode("reply", true);
    this.#area.setSelectionRange(text.length, text.length);
    return true;
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
    this.#changed();
  }

  #changed() {
    this.#errors.delete(this.#place());
    this.#render();
    this.hooks.onText();
  }

  #failed(place, text) {
    this.#errors.set(place, text);
    this.#render();
  }

  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    }
    if (event.key === "Escape") this.#area.blur();
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
    const files = this.files.at(place);
    if (!(text || files.length) || !this.#may(mode) || this.#sending.has(place)) return;
    this.#sending.set(place, 0);
    try {
      if (mode === "reply" && LIKE_A_NOTE.test(text) && !(await sureToSend())) return;
      this.#errors.delete(place);
      this.#render();
      await this.hooks.onSend(id, { action: mode, text }, { files, onProgress: (share) => this.#progress(place, share) });
      this.files.remove(place, files);
      this.#sent(id, mode, text);
    } catch (error) {
      this.#errors.set(place, `Not sent: ${error.message}`);
    } finally {
      this.#sending.delete(place);
      this.#render();
    }
  }

  #progress(place, share) {
    this.#sending.set(place, share);
    if (place === this.#place()) this.#renderSend();
  }

  /** Empties the box, unless something else has been written there meanwhile. */
  #sent(id, mode, text) {
    if (this.cases.draft(id, mode).trim() !== text) return;
    this.cases.setDraft(id, mode, "");
    if (this.#case?.id !== id || this.#mode !== mode) return;
    this.#area.value = "";
    fitHeight(this.#area);
    this.hooks.onText();
  }

  #place() {
    return `${this.#case?.id} ${this.#mode}`;
  }

  #render() {
    const reply = this.#mode === "reply";
    const may = this.#may(this.#mode);
    const idle = may && !this.#sending.has(this.#place());
    const error = this.#errors.get(this.#place());
    this.modes.show(this.#mode);
    this.#area.readOnly = !idle;
    this.#area.hidden = !may && !this.#area.value;
    byId("slip").hidden = !(reply && may && LIKE_A_NOTE.test(this.#area.value));
    this.files.show(this.#place(), idle);
    this.gate.show(this.#case, may);
    this.#renderSend();
    byId("send-row").hidden = !may && !error && this.#area.hidden;
    byId("send-error").hidden = !error;
    byId("send-error").textContent = error ?? "";
  }

  #renderSend() {
    const share = this.#sending.get(this.#place());
    const sending = share !== undefined;
    const something = this.#area.value.trim() || this.files.at(this.#place()).length;
    byId("desk-send").disabled = sending || !this.#may(this.#mode) || !something;
    byId("desk-send").textContent = sending ? sendingWords(share) : this.#mode === "reply" ? "Send to customer" : "Add note";
  }
}

function sendingWords(share) {
  return share > 0 && share < 1 ? `Sending… ${Math.floor(share * 100)} %` : "Sending…";
}

function sureToSend() {
  return confirmDialog({
    title: "Send this to the customer?",
    text: "It starts like an internal note, but you are writing a reply: the customer will read it.",
    yes: "Send to customer", no: "Keep writing", grave: true,
  });
}

function sureToReplace() {
  return confirmDialog({
    title: "Replace what you wrote?",
    text: "There is a reply in the box already. The suggestion would take its place.",
    yes: "Replace", no: "Keep mine",
  });
}
