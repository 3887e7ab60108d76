/**
 * What the server tells an operator in private about what was just done ("Kept inside as a note…"):
 * a passing line near the composer. It waits while the pointer or the focus is on it.
 */

import { byId, el, icon } from "./dom.js";

const SHOWN_MS = 5_000;
const READING_MS_PER_CHARACTER = 60;

let timer = 0;

/** @param {string} text a sentence; "" takes the line away */
export function showTold(text) {
  const box = byId("told");
  clearTimeout(timer);
  if (!text) return box.replaceChildren();
  const close = el("button", { type: "button", class: "icon-button", "aria-label": "Dismiss" }, icon("close"));
  close.addEventListener("click", () => showTold(""));
  box.replaceChildren(el("div", { class: "told-box" }, el("span", { dir: "auto", text }), close));
  const time = SHOWN_MS + text.length * READING_MS_PER_CHARACTER;
  timer = setTimeout(() => leave(box), time);
}

function leave(box) {
  if (box.matches(":hover, :focus-within")) timer = setTimeout(() => leave(box), SHOWN_MS);
  else box.replaceChildren();
}
