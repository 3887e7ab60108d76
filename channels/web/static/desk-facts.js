/**
 * The right side of the desk: why the case is here, what it is about, how it came to this, what the
 * assistant had found. Rebuilt only when it changed, so an opened passage stays open.
 */

import { byId, el } from "./dom.js";
import { renderMarkdown } from "./markdown.js";
import { channelName } from "./desk-list.js";
import { origin } from "./sources.js";
import { dateAndTime, since } from "./times.js";

/** @param {Object} one a case in detail form */
export function showFacts(one) {
  const box = byId("facts-body");
  const signature = JSON.stringify([one.id, one.reason, one.reason_text, one.detail, one.outcome, one.summary, one.question, one.confidence, one.trace, one.passages,
    one.customer, one.channel, one.opened_at, one.waiting_since, one.owner, one.owner_name, one.state]);
  if (box.signature === signature) return;
  const opened = box.caseId === one.id ? [...box.querySelectorAll("details[open]")].map((node) => node.dataset.key) : [];
  box.signature = signature;
  box.caseId = one.id;
  box.replaceChildren(...[why(one), summary(one), found(one), trace(one), facts(one)].filter(Boolean));
  for (const node of box.querySelectorAll("details")) if (opened.includes(node.dataset.key)) node.open = true;
}

function section(title, id, ...content) {
  return el("section", { class: "fact", id: `facts-${id}`, "aria-label": title }, el("h3", { text: title }), ...content);
}

function why(one) {
  return section("Why it is here", "reason",
    el("p", { class: "reason", data: { reason: one.reason }, dir: "auto", text: one.reason_text || one.reason || "" }),
    one.detail && one.detail !== one.reason_text ? el("p", { class: "soft", dir: "auto", text: one.detail }) : "",
    one.question ? el("blockquote", { class: "question", dir: "auto", text: one.question }) : "");
}

function summary(one) {
  if (!one.summary) return null;
  return section("Summary", "summary", el("div", { class: "prose" }, renderMarkdown(one.summary)));
}

function found(one) {
  const passages = one.passages ?? [];
  const items = passages.map((passage) => el("li", {}, passageDetails(passage)));
  return section("What the assistant found", "passages", confidence(one),
    items.length ? el("ol", { class: "passages" }, ...items) : el("p", { class: "soft", text: "No passage of the knowledge base fits." }));
}

function confidence({ confidence: share }) {
  if (typeof share !== "number") return "";
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
  return section("How it came to this", "trace", el("ol", { class: "trace" }, ...steps));
}

function facts(one) {
  const owner = one.state === "resolved" ? "Resolved" : one.owner === "desk" ? "Nobody yet" : one.owner_name || "An operator";
  const rows = [["Customer", one.customer], ["Channel", channelName(one.channel)], ["Case", `#${one.number}`], ["With", owner],
    ["Outcome", one.outcome], ["Opened", one.opened_at && `${dateAndTime(one.opened_at)} (${since(one.opened_at)})`], ["Waiting since", one.waiting_since && dateAndTime(one.waiting_since)]];
  const list = el("dl");
  for (const [name, value] of rows) if (value) list.append(el("dt", { text: name }), el("dd", { dir: "auto", text: String(value) }));
  return section("Customer and case", "customer", list);
}
