/**
 * What a customer may still do to a message of their own: change its words in place, or withdraw it.
 * A small menu beside the bubble, out of the way until it is looked for.
 */

import { byId, el, fitHeight, lengthOf } from "./dom.js";
import { LIMIT } from "./chat-composer.js";
import { confirmDialog, wireMenu } from "./dialog.js";

const MENU_HEIGHT_PX = 110;
const MENU_WIDTH_PX = 150;

/**
 * The menu of an own message.
 * @param {{onEdit: () => void, onWithdraw: () => void}} hooks
 * @returns {HTMLElement}
 */
export function ownMenu({ onEdit, onWithdraw }) {
  const button = el("button", { type: "button", class: "more", "aria-label": "Change this message", "aria-haspopup": "menu", "aria-expanded": "false" }, byId("menu-button").querySelector(".icon").cloneNode(true));
  const menu = el("div", { class: "menu", role: "menu", "aria-label": "Change this message", hidden: true },
    item("Edit", "edit", onEdit), item("Delete…", "delete", onWithdraw));
  const anchor = el("div", { class: "menu-anchor own-menu", "aria-live": "off" }, button, menu);
  button.addEventListener("click", () => {
    const [here, view] = [button, byId("scroller")].map((node) => node.getBoundingClientRect());
    const rtl = getComputedStyle(button).direction === "rtl";
    menu.classList.toggle("above", here.top - view.top > MENU_HEIGHT_PX);
    menu.classList.toggle("onward", (rtl ? view.right - here.left : here.right - view.left) < MENU_WIDTH_PX);
  });
  wireMenu(button, menu);
  return anchor;
}

function item(text, action, run) {
  const button = el("button", { type: "button", role: "menuitem", data: { action }, text });
  button.addEventListener("click", run);
  return button;
}

/** @returns {Promise<boolean>} whether the customer is sure */
export function sureToWithdraw() {
  return confirmDialog({
    title: "Delete this message?",
    text: "It is withdrawn from the conversation. This can't be undone.",
    yes: "Delete",
    grave: true,
  });
}

/**
 * The form that takes the place of a message's text while it is changed. Enter saves, Escape leaves.
 * @param {string} text
 * @param {{onSave: (text: string) => Promise<void>, onLeave: () => void}} hooks `onSave` may fail with a sentence
 * @returns {HTMLFormElement}
 */
export function editForm(text, { onSave, onLeave }) {
  const area = el("textarea", { class: "edit-text", rows: "1", dir: "auto", "aria-label": "Your message" });
  const save = el("button", { type: "submit", class: "button primary", text: "Save" });
  const cancel = el("button", { type: "button", class: "button", text: "Cancel" });
  const wrong = el("p", { class: "edit-wrong", role: "alert", hidden: true });
  const form = el("form", { class: "edit" }, area, wrong, el("div", { class: "edit-actions" }, cancel, save));
  const complain = (sentence) => {
    wrong.textContent = sentence;
    wrong.hidden = !sentence;
  };
  area.value = text;
  area.addEventListener("input", () => {
    const length = lengthOf(area.value.trim());
    fitHeight(area);
    save.disabled = length === 0 || length > LIMIT;
    complain(length > LIMIT ? `${(length - LIMIT).toLocaleString()} characters too many` : "");
  });
  area.addEventListener("keydown", (event) => {
    // 229: an input method is still composing; its Enter chooses a word, it doesn't save.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onLeave();
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    form.requestSubmit(save);
  });
  cancel.addEventListener("click", onLeave);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const changed = area.value.trim();
    if (changed === text.trim()) return onLeave();
    form.inert = true;
    try {
      await onSave(changed);
    } catch (error) {
      form.inert = false;
      complain(error.message);
      area.focus();
    }
  });
  return form;
}
