/**
 * Asks how a case ended. The usual outcome has the focus, so Enter is enough; arrows and the numbers
 * choose another.
 */

import { showDialog } from "./dialog.js";
import { el } from "./dom.js";

const USUAL = "solved";
const WHEN_UNKNOWN = [{ id: USUAL, title: "Solved" }];

/**
 * Shows the dialog.
 * @param {Object} one the case; its `resolutions` are the choices
 * @param {boolean} unsent whether a reply is being written, which will not be sent
 * @returns {Promise<string|null>} the id of the outcome, or null when the operator thought better of it
 */
export function askOutcome(one, unsent) {
  const choices = one.resolutions?.length ? one.resolutions : WHEN_UNKNOWN;
  return new Promise((resolve) => {
    let answer = null;
    const choose = (id) => { answer = id; box.close(); };
    const buttons = choices.map(({ id, title }, place) => outcomeButton(id, title, place + 1, choose));
    const list = el("div", { class: "outcomes", role: "group", "aria-label": "Outcome" }, ...buttons);
    const box = showDialog({ title: `Resolve case #${one.number}`, class: "confirm", id: "resolve-dialog" },
      el("p", { class: "soft", text: "It leaves the open cases and stays under Resolved. How did it end?" }),
      unsent ? el("p", { class: "warn", text: "Your unsent reply will not be sent." }) : "", list);
    box.addEventListener("keydown", (event) => move(event, buttons));
    box.addEventListener("close", () => resolve(answer));
    (buttons.find((button) => button.dataset.outcome === USUAL) ?? buttons[0]).focus();
  });
}

function outcomeButton(id, title, number, choose) {
  const button = el("button", { type: "button", class: "outcome-choice", data: { outcome: id } },
    el("span", { dir: "auto", text: title }), el("kbd", { "aria-hidden": "true", text: String(number) }));
  button.addEventListener("click", () => choose(id));
  return button;
}

function move(event, buttons) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const numbered = buttons[Number(event.key) - 1];
  if (!step && !numbered) return;
  event.preventDefault();
  if (numbered) return numbered.click();
  buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus();
}
