/**
 * Keeps the desk fresh: the socket says which cases changed, and they are fetched. One fetch runs at
 * a time, a burst of changes is one fetch, and what an action has just changed is never overwritten
 * by an older answer.
 */

import { byId } from "./dom.js";
import { LiveSocket } from "./socket.js";

const REFRESH_AFTER_MS = 80;
const RETRY_AFTER_MS = 4_000;
const REFRESH_EVERY_MS = 60_000;

export class Live {
  #api;
  #cases;
  #hooks;
  #socket = null;
  #changedIds = new Set();
  #timer = 0;
  #version = 0;
  #asked = 0;
  #answered = 0;
  #refreshing = false;
  #again = false;
  #link = { live: false, fetched: null };

  /**
   * @param {import("./desk-api.js").DeskApi} api
   * @param {import("./desk-cases.js").Cases} cases
   * @param {{selected: () => (string|null), onLists: () => void, onNotices: (notices: Array<{text: string}>) => void,
   *   onCase: (one: Object) => void, onCaseError: (id: string, error: Error) => void, refused: (error: Error) => boolean}} hooks
   */
  constructor(api, cases, hooks) {
    this.#api = api;
    this.#cases = cases;
    this.#hooks = hooks;
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") this.#lookAgain(); });
    setInterval(() => this.#lookAgain(), REFRESH_EVERY_MS);
  }

  get running() {
    return this.#socket !== null;
  }

  start() {
    this.#socket = new LiveSocket({
      path: () => this.#api.socketPath(),
      onFrame: (frame) => { if (frame.type === "changed") this.changed(frame.case_id); },
      onState: (state) => this.#connection({ live: state === "online" }),
      onOpen: () => this.changed(this.#hooks.selected()),
      onFail: (error) => this.#hooks.refused(error),
    });
    this.refresh();
  }

  stop() {
    this.#socket?.stop();
    this.#socket = null;
  }

  /** Says that something changed. @param {string|null} id the case, or null for the lists alone */
  changed(id, wait = REFRESH_AFTER_MS) {
    if (id) this.#changedIds.add(String(id));
    if (!this.#timer) this.#timer = setTimeout(() => this.refresh(), wait);
  }

  /** Says that an action's answer is on the page: fetches begun before it are out of date. @param {string} id */
  acted(id) {
    this.#version += 1;
    this.changed(id);
  }

  /** Fetches the lists, and the open case if it changed; what changes meanwhile is fetched right after it. */
  async refresh() {
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
      const selected = this.#hooks.selected();
      if (selected && ids.has(selected)) await this.fetchCase(selected);
      this.#connection({ fetched: true });
    } catch (error) {
      ids.forEach((id) => this.#changedIds.add(id));
      if (!this.#hooks.refused(error)) this.#connection({ fetched: false });
      this.changed(null, RETRY_AFTER_MS);
    } finally {
      this.#refreshing = false;
      if (this.#again) this.changed(null);
    }
  }

  /** @param {string} id the open case */
  async fetchCase(id) {
    const version = this.#version;
    const turn = this.#asked += 1;
    try {
      const one = await this.#api.case(id);
      if (version !== this.#version) return this.changed(id);
      // Answers may overtake each other: an older one than was shown is dropped.
      if (turn > this.#answered) this.#hooks.onCase(one);
      this.#answered = Math.max(turn, this.#answered);
    } catch (error) {
      if (!this.#hooks.refused(error)) this.#hooks.onCaseError(id, error);
    }
  }

  async #fetchLists() {
    const version = this.#version;
    const resolvedToo = this.#cases.filter === "resolved";
    const [open, resolved] = await Promise.all([this.#api.cases("open"), resolvedToo ? this.#api.cases("resolved") : null]);
    // An action has changed a case meanwhile: these lists may be older than what is shown.
    if (version !== this.#version) return this.changed(null);
    this.#cases.take("open", open.cases);
    if (resolved) this.#cases.take("resolved", resolved.cases);
    if (open.notices) this.#hooks.onNotices(open.notices);
    this.#hooks.onLists();
  }

  #lookAgain() {
    if (this.running) this.changed(this.#hooks.selected());
  }

  /** Shows how fresh the page is: it is live while the socket is open and the last fetch worked. */
  #connection(news) {
    Object.assign(this.#link, news);
    const good = this.#link.live && this.#link.fetched;
    byId("connection").dataset.state = good ? "online" : "offline";
    byId("connection-text").textContent = good ? "Live" : this.#link.fetched === null ? "Connecting…" : "Connection lost, trying again…";
  }
}
