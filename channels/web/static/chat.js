/**
 * The customer's page: puts session, outbox, log, composer and live connection together.
 * Started by chat.html, by itself or in the widget's frame; the modules it uses know nothing of each other.
 */

import { announce, byId, el } from "./dom.js";
import { Composer } from "./chat-composer.js";
import { ConnectionLine } from "./chat-connection.js";
import { Host } from "./chat-embed.js";
import { fingerprint, scopeOf } from "./chat-identity.js";
import { Live } from "./chat-live.js";
import { ChatLog } from "./chat-log.js";
import { Outbox } from "./chat-outbox.js";
import { Presence } from "./chat-presence.js";
import { Follower } from "./chat-scroll.js";
import { Session, SessionLost, loadConfig } from "./chat-session.js";
import { confirmDialog, wireMenu } from "./dialog.js";
import { lasting, thisTab } from "./memory.js";

const A_PERSON = "I would like to talk to a person.";
const AS_GUEST = "threadline.chat.guest";
const SEEN = "threadline.chat.seen";

class ChatPage {
  #session = new Session();
  #presence = new Presence();
  #view = new Follower();
  #connection = new ConnectionLine();
  #company = "Support";
  #unread = 0;
  /** Whose page this is: a part of the browser's storage, or null while the site has not said. */
  #scope = null;
  /** Whether the widget is open; a page of its own always is. */
  #open = true;

