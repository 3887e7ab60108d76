/**
 * Files that are to go out with a reply or a note: chosen, pasted or dropped, listed with their size,
 * removable until they are sent. Each case keeps its own for replies and for notes; they live in this
 * page only, so leaving the page asks first.
 */

import { byId, el, icon } from "./dom.js";
import { sizeText } from "./messages.js";

const MOST_FILES = 5;
const MOST_BYTES = 20 * 1024 * 1024;

export class Attachments {
  #byPlace = new Map();
  #place = "";
  #open = false;
  #depth = 0;

  /** @param {{onChange: () => void, onRefuse: (text: string) => void}} hooks `onRefuse` gets a sentence about files that can't go */
  constructor(hooks) {
    this.hooks = hooks;
    const picker = byId("desk-files");
    picker.addEventListener("change", () => {
      this.#add([...picker.files]);
      picker.value = "";
    });
    byId("desk-attach").addEventListener("click", () => picker.click());
    byId("desk-text").addEventListener("paste", (event) => this.#pasted(event));
    this.#wireDrop(byId("case-pane"));
    window.addEventListener("beforeunload", (event) => { if (this.#byPlace.size) event.preventDefault(); });
  }

  /** @param {string} place a case and a mode @param {boolean} open whether files may be added there now */
  show(place, open) {
    this.#place = place;
    this.#open = open;
    byId("desk-attach").disabled = !open;
    byId("desk-files").disabled = !open;
    const items = this.at(place).map((file, index) => this.#item(file, index));
    byId("desk-attached").hidden = !items.length;
    byId("desk-attached").replaceChildren(...items);
  }

  /** @param {string} place @returns {Array<File>} */
  at(place) {
    return this.#byPlace.get(place) ?? [];
  }

  /** Drops files that have gone; what was added meanwhile stays. @param {string} place @param {Array<File>} sent */
  remove(place, sent) {
    const rest = this.at(place).filter((file) => !sent.includes(file));
    if (rest.length) this.#byPlace.set(place, rest);
    else this.#byPlace.delete(place);
  }

  /** Drops all of them. */
  clear() {
    this.#byPlace.clear();
  }

  #add(files) {
    if (!this.#open || !files.length) return;
    const here = [...this.at(this.#place)];
    const refused = [];
    for (const file of files) {
      const why = reason(file, here);
      if (why) refused.push(`${file.name}: ${why}`);
      else here.push(file);
    }
    if (here.length) this.#byPlace.set(this.#place, here);
    this.hooks.onChange();
    if (refused.length) this.hooks.onRefuse(refused.join(" "));
  }

  #item(file, index) {
    const remove = el("button", { type: "button", class: "icon-button", "aria-label": `Remove ${file.name}`, title: "Remove", disabled: !this.#open }, icon("close"));
    remove.addEventListener("click", () => {
      this.remove(this.#place, [file]);
      this.hooks.onChange();
      (byId("desk-attached").querySelectorAll("button")[Math.min(index, this.at(this.#place).length - 1)] ?? byId("desk-attach")).focus();
    });
    return el("li", { class: "attached" }, icon(file.type.startsWith("image/") ? "image" : "document"),
      el("span", { class: "file-name", dir: "auto", text: file.name }), el("span", { class: "number", text: sizeText(file.size) }), remove);
  }

  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    // Office programs put a picture of the text beside the text: then the text is meant.
    if (!files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    this.#add(files);
  }

  #wireDrop(pane) {
    // A file dropped beside the pane would otherwise replace the page.
    for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => { if (carriesFiles(event)) event.preventDefault(); });
    const over = (step) => {
      this.#depth = Math.max(0, this.#depth + step);
      byId("drop-here").hidden = !(this.#depth && this.#open);
    };
    pane.addEventListener("dragenter", (event) => { if (carriesFiles(event)) over(1); });
    pane.addEventListener("dragleave", (event) => { if (carriesFiles(event)) over(-1); });
    pane.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      over(-this.#depth);
      this.#add([...event.dataTransfer.files]);
    });
  }
}

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

function reason(file, others) {
  if (file.size > MOST_BYTES) return `too large, ${sizeText(MOST_BYTES)} is the most.`;
  if (others.length >= MOST_FILES) return `${MOST_FILES} files are the most for one message.`;
  if (others.some((other) => other.name === file.name && other.size === file.size && other.lastModified === file.lastModified)) return "already there.";
  return "";
}
