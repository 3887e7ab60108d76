/**
 * The desk's keyboard: single keys outside text fields, and the dialog that lists them. They can be
 * turned off there, for people who speak their input (WCAG 2.1.4).
 */

import { showDialog } from "./dialog.js";
import { byId, el, plainKey } from "./dom.js";
import { lasting } from "./memory.js";

const STORED = "threadline.desk.keys";

const SHORTCUTS = [
  [["j", "↓"], "Next case"], [["k", "↑"], "Previous case"], [["c"], "Claim the open case"], [["r"], "Reply to the customer"],
  [["n"], "Write an internal note"], [["d"], "Use the suggested reply, to edit it"], [["a"], "Assign to a colleague"], [["e"], "Resolve"], [["/"], "Search"],
  [["Ctrl", "Enter"], "Send what you wrote"], [["Esc"], "Leave the text field, close what is open"], [["?"], "This list"],
];
const OWN_KEYS = "[role=menu], [role=tablist]";

/**
 * @param {{move: (step: 1|-1) => void, press: (action: string) => void, write: (mode: "reply"|"note") => void, use: () => void, leave: () => void}} actions
 *   `press` gets "claim", "assign" or "resolve"; `use` takes the suggested reply; `leave` closes what lies over the case
 */
export function wireKeys(actions) {
  const run = {
    j: () => actions.move(1), ArrowDown: () => actions.move(1), k: () => actions.move(-1), ArrowUp: () => actions.move(-1),
    c: () => actions.press("claim"), a: () => actions.press("assign"), e: () => actions.press("resolve"), d: actions.use,
    r: () => actions.write("reply"), n: () => actions.write("note"), "/": () => byId("search").focus(), "?": showHelp, Escape: actions.leave,
  };
  document.addEventListener("keydown", (event) => {
    const key = plainKey(event);
    if (!key || !Object.hasOwn(run, key) || !listening(key) || hasOwnUse(event, key)) return;
    if (key !== "Escape") event.preventDefault();
    run[key]();
  });
  byId("help").addEventListener("click", showHelp);
}

function listening(key) {
  if (byId("desk").hidden || document.querySelector("dialog[open]")) return false;
  return lasting.get(STORED) !== false || key === "?" || key === "Escape";
}

/** Arrows scroll what can be scrolled, and a menu has its own letters. */
function hasOwnUse(event, key) {
  if (event.defaultPrevented || !(event.target instanceof Element)) return event.defaultPrevented;
  return Boolean(event.target.closest(key.startsWith("Arrow") ? `#transcript-scroller, #facts, #suggestion, ${OWN_KEYS}` : OWN_KEYS));
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
