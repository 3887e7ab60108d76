/**
 * What the server says: history first, then the socket's frames, and a look now and then for what a
 * socket may have missed.
 */

import { SessionLost } from "./chat-session.js";
import { LiveSocket } from "./socket.js";

const CATCH_UP_EVERY_MS = 45_000;
const STALE_AFTER_MS = 800;

/**
 * @typedef {{
 *   onMessage: (message: Object, fresh: boolean) => void, onChanged: (message: Object) => void,
 *   onPartial: (text: string) => void, onTyping: (on: boolean) => void,
 *   onOwner: (owner: string, operator: string|null) => void, onHistory: () => void,
 *   onState: (state: "online"|"offline") => void, onOpen: () => void, onLost: () => void,
 * }} LiveHooks `onPartial` with '' takes an unfinished answer back; `onHistory` comes once, after the first messages
 */

export class Live {
  #session;
  #hooks;
  #socket = null;
  #staleTimer = 0;
  /** The id of the last message taken, or null. */
  after = null;
  /** Whether the first look at the thread is over. */
  begun = false;

  /** @param {import("./chat-session.js").Session} session @param {LiveHooks} hooks */
  constructor(session, hooks) {
    this.#session = session;
    this.#hooks = hooks;
    setInterval(() => { if (document.visibilityState === "visible") this.catchUp(); }, CATCH_UP_EVERY_MS);
  }

  /** Connects, once there is a session. */
  connect() {
    if (this.#socket || !this.#session.exists) return;
    this.#socket = new LiveSocket({
      path: async () => {
        await this.#fetch({ whole: true });
        return this.#session.socketPath(this.after);
      },
      onFrame: (frame) => this.#frame(frame),
      onState: (state) => this.#hooks.onState(state),
      onOpen: () => {
        this.#hooks.onOpen();
        this.catchUp();
      },
      onFail: (error) => {
        if (error instanceof SessionLost) this.#hooks.onLost();
        return error instanceof SessionLost;
      },
    });
  }

  /** Forgets the thread. */
  stop() {
    clearTimeout(this.#staleTimer);
    this.#socket?.stop();
    this.#socket = null;
    this.after = null;
    this.begun = false;
  }

  retryNow() {
    this.#socket?.retryNow();
  }

  /** Looks for what is new, also while the socket is open. */
  async catchUp() {
    if (!this.#socket) return;
    try {
      await this.#fetch();
    } catch (error) {
      if (error instanceof SessionLost) this.#hooks.onLost();
    }
  }

  /**
   * Takes what was said since the last message seen, and who owns the thread now. `whole`: from the
   * beginning, because older messages may have changed while nobody listened.
   */
  async #fetch({ whole = false } = {}) {
    const id = this.#session.id;
    const thread = await this.#session.messages(whole ? null : this.after);
    if (id !== this.#session.id) return;
    const first = !this.begun;
    for (const message of thread.messages ?? []) this.#take(message, !first);
    this.begun = true;
    this.#hooks.onOwner(thread.owner ?? "bot", thread.operator ?? null);
    if (!thread.typing) this.#hooks.onPartial("");
    this.#hooks.onTyping(Boolean(thread.typing));
    if (first) this.#hooks.onHistory();
  }

  #frame(frame) {
    if (frame.type === "message" && frame.message) this.#take(frame.message, true);
    else if (frame.type === "changed" && frame.message) this.#hooks.onChanged(frame.message);
    else if (frame.type === "partial") this.#partial(String(frame.text ?? ""));
    else if (frame.type === "typing") this.#typing(Boolean(frame.on));
    else if (frame.type === "owner") this.#hooks.onOwner(frame.owner, frame.operator ?? null);
  }

  #take(message, fresh) {
    this.after = message.id;
    this.#hooks.onMessage(message, fresh);
  }

  #partial(text) {
    clearTimeout(this.#staleTimer);
    this.#hooks.onPartial(text);
  }

  /** An answer that stops without its final message was taken back, so its beginning goes too. */
  #typing(on) {
    clearTimeout(this.#staleTimer);
    if (!on) this.#staleTimer = setTimeout(() => this.#hooks.onPartial(""), STALE_AFTER_MS);
    this.#hooks.onTyping(on);
  }
}
