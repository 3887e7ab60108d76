/**
 * The bar at the top for what the owner must know, for example a desk that can't be reached.
 */

import { announce, byId, el, icon } from "./dom.js";

/** @param {Array<{text: string}>} notices all there are now */
export function showNotices(notices) {
  const box = byId("notices");
  const texts = notices.map(({ text }) => text).filter(Boolean);
  const signature = JSON.stringify(texts);
  if (box.signature === signature) return;
  const fresh = texts.filter((text) => !(box.signature ?? "").includes(JSON.stringify(text)));
  box.signature = signature;
  box.hidden = !texts.length;
  box.replaceChildren(...texts.map((text) => el("li", {}, icon("alert"), el("span", { dir: "auto", text }))));
  if (fresh.length) announce(fresh.join(" "));
}
