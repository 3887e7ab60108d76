/**
 * The transcript in the middle of the desk: who said what, notes that no one can mistake for
 * replies, and the outcome of every line that went out.
 */

import { byId, el, icon, reconcile } from "./dom.js";
import { messageBody } from "./messages.js";
import { dateAndTime, dayName, timeOfDay } from "./times.js";

const NEAR_END_PX = 140;
const OUTCOMES = {
  waiting: ["Sending…", "clock", "It is on its way to the customer."],
  delivered: ["Delivered", "check", "The customer's channel has taken it."],
  bounced: ["Bounced", "alert", "The customer's mail server sent it back."],
  refused: ["Refused", "alert", "The customer's channel did not accept it."],
  failed: ["Failed", "alert", "It was not sent, and is not tried again."],
  superseded: ["Not sent: superseded", "alert", "The case changed before it could go out."],
  partial: ["Partly delivered", "alert", "Some parts arrived and some did not."],
  unknown: ["Unknown", "question", "It may or may not have arrived: nobody answered."],
};

/** @param {Object} one a case in detail form @param {{jump: boolean}} options jump to its end, because it was just opened */
export function showTranscript(one, { jump }) {
  const box = byId("transcript-scroller");
  const stick = jump || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
  if (jump) byId("transcript").replaceChildren();
  reconcile(byId("transcript"), withDays(one.messages ?? []), (item) => item.key, () => el("div"), (node, item) => fill(node, item, one));
  if (stick) box.scrollTop = box.scrollHeight;
}

function withDays(messages) {
  const items = [];
  let last = "";
  for (const message of messages) {
    const day = dayName(message.at);
    if (day && day !== last) items.push({ key: `day before ${message.id}`, day });
    last = day || last;
    items.push({ key: `message ${message.id}`, message });
  }
  return items;
}

function fill(node, { day, message }, one) {
  const signature = day ?? JSON.stringify([message.text, message.delivery, message.name, message.citations]);
  if (node.signature === signature) return;
  node.signature = signature;
  if (day) return fillDay(node, day);
  node.className = `entry ${message.author}`;
  Object.assign(node.dataset, { messageId: message.id, author: message.author });
  if (message.author === "system") node.replaceChildren(el("span", { dir: "auto", text: message.text }), " ", stamp(message));
  else node.replaceChildren(head(message, one), el("div", { class: "entry-body" }, ...messageBody(message)), outcome(message) ?? "");
}

function fillDay(node, day) {
  node.className = "day";
  node.replaceChildren(el("span", { text: day }));
}

function head(message, one) {
  const name = { customer: message.name || one.customer, bot: "Assistant", operator: message.name || "Operator", note: message.name || "Operator" }[message.author];
  return el("header", { class: "entry-head" },
    message.author === "note" && el("span", { class: "note-label" }, icon("lock"), "Internal note"),
    el("span", { class: "author", dir: "auto", text: name }), stamp(message));
}

function stamp({ at }) {
  return at ? el("time", { datetime: at, title: dateAndTime(at), text: timeOfDay(at) }) : "";
}

/** The outcome of what an operator sent; of the assistant's lines only what went wrong. */
function outcome({ author, delivery }) {
  if (!delivery || (author === "bot" && (delivery === "delivered" || delivery === "waiting"))) return null;
  const [text, sign, title] = OUTCOMES[delivery] ?? [delivery, "question", ""];
  return el("p", { class: "outcome", data: { delivery }, title }, icon(sign), el("span", { text }));
}
