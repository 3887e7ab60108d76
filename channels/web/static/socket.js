/**
 * A WebSocket that comes back by itself.
 *
 * Each connection needs a new one-time ticket, so the address is asked for every time. Waiting grows
 * with each failure and is spread at random: a restarted server must not meet all its pages at once.
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
const STABLE_AFTER_MS = 5_000;

/**
 * The wait before attempt number `attempt` (0 is the first repetition), spread over half its length.
 * @param {number} attempt
 * @param {number} [chance] 0 to 1
 * @returns {number} milliseconds
 */
export function backOff(attempt, chance = Math.random()) {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return full / 2 + (full / 2) * chance;
}

export class LiveSocket {
  #options;
  #socket = null;
  #timer = 0;
  #stableTimer = 0;
  #attempt = 0;
  #stopped = false;
  #connecting = false;

  /**
   * @param {{
   *   path: () => Promise<string>,
   *   onFrame: (frame: Object) => void,
   *   onState: (state: "online"|"offline") => void,
   *   onOpen?: () => void,
   *   onFail?: (error: Error) => boolean,
   * }} options `path` gets a ticket and gives path and query; `onFail` returns true to give up
   */
  constructor(options) {
    this.#options = options;
    window.addEventListener("online", this.retryNow);
    window.addEventListener("offline", this.#cut);
    document.addEventListener("visibilitychange", this.#woke);
    this.#connect();
  }

  /** Tries at once instead of waiting for the next turn; does nothing while connected. */
  retryNow = () => {
    if (this.#stopped || this.#socket || this.#connecting) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  /** Ends it for good. */
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#stableTimer);
    window.removeEventListener("online", this.retryNow);
    window.removeEventListener("offline", this.#cut);
    document.removeEventListener("visibilitychange", this.#woke);
    this.#socket?.close();
    this.#socket = null;
  }

  /** Offline: closing would wait for an answer that can't come, so it counts as closed at once. */
  #cut = () => {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#closed(socket);
  };

  #woke = () => {
    if (document.visibilityState === "visible") this.retryNow();
  };

  async #connect() {
    this.#connecting = true;
    try {
      const url = new URL(await this.#options.path(), location.href);
      url.protocol = url.protocol.replace("http", "ws");
      if (!this.#stopped) this.#open(url);
    } catch (error) {
      this.#connecting = false;
      if (this.#stopped) return;
      if (this.#options.onFail?.(error)) this.stop();
      else this.#wait();
    }
  }

  #open(url) {
    const socket = new WebSocket(url);
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = () => this.#closed(socket);
    this.#socket = socket;
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    this.#connecting = false;
    this.#stableTimer = setTimeout(() => { this.#attempt = 0; }, STABLE_AFTER_MS);
    this.#options.onState("online");
    this.#options.onOpen?.();
  }

  #received(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (!this.#stopped && frame && typeof frame.type === "string") this.#options.onFrame(frame);
  }

  #closed(socket) {
    if (this.#stopped || socket !== this.#socket) return;
    this.#socket = null;
    this.#connecting = false;
    clearTimeout(this.#stableTimer);
    this.#wait();
  }

  #wait() {
    this.#options.onState("offline");
    this.#timer = setTimeout(() => this.#connect(), backOff(this.#attempt));
    this.#attempt += 1;
  }
}
