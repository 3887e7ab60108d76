/**
 * The operators' page: sign-in, the list of cases, the open case, what is done to it, and the live
 * connection that says when something changed. Started by desk.html.
 */

import { ApiError } from "./api.js";
import { DeskApi } from "./desk-api.js";
import { Cases } from "./desk-cases.js";
import { DeskComposer } from "./desk-composer.js";
import { showFacts } from "./desk-facts.js";
import { wireKeys } from "./desk-keys.js";
import { CaseList, channelBadge } from "./desk-list.js";
import { Sound } from "./desk-sound.js";
import { showTranscript } from "./desk-transcript.js";
import { confirmDialog, wireMenu } from "./dialog.js";
import { announce, byId, el, icon } from "./dom.js";
import { LiveSocket } from "./socket.js";
import { since } from "./times.js";

const REFRESH_AFTER_MS = 80;
const RETRY_AFTER_MS = 4_000;
const REFRESH_EVERY_MS = 60_000;
const CLOCK_EVERY_MS = 20_000;
const BUTTONS = [["claim", "Claim"], ["release", "Release"], ["hand_back", "Hand back", "to assistant"], ["resolve", "Resolve"]];

class DeskPage {
  #api = new DeskApi();
  #cases = new Cases();
  #sound = new Sound();
  #socket = null;
  #selected = null;
  #detail = null;
  #busy = new Set();
  #known = null;
  #changedIds = new Set();
  #timer = 0;
  #version = 0;
  #refreshing = false;
  #again = false;
  #link = { live: false, fetched: null };

