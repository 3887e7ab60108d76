/**
 * Dialogs and the small menu, on the browser's own <dialog>: it keeps the focus inside, closes on
 * Escape and gives the focus back.
 */

import { el, icon } from "./dom.js";

/**
 * Shows a dialog with a title and a close button; it leaves the page when it closes.
 * @param {{title: string, class?: string, id?: string}} options
 * @param {...Node} content
 * @returns {HTMLDialogElement}
 */
export function showDialog({ title, class: kind = "", id }, ...content) {
  const close = el("button", { type: "button", class: "icon-button", "aria-label": "Close" }, icon("close"));
  const heading = el("h2", { id: "dialog-title", text: title, dir: "auto" });
  const box = el("dialog", { class: `dialog ${kind}`, id, "aria-labelledby": "dialog-title" },
    el("header", { class: "dialog-head" }, heading, close), ...content);
  close.addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  return present(box);
}

function present(box) {
  const before = document.activeElement;
  box.addEventListener("close", () => {
    box.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before something that can't be taken back.
 * @param {{title: string, text: string, yes: string, no?: string, grave?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, text, yes, no = "Cancel", grave = false }) {
  return new Promise((resolve) => {
    const accept = el("button", { type: "button", class: grave ? "button danger" : "button primary", data: { answer: "yes" }, text: yes });
    const refuse = el("button", { type: "button", class: "button", data: { answer: "no" }, text: no });
    const box = showDialog({ title, class: "confirm", id: "confirm-dialog" },
      el("p", { text }), el("div", { class: "dialog-actions" }, refuse, accept));
    let answer = false;
    accept.addEventListener("click", () => { answer = true; box.close(); });
    refuse.addEventListener("click", () => box.close());
    box.addEventListener("close", () => resolve(answer));
    refuse.focus();
  });
}

/**
 * Makes a button open a menu (arrow keys, Escape, a click outside).
 * @param {HTMLElement} button
 * @param {HTMLElement} menu an element with role=menu and menuitem buttons
 */
export function wireMenu(button, menu) {
  const items = () => [...menu.querySelectorAll("[role=menuitem]")];
  const show = (open) => {
    menu.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) items()[0]?.focus();
  };
  button.addEventListener("click", () => show(menu.hidden));
  menu.addEventListener("click", (event) => { if (event.target.closest("[role=menuitem]")) show(false); });
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !menu.contains(event.target) && !button.contains(event.target)) show(false);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      show(false);
      button.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = items();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
}
