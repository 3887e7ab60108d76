/**
 * The box the customer writes in: Enter sends, Shift+Enter breaks the line, it grows, counts near
 * the limit, takes files, and keeps an unfinished text over a reload.
 */

import { byId, fitHeight, lengthOf } from "./dom.js";
import { FileTray } from "./chat-files.js";
import { thisTab } from "./memory.js";

/** The server's limit for one message, in characters. */
export const LIMIT = 8_000;
const COUNT_FROM = 7_000;
const DRAFT = "threadline.chat.draft";

export class Composer {
  #area = byId("message");
  #send = byId("send");
  #counter = byId("counter");
  #draft = DRAFT;
  #tray = new FileTray(() => this.#changed());

  /** @param {(text: string, files: File[]) => void} onSend */
  constructor(onSend) {
    this.onSend = onSend;
    this.#area.addEventListener("input", () => this.#changed());
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {string} scope takes up the unfinished text of this part of the browser's storage */
  use(scope) {
    this.#draft = scope ? `${DRAFT}.${scope}` : DRAFT;
    this.#area.value ||= thisTab.get(this.#draft) ?? "";
    this.#changed();
  }

  /** Measures again: a page that is not shown has no sizes. */
  fit() {
    fitHeight(this.#area);
  }

  focus() {
    this.#area.focus();
  }

  /** @param {{text: string, files: File[]}} message put before whatever is being written */
  restore({ text, files }) {
    this.#area.value = [text, this.#area.value].filter(Boolean).join("\n");
    this.#tray.add(files);
    this.#changed();
    this.focus();
  }

  #key(event) {
    // 229: an input method is still composing; its Enter chooses a word, it doesn't send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.#area.value.trim();
    if ((!text && !this.#tray.count) || lengthOf(text) > LIMIT) return;
    this.#area.value = "";
    const files = this.#tray.take();
    this.#changed();
    this.onSend(text, files);
    this.focus();
  }

  #changed() {
    const length = lengthOf(this.#area.value.trim());
    const over = length > LIMIT;
    fitHeight(this.#area);
    thisTab.set(this.#draft, this.#area.value || null);
    this.#send.disabled = (length === 0 && !this.#tray.count) || over;
    this.#area.setAttribute("aria-invalid", String(over));
    this.#counter.hidden = length < COUNT_FROM;
    this.#counter.classList.toggle("over", over);
    this.#counter.textContent = over
      ? `${(length - LIMIT).toLocaleString()} characters too many`
      : `${length.toLocaleString()} of ${LIMIT.toLocaleString()}`;
  }
}
