/**
 * The chat on another site: a round button in the corner that opens the chat page in a frame.
 *
 *   <script src="https://help.example.com/static/widget.js" async data-identity="JWT"></script>
 *
 * Runs as a guest of a page we know nothing about: everything lives in a shadow root, styles are
 * made without style elements (the page's own policy may forbid them), and the one global is
 * Threadline {open, close, identify}. Who the customer is goes to the frame alone, by postMessage to
 * this server's exact origin. The page needs our origin in script-src and frame-src, and the owner
 * lists the page's origin in WIDGET_ORIGINS.
 */
(() => {
  "use strict";

  const script = document.currentScript ?? document.querySelector("script[src*='/static/widget.js']");
  if (!script || window.Threadline) return;
  const HOME = new URL(script.src, location.href).origin;
  const STORED = "threadline.widget";
  const SMALL = "(max-width: 640px)";
  const BUBBLE = ["M4.5 6.5a2.5 2.5 0 0 1 2.5-2.5h10a2.5 2.5 0 0 1 2.5 2.5v7a2.5 2.5 0 0 1-2.5 2.5h-5.5L7 20v-4a2.5 2.5 0 0 1-2.5-2.5Z", "M8.5 8.5h7", "M8.5 11.8h4.5"];
  const CROSS = ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"];

  const STYLES = `
    .button {
      position: fixed; right: max(20px, env(safe-area-inset-right)); bottom: max(20px, env(safe-area-inset-bottom));
      display: grid; place-items: center; width: 58px; height: 58px; margin: 0; padding: 0; border: 0; border-radius: 50%;
      background: #17695a; color: #fff; cursor: pointer; z-index: 2147483001;
      box-shadow: 0 2px 6px rgb(10 30 25 / 22%), 0 8px 28px rgb(10 30 25 / 24%);
    }
    .button:hover { background: #0f5246; }
    .button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1a5fd0; }
    svg { grid-area: 1 / 1; width: 28px; height: 28px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
    .unread {
      position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 6px; box-sizing: border-box;
      border-radius: 11px; background: #c0281d; color: #fff; font: 700 12.5px/22px system-ui, sans-serif; text-align: center;
    }
    .panel {
      position: fixed; right: max(20px, env(safe-area-inset-right)); bottom: calc(max(20px, env(safe-area-inset-bottom)) + 72px);
      width: 400px; height: min(660px, calc(100dvh - 116px)); overflow: hidden; z-index: 2147483000;
      border: 1px solid rgb(120 134 128 / 35%); border-radius: 18px; background: Canvas; color-scheme: light dark;
      box-shadow: 0 4px 12px rgb(10 30 25 / 10%), 0 16px 56px rgb(10 30 25 / 24%);
    }
    iframe { display: block; width: 100%; height: 100%; border: 0; color-scheme: light dark; }
    .said { position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    [hidden] { display: none !important; }
    @media ${SMALL} {
      .panel { inset: 0; width: auto; height: auto; border: 0; border-radius: 0; }
      .button[aria-expanded="true"] { display: none; }
    }
    @media (prefers-reduced-motion: no-preference) {
      .button { transition: background-color .15s; }
      .panel.rises { animation: rise .18s ease-out; }
      @keyframes rise { from { opacity: 0; transform: translateY(10px); } }
    }
    @media print { .button, .panel { display: none; } }
  `;

  let identity = parseIdentity(script.dataset.identity);
  let frame = null;
  let greeted = false;
  let isOpen = false;
  let wantsFocus = false;
  let unread = 0;

  const host = document.createElement("threadline-widget");
  host.style.setProperty("all", "initial", "important");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLES);
  root.adoptedStyleSheets = [sheet];

  const mark = make("span", { class: "unread", "aria-hidden": "true", hidden: "" });
  const icons = { bubble: drawing(BUBBLE), cross: drawing(CROSS) };
  const button = make("button", { type: "button", class: "button", "aria-expanded": "false", "aria-controls": "panel" }, icons.bubble, icons.cross, mark);
  const panel = make("div", { id: "panel", class: "panel", role: "dialog", "aria-label": "Support chat", hidden: "" });
  const said = make("div", { class: "said", role: "status" });
  root.append(panel, button, said);

  button.addEventListener("click", () => (isOpen ? close() : open()));
  root.addEventListener("keydown", (event) => { if (event.key === "Escape" && isOpen) close(); });
  window.addEventListener("message", received);
  show();
  document.documentElement.append(host);
  window.Threadline = Object.freeze({ open: () => open(), close: () => close(), identify });
  comeBack();

  /** Opens the chat and moves the focus into it. */
  function open({ focus = true } = {}) {
    load();
    isOpen = true;
    wantsFocus = focus;
    panel.classList.add("rises");
    remember();
    show();
    if (greeted && focus) frame.focus();
    tell("shown", { open: true, focus });
  }

  /** Closes the chat; the focus goes back to the button if it was inside. */
  function close() {
    const inside = root.activeElement !== null;
    isOpen = false;
    remember();
    show();
    tell("shown", { open: false });
    if (inside) button.focus({ preventScroll: true });
  }

  /**
   * Says who the customer is, after a sign-in without a new page; null after a sign-out.
   * @param {string|{user_id: string, hash: string}|null} token a JWT, or an id with its HMAC
   */
  function identify(token) {
    identity = parseIdentity(token);
    if (greeted) tell("hello", { identity, open: isOpen });
  }

  /** Where a conversation was begun, the frame is loaded unseen, so that the button can show what is unread. */
  function comeBack() {
    const was = recall();
    if (was.open && !matchMedia(SMALL).matches) open({ focus: false });
    else if (was.used) (window.requestIdleCallback ?? setTimeout)(load);
  }

  function load() {
    if (frame) return;
    frame = make("iframe", { title: "Support chat", src: `${HOME}/?embed=1`, allow: "clipboard-write" });
    frame.addEventListener("load", () => {
      greeted = true;
      const focus = isOpen && wantsFocus;
      if (focus) frame.focus();
      tell("hello", { identity, open: isOpen, focus });
    });
    panel.append(frame);
  }

  function tell(what, data) {
    if (greeted) frame.contentWindow.postMessage({ threadline: what, ...data }, HOME);
  }

  function received(event) {
    if (!frame || event.origin !== HOME || event.source !== frame.contentWindow) return;
    const { threadline: what, count } = event.data ?? {};
    if (what === "close") {
      close();
      button.focus({ preventScroll: true });
    }
    if (what === "unread" && Number.isInteger(count) && count !== unread) {
      if (count > unread) said.textContent = `${messages(count)} from support`;
      unread = count;
      show();
    }
  }

  function show() {
    const shown = isOpen ? 0 : unread;
    panel.hidden = !isOpen;
    icons.bubble.toggleAttribute("hidden", isOpen);
    icons.cross.toggleAttribute("hidden", !isOpen);
    mark.hidden = shown === 0;
    mark.textContent = shown > 9 ? "9+" : String(shown);
    button.setAttribute("aria-expanded", String(isOpen));
    button.setAttribute("aria-label", isOpen ? "Close support chat" : `Open support chat${shown ? `, ${messages(shown)}` : ""}`);
  }

  function messages(count) {
    return count === 1 ? "1 new message" : `${count} new messages`;
  }

  function parseIdentity(given) {
    if (typeof given !== "string") return given ?? null;
    if (!given.trim().startsWith("{")) return given.trim() || null;
    try {
      return JSON.parse(given);
    } catch {
      return null;
    }
  }

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(STORED)) ?? {};
    } catch {
      return {};
    }
  }

  function remember() {
    try {
      localStorage.setItem(STORED, JSON.stringify({ open: isOpen, used: true }));
    } catch {
      // A page without storage forgets.
    }
  }

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function drawing(paths) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    for (const d of paths) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  }
})();
