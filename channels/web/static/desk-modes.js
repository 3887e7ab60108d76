/**
 * The two tabs over the composer, and everything there that tells a reply from a note.
 */

import { byId } from "./dom.js";

const MODES = {
  reply: { label: "Reply to customer", placeholder: "Write to the customer…", drop: "Drop to attach to your reply" },
  note: { label: "Internal note", placeholder: "Only operators read this…", drop: "Drop to attach to the internal note" },
};

export class Modes {
  #mode = "reply";

  /** @param {(mode: "reply"|"note", byClick: boolean) => void} onChoose */
  constructor(onChoose) {
    for (const mode of Object.keys(MODES)) {
      byId(`mode-${mode}`).addEventListener("click", () => onChoose(mode, true));
      byId(`mode-${mode}`).addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        event.preventDefault();
        event.stopPropagation();
        onChoose(this.#mode === "reply" ? "note" : "reply", false);
        byId(`mode-${this.#mode}`).focus();
      });
    }
  }

  /** @param {"reply"|"note"} mode */
  show(mode) {
    this.#mode = mode;
    const { label, placeholder, drop } = MODES[mode];
    byId("desk-composer").dataset.mode = mode;
    byId("composer-panel").setAttribute("aria-labelledby", `mode-${mode}`);
    for (const one of Object.keys(MODES)) {
      byId(`mode-${one}`).setAttribute("aria-selected", String(one === mode));
      byId(`mode-${one}`).tabIndex = one === mode ? 0 : -1;
    }
    byId("desk-text-label").textContent = label;
    byId("desk-text").placeholder = placeholder;
    byId("drop-here").textContent = drop;
  }
}
