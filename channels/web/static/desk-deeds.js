/**
 * What operators do to a case, wherever on the page they ask for it: one thing at a time per case,
 * and the case is shown as the server answers, after a conflict too.
 */

export class Deeds {
  #api;
  #hooks;
  #busy = new Set();

  /**
   * @param {import("./desk-api.js").DeskApi} api
   * @param {{onCase: (one: Object) => void, onBusy: () => void, onError: (id: string, text: string) => void, refused: (error: Error) => boolean}} hooks
   *   `onCase` gets the case as it is after it; `onError` a sentence for the operator
   */
  constructor(api, hooks) {
    this.#api = api;
    this.#hooks = hooks;
  }

  /** @param {string} id a case @returns {boolean} whether something is being done to it */
  isBusy(id) {
    return this.#busy.has(id);
  }

  /**
   * Does it; who asks shows what went wrong.
   * @param {string} id
   * @param {import("./desk-api.js").Deed} deed
   * @param {{files?: Array<File>, onProgress?: (share: number) => void}} [extra]
   * @throws {Error} with a readable message
   */
  async send(id, deed, extra) {
    try {
      this.#hooks.onCase(await this.#api.act(id, deed, extra));
    } catch (error) {
      if (error.body?.case?.id) this.#hooks.onCase(error.body.case);
      this.#hooks.refused(error);
      throw error;
    }
  }

  /**
   * Does it for a button: a second press meanwhile does nothing, and errors are said above the case.
   * @param {string} id
   * @param {import("./desk-api.js").Deed} deed
   * @returns {Promise<boolean>} whether it was done
   */
  async press(id, deed) {
    if (this.#busy.has(id)) return false;
    this.#busy.add(id);
    this.#hooks.onBusy();
    try {
      await this.send(id, deed);
      return true;
    } catch (error) {
      this.#hooks.onError(id, error.message);
      return false;
    } finally {
      this.#busy.delete(id);
      this.#hooks.onBusy();
    }
  }
}
