/** The customer's messages that are still on their way out, each with its state and what can be done. */

import { byId, el, icon, reconcile } from "./dom.js";
import { messageBody } from "./messages.js";

export class Pending {
  #box = byId("pending");
  #hooks;

  /** @param {{onRetry: (key: string) => void, onEdit: (key: string) => void, onDiscard: (key: string) => void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
  }

  get empty() {
    return this.#box.childElementCount === 0;
  }

  /** @param {Array<import("./chat-outbox.js").Entry>} entries */
  show(entries) {
    const make = () => el("article", { class: "message own pending" });
    reconcile(this.#box, entries, (entry) => entry.key, make, (node, entry) => this.#fill(node, entry));
  }

  #fill(node, entry) {
    const signature = `${entry.state}|${entry.error ?? ""}|${percent(entry)}`;
    if (node.dataset.signature === signature) return;
    node.dataset.signature = signature;
    node.dataset.state = entry.state;
    const body = messageBody({ author: "customer", text: entry.text, files: entry.files });
    node.replaceChildren(el("div", { class: "bubble" }, ...body), this.#mark(entry));
  }

  #mark(entry) {
    if (entry.state === "sending") return el("p", { class: "mark", text: `Sending…${percent(entry)}` });
    const button = (text, run) => {
      const node = el("button", { type: "button", class: "link-button", text });
      node.addEventListener("click", () => run(entry.key));
      return node;
    };
    const why = entry.error ? `Not sent: ${entry.error}` : "Not sent. It will go out when the connection is back.";
    return el("p", { class: "mark bad", role: "status" }, icon("alert"), el("span", { text: why }),
      !entry.lost && button("Retry", this.#hooks.onRetry),
      entry.state === "refused" && button("Edit", this.#hooks.onEdit),
      entry.state === "refused" && button("Remove", this.#hooks.onDiscard));
  }
}

function percent({ state, files, progress }) {
  return state === "sending" && files?.length && progress ? ` ${Math.floor(progress * 100)} %` : "";
}
