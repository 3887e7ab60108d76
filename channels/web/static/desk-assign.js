/**
 * The menu that gives a case to a colleague, or takes it over from one. A letter jumps to the name
 * that starts with it.
 */

import { wireMenu } from "./dialog.js";
import { el } from "./dom.js";

export class AssignMenu {
  #button = el("button", {
    type: "button", class: "button", data: { action: "assign" }, text: "Assign",
    id: "assign-button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": "assign-menu",
  });
  #menu = el("div", { id: "assign-menu", class: "menu", role: "menu", "aria-labelledby": "assign-button", hidden: true });
  #signature = "";

  /**
   * @param {import("./desk-cases.js").Cases} cases
   * @param {(operator: string) => void} onChoose gets the id of the chosen operator
   */
  constructor(cases, onChoose) {
    this.cases = cases;
    this.element = el("div", { class: "menu-anchor" }, this.#button, this.#menu);
    this.#menu.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-operator-id]");
      if (chosen) onChoose(chosen.dataset.operatorId);
    });
    this.#menu.addEventListener("keydown", (event) => this.#jump(event));
    wireMenu(this.#button, this.#menu);
  }

  /** Whether there is anyone the case could go to. */
  get hasChoices() {
    return this.#menu.childElementCount > 0;
  }

  /** Opens the menu. */
  open() {
    if (this.#menu.hidden) this.#button.click();
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.#button.setAttribute("aria-disabled", String(busy));
  }

  /** @param {Object|null} one the open case; its holder is not offered */
  show(one) {
    const signature = JSON.stringify([one?.id, one?.owner, one?.operators, this.cases.me]);
    if (this.#signature === signature) return;
    this.#signature = signature;
    this.#close();
    this.#menu.replaceChildren(...(one ? this.#choices(one) : []));
  }

  #choices(one) {
    const others = (one.operators ?? []).filter(({ id }) => id !== this.cases.me && one.owner !== `operator:${id}`);
    const held = one.owner?.startsWith("operator:") && !this.cases.isMine(one);
    const choice = (id, text) => el("button", { type: "button", role: "menuitem", tabindex: "-1", data: { operatorId: id }, dir: "auto", text });
    return [held && this.cases.me && choice(this.cases.me, "Take over"), ...others.map(({ id, name }) => choice(id, name))].filter(Boolean);
  }

  #close() {
    if (this.#menu.hidden) return;
    this.#menu.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }

  #jump(event) {
    if (event.key === "Tab") return this.#close();
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || event.key === " ") return;
    const all = [...this.#menu.children];
    const from = all.indexOf(document.activeElement) + 1;
    const letter = event.key.toLocaleLowerCase();
    [...all.slice(from), ...all.slice(0, from)].find((item) => item.textContent.toLocaleLowerCase().startsWith(letter))?.focus();
  }
}
