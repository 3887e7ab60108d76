/** The line above the message box that says when the connection is down. Short gaps are not worth one. */

import { byId } from "./dom.js";

const PATIENCE_MS = 1_500;

export class ConnectionLine {
  #timer = 0;

  /** @param {"online"|"offline"} state each failed attempt comes here again */
  show(state) {
    if (state === "online") {
      clearTimeout(this.#timer);
      this.#timer = 0;
      byId("connection").hidden = true;
      return;
    }
    this.#timer ||= setTimeout(() => {
      byId("connection-text").textContent = navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline. Messages go out when you are back.";
      byId("connection").hidden = false;
    }, PATIENCE_MS);
  }
}
