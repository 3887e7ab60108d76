/**
 * "Today": the numbers of the day in a small dialog, from the operator's menu.
 */

import { showDialog } from "./dialog.js";
import { el } from "./dom.js";
import { duration } from "./times.js";

const MOST_SUBJECTS = 12;

/**
 * Shows the dialog and fills it when the numbers are there.
 * @param {() => Promise<Object>} fetchDigest
 */
export async function showDigest(fetchDigest) {
  const body = el("div", { class: "digest" }, el("p", { class: "soft", role: "status", text: "Loading…" }));
  showDialog({ title: "Today", id: "digest-dialog" }, body);
  try {
    body.replaceChildren(...content(await fetchDigest()).filter(Boolean));
  } catch (error) {
    body.replaceChildren(el("p", { class: "form-error", role: "alert", text: error.message }));
  }
}

function content(day) {
  const { survey = {}, suggestions = {} } = day;
  return [
    tiles([["Opened", day.opened], ["Resolved", day.resolved], ["Handed back", day.handed_back], ["Open now", day.open], ["Unclaimed", day.unclaimed], ["Overdue", day.overdue, day.overdue > 0]]),
    rows([
      ["Longest wait now", duration(day.longest_wait_seconds) || "Nobody waits"],
      ["First answer, median", duration(day.first_answer_median_seconds) || "None yet"],
      ["Survey", survey.answers ? `${survey.average?.toFixed(1) ?? "?"} of 5 from ${survey.answers} ${survey.answers === 1 ? "answer" : "answers"}` : "No answers yet"],
      ["Suggested replies", `${suggestions.used ?? 0} sent unchanged, ${suggestions.edited ?? 0} edited, ${suggestions.ignored ?? 0} not used`],
    ]),
    agreement(day.agreement ?? []),
    reasons(day.reasons ?? []),
    week(day.week),
  ];
}

/** What the weekly report says: the articles that are missing, and how many suggested ones wait. */
function week(report) {
  if (!report) return null;
  const items = report.missing.map((gap) => el("li", {}, el("span", { dir: "auto", text: gap.question }), el("span", { class: "number", text: `${gap.times}×` })));
  const more = report.questions - report.missing.length;
  const waiting = report.articles_waiting;
  return el("section", { id: "week" }, el("h3", { text: `What found no article in the last ${report.days} days` }),
    items.length ? el("ol", { class: "reasons" }, ...items) : el("p", { class: "soft small", text: "Every question found one." }),
    more > 0 && el("p", { class: "soft small", text: `And ${more} more, under Missing articles.` }),
    waiting > 0 && el("p", { class: "soft small", text: `${waiting} suggested ${waiting === 1 ? "article waits" : "articles wait"} for approval.` }));
}

/** How often what the assistant suggests is what people send, by what it is about. */
function agreement(list) {
  if (!list.length) return null;
  const items = list.slice(0, MOST_SUBJECTS).map(({ subject, drafts, used, edited, share }) => el("li", { title: `${used} sent unchanged, ${edited} edited, of ${drafts}` },
    el("span", { dir: "auto", text: subject }), el("span", { class: "number", text: `${Math.round(share * 100)} % of ${drafts}` }),
    el("meter", { min: 0, max: 1, value: share, "aria-hidden": "true" })));
  return el("section", { id: "agreement" }, el("h3", { text: "Suggestions that were sent, by article, in the last 30 days" }), el("ol", { class: "reasons" }, ...items));
}

function tiles(numbers) {
  return el("dl", { class: "tiles" }, ...numbers.filter(([, value]) => value !== undefined).map(([name, value, bad]) =>
    el("div", { class: bad ? "tile bad" : "tile" }, el("dt", { text: name }), el("dd", { text: String(value) }))));
}

function rows(pairs) {
  return el("dl", { class: "digest-rows" }, ...pairs.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
}

function reasons(list) {
  if (!list.length) return null;
  const most = Math.max(...list.map(({ count }) => count));
  const items = list.map(({ reason, count }) => el("li", {}, el("span", { dir: "auto", text: reason }), el("span", { class: "number", text: String(count) }),
    el("meter", { min: 0, max: most, value: count, "aria-hidden": "true" })));
  return el("section", {}, el("h3", { text: "Why people were needed" }), el("ol", { class: "reasons" }, ...items));
}
