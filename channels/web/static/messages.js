/**
 * The body of a message, the same on the customer's page and on the desk: Markdown for what bot and
 * operators write, plain text for customers (their stars and links are their own), long texts
 * folded, files and sources underneath.
 */

import { el, icon, lengthOf } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { citeMaker, sourceChips } from "./sources.js";

const FOLD_AT_CHARACTERS = 1_800;
const FORMATTED = new Set(["bot", "operator", "note"]);

/** @typedef {{id?: string, name: string, size?: number, type?: string}} FileInfo */

/**
 * The body of a message.
 * @param {{author: string, text: string, citations?: Array<Object>, files?: Array<FileInfo>, withdrawn?: boolean}} message
 * @param {{fold?: boolean, onFile?: (file: FileInfo) => Promise<void>|void}} [options]
 *   `fold`: whether long texts are folded; `onFile`: makes the files buttons that fetch them
 * @returns {Array<Node>}
 */
export function messageBody(message, { fold = true, onFile } = {}) {
  const text = message.text ?? "";
  if (message.withdrawn && !text) return [el("p", { class: "withdrawn", text: "This message was withdrawn." })];
  const parts = [];
  if (text || !message.files?.length) parts.push(words(message, text));
  if (fold && lengthOf(text) > FOLD_AT_CHARACTERS) parts.push(foldButton(parts[0]));
  parts.push(fileList(message.files, onFile), sourceChips(message.citations));
  return parts.filter(Boolean);
}

function words({ author, citations }, text) {
  if (FORMATTED.has(author)) return el("div", { class: "prose" }, renderMarkdown(text, { cite: citeMaker(citations) }));
  return el("div", { class: "prose plain", dir: "auto", text });
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

/**
 * The files of a message, or null without any. A file that can be fetched is a button.
 * @param {Array<FileInfo>|undefined} files
 * @param {(file: FileInfo) => Promise<void>|void} [onFile]
 * @returns {HTMLElement|null}
 */
export function fileList(files, onFile) {
  if (!files?.length) return null;
  const items = files.map((file) => el("li", { class: "file", data: file.id ? { fileId: file.id } : {} },
    file.id && onFile ? fileButton(file, onFile) : fileWords(file)));
  return el("ul", { class: "files", "aria-label": "Files" }, ...items);
}

function fileButton(file, onFile) {
  const button = el("button", { type: "button", class: "file-open", title: `Download ${file.name || "the file"}` },
    el("span", { class: "hidden", text: "Download " }), fileWords(file));
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await onFile(file);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

function fileWords({ name, size }) {
  return el("span", { class: "file-words" }, icon("document"),
    el("span", { class: "file-name", dir: "auto", text: name || "File" }),
    Number.isFinite(size) && el("span", { class: "file-size", text: sizeText(size) }));
}

/** @param {number} bytes @returns {string} for example 340 KB; as file managers count, 1 KB is 1024 bytes */
export function sizeText(bytes) {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  if (bytes < 1023.5 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 ** 2).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`;
}
