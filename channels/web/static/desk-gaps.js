/**
 * What customers asked that the knowledge base did not carry, asked most first, with the cases behind
 * it: which article to write next. Opened from the operator's menu.
 */

import { showDialog } from "./dialog.js";
import { el } from "./dom.js";
import { ago, dateAndTime } from "./times.js";

/**
 * Shows the dialog and fills it when the questions are there.
 * @param {() => Promise<{days: number, gaps: Array<Object>}>} fetchGaps
 */
export async function showGaps(fetchGaps) {
  const body = el("div", { class: "gaps" }, el("p", { class: "soft", role: "status", text: "Loading…" }));
  const box = showDialog({ title: "Missing articles", id: "gaps-dialog", class: "reader" }, body);
  body.addEventListener("click", (event) => { if (event.target.closest("a")) box.close(); });
  try {
    const { days, gaps } = await fetchGaps();
    body.replaceChildren(...content(days, gaps));
  } catch (error) {
    body.replaceChildren(el("p", { class: "form-error", role: "alert", text: error.message }));
  }
}

function content(days, gaps) {
  if (!gaps.length) return [el("p", { class: "soft", text: `In the last ${days} days every question found an answer.` })];
  const asked = gaps.reduce((sum, gap) => sum + gap.times, 0);
  const intro = `What customers asked in the last ${days} days that no article answered: ${count(gaps.length, "question")}, asked ${count(asked, "time")}.`;
  return [el("p", { class: "soft", text: intro }), el("ol", { class: "gap-list" }, ...gaps.map(line))];
}

function line(gap) {
  return el("li", { class: "gap" },
    el("span", { class: "gap-times", title: `Asked ${count(gap.times, "time")} by ${count(gap.customers, "customer")}`, text: `${gap.times}×` }),
    el("div", { class: "gap-body" },
      el("p", { class: "gap-question", dir: "auto", text: gap.question }),
      gap.nearest && el("p", { class: "soft small" }, "Nearest article: ", el("bdi", { text: gap.nearest })),
      el("p", { class: "soft small" }, ...joined(gap.asked))));
}

/** Each time it was asked: its case as a link, or its channel where the assistant only declined. */
function joined(asked) {
  return asked.flatMap(({ at, channel, case: of }, index) => [index ? " · " : null,
    of ? el("a", { href: `#${new URLSearchParams({ case: of.id })}`, text: `#${of.number}` }) : `${channel}, declined`,
    " ", el("time", { datetime: at, title: dateAndTime(at), text: ago(at) })]).filter((part) => part !== null);
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
