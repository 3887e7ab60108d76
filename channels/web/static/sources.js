/**
 * The sources of an answer: chips under it, `[n]` buttons in it, and the panel with the passage.
 * Used by the chat page and by the desk's transcript and passages.
 */

import { el, icon } from "./dom.js";
import { showDialog } from "./dialog.js";
import { renderMarkdown, safeUrl } from "./markdown.js";

/**
 * The row of chips under an answer, or null without citations.
 * @param {Array<Object>} citations
 * @returns {HTMLElement|null}
 */
export function sourceChips(citations) {
  if (!citations?.length) return null;
  const chips = citations.map((citation) => el("li", {}, chip(citation, citations)));
  return el("div", { class: "sources" },
    el("span", { class: "sources-label", text: citations.length === 1 ? "Source" : "Sources" }),
    el("ol", { class: "chips" }, ...chips));
}

function chip(citation, citations) {
  const name = citation.title || citation.source || "Untitled";
  const button = el("button", {
    type: "button", class: "chip source-chip", data: { source: citation.index },
    "aria-haspopup": "dialog", title: name,
  }, el("span", { class: "hidden", text: "Source " }), el("span", { class: "chip-number", text: String(citation.index) }), el("span", { class: "chip-text", dir: "auto", text: name }));
  button.addEventListener("click", () => openSource(citations, citation.index));
  return button;
}

/**
 * Makes the `cite` option of renderMarkdown for these citations.
 * @param {Array<Object>} citations
 * @param {boolean} [pending] while an answer streams its sources are not known yet: show plain marks
 * @returns {(index: number) => (Node|null)}
 */
export function citeMaker(citations, pending = false) {
  return (index) => {
    if (pending) return el("span", { class: "cite", text: String(index) });
    const citation = citations?.find((one) => one.index === index);
    if (!citation) return null;
    const button = el("button", {
      type: "button", class: "cite", data: { source: index }, text: String(index),
      "aria-label": `Source ${index}: ${citation.title || citation.source || ""}`, "aria-haspopup": "dialog",
    });
    button.addEventListener("click", () => openSource(citations, index));
    return button;
  };
}

/**
 * Opens the panel with passage `index`; its arrows go through the other sources of the answer.
 * @param {Array<Object>} citations
 * @param {number} index
 */
export function openSource(citations, index) {
  const body = el("div", { class: "source-body" });
  const box = showDialog({ title: "Source", class: "panel", id: "source-dialog" }, body);
  const heading = box.querySelector("h2");
  let position = Math.max(0, citations.findIndex((one) => one.index === index));
  const show = () => {
    heading.textContent = `Source ${citations[position].index}`;
    body.replaceChildren(...passage(citations[position]));
    box.scrollTop = 0;
  };
  if (citations.length > 1) {
    const move = (step) => { position = (position + step + citations.length) % citations.length; show(); };
    box.querySelector(".dialog-head").insertBefore(pager(move), heading.nextSibling);
  }
  show();
}

function pager(move) {
  const button = (name, label, step) => {
    const node = el("button", { type: "button", class: "icon-button", "aria-label": label }, icon(name));
    node.addEventListener("click", () => move(step));
    return node;
  };
  return el("span", { class: "pager" }, button("previous", "Previous source", -1), button("next", "Next source", 1));
}

function passage({ title, heading, source, text }) {
  return [
    el("p", { class: "source-title", dir: "auto", text: title || "Untitled" }),
    heading && heading !== title ? el("p", { class: "source-heading", dir: "auto", text: heading }) : "",
    el("blockquote", { class: "passage prose" }, renderMarkdown(text || "")),
    source ? el("p", { class: "source-origin" }, icon("document"), origin(source)) : "",
  ];
}

/**
 * Where a passage comes from: a link when it is a plain web address, else text.
 * @param {string} source
 * @returns {HTMLElement}
 */
export function origin(source) {
  const url = safeUrl(source);
  if (!url) return el("span", { dir: "auto", text: source });
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", text: source });
}
