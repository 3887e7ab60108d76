/**
 * "Today": the numbers of the day in a small dialog, from the operator's menu.
 */

import { showDialog } from "./dialog.js";
import { el } from "./dom.js";
import { duration } from "./times.js";

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
    reasons(day.reasons ?? []),
  ];
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
