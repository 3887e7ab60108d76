/**
 * The right side of the desk: why the case is here, whom and what it is about, how it came to this,
 * what the assistant had found, what was before and what was done. A section is rebuilt only when it
 * changed, so an opened passage stays open.
 */

import { History, logList } from "./desk-history.js";
import { surveyWords } from "./desk-message.js";
import { channelName, deskName, languageName, outcomeWords, overdueWords } from "./desk-words.js";
import { byId, el, icon, reconcile } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { origin } from "./sources.js";
import { ago, dateAndTime } from "./times.js";

export class Facts {
  #box = byId("facts-body");
  #caseId = null;

  /**
   * @param {(caseId: string, thread: string) => Promise<Array<Object>>} fetchEarlier
   * @param {(fact: string) => void} forget
   */
  constructor(fetchEarlier, forget) {
    this.history = new History(fetchEarlier);
    this.sections = [
      { id: "trouble", uses: (one) => [one.desk_error, one.desk], make: trouble },
      { id: "reason", title: "Why it is here", uses: (one) => [one.reason, one.reason_text, one.detail, one.question], make: why },
      { id: "summary", title: "Summary", uses: (one) => [one.summary], make: summary },
      { id: "customer", title: "Customer and case", uses: factRows, make: facts },
      { id: "survey", title: "What the customer said of it", uses: (one) => [one.survey], make: ({ survey }) => survey && [surveyWords(survey)] },
      { id: "known", title: "Known about them", uses: (one) => [one.known], make: (one) => known(one, forget) },
      { id: "earlier", title: "Earlier conversations", uses: (one) => [one.earlier], make: (one) => this.history.list(one) },
      { id: "passages", title: "What the assistant found", uses: (one) => [one.passages, one.confidence], make: found },
      { id: "trace", title: "How it came to this", uses: (one) => [one.trace], make: trace },
      { id: "calls", title: "Tools that were called", uses: (one) => [one.calls], make: calls },
      { id: "log", title: "What was done", uses: (one) => [one.log], make: logList },
    ];
    byId("facts-toggle").addEventListener("click", () => this.open(true));
    byId("facts-close").addEventListener("click", () => this.open(false));
    byId("facts").addEventListener("keydown", (event) => { if (event.key === "Escape") this.open(false); });
  }

