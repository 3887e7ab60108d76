/**
 * Markdown tables, built as page elements: a row of names, a row of dashes, then rows of cells.
 * `markdown.js` asks for them; cells hold inline text only.
 */

import { el } from "./dom.js";

const DASHES = /^ {0,3}\|?\s*:?-{1,100}:?\s*(?:\|\s*:?-{1,100}:?\s*){0,30}\|?\s*$/;
const MOST_CELLS = 30;

/**
 * Whether a table begins at line `at`.
 * @param {string[]} lines
 * @param {number} at
 * @returns {boolean}
 */
export function startsTable(lines, at) {
  const names = lines[at] ?? "";
  const dashes = lines[at + 1] ?? "";
  return names.includes("|") && dashes.includes("-") && dashes.includes("|") && DASHES.test(dashes);
}

/**
 * Takes the table that begins at line `at`.
 * @param {string[]} lines
 * @param {number} at
 * @param {Node} out
 * @param {(text: string) => Node} inline renders the text of a cell
 * @returns {number} the line after it
 */
export function takeTable(lines, at, out, inline) {
  const body = el("tbody");
  let end = at + 2;
  for (; end < lines.length && lines[end].includes("|"); end += 1) body.append(row(lines[end], "td", inline));
  const table = el("table", {}, el("thead", {}, row(lines[at], "th", inline)), body);
  out.append(el("div", { class: "md-table", tabindex: "0" }, table));
  return end;
}

function row(line, cell, inline) {
  const cells = line.trim().replace(/^\||\|$/g, "").split("|").slice(0, MOST_CELLS);
  return el("tr", {}, ...cells.map((text) => el(cell, { dir: "auto" }, inline(text.trim()))));
}
