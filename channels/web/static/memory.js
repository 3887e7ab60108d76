/**
 * Browser storage that never throws: a private window or a full quota must not break a page.
 * What can't be stored is kept for as long as the page lives.
 */

class Memory {
  #backing;
  #fallback = new Map();

  constructor(backing) {
    this.#backing = backing;
  }

  /** @param {string} key @returns {any} the stored value, or null */
  get(key) {
    if (this.#fallback.has(key)) return this.#fallback.get(key);
    try {
      return JSON.parse(this.#backing().getItem(key));
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {any} value a JSON value; null removes it */
  set(key, value) {
    this.#fallback.delete(key);
    try {
      if (value === null) this.#backing().removeItem(key);
      else this.#backing().setItem(key, JSON.stringify(value));
    } catch {
      this.#fallback.set(key, value);
    }
  }
}

/** Kept across visits, shared by the tabs of this site. */
export const lasting = new Memory(() => window.localStorage);

/** Kept for this tab alone. */
export const thisTab = new Memory(() => window.sessionStorage);
