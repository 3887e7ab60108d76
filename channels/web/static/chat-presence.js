/** Who answers now: the line in the header, the banner under it, and the button that asks for a person. */

import { announce, byId } from "./dom.js";

export class Presence {
  owner = "bot";
  operator = null;
  #asked = false;

  /** @returns {string} whose typing is shown */
  get speaker() {
    return this.owner === "operator" ? this.operator || "A person" : "Assistant";
  }

  /** Whether the button may still ask for a person. */
  get canAsk() {
    return !this.#asked && this.owner === "bot";
  }

  /** @param {boolean} on while a request for a person is under way, the button rests */
  set asked(on) {
    this.#asked = on;
    byId("talk-to-person").disabled = on;
  }

  /** @param {string} owner bot, desk or operator @param {string|null} operator @param {{say?: boolean}} [options] `say`: to screen readers too */
  show(owner, operator, { say = false } = {}) {
    const changed = owner !== this.owner || operator !== this.operator;
    const wasPerson = this.owner === "operator";
    Object.assign(this, { owner, operator });
    const name = operator || "A person";
    byId("presence").dataset.owner = owner;
    byId("presence-text").textContent = { desk: "Waiting for a person", operator: `${name} is answering` }[owner] ?? "Assistant";
    const banner = { desk: "We have asked a person to take over. You can keep writing here.", operator: `${name} has taken over and answers you here.` }[owner];
    byId("banner").hidden = !banner;
    byId("banner").dataset.owner = owner;
    byId("banner").textContent = banner ?? "";
    byId("talk-to-person").hidden = owner !== "bot";
    if (changed && say) announce(banner ?? (wasPerson ? "The assistant is answering again." : ""));
  }
}