  constructor() {
    this.list = new CaseList(this.#cases, { onOpen: (id) => this.#open(id, true), onFilter: () => this.#refresh() });
    this.composer = new DeskComposer(this.#cases, { onSend: (id, mode, text) => this.#act(id, mode, text), onClaim: () => this.#press("claim") });
    wireKeys({ move: (step) => this.#move(step), claim: () => this.#pressIfAllowed("claim"), write: (mode) => this.#detail && this.composer.setMode(mode, true) });
    wireMenu(byId("operator-button"), byId("operator-menu"));
    byId("sign-in-form").addEventListener("submit", (event) => this.#signInSubmitted(event));
    byId("sign-out").addEventListener("click", () => this.#signOut());
    byId("back").addEventListener("click", () => this.#close());
    byId("facts-toggle").addEventListener("click", () => this.#showFactsPane(true));
    byId("facts-close").addEventListener("click", () => this.#showFactsPane(false));
    byId("facts").addEventListener("keydown", (event) => { if (event.key === "Escape") this.#showFactsPane(false); });
    window.addEventListener("hashchange", () => this.#followAddress());
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") this.#changed(this.#selected); });
    setInterval(() => this.#socket && this.#changed(this.#selected), REFRESH_EVERY_MS);
    setInterval(() => this.#socket && this.#showList(), CLOCK_EVERY_MS);
  }

  // Signing in and out

  async start() {
    if (!this.#api.token) return this.#askToken();
    try {
      this.#signedIn(await this.#api.me());
    } catch (error) {
      this.#askToken(error.message);
      if (!(error instanceof ApiError)) byId("token").value = this.#api.token;
    }
  }

  #askToken(error = "") {
    this.#socket?.stop();
    this.#socket = null;
    byId("desk").hidden = true;
    byId("sign-in").hidden = false;
    byId("sign-in-error").hidden = !error;
    byId("sign-in-error").textContent = error;
    document.title = "Sign in: desk";
    byId("token").focus();
  }

  async #signInSubmitted(event) {
    event.preventDefault();
    const button = byId("sign-in-button");
    if (button.disabled) return;
    button.disabled = true;
    this.#api.setToken(byId("token").value.trim());
    try {
      await this.start();
    } finally {
      button.disabled = false;
    }
  }

  #signedIn(me) {
    byId("token").value = "";
    byId("sign-in").hidden = true;
    byId("desk").hidden = false;
    byId("operator-name").textContent = me.name;
    byId("operator-initial").textContent = [...(me.name || "?")][0].toUpperCase();
    this.#cases.setOperator(me);
    this.#showNoCase();
    this.#connect();
    this.#followAddress();
  }

  #signOut() {
    this.#api.setToken(null);
    this.#cases.forget();
    this.#known = null;
    this.#close();
    this.composer.clear();
    byId("transcript").replaceChildren();
    byId("case-list").replaceChildren();
    this.#askToken();
  }

  /** A revoked token ends at the sign-in form; drafts stay for who signs in again. */
  #refused(error) {
    if (!(error instanceof ApiError) || error.status !== 401) return false;
    this.#api.setToken(null);
    this.#askToken(error.message);
    return true;
  }

  // What the server says

  #connect() {
    this.#socket = new LiveSocket({
      path: () => this.#api.socketPath(),
      onFrame: (frame) => { if (frame.type === "changed") this.#changed(frame.case_id); },
      onState: (state) => this.#connection({ live: state === "online" }),
      onOpen: () => this.#changed(this.#selected),
      onFail: (error) => this.#refused(error),
    });
    this.#refresh();
  }

  /** Shows how fresh the page is: it is live while the socket is open and the last fetch worked. */
  #connection(news) {
    Object.assign(this.#link, news);
    const good = this.#link.live && this.#link.fetched;
    byId("connection").dataset.state = good ? "online" : "offline";
    byId("connection-text").textContent = good ? "Live" : this.#link.fetched === null ? "Connecting…" : "Connection lost, trying again…";
  }

  /** Collects changes for a moment, so that a burst of frames is one fetch. */
  #changed(id, wait = REFRESH_AFTER_MS) {
    if (id) this.#changedIds.add(String(id));
    if (!this.#timer) this.#timer = setTimeout(() => this.#refresh(), wait);
  }

  /** One fetch at a time; what changes meanwhile is fetched right after it. */
  async #refresh() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#socket) return;
    this.#again = this.#refreshing;
    if (this.#refreshing) return;
    this.#refreshing = true;
    const ids = this.#changedIds;
    this.#changedIds = new Set();
    try {
      await this.#fetchLists();
      if (this.#selected && ids.has(this.#selected)) await this.#fetchCase(this.#selected);
      this.#connection({ fetched: true });
    } catch (error) {
      ids.forEach((id) => this.#changedIds.add(id));
      if (!this.#refused(error)) this.#connection({ fetched: false });
      this.#changed(null, RETRY_AFTER_MS);
    } finally {
      this.#refreshing = false;
      if (this.#again) this.#changed(null);
    }
  }

  async #fetchLists() {
    const version = this.#version;
    const resolvedToo = this.#cases.filter === "resolved";
    const [open, resolved] = await Promise.all([this.#api.cases("open"), resolvedToo ? this.#api.cases("resolved") : null]);
    // An action has changed a case meanwhile: these lists may be older than what is shown.
    if (version !== this.#version) return this.#changed(null);
    this.#cases.take("open", open);
    if (resolved) this.#cases.take("resolved", resolved);
    this.#noticeNew();
    this.#showList();
  }

  #noticeNew() {
    const unclaimed = this.#cases.open.filter((one) => this.#cases.isUnclaimed(one));
    const fresh = this.#known && unclaimed.filter((one) => !this.#known.has(one.id));
    if (fresh?.length) {
      this.#sound.play();
      announce(fresh.length === 1 ? `New case from ${fresh[0].customer}` : `${fresh.length} new cases`);
    }
    this.#known = new Set(unclaimed.map((one) => one.id));
  }

  // The open case

  #followAddress() {
    const id = new URLSearchParams(location.hash.slice(1)).get("case");
    if (id && id !== this.#selected) this.#open(id);
    if (!id && this.#selected) this.#close();
  }

  #move(step) {
    const id = this.list.neighbour(step);
    if (id) this.#open(id);
    if (id) this.list.reveal(id);
  }

  async #open(id, byHand = false) {
    id = String(id);
    byId("desk").dataset.view = "case";
    if (id !== this.#selected) {
      this.#selected = id;
      this.#detail = null;
      this.#notice("");
      const address = `#${new URLSearchParams({ case: id })}`;
      if (location.hash !== address) history[byHand ? "pushState" : "replaceState"](null, "", address);
    }
    this.#showList();
    await this.#fetchCase(id);
    if (byHand && this.#selected === id && matchMedia("(max-width: 760px)").matches) byId("case-pane").focus({ preventScroll: true });
  }

  async #fetchCase(id) {
    const version = this.#version;
    try {
      const one = await this.#api.case(id);
      if (version !== this.#version) this.#changed(id);
      else if (this.#selected === id) this.#showCase(one);
    } catch (error) {
      if (this.#refused(error) || this.#selected !== id) return;
      if (error.status === 404) this.#close();
      this.#notice(error.message);
    }
  }

  #close() {
    this.#selected = null;
    this.#detail = null;
    byId("desk").dataset.view = "list";
    byId("case").hidden = true;
    byId("facts").hidden = true;
    byId("no-case").hidden = false;
    this.#showFactsPane(false);
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    this.#showList();
  }

  // What the operator does

  #pressIfAllowed(action) {
    if (this.#detail?.actions?.includes(action)) this.#press(action);
  }

  async #press(action) {
    const one = this.#detail;
    if (!one || this.#busy.has(one.id)) return;
    this.#busy.add(one.id);
    this.#showActions();
    try {
      if (action !== "resolve" || (await this.#sureToResolve(one))) await this.#act(one.id, action);
      if (action === "claim" && this.#detail?.actions?.includes("reply")) this.composer.setMode("reply", true);
    } catch (error) {
      if (this.#selected === one.id) this.#notice(error.message);
    } finally {
      this.#busy.delete(one.id);
      this.#showActions();
    }
  }

  #sureToResolve(one) {
    const draft = this.#cases.draft(one.id, "reply").trim() ? " Your unsent reply will not be sent." : "";
    return confirmDialog({ title: `Resolve case #${one.number}?`, text: `It leaves the open cases and stays under Resolved.${draft}`, yes: "Resolve" });
  }

  /** Does it, and shows the case as the server says it is now, after a conflict too. */
  async #act(id, action, text) {
    try {
      this.#taken(await this.#api.act(id, action, text));
      if (this.#selected === id) this.#notice("");
    } catch (error) {
      if (error.body?.case?.id) this.#taken(error.body.case);
      this.#refused(error);
      throw error;
    }
  }

  #taken(one) {
    this.#version += 1;
    this.#cases.put(one);
    if (this.#selected === String(one.id)) this.#showCase(one);
    this.#showList();
    this.#changed(one.id);
  }

  // What is shown

  #showList() {
    this.list.show(this.#selected);
    const waiting = this.#cases.count("unclaimed");
    if (!byId("desk").hidden) document.title = `${waiting ? `(${waiting}) ` : ""}Desk: Threadline`;
    if (!this.#selected) this.#showNoCase();
  }

  #showNoCase() {
    const waiting = this.#cases.count("unclaimed");
    if (waiting === null) return byId("no-case").replaceChildren();
    const title = waiting ? `${waiting} unclaimed ${waiting === 1 ? "case" : "cases"}` : "All quiet";
    const text = waiting ? "Choose one at the left, or press j." : "Nobody is waiting for a person. New cases appear here by themselves.";
    byId("no-case").replaceChildren(icon(waiting ? "person" : "check"), el("h2", { text: title }), el("p", { text }));
  }

  #showCase(one) {
    const jump = this.#detail?.id !== one.id;
    this.#detail = one;
    if (document.visibilityState === "visible") this.#cases.look(one);
    byId("no-case").hidden = true;
    byId("case").hidden = false;
    byId("facts").hidden = false;
    byId("case").dataset.caseId = one.id;
    byId("case-customer").textContent = one.customer;
    byId("case-line").replaceChildren(channelBadge(one), ` #${one.number} · ${this.#stateText(one)}`);
    this.#showActions();
    this.composer.show(one);
    showTranscript(one, { jump });
    showFacts(one);
    this.#showList();
  }

  #stateText(one) {
    if (one.state === "resolved") return "resolved";
    const who = this.#cases.isMine(one) ? "yours" : this.#cases.isUnclaimed(one) ? "unclaimed" : `with ${one.owner_name || "an operator"}`;
    return one.waiting_since ? `${who}, waiting ${since(one.waiting_since)}` : who;
  }

  #showActions() {
    const one = this.#detail;
    const box = byId("case-actions");
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    box.replaceChildren(...BUTTONS.filter(([action]) => one?.actions?.includes(action)).map(([action, text, rest]) => {
      const main = action === "claim" && this.#cases.isUnclaimed(one) ? "primary" : "";
      const button = el("button", { type: "button", class: `button ${main}`, data: { action }, disabled: this.#busy.has(one.id) }, text,
        rest && el("span", { class: "long", text: ` ${rest}` }));
      button.addEventListener("click", () => this.#press(action));
      return button;
    }));
    if (focused) (box.querySelector(`[data-action="${focused}"]`) ?? box.querySelector("button") ?? byId("case-pane")).focus();
  }

  #notice(text) {
    byId("case-notice").hidden = !text;
    byId("case-notice").textContent = text;
  }

  /** On narrow screens the facts lie over the case; on wide ones they are always there. */
  #showFactsPane(open) {
    const was = byId("desk").dataset.facts === "open";
    byId("desk").dataset.facts = open ? "open" : "closed";
    byId("facts-toggle").setAttribute("aria-expanded", String(open));
    if (open) byId("facts-close").focus();
    else if (was) byId("facts-toggle").focus();
  }
}

new DeskPage().start();
