/**
 * What people answered and the knowledge base may answer next time: like questions together, to be
 * approved, with better words where they need them, or dropped. Opened from the operator's menu.
 */

import { showDialog } from "./dialog.js";
import { el, fitHeight, reconcile } from "./dom.js";
import { ago, dateAndTime } from "./times.js";

const INTRO = "Answers that solved a case. What you approve becomes an article that the assistant answers from; what is the customer's own should not be in it.";
const NOTHING = "No answer waits here. A case that a person answered and resolved as solved suggests one.";

/**
 * Shows the dialog and fills it when the suggestions are there.
 * @param {{articles: () => Promise<Object>, decideArticle: (decision: Object) => Promise<Object>}} api
 */
export async function showArticles(api) {
  const said = el("p", { class: "soft", role: "status", text: "Loading…" });
  const list = el("ol", { class: "article-list" });
  const box = showDialog({ title: "Suggested articles", id: "articles-dialog", class: "reader" }, el("div", { class: "articles" }, said, list));
  list.addEventListener("click", (event) => { if (event.target.closest("a")) box.close(); });
  const show = ({ groups }, words) => {
    reconcile(list, groups, ({ suggestions }) => suggestions.map((one) => one.id).join(" "), (group) => card(group, decide), () => {});
    say(words ?? (groups.length ? INTRO : NOTHING));
  };
  const say = (words, bad = false) => {
    said.textContent = words;
    said.className = bad ? "form-error" : "soft";
  };
  const decide = async (decision) => {
    try {
      const answer = await api.decideArticle(decision);
      show(answer, answer.told ?? (answer.file ? `Approved: it is read from ${answer.file} in a moment.` : "Dropped."));
    } catch (error) {
      if (error.body?.groups) show(error.body);
      say(error.message, true);
      said.scrollIntoView({ block: "center" });
    }
  };
  try {
    show(await api.articles());
  } catch (error) {
    say(error.message, true);
  }
}

/** One group: its question, and the form that opens below it. */
function card(group, decide) {
  const fields = [field("Title", "title", group.title, 1), field("Question", "question", group.question, 1), field("Answer", "answer", group.answer, 4)];
  const approve = el("button", { type: "submit", class: "button primary", text: "Approve" });
  const drop = el("button", { type: "button", class: "button", data: { action: "drop" }, text: "Drop" });
  const form = el("form", { class: "article-form" }, ...fields, sources(group.suggestions), el("div", { class: "editor-row" }, drop, approve));
  const send = async (decision) => {
    approve.disabled = drop.disabled = true;
    await decide({ ...decision, ids: chosen(form, group) });
    approve.disabled = drop.disabled = false;
  };
  drop.addEventListener("click", () => send({ action: "drop" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send({ action: "approve", ...Object.fromEntries(fields.map((one) => one.querySelector("textarea")).map(({ name, value }) => [name, value])) });
  });
  const times = group.suggestions.length;
  const head = el("summary", {}, el("span", { class: "gap-times", title: `${times} ${times === 1 ? "case" : "cases"}`, text: `${times}×` }),
    el("span", { class: "gap-question", dir: "auto", text: group.question }));
  const details = el("details", { class: "article" }, head, form);
  details.addEventListener("toggle", () => { if (details.open) fields.forEach((one) => fitHeight(one.querySelector("textarea"))); });
  return el("li", {}, details);
}

function field(label, name, value, rows) {
  const area = el("textarea", { name, rows, dir: "auto", required: name !== "question" });
  area.value = value;
  area.addEventListener("input", () => fitHeight(area));
  return el("label", { class: "article-field" }, el("span", { text: label }), area);
}

/** The cases behind a group. Of several, each can be left out: it stays a suggestion of its own. */
function sources(suggestions) {
  return el("ul", { class: "article-sources" }, ...suggestions.map((one) => el("li", {},
    el("label", {}, suggestions.length > 1 && el("input", { type: "checkbox", name: "of", value: one.id, checked: true, "aria-label": `Case #${one.case.number} belongs to it` }),
      el("span", { dir: "auto", text: suggestions.length > 1 ? one.question : "From" })),
    suggestions.length > 1 && el("p", { class: "article-answer soft small", dir: "auto", text: one.answer }),
    el("span", { class: "soft small" }, el("a", { href: `#${new URLSearchParams({ case: one.case.id })}`, text: `#${one.case.number}` }),
      one.by && " ", one.by && el("bdi", { text: one.by }), " ", el("time", { datetime: one.at, title: dateAndTime(one.at), text: ago(one.at) })))));
}

function chosen(form, { suggestions }) {
  const ticked = [...form.querySelectorAll("input[name=of]")];
  return ticked.length ? ticked.filter((box) => box.checked).map((box) => box.value) : suggestions.map((one) => one.id);
}
