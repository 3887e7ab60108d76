/**
 * The body of a message, the same on the customer's page and on the desk: Markdown for what bot and
 * operators write, plain text for customers (their stars and links are their own), long texts
 * folded, sources underneath.
 */

import { el, lengthOf } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { citeMaker, sourceChips } from "./sources.js";

const FOLD_AT_CHARACTERS = 1_800;
const FORMATTED = new Set(["bot", "operator", "note"]);

/**
 * The body of a message.
 * @param {{author: string, text: string, citations?: Array<Object>, files?: Array<Object>}} message
 * @param {{fold?: boolean}} [options] whether long texts are folded
 * @returns {Array<Node>}
 */
export function messageBody(message, { fold = true } = {}) {
  const text = message.text ?? "";
  const content = FORMATTED.has(message.author)
    ? el("div", { class: "prose" }, renderMarkdown(text, { cite: citeMaker(message.citations) }))
    : el("div", { class: "prose plain", dir: "auto", text });
  const parts = [content];
  if (fold && lengthOf(text) > FOLD_AT_CHARACTERS) parts.push(foldButton(content));
  parts.push(fileList(message.files), sourceChips(message.citations));
  return parts.filter(Boolean);
}

function foldButton(content) {
  content.classList.add("folded");
  const button = el("button", { type: "button", class: "link-button fold", "aria-expanded": "false", text: "Show all" });
  button.addEventListener("click", () => {
    const folded = content.classList.toggle("folded");
    button.textContent = folded ? "Show all" : "Show less";
    button.setAttribute("aria-expanded", String(!folded));
  });
  return button;
}

function fileList(files) {
  if (!files?.length) return null;
  const items = files.map((file) => el("li", { class: "file", dir: "auto", text: typeof file === "string" ? file : file?.name || "File" }));
  return el("ul", { class: "files", "aria-label": "Files" }, ...items);
}
