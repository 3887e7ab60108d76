/**
 * The files of messages in the transcript: name, kind, size, what became of each, what a customer's
 * file says, a small picture of images, and the way to get them. They are fetched with the operator's
 * token, so a plain link would not do.
 */

import { draw, isPicture } from "./desk-image.js";
import { kindWords, readingLine, showText } from "./desk-reading.js";
import { deliveryWords } from "./desk-words.js";
import { showDialog } from "./dialog.js";
import { el, icon } from "./dom.js";
import { sizeText } from "./messages.js";
import { saveFile } from "./transfer.js";

const THUMBNAIL = [208, 138];
const KEPT = 30;

export class FileLists {
  #fetch;
  #fetchText;
  #kept = new Map();
  #seen;
  #wanted = new WeakMap();

  /**
   * @param {(caseId: string, fileId: string) => Promise<Blob>} fetch
   * @param {(caseId: string, fileId: string) => Promise<string>} fetchText what a customer's file says
   */
  constructor(fetch, fetchText) {
    this.#fetch = fetch;
    this.#fetchText = fetchText;
    this.#seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.#cameNear(entry)), { rootMargin: "300px" });
  }

  /**
   * @param {string} caseId
   * @param {{files?: Array<Object>, delivery?: string|null}} message what became of a file is said where it differs from the message
   * @returns {HTMLElement|null} their list, or null when there are none
   */
  list(caseId, { files, delivery }) {
    if (!files?.length) return null;
    return el("ul", { class: "files", "aria-label": "Files" }, ...files.map((file) => this.#item(caseId, file, file.error || file.delivery !== delivery)));
  }

  /** Forgets what was fetched. */
  clear() {
    this.#kept.clear();
  }

  #item(caseId, file, apart) {
    const error = el("p", { class: "file-error", role: "alert", hidden: true });
    const button = el("button", { type: "button", class: "file-button", title: `Download ${file.name}` },
      icon(isPicture(file) ? "image" : "document"), el("span", { class: "file-name", dir: "auto", text: file.name || "File" }),
      el("span", { class: "number", text: [kindWords(file), Number.isFinite(file.size) && sizeText(file.size)].filter(Boolean).join(" · ") }), icon("download"), el("span", { class: "hidden", text: "Download" }));
    button.addEventListener("click", () => this.#download(caseId, file, button, error));
    const read = readingLine(file, (asked) => this.#openText(caseId, file, asked, error));
    const node = el("li", { class: "file", data: { fileId: file.id } }, button, read, apart ? outcome(file) : null, error);
    if (isPicture(file)) node.prepend(this.#thumbnail(caseId, file));
    return node;
  }

  #thumbnail(caseId, file) {
    const button = el("button", { type: "button", class: "thumbnail", "aria-label": `Show ${file.name}`, "aria-haspopup": "dialog" });
    this.#wanted.set(button, async () => {
      const canvas = await this.#picture(caseId, file, ...THUMBNAIL);
      if (canvas) button.replaceChildren(canvas);
      else button.hidden = true;
    });
    button.addEventListener("click", () => this.#show(caseId, file));
    this.#seen.observe(button);
    return button;
  }

  #cameNear({ isIntersecting, target }) {
    if (!isIntersecting) return;
    this.#seen.unobserve(target);
    this.#wanted.get(target)?.();
  }

  async #picture(caseId, file, width, height) {
    try {
      return await draw(await this.#bytes(caseId, file), width, height);
    } catch {
      return null;
    }
  }

  async #show(caseId, file) {
    const canvas = await this.#picture(caseId, file, innerWidth * 0.9, innerHeight * 2);
    if (!canvas) return;
    const download = el("button", { type: "button", class: "button" }, icon("download"), "Download");
    const error = el("p", { class: "file-error", role: "alert", hidden: true });
    download.addEventListener("click", () => this.#download(caseId, file, download, error));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", file.name);
    showDialog({ title: file.name, class: "picture", id: "picture-dialog" }, canvas, error, el("div", { class: "dialog-actions" }, download));
  }

  #download(caseId, file, button, error) {
    return once(button, error, async () => saveFile(await this.#bytes(caseId, file), file.name));
  }

  #openText(caseId, file, button, error) {
    return once(button, error, async () => showText(file.name, await this.#fetchText(caseId, file.id)));
  }

  /** The bytes of a file; the last few are kept, so a picture that is shown again is not fetched again. */
  #bytes(caseId, file) {
    const known = this.#kept.get(file.id);
    if (known) return known;
    const coming = this.#fetch(caseId, file.id);
    this.#kept.set(file.id, coming);
    coming.catch(() => this.#kept.delete(file.id));
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return coming;
  }
}

/** Does what a button is for, one press at a time; what goes wrong is said beside it. */
async function once(button, error, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  error.hidden = true;
  try {
    await work();
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  } finally {
    button.setAttribute("aria-disabled", "false");
  }
}

function outcome({ delivery, error }) {
  if (!delivery) return null;
  const [text, sign, title] = deliveryWords(delivery);
  return el("p", { class: "outcome", data: { delivery }, title }, icon(sign), el("span", { dir: "auto", text: error ? `${text}: ${error}` : text }));
}
