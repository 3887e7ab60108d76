/**
 * A small, safe part of Markdown, built as page elements.
 *
 * Answers come from a model and passages from documents, so nothing is parsed as HTML: paragraphs,
 * headings (as bold lines), bold, italics, code, quotes, lists, tables and http(s) links, everything
 * else is text. `[n]` becomes a small button that opens source n. The scanner looks for each marker
 * forwards only and remembers what is not there, so hostile text costs no more than long text.
 */

import { el } from "./dom.js";
import { startsTable, takeTable } from "./markdown-table.js";

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+-]{0,20})/;
const ITEM = /^(\s{0,20})([-*+•]|\d{1,9}[.)])\s+(\S.*)$/;
const HEADING = /^ {0,3}#{1,6}\s+(\S.*)$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const SPECIAL = /[\\`*_[\n]|https?:\/\//gi;
const LINK = /\[([^[\]\n]{1,500})\]\((https?:\/\/[^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500}){0,4})\)/iy;
const CITE = /\[(\d{1,3}(?:, ?\d{1,3}){0,9})\]/y;
const BARE = /https?:\/\/[^\s<>"'`\u00ab\u00bb]{1,2000}/iy;
const DEEPEST = 4;

/**
 * Renders text.
 * @param {string} text
 * @param {{cite?: (index: number) => (Node|null)}} [options] `cite` makes the button of a marker,
 *   or null to leave the marker as text
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text, options = {}) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const out = document.createDocumentFragment();
  let at = 0;
  while (at < lines.length) at = takeBlock(lines, at, out, options);
  return out;
}

/** Takes the block that starts at line `at`, and returns the line after it. */
function takeBlock(lines, at, out, options) {
  const line = lines[at];
  if (!line.trim()) return at + 1;
  if (FENCE.test(line)) return takeCode(lines, at, out);
  if (ITEM.test(line)) return takeList(lines, at, out, options);
  if (QUOTE.test(line)) return takeQuote(lines, at, out, options);
  if (startsTable(lines, at)) return takeTable(lines, at, out, (text) => inline(text, options));
  const heading = HEADING.exec(line);
  if (heading) {
    out.append(el("p", { class: "md-heading", dir: "auto" }, inline(heading[1], options)));
    return at + 1;
  }
  return takeParagraph(lines, at, out, options);
}

function takeCode(lines, at, out) {
  const fence = FENCE.exec(lines[at])[1];
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  const code = lines.slice(at + 1, end).join("\n");
  out.append(el("pre", { tabindex: "0" }, el("code", { text: code })));
  return end + 1;
}

function takeQuote(lines, at, out, options) {
  const quoted = [];
  let end = at;
  for (; end < lines.length && QUOTE.test(lines[end]); end += 1) quoted.push(QUOTE.exec(lines[end])[1]);
  out.append(el("blockquote", { dir: "auto" }, inline(quoted.join("\n"), options)));
  return end;
}

function takeParagraph(lines, at, out, options) {
  let end = at + 1;
  while (end < lines.length && !startsBlock(lines[end]) && !startsTable(lines, end)) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim()).join("\n");
  out.append(el("p", { dir: "auto" }, inline(text, options)));
  return end;
}

function startsBlock(line) {
  return !line.trim() || FENCE.test(line) || ITEM.test(line) || QUOTE.test(line) || HEADING.test(line);
}

function takeList(lines, at, out, options) {
  const items = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const match = ITEM.exec(lines[end]);
    if (match) items.push({ indent: match[1].length, mark: match[2], text: match[3] });
    else if (!lines[end].trim()) {
      if (!ITEM.test(lines[end + 1] ?? "")) break;
    } else if (/^\s{2,}/.test(lines[end])) items.at(-1).text += "\n" + lines[end].trim();
    else break;
  }
  let from = 0;
  while (from < items.length) from = buildList(items, from, out, 1, options);
  return end;
}

/** Builds the list that starts at item `from` (deeper items nest), and returns the item after it. */
function buildList(items, from, out, depth, options) {
  const { indent, mark } = items[from];
  const ordered = /\d/.test(mark);
  const list = el(ordered ? "ol" : "ul");
  if (ordered && Number.parseInt(mark, 10) !== 1) list.start = Number.parseInt(mark, 10);
  let at = from;
  while (at < items.length && items[at].indent >= indent) {
    if (items[at].indent > indent + 1 && depth < DEEPEST && list.lastChild) {
      at = buildList(items, at, list.lastChild, depth + 1, options);
      continue;
    }
    if (/\d/.test(items[at].mark) !== ordered) break;
    list.append(el("li", { dir: "auto" }, inline(items[at].text, options)));
    at += 1;
  }
  out.append(list);
  return at;
}

