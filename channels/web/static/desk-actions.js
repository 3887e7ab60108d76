/**
 * The buttons in the head of the open case: claim, release, assign, hand back, resolve, reopen. They
 * stay the same elements while the case is fetched again, so a menu in use stays open, and they are
 * never really disabled, so the focus stays where it is.
 */

import { AssignMenu } from "./desk-assign.js";
import { askOutcome } from "./desk-resolve.js";
import { byId, el, reconcile } from "./dom.js";

const BUTTONS = [
  { action: "claim", text: "Claim" },
  { action: "reopen", text: "Reopen" },
  { action: "release", text: "Release" },
  { action: "assign", text: "Assign" },
  { action: "hand_back", text: "Hand back", rest: "to assistant" },
  { action: "resolve", text: "Resolve" },
];

export class Actions {
  #box = byId("case-actions");
  #case = null;

  /**
   * @param {import("./desk-cases.js").Cases} cases
   * @param {import("./desk-deeds.js").Deeds} deeds
   * @param {{onMine: () => void}} hooks `onMine` is called when the operator has just got the case
   */
  constructor(cases, deeds, hooks) {
    this.cases = cases;
    this.deeds = deeds;
    this.hooks = hooks;
    this.assignMenu = new AssignMenu(cases, (to) => this.#do({ action: "assign", to }));
  }

  /** @param {Object|null} one the open case, or null */
  show(one) {
    this.#case = one;
    const focused = this.#box.contains(document.activeElement);
    this.assignMenu.show(one);
    const allowed = BUTTONS.filter(({ action }) => this.#may(action));
    reconcile(this.#box, allowed, ({ action }) => action, (kind) => this.#make(kind), (node, kind) => this.#fill(node, kind));
    if (focused && !this.#box.contains(document.activeElement)) (this.#box.querySelector("button") ?? byId("case-pane")).focus();
  }

  /** Presses a button, by key or from elsewhere on the page; does nothing where it is not allowed. @param {string} action */
  press(action) {
    if (!this.#may(action) || this.deeds.isBusy(this.#case.id)) return;
    if (action === "assign") this.assignMenu.open();
    else if (action === "resolve") this.#resolve();
    else this.#do({ action });
  }

  /** Assigns the open case to the operator at the page. */
  takeOver() {
    if (this.#may("assign")) this.#do({ action: "assign", to: this.cases.me });
  }

  #may(action) {
    if (!this.#case?.actions?.includes(action)) return false;
    return action !== "assign" || this.assignMenu.hasChoices;
  }

  async #do(deed) {
    const { id } = this.#case;
    const done = await this.deeds.press(id, deed);
    if (done && this.#case?.id === id && this.cases.isMine(this.#case) && deed.action !== "resolve") this.hooks.onMine();
  }

  async #resolve() {
    const one = this.#case;
    const unsent = Boolean(this.cases.draft(one.id, "reply").trim());
    const outcome = await askOutcome(one, unsent);
    if (outcome && this.#case?.id === one.id) this.#do({ action: "resolve", outcome });
  }

  #make({ action, text, rest }) {
    if (action === "assign") return this.assignMenu.element;
    const button = el("button", { type: "button", class: "button", data: { action } }, text, rest && el("span", { class: "long", text: ` ${rest}` }));
    button.addEventListener("click", () => this.press(action));
    return button;
  }

  #fill(node, { action }) {
    const busy = this.deeds.isBusy(this.#case.id);
    if (action === "assign") return this.assignMenu.setBusy(busy);
    node.setAttribute("aria-disabled", String(busy));
    node.classList.toggle("primary", action === "claim" && this.cases.isUnclaimed(this.#case));
  }
}
