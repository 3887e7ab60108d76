/**
 * The desk's keyboard: single keys outside text fields, and the dialog that lists them. They can be
 * turned off there, for people who speak their input (WCAG 2.1.4).
 */

import { byId, el, plainKey } from "./dom.js";
import { showDialog } from "./dialog.js";
import { lasting } from "./memory.js";

const STORED = "threadline.desk.keys";

const SHORTCUTS = [
  [["j", "↓"], "Next case"], [["k", "↑"], "Previous case"], [["c"], "Claim the open case"], [["r"], "Reply to the customer"],
  [["n"], "Write an internal note"], [["/"], "Search"], [["Ctrl", "Enter"], "Send what you wrote"], [["Esc"], "Leave the text field"], [["?"], "This list"],
];

/**
 * @param {{move: (step: 1|-1) => void, claim: () => void, write: (mode: "reply"|"note") => void}} actions
 */
export function wireKeys(actions) {
  const search = () => byId("search").focus();
  const run = {
    j: () => actions.move(1), ArrowDown: () => actions.move(1), k: () => actions.move(-1), ArrowUp: () => actions.move(-1),
    c: actions.claim, r: () => actions.write("reply"), n: () => actions.write("note"), "/": search, "?": showHelp,
  };
  document.addEventListener("keydown", (event) => {
    const key = plainKey(event);
    if (!key || !Object.hasOwn(run, key) || (lasting.get(STORED) === false && key !== "?") || byId("desk").hidden || document.querySelector("dialog[open]")) return;
    if (key.startsWith("Arrow") && event.target instanceof Element && event.target.closest("#transcript-scroller, #facts, [role=menu], [role=tablist]")) return;
    event.preventDefault();
    run[key]();
  });
  byId("help").addEventListener("click", showHelp);
}

function showHelp() {
  const list = el("dl", { class: "keys" });
  for (const [keys, what] of SHORTCUTS) {
    list.append(el("dt", {}, ...keys.map((key) => el("kbd", { text: key }))), el("dd", { text: what }));
  }
  const box = el("input", { type: "checkbox", id: "single-keys", checked: lasting.get(STORED) !== false });
  box.addEventListener("change", () => lasting.set(STORED, box.checked));
  showDialog({ title: "Keyboard shortcuts", id: "help-dialog" }, list,
    el("label", { class: "keys-switch" }, box, "Use single-key shortcuts"));
}
