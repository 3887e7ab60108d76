/**
 * One entry of the transcript: who said what and when, what was changed or taken back since, how it
 * was rated, what became of it on its way out, and what can still be done about it.
 */

import { deliveryWords } from "./desk-words.js";
import { el, icon } from "./dom.js";
import { messageBody } from "./messages.js";
import { dateAndTime, timeOfDay } from "./times.js";

const BUTTONS = [["edit", "Edit"], ["withdraw", "Withdraw"], ["check", "Check"], ["resend", "Send again"]];
const MENDING = new Set(["check", "resend"]);

/**
 * Fills an entry.
 * @param {HTMLElement} node
 * @param {Object} message
 * @param {Object} one its case
 * @param {{files: (message: Object) => (Node|null), onAction: (action: string, message: Object) => void, editor?: Node}} tools
 *   `editor` stands in place of the text while it is being changed
 */
export function fillMessage(node, message, one, { files, onAction, editor }) {
  node.className = `entry message ${message.author}`;
  Object.assign(node.dataset, { messageId: message.id, author: message.author, withdrawn: String(Boolean(message.withdrawn)) });
  if (message.author === "system") {
    return node.replaceChildren(el("span", { dir: "auto", text: message.text }), " ", stamp(message), surveyResult(message, one) ?? "");
  }
  const body = el("div", { class: "entry-body" }, ...(editor ? [editor] : words(message)), files(message));
  const rest = [whole(message), changed(message), withdrawn(message), rating(message), surveyResult(message, one), editor ? null : foot(message, onAction)];
  node.replaceChildren(head(message, one), body, ...rest.filter(Boolean));
}

/**
 * A message to read and no more, for conversations that are over.
 * @param {Object} message
 * @param {Object} one a case of the same customer
 * @returns {HTMLElement}
 */
export function plainMessage(message, one) {
  const kind = { class: `past ${message.author}` };
  if (message.author === "system") return el("div", kind, el("span", { dir: "auto", text: message.text }));
  const body = message.withdrawn && !message.text ? words(message) : messageBody(message);
  return el("div", kind, head(message, one, dateAndTime), ...body, changed(message), withdrawn(message), rating(message));
}

function words(message) {
  if (message.withdrawn && !message.text) return [el("p", { class: "gone", text: "The text was taken back." })];
  if (!message.text && message.files?.length) return [];
  return messageBody({ ...message, files: null });
}

function head(message, one, format = timeOfDay) {
  const name = { customer: message.name || one.customer || "Customer", bot: message.name || "Assistant" }[message.author] ?? (message.name || "Operator");
  return el("header", { class: "entry-head" },
    message.author === "note" && el("span", { class: "note-label" }, icon("lock"), "Internal note"),
    message.survey && el("span", { class: "badge", text: "Survey" }),
    el("span", { class: "author", dir: "auto", text: name }), stamp(message, format));
}

function stamp({ at }, format = timeOfDay) {
  return at ? el("time", { datetime: at, title: dateAndTime(at), text: format(at) }) : "";
}

function whole({ full }) {
  if (!full) return null;
  return el("details", { class: "whole" }, el("summary", { text: "Show the whole mail" }), el("pre", { dir: "auto", text: full }));
}

function changed({ changed: change }) {
  if (!change) return null;
  const before = change.original ? [" — was: ", el("q", { dir: "auto", text: change.original })] : [];
  return el("p", { class: "flag", data: { flag: "edited" } }, "edited ",
    el("time", { datetime: change.at, title: dateAndTime(change.at), text: timeOfDay(change.at) }), ...before);
}

function withdrawn({ withdrawn: gone, author }) {
  if (!gone) return null;
  return el("p", { class: "flag", data: { flag: "withdrawn" } }, icon("close"), author === "customer" ? "withdrawn by the customer" : "withdrawn");
}

function rating({ rating: given }) {
  if (!given) return null;
  const good = given.score > 0;
  return el("p", { class: "rating", data: { score: given.score } }, icon(good ? "thumbUp" : "thumbDown"),
    el("span", { text: good ? "Rated helpful" : "Rated not helpful" }), given.reason && el("q", { dir: "auto", text: given.reason }));
}

function surveyResult(message, { survey, state }) {
  if (!message.survey) return null;
  if (survey) return surveyWords(survey);
  return state === "resolved" ? el("p", { class: "rating", text: "No answer yet" }) : null;
}

/**
 * The customer's answer to the survey.
 * @param {{score: number, reason?: string}} survey
 * @returns {HTMLElement}
 */
export function surveyWords({ score, reason }) {
  const full = Math.min(5, Math.max(0, Math.round(score)));
  return el("p", { class: "rating survey", data: { score } },
    el("span", { class: "stars", "aria-hidden": "true", text: "★".repeat(full) + "☆".repeat(5 - full) }),
    el("span", { text: `${score} of 5` }), reason && el("q", { dir: "auto", text: reason }));
}

function foot(message, onAction) {
  const buttons = BUTTONS.filter(([action]) => message.actions?.includes(action)).map(([action, text]) => {
    const button = el("button", { type: "button", class: `link-button${MENDING.has(action) ? " mending" : ""}`, data: { messageAction: action }, text });
    button.addEventListener("click", () => onAction(action, message));
    return button;
  });
  const became = outcome(message);
  if (!buttons.length && !became) return null;
  return el("footer", { class: "entry-foot" }, became, buttons.length > 0 && el("span", { class: "message-actions" }, ...buttons));
}

/** The outcome of what an operator sent; of the assistant's lines only what went wrong. */
function outcome({ author, delivery, delivery_error: reason }) {
  if (!delivery || (author === "bot" && (delivery === "delivered" || delivery === "waiting"))) return null;
  const [text, sign, title] = deliveryWords(delivery);
  return el("p", { class: "outcome", data: { delivery }, title }, icon(sign), el("span", { dir: "auto", text: reason ? `${text}: ${reason}` : text }));
}