  /** @param {Object} one a case in detail form */
  show(one) {
    if (this.#caseId !== one.id) {
      this.#box.replaceChildren();
      byId("facts").scrollTop = 0;
    }
    this.#caseId = one.id;
    const filled = this.sections.map((section) => ({ ...section, signature: JSON.stringify(section.uses(one)), content: () => section.make(one) }));
    reconcile(this.#box, filled, ({ id }) => id, ({ id, title }) => el("section", { class: "fact", id: FACT_IDS[id] ?? `facts-${id}`, "aria-label": title }), fill);
  }

  /** On narrow screens the facts lie over the case; on wide ones they are always there. @param {boolean} open */
  open(open) {
    const was = byId("desk").dataset.facts === "open";
    byId("desk").dataset.facts = open ? "open" : "closed";
    byId("facts-toggle").setAttribute("aria-expanded", String(open));
    if (open) byId("facts-close").focus();
    else if (was) byId("facts-toggle").focus();
  }
}

const SIGNED = "Your own site has signed who this is";
const FACT_IDS = { earlier: "earlier", log: "log" };

function fill(node, { title, signature, content }) {
  if (node.signature === signature) return;
  node.signature = signature;
  const opened = [...node.querySelectorAll("details[open]")].map((one) => one.dataset.key);
  const focused = node.contains(document.activeElement);
  const parts = content();
  node.hidden = !parts;
  node.replaceChildren(...(parts ? [...(title ? [el("h3", { text: title })] : []), ...parts.filter(Boolean)] : []));
  for (const one of node.querySelectorAll("details")) if (opened.includes(one.dataset.key)) one.open = true;
  if (focused) node.querySelector("summary, a, button")?.focus({ preventScroll: true });
}

function trouble({ desk_error: error, desk }) {
  if (!error) return null;
  return [el("p", { class: "desk-error" }, icon("alert"), el("span", { dir: "auto", text: `${deskName(desk) || "The desk"}: ${error}` }))];
}

function why(one) {
  return [
    el("p", { class: "reason", data: { reason: one.reason }, dir: "auto", text: one.reason_text || one.reason || "" }),
    one.detail && one.detail !== one.reason_text && el("p", { class: "soft", dir: "auto", text: one.detail }),
    one.question && el("blockquote", { class: "question", dir: "auto", text: one.question }),
  ];
}

function summary(one) {
  return one.summary ? [el("div", { class: "prose" }, renderMarkdown(one.summary))] : null;
}

function found(one) {
  const items = (one.passages ?? []).map((passage) => el("li", {}, passageDetails(passage)));
  return [confidence(one), items.length ? el("ol", { class: "passages" }, ...items) : el("p", { class: "soft", text: "No passage of the knowledge base fits." })];
}

function confidence({ confidence: share }) {
  if (typeof share !== "number") return null;
  return el("p", { class: "confidence" }, el("span", { text: "Grounding" }), meter(share), el("span", { class: "number", text: `${Math.round(share * 100)} %` }));
}

function meter(share) {
  return el("meter", { min: 0, max: 1, value: Math.min(1, Math.max(0, share)), "aria-hidden": "true" });
}

function passageDetails({ index, title, heading, source, text, score }) {
  const number = typeof score === "number" ? el("span", { class: "number", title: "Score", text: score.toFixed(2) }) : "";
  return el("details", { class: "passage-card", data: { key: String(index) } },
    el("summary", {}, el("span", { class: "chip-number", text: String(index) }),
      el("span", { class: "passage-title", dir: "auto" }, title || source || "Untitled", heading && heading !== title ? el("span", { class: "soft", text: heading }) : ""), number),
    el("div", { class: "prose passage-text" }, renderMarkdown(text || "")),
    source ? el("p", { class: "soft small passage-source" }, origin(source)) : "");
}

function trace(one) {
  if (!one.trace?.length) return null;
  const steps = one.trace.map(({ step, detail }) => el("li", {},
    el("span", { class: "step", dir: "auto", text: step || "" }), detail ? el("span", { class: "step-detail", dir: "auto", text: detail }) : ""));
  return [el("ol", { class: "trace" }, ...steps)];
}

function known({ known: facts }, forget) {
  if (!facts?.length) return null;
  return [el("ul", { class: "known" }, ...facts.map(({ id, text, at, channel }) => {
    const button = el("button", { type: "button", class: "link-button", text: "Forget", "aria-label": `Forget: ${text}` });
    button.addEventListener("click", () => forget(id));
    return el("li", {}, el("span", { dir: "auto", text }), el("span", { class: "soft small", text: `${dateAndTime(at)} · ${channelName(channel)}` }), button);
  }))];
}

/** What each call of the owner's tools asked, and what came of it; a change with the sentence its customer read. */
function calls(one) {
  if (!one.calls?.length) return null;
  const steps = one.calls.map(({ tool, sentence, arguments: given, state, result, ms }) => el("li", {},
    el("span", { class: "step", dir: "auto", text: `${tool}: ${state}${ms ? ` (${ms} ms)` : ""}` }),
    el("span", { class: "step-detail", dir: "auto", text: sentence || Object.entries(given).map(([name, value]) => `${name}: ${value}`).join(", ") }),
    result ? el("span", { class: "step-detail", dir: "auto", text: result.slice(0, 300) }) : ""));
  return [el("ol", { class: "trace" }, ...steps)];
}

function factRows(one) {
  const who = one.state === "resolved" ? ["Closed by", one.closed_by] : ["With", one.owner === "desk" ? "Nobody yet" : one.owner_name || "An operator"];
  return [["Customer", one.customer, one.verified], ["Address", one.email], ["Sender", one.trust], ["Subject", one.subject], ["Language", languageName(one.language)], ["Channel", channelName(one.channel)], ["Case", `#${one.number}`], who,
    ["Outcome", outcomeWords(one.outcome)], ["Opened", one.opened_at && `${dateAndTime(one.opened_at)} (${ago(one.opened_at)})`],
    ["Reopened", one.times_reopened > 0 && (one.times_reopened === 1 ? "once" : `${one.times_reopened} times`)],
    ["Waiting since", one.waiting_since && dateAndTime(one.waiting_since)],
    [one.overdue ? "Overdue" : "Due", one.state === "open" && one.due_at && (one.overdue ? overdueWords(one) : dateAndTime(one.due_at))]];
}

function facts(one) {
  const list = el("dl");
  for (const [name, value, verified] of factRows(one)) {
    if (value) list.append(el("dt", { text: name }), el("dd", { dir: "auto" }, String(value), verified && verifiedBadge(one)));
  }
  return [list];
}

/** @param {Object} one @returns {HTMLElement} the mark of a customer whom somebody vouches for, and who does */
export function verifiedBadge({ trust }) {
  return el("span", { class: "badge verified", title: trust || SIGNED }, icon("check"), "Verified");
}
