/**
 * The assistant's suggested reply, above the composer: never sent by itself, to be sent as it is, taken
 * into the composer, or asked for anew. It folds away once it was used or put aside; which ones were
 * is remembered per case for as long as the tab lives.
 */

import { byId, el } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { thisTab } from "./memory.js";
import { citeMaker, sourceChips } from "./sources.js";

const PUT_ASIDE = "threadline.desk.suggestions";
const FATES = { used: "sent as it was", edited: "sent with changes", ignored: "not used" };

export class Suggestion {
  #box = byId("suggestion");
  #case = null;
  /** Case ids and the text that was put aside or taken there; a new text shows again. */
  #aside = thisTab.get(PUT_ASIDE) ?? {};
  #opened = null;
  #signature = "";

  /**
   * @param {import("./desk-deeds.js").Deeds} deeds
   * @param {import("./desk-composer.js").DeskComposer} composer
   */
  constructor(deeds, composer) {
    this.deeds = deeds;
    this.composer = composer;
    byId("suggestion-toggle").addEventListener("click", () => this.#toggle());
    byId("suggestion-dismiss").addEventListener("click", () => this.#putAside());
    byId("suggestion-send").addEventListener("click", () => this.#send());
    byId("suggestion-edit").addEventListener("click", () => this.use());
    byId("suggestion-new").addEventListener("click", () => this.#renew());
  }

  /** @param {Object|null} one the open case, or null */
  show(one) {
    if (one?.id !== this.#case?.id) this.#opened = null;
    this.#case = one;
    this.#box.hidden = !one || !(this.#may("draft") || this.#text);
    if (this.#box.hidden) return;
    this.#renderHead();
    this.#renderText();
    this.showButtons();
  }

  /** Brings the buttons up to date: what is in the composer is the hint for a new draft. */
  showButtons() {
    if (!this.#case || this.#box.hidden) return;
    const busy = this.deeds.isBusy(this.#case.id);
    byId("suggestion-send").disabled = busy || !this.#may("reply");
    byId("suggestion-send").title = this.#may("reply") ? "" : "Only who holds the case can send to the customer";
    byId("suggestion-new").hidden = !this.#may("draft");
    byId("suggestion-new").disabled = busy || this.#writing || !this.#may("draft");
    byId("suggestion-new").replaceChildren(this.#text || this.composer.text ? "New draft" : "Suggest a reply", ...(this.composer.text ? [el("span", { class: "long", text: " from your text" })] : []));
    byId("suggestion-new").title = this.composer.text ? "What stands in the box below is the hint" : "";
  }

  /** Takes the text into the composer as a reply, to be changed there. */
  async use() {
    const { id } = this.#case ?? {};
    const text = this.#toSend;
    if (!text || this.#writing || !(await this.composer.putReply(text)) || this.#case?.id !== id) return;
    this.#putAside();
  }

  /** Forgets what was put aside: another operator may sign in next. */
  clear() {
    this.#aside = {};
    thisTab.set(PUT_ASIDE, null);
    this.show(null);
  }

  get #text() {
    return this.#case?.suggestion?.text ?? "";
  }

  /** The text as the customer gets it: the sources stay at the desk, and so do the marks that point at them. */
  get #toSend() {
    const known = new Set((this.#case?.suggestion?.citations ?? []).map(({ index }) => String(index)));
    return this.#text.replace(/[ \n]*\[(\d{1,3})\]/g, (mark, index) => (known.has(index) ? "" : mark)).trim();
  }

  get #writing() {
    return Boolean(this.#case?.suggestion?.writing);
  }

  get #open() {
    if (this.#writing || !this.#text) return false;
    return this.#opened ?? !(this.#case.suggestion.fate || this.#aside[this.#case.id] === this.#text);
  }

  #may(action) {
    return Boolean(this.#case?.actions?.includes(action));
  }

  #toggle() {
    this.#opened = !this.#open;
    this.show(this.#case);
  }

  #putAside() {
    this.#aside[this.#case.id] = this.#text;
    thisTab.set(PUT_ASIDE, this.#aside);
    const inside = byId("suggestion-body").contains(document.activeElement) || document.activeElement === byId("suggestion-dismiss");
    this.#opened = null;
    this.show(this.#case);
    if (inside) byId("suggestion-toggle").focus();
  }

  async #send() {
    if (byId("suggestion-send").disabled) return;
    const { id } = this.#case;
    const text = this.#text;
    if ((await this.deeds.press(id, { action: "reply", text: this.#toSend })) && this.#case?.id === id && this.#text === text) this.#putAside();
  }

  async #renew() {
    if (byId("suggestion-new").disabled) return;
    const hint = this.composer.text;
    this.#opened = null;
    await this.deeds.press(this.#case.id, hint ? { action: "draft", text: hint } : { action: "draft" });
  }

  #renderHead() {
    const toggle = byId("suggestion-toggle");
    this.#box.dataset.open = String(this.#open);
    this.#box.dataset.writing = String(this.#writing);
    toggle.hidden = this.#writing || !this.#text;
    toggle.setAttribute("aria-expanded", String(this.#open));
    for (const part of ["dismiss", "body", "send", "edit"]) byId(`suggestion-${part}`).hidden = !this.#open;
    byId("suggestion-state").textContent = this.#state();
    byId("suggestion-dots").hidden = !this.#writing;
  }

  #state() {
    const { fate } = this.#case.suggestion ?? {};
    if (this.#writing) return "writing…";
    if (!this.#text) return this.#case.suggestion ? "nothing in the knowledge base fits" : "none yet";
    if (fate) return FATES[fate] ?? fate;
    return "not sent";
  }

  #renderText() {
    const { citations = [] } = this.#case.suggestion ?? {};
    const signature = JSON.stringify([this.#case.id, this.#text, citations]);
    if (signature === this.#signature) return;
    this.#signature = signature;
    const sources = sourceChips(citations);
    byId("suggestion-text").replaceChildren(el("div", { class: "prose" }, renderMarkdown(this.#text, { cite: citeMaker(citations) })), ...(sources ? [sources] : []));
    byId("suggestion-text").scrollTop = 0;
    byId("suggestion-preview").replaceChildren(this.#text.replace(/\*\*|`| ?\[\d{1,3}\]/g, "").replace(/\s+/g, " ").slice(0, 200));
  }
}
