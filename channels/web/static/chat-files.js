/**
 * The files a customer is about to send: chosen, pasted or dropped, listed above the message box
 * until they go, each with its size and a way to take it out.
 */

import { announce, byId, el, icon } from "./dom.js";
import { sizeText } from "./messages.js";

/** The server's limits for one message. */
const MOST = 5;
const LARGEST_BYTES = 20 * 1024 * 1024;

export class FileTray {
  /** @type {File[]} */
  #files = [];
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    const input = byId("chat-files");
    byId("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
    byId("message").addEventListener("paste", (event) => this.#pasted(event));
    this.#takeDrops();
  }

  get count() {
    return this.#files.length;
  }

  /** @param {File[]} files adds those that can be sent, and says why the others can't */
  add(files) {
    const refused = [];
    for (const file of files) {
      const why = this.#refusal(file);
      if (why) refused.push(why);
      else if (!this.#files.some((one) => same(one, file))) this.#files.push(file);
    }
    this.#show([...new Set(refused)]);
  }

  /** @returns {File[]} the files, which leave the tray */
  take() {
    const files = this.#files;
    this.#files = [];
    this.#show([]);
    return files;
  }

  #refusal(file) {
    if (file.size > LARGEST_BYTES) return `${file.name} has ${sizeText(file.size)}; ${sizeText(LARGEST_BYTES)} is the most for one file.`;
    if (file.size === 0) return `${file.name} is empty, or a folder. Choose single files.`;
    if (this.#files.length >= MOST) return `${MOST} files fit in one message. Send the others with the next one.`;
    return null;
  }

  #remove(file, at) {
    this.#files = this.#files.filter((one) => one !== file);
    this.#show([]);
    announce(`${file.name} removed.`);
    const left = byId("tray").querySelectorAll("button");
    (left[Math.min(at, left.length - 1)] ?? byId("attach")).focus();
  }

  #show(refused) {
    const tray = byId("tray");
    tray.replaceChildren(...this.#files.map((file, at) => this.#item(file, at)));
    tray.hidden = this.#files.length === 0;
    byId("files-message").textContent = refused.join(" ");
    byId("files-message").hidden = refused.length === 0;
    this.#onChange();
  }

  #item(file, at) {
    const button = el("button", { type: "button", class: "tray-remove", "aria-label": `Remove ${file.name}` }, icon("close"));
    button.addEventListener("click", () => this.#remove(file, at));
    return el("li", { class: "tray-item" }, icon("document"),
      el("span", { class: "file-name", dir: "auto", text: file.name }),
      el("span", { class: "file-size", text: sizeText(file.size) }), button);
  }

  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    // Office programs put a picture of the text beside the text itself.
    if (!files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    this.add(files);
  }

  #takeDrops() {
    let depth = 0;
    const show = (on) => {
      if (!on) depth = 0;
      byId("drop-hint").hidden = !on;
    };
    document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; show(true); } });
    document.addEventListener("dragleave", (event) => { if (carriesFiles(event)) { depth -= 1; if (depth <= 0) show(false); } });
    document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
    document.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      show(false);
      if (!document.querySelector("dialog[open]")) this.add([...event.dataTransfer.files]);
    });
  }
}

function carriesFiles(event) {
  return Boolean(event.dataTransfer?.types.includes("Files"));
}

function same(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified && one.type === other.type;
}
