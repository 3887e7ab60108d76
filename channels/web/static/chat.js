/**
 * The customer's page: puts session, outbox, log, composer and live connection together.
 * Started by chat.html; the modules it uses know nothing of each other.
 */

import { announce, byId, el } from "./dom.js";
import { Composer } from "./chat-composer.js";
import { ChatLog } from "./chat-log.js";
import { Outbox } from "./chat-outbox.js";
import { SESSION_KEY, Session, SessionLost, loadConfig } from "./chat-session.js";
import { confirmDialog, wireMenu } from "./dialog.js";
import { LiveSocket } from "./socket.js";

const A_PERSON = "I would like to talk to a person.";
const PATIENCE_MS = 1_500;
const CATCH_UP_EVERY_MS = 45_000;
const STALE_AFTER_MS = 800;
const NEAR_END_PX = 60;

class ChatPage {
  #session = new Session();
  #socket = null;
  #after = null;
  #owner = "bot";
  #operator = null;
  #company = "Support";
  #unread = 0;
  #offlineTimer = 0;
  #staleTimer = 0;
  #asked = false;
  #historyShown = false;
  /** Whether the view stays at the end as the conversation grows: until the customer scrolls up. */
  #stuck = true;
  #scrollTop = 0;

  constructor() {
    this.log = new ChatLog({ onRetry: (key) => this.outbox.retry(key), onEdit: (key) => this.composer.restore(this.outbox.discard(key)) });
    this.log.onDraw = () => this.#follow();
    this.outbox = new Outbox(this.#session, {
      onChange: (entries) => this.#pendingChanged(entries),
      onSent: (entry, id) => this.#sent(entry, id),
      onLost: () => this.#lost(),
    });
    this.composer = new Composer((text) => this.#say(text));
    this.#wire();
  }

  start() {
    this.#loadConfig();
    this.log.showPending(this.outbox.entries);
    this.#showOwner("bot", null);
    if (this.#session.exists) this.#connect();
    else this.#welcome();
    if (this.outbox.entries.length) this.outbox.flush();
    // On a phone the focus would raise the keyboard over the page.
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
  }

  #wire() {
    wireMenu(byId("menu-button"), byId("menu"));
    byId("new-conversation").addEventListener("click", () => this.#askNew());
    byId("copy-conversation").addEventListener("click", () => this.#copy());
    byId("talk-to-person").addEventListener("click", () => this.#askPerson());
    byId("connection-retry").addEventListener("click", () => { this.#socket?.retryNow(); this.outbox.flush(); });
    byId("jump").addEventListener("click", () => this.#toEnd());
    byId("scroller").addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(byId("scroller"));
    window.addEventListener("online", this.outbox.flush);
    window.addEventListener("storage", (event) => { if (event.key === SESSION_KEY) this.#otherTab(); });
    document.addEventListener("visibilitychange", () => this.#looked());
    setInterval(() => { if (document.visibilityState === "visible") this.#catchUp(); }, CATCH_UP_EVERY_MS);
  }

  async #loadConfig(attempt = 0) {
    try {
      const { name, notice, suggestions } = await loadConfig();
      this.#company = name || this.#company;
      byId("company").textContent = this.#company;
      byId("notice").textContent = notice ?? "";
      byId("notice").hidden = !notice;
      byId("suggestions").replaceChildren(...(suggestions ?? []).map((text) => this.#suggestion(text)));
      this.#title();
    } catch {
      setTimeout(() => this.#loadConfig(attempt + 1), Math.min(30_000, 2_000 * 2 ** attempt));
    }
  }

  #suggestion(text) {
    const button = el("button", { type: "button", class: "suggestion", dir: "auto", text });
    button.addEventListener("click", () => {
      if (!this.log.empty) return;
      this.#say(text);
      this.composer.focus();
    });
    return el("li", {}, button);
  }

  // What the customer does

  #say(text) {
    this.outbox.add(text);
    this.#welcome();
    this.#toEnd();
  }

  #askPerson() {
    if (this.#asked || this.#owner !== "bot") return;
    this.#asked = true;
    this.#showOwner(this.#owner, this.#operator);
    this.#say(A_PERSON);
    this.composer.focus();
  }

  async #askNew() {
    const sure = await confirmDialog({
      title: "Start a new conversation?",
      text: "This one disappears from this browser, and its messages can't be opened here again.",
      yes: "Start new conversation",
    });
    if (!sure) return;
    this.#reset();
    this.#session.forget();
    this.outbox.clear();
    this.#welcome();
    announce("New conversation.");
    this.composer.focus();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.log.asText());
      announce("Conversation copied.");
      this.#flash("Conversation copied.");
    } catch {
      this.#flash("This browser does not allow copying here.");
    }
  }

  #flash(text) {
    const node = el("p", { class: "flash", role: "status", text });
    document.body.append(node);
    setTimeout(() => node.remove(), 2_500);
  }

  // What the server says

  #connect() {
    if (this.#socket || !this.#session.exists) return;
    this.log.busy(true);
    this.#socket = new LiveSocket({
      path: async () => {
        await this.#fetchNew();
        return this.#session.socketPath(this.#after);
      },
      onFrame: (frame) => this.#frame(frame),
      onState: (state) => this.#connection(state),
      onOpen: () => {
        this.outbox.flush();
        this.#catchUp();
      },
      onFail: (error) => {
        if (error instanceof SessionLost) this.#lost();
        return error instanceof SessionLost;
      },
    });
  }

  /** Takes what was said since the last message seen, and who owns the thread now. */
  async #fetchNew() {
    const id = this.#session.id;
    const thread = await this.#session.messages(this.#after);
    if (id !== this.#session.id) return;
    const first = !this.#historyShown;
    for (const message of thread.messages ?? []) this.#take(message, !first);
    this.#historyShown = true;
    this.log.busy(false);
    this.#showOwner(thread.owner ?? "bot", thread.operator ?? null);
    if (!thread.typing) this.log.dropPartial();
    this.log.showTyping(Boolean(thread.typing), this.#speaker());
    this.#welcome();
    if (first) this.#toEnd();
  }

  async #catchUp() {
    if (!this.#socket) return;
    try {
      await this.#fetchNew();
    } catch (error) {
      if (error instanceof SessionLost) this.#lost();
    }
  }

  #frame(frame) {
    if (frame.type === "message" && frame.message) this.#take(frame.message, true);
    else if (frame.type === "partial") this.#partial(String(frame.text ?? ""));
    else if (frame.type === "typing") this.#typing(Boolean(frame.on));
    else if (frame.type === "owner") this.#showOwner(frame.owner, frame.operator ?? null);
  }

  #take(message, fresh) {
    this.#after = message.id;
    if (message.author === "customer") this.outbox.seen(message);
    if (!this.log.add(message, { fresh: fresh && message.author !== "customer" })) return;
    this.log.showPending(this.outbox.entries);
    this.#welcome();
    this.#follow();
    if (message.author === "customer") return;
    this.#asked = false;
    this.#showOwner(this.#owner, this.#operator);
    if (fresh) this.#arrived();
  }

  #arrived() {
    if (document.visibilityState === "hidden") {
      this.#unread += 1;
      this.#title();
    }
    byId("jump").hidden = this.#stuck;
  }

  #partial(text) {
    clearTimeout(this.#staleTimer);
    this.log.showPartial(text);
  }

  /** An answer that stops without its final message was taken back, so its beginning goes too. */
  #typing(on) {
    clearTimeout(this.#staleTimer);
    if (!on) this.#staleTimer = setTimeout(() => this.log.dropPartial(), STALE_AFTER_MS);
    this.log.showTyping(on, this.#speaker());
    if (on) announce(`${this.#speaker()} is typing.`);
  }

  #speaker() {
    return this.#owner === "operator" ? this.#operator || "A person" : "Assistant";
  }

  #sent(entry, id) {
    if (!entry.echo) this.log.add({ id, author: "customer", name: null, text: entry.text, citations: [], files: [], at: new Date().toISOString() });
    this.#connect();
    this.#follow();
  }

  #lost() {
    if (!this.#session.exists) return;
    this.#reset();
    this.#session.forget();
    this.log.addLine("Your earlier conversation is no longer available, so this is a new one.");
    this.#welcome();
  }

  #otherTab() {
    const before = this.#session.id;
    this.#session.reload();
    if (before === this.#session.id) return;
    this.#reset();
    this.#connect();
    this.#welcome();
  }

  #reset() {
    this.#socket?.stop();
    this.#socket = null;
    this.#after = null;
    this.#historyShown = false;
    this.#asked = false;
    this.log.clear();
    this.log.busy(false);
    this.log.showPending(this.outbox.entries);
    this.#connection("online");
    this.#showOwner("bot", null);
  }

  // What is shown

  #pendingChanged(entries) {
    this.log.showPending(entries);
    this.#welcome();
    this.#follow();
    if (entries.some((entry) => entry.state === "refused" && entry.text === A_PERSON)) this.#asked = false;
    this.#showOwner(this.#owner, this.#operator);
  }

