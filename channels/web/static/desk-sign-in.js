/**
 * The door of the desk: asks for the operator's token and lets in who has a good one.
 */

import { ApiError } from "./api.js";
import { byId } from "./dom.js";

export class SignIn {
  #api;
  #hooks;

  /**
   * @param {import("./desk-api.js").DeskApi} api
   * @param {{onIn: (me: Object) => void, onOut: () => void}} hooks `onOut` is called before the form shows
   */
  constructor(api, hooks) {
    this.#api = api;
    this.#hooks = hooks;
    byId("sign-in-form").addEventListener("submit", (event) => this.#submitted(event));
  }

  /** Goes in with the token there is, or asks for one. */
  async start() {
    if (!this.#api.token) return this.ask();
    try {
      this.#enter(await this.#api.me());
    } catch (error) {
      this.ask(error.message);
      if (!(error instanceof ApiError)) byId("token").value = this.#api.token;
    }
  }

  /** Shows the form. @param {string} [error] why */
  ask(error = "") {
    this.#hooks.onOut();
    byId("desk").hidden = true;
    byId("sign-in").hidden = false;
    byId("sign-in-error").hidden = !error;
    byId("sign-in-error").textContent = error;
    document.title = "Sign in: desk";
    byId("token").focus();
  }

  /**
   * Ends at the form when the token is no longer good; drafts stay for who signs in again.
   * @param {Error} error
   * @returns {boolean} whether it was that
   */
  refused(error) {
    if (!(error instanceof ApiError) || error.status !== 401) return false;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    this.#api.setToken(null);
    this.ask(error.message);
    return true;
  }

  #enter(me) {
    byId("token").value = "";
    byId("sign-in").hidden = true;
    byId("desk").hidden = false;
    byId("operator-name").textContent = me.name;
    byId("operator-initial").textContent = [...(me.name || "?")][0].toUpperCase();
    this.#hooks.onIn(me);
  }

  async #submitted(event) {
    event.preventDefault();
    const button = byId("sign-in-button");
    if (button.disabled) return;
    button.disabled = true;
    this.#api.setToken(byId("token").value.trim());
    try {
      await this.start();
    } finally {
      button.disabled = false;
    }
  }
}