function inline(text, options, depth = 0) {
  const out = document.createDocumentFragment();
  const missing = new Set();
  let at = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const found = SPECIAL.exec(text);
    const stop = found ? found.index : text.length;
    if (stop > at) out.append(text.slice(at, stop));
    if (!found) break;
    at = takeInline(text, stop, out, { options, depth, missing });
  }
  return out;
}

/** Takes the special character at `at`, and returns the place after what it began. */
function takeInline(text, at, out, context) {
  const mark = text[at];
  if (mark === "\n") {
    out.append(el("br"));
    return at + 1;
  }
  if (mark === "\\") return takeEscape(text, at, out);
  if (mark === "`") return takeSpan(text, at, out, context);
  if (mark === "*" || mark === "_") return takeEmphasis(text, at, out, context);
  if (mark === "[") return takeBracket(text, at, out, context);
  return takeBareLink(text, at, out, context);
}

function takeEscape(text, at, out) {
  const next = text[at + 1] ?? "";
  const escaped = /[\\`*_[\]()#+\-.!>~|{}]/.test(next);
  out.append(escaped ? next : "\\");
  return at + (escaped ? 2 : 1);
}

function takeSpan(text, at, out, { missing }) {
  const fence = runAt(text, at);
  const end = missing.has(fence) ? -1 : text.indexOf(fence, at + fence.length);
  if (end < 0) {
    missing.add(fence);
    out.append(fence);
    return at + fence.length;
  }
  out.append(el("code", { text: text.slice(at + fence.length, end).trim() }));
  return end + fence.length;
}

function takeEmphasis(text, at, out, context) {
  const mark = runAt(text, at);
  const end = emphasisEnd(text, at, mark, context);
  if (end < 0) {
    out.append(mark);
    return at + mark.length;
  }
  let inside = inline(text.slice(at + mark.length, end), context.options, context.depth + 1);
  if (mark.length !== 2) inside = el("em", {}, inside);
  out.append(mark.length === 1 ? inside : el("strong", {}, inside));
  return end + mark.length;
}

/** The run of equal characters that starts at `at`. */
function runAt(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end += 1;
  return text.slice(at, end);
}

function emphasisEnd(text, at, mark, { depth, missing }) {
  const from = at + mark.length;
  if (mark.length > 3 || depth >= DEEPEST || missing.has(mark) || /\s|^$/.test(text[from] ?? "")) return -1;
  if ((mark[0] === "_" || mark.length === 1) && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return -1;
  for (let end = text.indexOf(mark, from + 1); end > 0; end = text.indexOf(mark, end + 1)) {
    const after = text[end + mark.length] ?? "";
    if (/\s/.test(text[end - 1])) continue;
    if (mark[0] === "_" && /[\p{L}\p{N}]/u.test(after)) continue;
    if (mark.length === 1 && (after === mark || text[end - 1] === mark)) continue;
    return end;
  }
  missing.add(mark);
  return -1;
}

function takeBracket(text, at, out, { options, depth }) {
  LINK.lastIndex = at;
  const link = LINK.exec(text);
  if (link) {
    // A label that looks like an address shows the real one instead.
    const label = link[1].includes("://") ? link[2] : inline(link[1], {}, depth + 1);
    out.append(anchor(link[2], label, link[0]));
    return at + link[0].length;
  }
  CITE.lastIndex = at;
  const cite = options.cite && CITE.exec(text);
  const buttons = cite && cite[1].split(",").map((number) => options.cite(Number(number)));
  if (buttons && buttons.every(Boolean)) {
    out.append(...buttons);
    return at + cite[0].length;
  }
  out.append("[");
  return at + 1;
}

function takeBareLink(text, at, out) {
  BARE.lastIndex = at;
  const url = trimUrl(BARE.exec(text)?.[0] ?? "");
  if (url.length < 10 || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) {
    out.append(text[at]);
    return at + 1;
  }
  out.append(anchor(url, url, url));
  return at + url.length;
}

/** Leaves the punctuation of the sentence outside the link. */
function trimUrl(url) {
  let end = url.length;
  while (end > 0 && (".,;:!?*_]}".includes(url[end - 1]) || (url[end - 1] === ")" && !url.slice(0, end).includes("(")))) end -= 1;
  return url.slice(0, end);
}

function anchor(href, label, asText) {
  const url = safeUrl(href);
  if (!url) return document.createTextNode(asText);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}

/**
 * The address when it is a plain http(s) one, else null. One with a user name in it is refused:
 * "https://shop.example@evil.example" looks like the shop.
 * @param {string} href
 * @returns {string|null}
 */
export function safeUrl(href) {
  try {
    const url = new URL(href);
    const plain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
    return plain ? url.href : null;
  } catch {
    return null;
  }
}
