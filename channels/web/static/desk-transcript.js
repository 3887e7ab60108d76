/**
 * The transcript in the middle of the desk. It keeps to its end while the operator reads there, and
 * stays where it is when they read further up.
 */

import { Editors } from "./desk-edit.js";
import { FileLists } from "./desk-files.js";
import { fillMessage } from "./desk-message.js";
import { confirmDialog } from "./dialog.js";
import { byId, el, reconcile } from "./dom.js";
import { dayName } from "./times.js";

const NEAR_END_PX = 140;

export class Transcript {
  #scroller = byId("transcript-scroller");
  #box = byId("transcript");
  #case = null;
  #atEnd = true;

  /**
   * @param {import("./desk-deeds.js").Deeds} deeds
   * @param {(caseId: string, fileId: string) => Promise<Blob>} fetchFile
   * @param {(caseId: string, fileId: string) => Promise<string>} fetchText what a customer's file says
   */
  constructor(deeds, fetchFile, fetchText) {
    this.deeds = deeds;
    this.files = new FileLists(fetchFile, fetchText);
    this.editors = new Editors((message, text) => deeds.send(this.#case.id, { action: "edit", message, text }), () => this.show(this.#case));
    this.#scroller.addEventListener("scroll", () => { this.#atEnd = this.#nearEnd(); }, { passive: true });
    new ResizeObserver(() => { if (this.#atEnd) this.#toEnd(); }).observe(this.#scroller);
  }

  /** @param {Object} one a case in detail form @param {{jump?: boolean}} [options] jump to its end, because it was just opened */
  show(one, { jump = false } = {}) {
    this.#case = one;
    if (jump) this.#box.replaceChildren();
    reconcile(this.#box, withDays(one.messages ?? []), (item) => item.key, () => el("div"), (node, item) => this.#fill(node, item));
    if (jump || this.#atEnd) this.#toEnd();
  }

  /** Forgets everything. */
  clear() {
    this.#box.replaceChildren();
    this.files.clear();
    this.editors.clear();
  }

  #nearEnd() {
    return this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight < NEAR_END_PX;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#atEnd = true;
  }

  #fill(node, { day, message }) {
    if (day) return fillDay(node, day);
    const editor = message.actions?.includes("edit") ? this.editors.of(message.id) : null;
    if (editor && node.contains(editor)) return;
    const signature = JSON.stringify([message, this.#case.customer, message.survey && this.#case.survey, Boolean(editor)]);
    if (node.signature === signature && !editor) return;
    node.signature = signature;
    const focused = node.contains(document.activeElement);
    fillMessage(node, message, this.#case, { files: (said) => this.files.list(this.#case.id, said), onAction: (action) => this.#act(action, message), editor });
    if (focused && !node.contains(document.activeElement)) (node.querySelector("[data-message-action]") ?? this.#scroller).focus({ preventScroll: true });
  }

  async #act(action, message) {
    const { id } = this.#case;
    if (action === "edit") return this.#edit(message);
    if (SURE[action] && !(await confirmDialog(SURE[action](message)))) return;
    await this.deeds.press(id, { action, message: message.id });
  }

  #edit(message) {
    this.editors.open(message);
    this.show(this.#case);
    this.editors.focus(message.id);
  }
}

const SURE = {
  withdraw: () => ({ title: "Withdraw this message?", text: "The customer no longer sees it where their channel allows that. They may have read it already.", yes: "Withdraw", grave: true }),
  resend: ({ delivery }) => ({
    title: "Send this again?",
    text: delivery === "unknown" ? "It may have arrived the first time: then the customer reads it twice. “Check” asks their channel first." : "The customer gets what did not arrive.",
    yes: "Send again",
  }),
};

function withDays(messages) {
  const items = [];
  let last = "";
  for (const message of messages) {
    const day = dayName(message.at);
    if (day && day !== last) items.push({ key: `day before ${message.id}`, day });
    last = day || last;
    items.push({ key: `message ${message.id}`, message });
  }
  return items;
}

function fillDay(node, day) {
  if (node.signature === day) return;
  node.signature = day;
  node.className = "day";
  node.replaceChildren(el("span", { text: day }));
}
