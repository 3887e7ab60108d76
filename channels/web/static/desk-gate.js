/**
 * The line that stands where the composer would be while the operator may not write to the customer:
 * why not, and the one step that changes it.
 */

import { byId } from "./dom.js";

export class Gate {
  #step = null;

  /** @param {(step: "claim"|"take_over"|"reopen") => void} onStep */
  constructor(onStep) {
    byId("gate-claim").addEventListener("click", () => { if (this.#step) onStep(this.#step); });
  }

  /** @param {Object|null} one the open case @param {boolean} may whether the operator may write in this mode */
  show(one, may) {
    byId("gate").hidden = may || !one;
    if (may || !one) return;
    const [text, step, label] = words(one);
    this.#step = one.actions?.includes(step === "take_over" ? "assign" : step) ? step : null;
    byId("gate-text").textContent = text;
    byId("gate-claim").hidden = !this.#step;
    byId("gate-claim").textContent = label;
    byId("gate-claim").classList.toggle("primary", one.owner === "desk");
  }

  /** Gives the focus to the step. */
  focus() {
    if (!byId("gate").hidden && this.#step) byId("gate-claim").focus();
  }
}

function words(one) {
  if (one.state === "resolved") return ["This case is resolved, so nothing can be sent to the customer.", "reopen", "Reopen"];
  if (one.owner === "desk") return ["Claim this case to answer. The customer has been told that a person will.", "claim", "Claim"];
  const who = one.owner_name || "Another operator";
  if (one.actions?.includes("claim")) return [`${who} has this case and answers the customer. You can leave a note.`, "claim", "Claim"];
  return [`${who} has this case and answers the customer. You can leave a note.`, "take_over", "Take over"];
}
