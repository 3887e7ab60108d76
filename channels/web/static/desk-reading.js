/**
 * What a customer's file is and says, for operators: its kind by its content, the text that was read
 * from it as plain text in a dialog, or the sentence why there is none.
 */

import { showDialog } from "./dialog.js";
import { el, icon } from "./dom.js";

const KINDS = {
  "application/pdf": "PDF", "application/epub+zip": "EPUB", "application/json": "JSON", "application/rss+xml": "RSS",
  "application/vnd.ms-excel": "Excel", "application/vnd.ms-outlook": "Outlook", "application/x-ipynb+json": "Notebook",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
  "message/rfc822": "Mail", "text/csv": "CSV", "text/html": "HTML", "text/markdown": "Markdown", "text/plain": "Text", "text/xml": "XML",
  "image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WebP", "image/bmp": "BMP", "image/tiff": "TIFF",
  "image/heic": "HEIC", "image/avif": "AVIF",
};

/** @param {{type?: string, reading?: Object}} file @returns {string} what it is by its content; '' while nobody has looked, and for what we don't read */
export function kindWords({ type, reading }) {
  return reading && reading.outcome !== "waiting" ? KINDS[type] ?? "" : "";
}

/**
 * What became of reading a file.
 * @param {{reading?: {outcome: string, note: string}|null}} file null: nobody reads it
 * @param {(button: HTMLElement) => void} open shows its text
 * @returns {HTMLElement|null}
 */
export function readingLine({ name, reading }, open) {
  if (!reading) return null;
  const { outcome, note } = reading;
  const node = el("p", { class: "reading", data: { reading: outcome } });
  if (outcome === "waiting") return fill(node, icon("clock"), el("span", { text: "Being read…" }));
  if (outcome !== "read") return note ? fill(node, icon(outcome === "picture" ? "image" : "alert"), el("span", { text: note })) : null;
  const button = el("button", { type: "button", class: "link-button", "aria-haspopup": "dialog", "aria-label": `Text of ${name}`, text: "Text" });
  button.addEventListener("click", () => open(button));
  return fill(node, icon("document"), button, note && el("span", { text: note }));
}

/**
 * Shows the text of a file, to be read and copied.
 * @param {string} name
 * @param {string} text
 */
export function showText(name, text) {
  const body = el("pre", { class: "file-text", tabindex: "0", role: "region", "aria-label": "What the file says", dir: "auto", text });
  showDialog({ title: name, class: "reader", id: "file-text-dialog" }, body);
}

function fill(node, ...children) {
  node.append(...children.filter(Boolean));
  return node;
}
