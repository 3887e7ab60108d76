/**
 * The site around the chat, when widget.js shows it in a frame there (`/?embed=1`).
 *
 * The widget speaks first: 'hello' with the customer's identity, or none. It is heard only if it is
 * this page's parent and its origin is one the owner has listed; answers go to that origin alone.
 */

/** @typedef {{open: boolean, focus: boolean}} Shown whether the widget is open, and was just opened by hand */

export class Host {
  #hooks;
  #origins = null;
  #early = [];
  #origin = null;

  /**
   * @param {{
   *   onHello: (identity: import("./chat-identity.js").Identity|null, shown: Shown) => void,
   *   onShown: (shown: Shown) => void,
   * }} hooks `onHello` comes again when the identity changes
   */
  constructor(hooks) {
    this.#hooks = hooks;
    if (this.embedded) window.addEventListener("message", (event) => this.#received(event));
  }

  /** Whether this page is the widget's. */
  get embedded() {
    return window.parent !== window && new URLSearchParams(location.search).get("embed") === "1";
  }

  /** @param {string[]} origins the sites that may show this page; what they said so far is heard now */
  allow(origins) {
    this.#origins = origins;
    for (const event of this.#early.splice(0)) this.#received(event);
  }

  /** @param {"unread"|"close"} what @param {Object} [data] */
  tell(what, data = {}) {
    if (this.#origin) window.parent.postMessage({ threadline: what, ...data }, this.#origin);
  }

  #received(event) {
    if (event.source !== window.parent || typeof event.data?.threadline !== "string") return;
    if (this.#origins === null) {
      this.#early.push(event);
      return;
    }
    if (!this.#origins.includes(event.origin)) return;
    this.#origin = event.origin;
    const { threadline: what, identity, open, focus } = event.data;
    const shown = { open: Boolean(open), focus: Boolean(focus) };
    if (what === "hello") this.#hooks.onHello(isIdentity(identity) ? identity : null, shown);
    if (what === "shown") this.#hooks.onShown(shown);
  }
}

function isIdentity(value) {
  if (typeof value === "string") return value.length > 0;
  return typeof value?.user_id === "string" && typeof value?.hash === "string";
}
