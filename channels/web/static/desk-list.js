/**
 * The list of cases at the left of the desk: rows, filters, counts, the quiet states.
 */

import { byId, el, icon, reconcile } from "./dom.js";
import { channelBadge, outcomeWords, overdueFor, overdueWords } from "./desk-words.js";
import { dateAndTime, instant, since } from "./times.js";

const LONG_WAIT_MS = 15 * 60_000;

export class CaseList {
  #list = byId("case-list");

  /**
   * @param {import("./desk-cases.js").Cases} cases
   * @param {{onOpen: (id: string) => void, onFilter: () => void}} hooks
   */
  constructor(cases, hooks) {
    this.cases = cases;
    this.hooks = hooks;
    for (const button of byId("filters").querySelectorAll("button")) {
      button.addEventListener("click", () => this.#choose(button.dataset.filter));
    }
    byId("search").addEventListener("input", () => this.#search());
    byId("search").addEventListener("keydown", (event) => this.#searchKey(event));
  }

  /** @param {string|null} selected the id of the open case */
  show(selected) {
    this.selected = selected;
    const visible = this.cases.visible();
    reconcile(this.#list, visible, (one) => one.id, (one) => this.#make(one), (node, one) => this.#fill(node, one));
    this.#showFilters();
    this.#showEmpty(visible.length === 0 && this.cases.ready);
  }

  /**
   * The case before or after the open one.
   * @param {1|-1} step
   * @returns {string|null} its id
   */
  neighbour(step) {
    const ids = this.cases.visible().map((one) => one.id);
    if (!ids.length) return null;
    const at = ids.indexOf(this.selected);
    if (at < 0) return ids[0];
    return ids[Math.min(ids.length - 1, Math.max(0, at + step))];
  }

  /** @param {string} id moves the focus to its row when the focus is in the list */
  reveal(id) {
    const row = [...this.#list.children].find((node) => node.dataset.key === String(id));
    row?.scrollIntoView({ block: "nearest" });
    if (this.#list.contains(document.activeElement)) row?.querySelector("button").focus({ preventScroll: true });
  }

  #choose(filter) {
    this.cases.filter = filter;
    this.show(this.selected);
    this.hooks.onFilter();
  }

  #search() {
    this.cases.query = byId("search").value;
    this.show(this.selected);
  }

  #searchKey(event) {
    if (event.key === "Escape") {
      event.target.value = "";
      this.#search();
      event.target.blur();
    }
    const first = this.cases.visible()[0];
    if (event.key === "Enter" && first) this.hooks.onOpen(first.id);
  }

  #make(one) {
    const button = el("button", { type: "button", class: "row" });
    button.addEventListener("click", () => this.hooks.onOpen(one.id));
    return el("li", { data: { caseId: one.id } }, button);
  }

  #fill(node, one) {
    const button = node.firstElementChild;
    const unread = this.cases.isUnread(one);
    node.dataset.owner = this.cases.isMine(one) ? "me" : this.cases.isUnclaimed(one) ? "desk" : "other";
    node.dataset.unread = String(unread);
    if (one.id === this.selected) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    node.dataset.overdue = one.overdue ?? "";
    const signature = JSON.stringify([one.customer, preview(one), one.channel, one.reason_text, unread, this.#ownerWords(one), this.cases.hasDraft(one), clockWords(one), one.updated_at]);
    if (button.signature === signature) return;
    button.signature = signature;
    button.replaceChildren(
      el("span", { class: "row-top" }, unread && el("span", { class: "unread" }, el("span", { class: "hidden", text: "New: " })),
        el("span", { class: "row-name", dir: "auto", text: one.customer }), waiting(one)),
      el("span", { class: "row-text", dir: "auto", text: plainText(preview(one)) }),
      el("span", { class: "row-foot" }, channelBadge(one), el("span", { class: "row-reason", dir: "auto", text: one.reason_text }),
        this.cases.hasDraft(one) && el("span", { class: "badge draft", text: "Draft" }), el("span", { class: "owner", dir: "auto", text: this.#ownerWords(one) })));
  }

  #ownerWords(one) {
    if (one.state === "resolved") return outcomeWords(one.outcome) || "Resolved";
    if (this.cases.isUnclaimed(one)) return "Unclaimed";
    return this.cases.isMine(one) ? "You" : one.owner_name || "Claimed";
  }

  #showFilters() {
    for (const button of byId("filters").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.filter === this.cases.filter));
      const count = this.cases.count(button.dataset.filter);
      button.querySelector(".count").textContent = count ?? "";
      if (button.dataset.filter === "overdue") button.classList.toggle("some", count > 0);
    }
  }

  #showEmpty(empty) {
    const box = byId("list-empty");
    box.hidden = !empty;
    this.#list.hidden = empty;
    if (!empty) return;
    const [title, text] = this.#emptyWords();
    box.replaceChildren(icon("check"), el("p", { class: "list-empty-title", text: title }), el("p", { text }));
  }

  #emptyWords() {
    if (this.cases.query.trim()) return ["Nothing found", "No case here matches the search."];
    if (this.cases.filter === "resolved") return ["Nothing resolved yet", "Resolved cases appear here."];
    if (this.cases.filter === "mine") return ["Nothing is yours", "Claim a case and it appears here."];
    if (this.cases.filter === "overdue") return ["Nothing is overdue", "Everyone was answered in time."];
    if (this.cases.filter === "unclaimed" && this.cases.open.length) return ["All claimed", "Every open case has someone."];
    return ["No open cases", "The assistant is answering on its own."];
  }
}

/** What it is about, as long as nobody has it; then the last words. */
function preview(one) {
  const about = one.state === "open" && one.owner === "desk" && one.summary;
  return about || one.last_text || one.summary || "";
}

/** One line of preview: without the marks of Markdown and citations. */
function plainText(text) {
  return text.slice(0, 300).replace(/\*\*|`|\[\d{1,3}\]/g, "").replace(/\s+/g, " ");
}

/** What the clock of a row says: how long over the limit, how long waiting, or how long since the last word. */
function clockWords(one) {
  if (one.state === "open" && one.overdue) return ["overdue", since(one.due_at)];
  if (one.state === "open" && one.waiting_since) return [waitsLong(one) ? "waiting long" : "waiting", since(one.waiting_since).replace("now", "under 1 min")];
  return ["", since(one.updated_at)];
}

/** A server that knows limits says itself what is overdue; for an older one a quarter of an hour is long. */
function waitsLong(one) {
  return !("overdue" in one) && Date.now() - instant(one.waiting_since) > LONG_WAIT_MS;
}

function waiting(one) {
  const [kind, words] = clockWords(one);
  if (!kind) return el("time", { class: "wait", datetime: one.updated_at, title: `Last activity: ${dateAndTime(one.updated_at)}`, text: words });
  const title = one.waiting_since ? `Waiting since ${dateAndTime(one.waiting_since)}` : "";
  if (kind === "overdue") {
    return el("time", { class: "wait long", datetime: one.due_at, title: `${overdueWords(one)}. ${title}` }, icon("clock"), overdueFor(one));
  }
  return el("time", { class: `wait ${kind}`, datetime: one.waiting_since, title },
    icon("clock"), el("span", { class: "hidden", text: "Waiting for " }), words);
}
