/**
 * The open case: its head, its parts, and what happens to it. desk.js says which case it is.
 */

import { Actions } from "./desk-actions.js";
import { DeskComposer } from "./desk-composer.js";
import { Deeds } from "./desk-deeds.js";
import { Facts, verifiedBadge } from "./desk-facts.js";
import { Suggestion } from "./desk-suggestion.js";
import { showTold } from "./desk-told.js";
import { Transcript } from "./desk-transcript.js";
import { channelBadge, outcomeWords, overdueFor, overdueWords } from "./desk-words.js";
import { append, byId, el, icon } from "./dom.js";
import { since } from "./times.js";

export class OpenCase {
  #cases;
  #hooks;
  #selected = null;
  #detail = null;

  /**
   * @param {import("./desk-api.js").DeskApi} api
   * @param {import("./desk-cases.js").Cases} cases
   * @param {{onActed: (one: Object) => void, onShown: () => void, fetch: (id: string) => Promise<void>, refused: (error: Error) => boolean}} hooks
   *   `onActed` gets a case as an action left it, `onShown` is called when another one is selected or shown
   */
  constructor(api, cases, hooks) {
    this.#cases = cases;
    this.#hooks = hooks;
    this.deeds = new Deeds(api, {
      onCase: (one) => this.#acted(one),
      onBusy: () => this.#showButtons(),
      onError: (id, text) => { if (this.#selected === id) this.notice(text); },
      refused: hooks.refused,
    });
    this.actions = new Actions(cases, this.deeds, { onMine: () => this.write("reply") });
    this.composer = new DeskComposer(cases, {
      onSend: (id, deed, extra) => this.deeds.send(id, deed, extra),
      onStep: (step) => (step === "take_over" ? this.actions.takeOver() : this.actions.press(step)),
      onText: () => this.suggestion?.showButtons(),
    });
    this.suggestion = new Suggestion(this.deeds, this.composer);
    this.transcript = new Transcript(this.deeds, (id, file) => api.file(id, file), (id, file) => api.fileText(id, file));
    this.facts = new Facts(
      (id, thread) => api.earlier(id, thread),
      (fact) => this.deeds.press(this.#selected, { action: "forget", text: fact }),
    );
    byId("case-notice-close").addEventListener("click", () => this.notice(""));
  }

  /** The id of the case that is open or being fetched, or null. */
  get selected() {
    return this.#selected;
  }

  /** Opens a case. @param {string} id */
  async open(id) {
    byId("desk").dataset.view = "case";
    if (id !== this.#selected) {
      this.#selected = id;
      this.#detail = null;
      this.notice("");
      showTold("");
    }
    this.#hooks.onShown();
    await this.#hooks.fetch(id);
  }

  /** Shows a case as the server has it, if it is the open one. @param {Object} one */
  show(one) {
    if (this.#selected !== String(one.id)) return;
    const jump = this.#detail?.id !== one.id;
    this.#detail = one;
    if (document.visibilityState === "visible") this.#cases.look(one);
    byId("no-case").hidden = true;
    byId("case").hidden = false;
    byId("facts").hidden = false;
    byId("case").dataset.caseId = one.id;
    this.showHead();
    this.#showButtons();
    this.composer.show(one);
    this.suggestion.show(one);
    this.transcript.show(one, { jump });
    this.facts.show(one);
    this.#hooks.onShown();
  }

  /** Brings the times in the head up to date. */
  showHead() {
    const one = this.#detail;
    if (!one) return;
    byId("case-customer").replaceChildren();
    append(byId("case-customer"), el("bdi", { text: one.customer }), one.verified && verifiedBadge(one));
    byId("case-line").replaceChildren();
    append(byId("case-line"), channelBadge(one), ` #${one.number} · `,
      one.overdue && one.state === "open" && el("strong", { class: "overdue", title: overdueWords(one) }, icon("clock"), overdueFor(one)),
      one.overdue && one.state === "open" && " · ", this.#stateText(one),
      one.desk_error && el("span", { class: "overdue", title: one.desk_error }, " · ", icon("alert"), el("span", { class: "long", text: "desk problem" })));
  }

  /** Leaves the case. */
  close() {
    this.#selected = null;
    this.#detail = null;
    byId("desk").dataset.view = "list";
    byId("case").hidden = true;
    byId("facts").hidden = true;
    byId("no-case").hidden = false;
    this.facts.open(false);
    showTold("");
    this.#hooks.onShown();
  }

  /** Forgets what the page shows and keeps of cases: another operator may sign in next. */
  clear() {
    this.close();
    this.composer.clear();
    this.suggestion.clear();
    this.transcript.clear();
    this.facts.history.clear();
  }

  /** @param {"reply"|"note"} mode goes there, if a case is open */
  write(mode) {
    if (this.#detail) this.composer.setMode(mode, true);
  }

  /** Says above the case what went wrong; "" takes it away. @param {string} text */
  notice(text) {
    byId("case-notice").hidden = !text;
    byId("case-notice-text").textContent = text;
  }

  #acted(one) {
    this.#cases.put(one);
    if (this.#selected === String(one.id)) {
      this.notice("");
      this.show(one);
      showTold(one.told ?? "");
    }
    this.#hooks.onActed(one);
  }

  #showButtons() {
    this.actions.show(this.#detail);
    this.suggestion.showButtons();
  }

  #stateText(one) {
    if (one.state === "resolved") return one.outcome ? `resolved: ${outcomeWords(one.outcome)}` : "resolved";
    const who = this.#cases.isMine(one) ? "yours" : this.#cases.isUnclaimed(one) ? "unclaimed" : `with ${one.owner_name || "an operator"}`;
    return one.waiting_since && !one.overdue ? `${who}, waiting ${since(one.waiting_since)}`.replace(" now", "") : who;
  }
}