  #welcome() {
    const waiting = this.#session.exists && !this.#historyShown;
    byId("welcome").hidden = waiting || !this.log.empty;
  }

  #showOwner(owner, operator) {
    const changed = owner !== this.#owner || operator !== this.#operator;
    const wasPerson = this.#owner === "operator";
    this.#owner = owner;
    this.#operator = operator;
    const name = operator || "A person";
    byId("presence").dataset.owner = owner;
    byId("presence-text").textContent = { desk: "Waiting for a person", operator: `${name} is answering` }[owner] ?? "Assistant";
    const banner = { desk: "We have asked a person to take over. You can keep writing here.", operator: `${name} has taken over and answers you here.` }[owner];
    byId("banner").hidden = !banner;
    byId("banner").dataset.owner = owner;
    byId("banner").textContent = banner ?? "";
    byId("talk-to-person").hidden = owner !== "bot";
    byId("talk-to-person").disabled = this.#asked;
    if (changed && this.#historyShown) announce(banner ?? (wasPerson ? "The assistant is answering again." : ""));
  }

  #connection(state) {
    if (state === "online") {
      clearTimeout(this.#offlineTimer);
      this.#offlineTimer = 0;
      byId("connection").hidden = true;
      return;
    }
    // Short gaps are not worth a line; each failed attempt comes here again.
    this.#offlineTimer ||= setTimeout(() => {
      byId("connection-text").textContent = navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline. Messages go out when you are back.";
      byId("connection").hidden = false;
    }, PATIENCE_MS);
  }

  #looked() {
    if (document.visibilityState !== "visible") return;
    this.#unread = 0;
    this.#title();
    this.#catchUp();
  }

  #title() {
    document.title = (this.#unread ? `(${this.#unread}) ` : "") + `${this.#company}: support`;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = byId("scroller");
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this.#stuck = true;
    else if (scrollTop < this.#scrollTop) this.#stuck = false;
    this.#scrollTop = scrollTop;
    if (this.#stuck) byId("jump").hidden = true;
  }

  #follow() {
    if (this.#stuck) this.#toEnd();
  }

  #toEnd() {
    const box = byId("scroller");
    this.#stuck = true;
    box.scrollTop = box.scrollHeight;
    this.#scrollTop = box.scrollTop;
    byId("jump").hidden = true;
  }
}

new ChatPage().start();
