/**
 * The desk's words for what the server says in short: channels, languages, limits that were passed,
 * deliveries, and what colleagues did. Unknown values are shown as they came, never hidden.
 */

import { el } from "./dom.js";
import { since } from "./times.js";

const CHANNELS = { web: "Web", slack: "Slack", teams: "Teams", email: "Email" };
const OVERDUE = { unclaimed: "nobody has claimed it", unanswered: "the customer waits for an answer" };
const DEEDS = {
  claim: "claimed it", release: "released it", assign: "assigned it", reply: "replied", note: "wrote a note", draft: "asked for a draft", resolve: "resolved it",
  hand_back: "handed it back to the assistant", reopen: "reopened it", edit: "edited a message", withdraw: "withdrew a message",
  check: "checked a delivery", resend: "sent a message again", forget: "had something forgotten about the customer",
};
const OUTCOMES = {
  solved: "Solved", unsolved: "Could not be solved", no_reply: "Needs no answer", duplicate: "Duplicate", spam: "Spam", handed_back: "Handed back",
};
const DELIVERIES = {
  waiting: ["Sending…", "clock", "It is on its way to the customer."],
  delivered: ["Delivered", "check", "The customer's channel has taken it."],
  bounced: ["Bounced", "alert", "The customer's mail server sent it back."],
  refused: ["Refused", "alert", "The customer's channel did not accept it."],
  failed: ["Failed", "alert", "It was not sent, and is not tried again."],
  superseded: ["Not sent: superseded", "alert", "The case changed before it could go out."],
  partial: ["Partly delivered", "alert", "Some parts arrived and some did not."],
  unknown: ["Unknown", "question", "It may or may not have arrived: nobody answered."],
};

/** @param {string} channel @returns {string} its name for people */
export function channelName(channel) {
  return CHANNELS[channel] ?? channel ?? "";
}

/** @param {Object} one @returns {HTMLElement} the badge of its channel */
export function channelBadge(one) {
  return el("span", { class: "badge", data: { channel: one.channel }, text: channelName(one.channel) });
}

/** @param {string} desk for example "slack:T1:C2" @returns {string} */
export function deskName(desk) {
  return channelName((desk ?? "").split(":")[0]);
}

/** @param {string} code for example "de" @returns {string} the language's name in the reader's own */
export function languageName(code) {
  if (!code) return "";
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** @param {Object} one an overdue case @returns {string} for example "Overdue 12 min" */
export function overdueFor(one) {
  const passed = since(one.due_at);
  return passed && passed !== "now" ? `Overdue ${passed}` : "Overdue";
}

/** @param {Object} one an overdue case @returns {string} how long, and whose turn it is */
export function overdueWords(one) {
  return [overdueFor(one), OVERDUE[one.overdue]].filter(Boolean).join(": ");
}

/** @param {string|null} outcome @returns {string} how a case ended */
export function outcomeWords(outcome) {
  return OUTCOMES[outcome] ?? (outcome ?? "").replaceAll("_", " ");
}

/** @param {string} delivery @returns {[string, string, string]} words, icon, explanation */
export function deliveryWords(delivery) {
  return DELIVERIES[delivery] ?? [delivery, "question", ""];
}

/** @param {string} action @returns {string} what it was, for "Bob …" */
export function deedWords(action) {
  return DEEDS[action] ?? (action ?? "").replaceAll("_", " ");
}