  constructor() {
    this.host = new Host({ onHello: (identity, shown) => this.#hello(identity, shown), onShown: (shown) => this.#shown(shown) });
    this.outbox = new Outbox(this.#session, {
      onChange: (entries) => this.#pendingChanged(entries),
      onSent: (entry, id) => this.#sent(entry, id),
      onLost: () => this.#lost(),
      onIdentityRefused: () => { byId("unconfirmed").hidden = false; },
    });
    this.log = new ChatLog(this.#messageHooks());
    this.log.onDraw = () => this.#view.follow();
    this.live = new Live(this.#session, this.#liveHooks());
    this.composer = new Composer((text, files) => this.#say(text, files));
    this.#wire();
  }

  start() {
    this.#loadConfig();
    document.body.classList.toggle("embedded", this.host.embedded);
    byId("close-widget").hidden = !this.host.embedded;
    if (this.host.embedded) return;
    this.#begin(null, "");
    this.#focusGently();
  }

  #begin(identity, scope) {
    this.#scope = scope;
    byId("composer").inert = false;
    this.#session.use(identity, scope);
    this.outbox.use(scope);
    this.composer.use(scope);
    this.#presence.show("bot", null);
    if (this.#session.exists) this.#connect();
    else this.#welcome();
    if (this.outbox.entries.length) this.outbox.flush();
  }

  /** On a phone the focus would raise the keyboard over the page. */
  #focusGently() {
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
  }

  #messageHooks() {
    return {
      onRetry: (key) => this.outbox.retry(key),
      onEdit: (key) => this.composer.restore(this.outbox.discard(key)),
      onDiscard: (key) => this.outbox.discard(key),
      rate: (id, score, reason) => this.#change(id, () => this.#session.rate(id, score, reason)),
      edit: (id, text) => this.#change(id, () => this.#session.edit(id, text), { text, changed: { at: new Date().toISOString() } }),
      withdraw: (id) => this.#change(id, () => this.#session.withdraw(id), { text: "", files: [], withdrawn: true }),
      answer: (caseId, score, reason) => this.#asking(() => this.#session.answer(caseId, score, reason)),
      answerLeaving: (caseId, score, reason) => this.#session.answerLeaving(caseId, score, reason),
      openFile: (file) => this.#openFile(file),
      say: (sentence) => this.#flash(sentence),
    };
  }

  #liveHooks() {
    return {
      onMessage: (message, fresh) => this.#take(message, fresh),
      onChanged: (message) => { this.log.change(message); this.#view.follow(); },
      onPartial: (text) => this.log.showPartial(text),
      onTyping: (on) => this.#typing(on),
      onOwner: (owner, operator) => this.#presence.show(owner, operator, { say: this.live.begun }),
      onHistory: () => this.#historyArrived(),
      onState: (state) => this.#connection.show(state),
      onOpen: () => this.outbox.flush(),
      onLost: () => this.#lost(),
    };
  }

  #wire() {
    wireMenu(byId("menu-button"), byId("menu"));
    byId("new-conversation").addEventListener("click", () => this.#askNew());
    byId("copy-conversation").addEventListener("click", () => this.#copy());
    byId("talk-to-person").addEventListener("click", () => this.#askPerson());
    byId("connection-retry").addEventListener("click", () => { this.live.retryNow(); this.outbox.flush(); });
    byId("as-guest").addEventListener("click", () => this.#goOnAsGuest());
    byId("close-widget").addEventListener("click", () => this.host.tell("close"));
    window.addEventListener("online", this.outbox.flush);
    window.addEventListener("storage", (event) => { if (event.key === this.#session.key) this.#otherTab(); });
    document.addEventListener("visibilitychange", () => this.#looked());
    if (this.host.embedded) this.#wireEscape();
  }

  async #loadConfig(attempt = 0) {
    try {
      const { name, notice, suggestions, widget_origins: origins } = await loadConfig();
      this.#company = name || this.#company;
      byId("company").textContent = this.#company;
      byId("notice").textContent = notice ?? "";
      byId("notice").hidden = !notice;
      byId("suggestions").replaceChildren(...(suggestions ?? []).map((text) => this.#suggestion(text)));
      this.#title();
      this.host.allow(origins ?? []);
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

  // What the site around the widget says

  async #hello(given, shown) {
    const asGuest = given && thisTab.get(AS_GUEST) === await fingerprint(given);
    const identity = asGuest ? null : given;
    const scope = asGuest ? guestOf(await scopeOf(given)) : await scopeOf(given);
    this.#open = shown.open;
    if (this.#scope === null) this.#begin(identity, scope);
    else if (this.#scope === scope) this.#renewed(identity);
    else location.reload(); // another customer: nothing of this page may stay, and the widget says hello again
    this.#shown(shown);
  }

  /** The same customer, perhaps with a newly signed identity: what was refused may work now. */
  #renewed(identity) {
    this.#session.identity = identity;
    if (byId("unconfirmed").hidden) return;
    byId("unconfirmed").hidden = true;
    this.outbox.retryAll();
  }

  #shown({ open, focus }) {
    this.#open = open;
    this.#looked();
    if (!open) return;
    this.composer.fit();
    this.#view.follow();
    if (focus) this.#focusGently();
  }

  async #goOnAsGuest() {
    thisTab.set(AS_GUEST, await fingerprint(this.#session.identity));
    byId("unconfirmed").hidden = true;
    this.#scope = guestOf(this.#scope);
    this.#session.use(null, this.#scope);
    this.outbox.use(this.#scope, { carry: true });
    this.composer.use(this.#scope);
    this.#connect();
    this.outbox.retryAll();
    this.composer.focus();
  }

  /** Escape closes the widget, unless it closes something inside; that is known only before it does. */
  #wireEscape() {
    let inside = null;
    document.addEventListener("keydown", () => { inside = document.querySelector("dialog[open], .menu:not([hidden])"); }, { capture: true });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !inside && !event.isComposing) this.host.tell("close");
    });
  }

  // What the customer does

  #say(text, files = []) {
    if (this.#scope === null) return;
    this.outbox.add(text, files);
    this.#welcome();
    this.#view.toEnd();
  }

  #askPerson() {
    if (!this.#presence.canAsk) return;
    this.#presence.asked = true;
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

  async #openFile(file) {
    try {
      await this.#session.save(file);
    } catch {
      this.#flash(`${file.name || "The file"} can't be fetched right now. Please try again.`);
    }
  }

  #flash(text) {
    const node = el("p", { class: "flash", role: "status", text });
    document.body.append(node);
    setTimeout(() => node.remove(), 2_500 + 40 * text.length);
  }

  /** Changes message `id` on the server, and shows it as the server gives it back, or else with `wanted`. */
  async #change(id, run, wanted = {}) {
    const answer = await this.#asking(run);
    this.log.change(answer?.id ? answer : { ...this.log.message(id), ...wanted });
    this.#view.follow();
  }

  async #asking(run) {
    try {
      return await run();
    } catch (error) {
      if (error instanceof SessionLost) this.#lost();
      throw error;
    }
  }

  // What the server says

  #connect() {
    if (!this.#session.exists) return;
    this.log.busy(!this.live.begun);
    this.live.connect();
  }

  #historyArrived() {
    this.log.busy(false);
    this.#welcome();
    this.#view.toEnd();
    if (this.#visible) this.#looked();
    else this.#count(this.log.othersAfter(lasting.get(this.#seenKey)));
  }

  #take(message, fresh) {
    if (message.author === "customer" && !this.log.has(message.id)) this.outbox.seen(message);
    if (!this.log.add(message, { fresh: fresh && message.author !== "customer" })) return;
    this.log.showPending(this.outbox.entries);
    this.#welcome();
    this.#view.follow();
    if (message.author === "customer") return;
    this.#presence.asked = false;
    if (fresh) this.#arrived();
  }

  #arrived() {
    if (this.#visible) this.#markSeen();
    else this.#count(this.#unread + 1);
    this.#view.arrived();
  }

  #typing(on) {
    const news = this.log.showTyping(on, this.#presence.speaker);
    if (news && on) announce(`${this.#presence.speaker} is typing.`);
  }

  #sent({ echo, text, files }, id) {
    if (!echo) this.log.add({ id, author: "customer", name: null, text, citations: [], files, at: new Date().toISOString() });
    this.#connect();
    this.#view.follow();
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
    this.live.stop();
    this.#presence.asked = false;
    this.log.clear();
    this.log.busy(false);
    this.log.showPending(this.outbox.entries);
    this.#count(0);
    this.#connection.show("online");
    this.#presence.show("bot", null);
  }

  // What is shown

  get #visible() {
    return this.#open && document.visibilityState === "visible";
  }

  get #seenKey() {
    return this.#scope ? `${SEEN}.${this.#scope}` : SEEN;
  }

  #pendingChanged(entries) {
    this.log.showPending(entries);
    this.#welcome();
    this.#view.follow();
    if (entries.some((entry) => entry.state === "refused" && entry.text === A_PERSON)) this.#presence.asked = false;
  }

  #welcome() {
    const waiting = this.#scope === null || (this.#session.exists && !this.live.begun);
    byId("welcome").hidden = waiting || !this.log.empty;
  }

  #looked() {
    if (!this.#visible) return;
    this.#count(0);
    this.#markSeen();
    this.live.catchUp();
  }

  #markSeen() {
    if (this.live.after !== null) lasting.set(this.#seenKey, this.live.after);
  }

  #count(unread) {
    this.#unread = unread;
    this.#title();
    this.host.tell("unread", { count: unread });
  }

  #title() {
    document.title = (this.#unread ? `(${this.#unread}) ` : "") + `${this.#company}: support`;
  }
}

/** A guest whom the site calls by a name it can't prove has a place of their own, apart from all others here. */
function guestOf(scope) {
  return `${scope}.guest`;
}

new ChatPage().start();
