/** Keeps the end of the conversation in view as it grows, until the customer scrolls up to read. */

import { byId } from "./dom.js";

const NEAR_END_PX = 60;

export class Follower {
  #box = byId("scroller");
  #jump = byId("jump");
  #stuck = true;
  #top = 0;

  constructor() {
    this.#jump.addEventListener("click", () => this.toEnd());
    this.#box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const grown = new ResizeObserver(() => this.follow());
    for (const node of [this.#box, this.#box.firstElementChild]) grown.observe(node);
  }

  /** Something grew: go along, unless the customer reads further up. */
  follow() {
    if (this.#stuck) this.toEnd();
  }

  /** Something new arrived that the customer may not see. */
  arrived() {
    this.#jump.hidden = this.#stuck;
  }

  toEnd() {
    this.#stuck = true;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
    this.#jump.hidden = true;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this.#stuck = true;
    else if (scrollTop < this.#top) this.#stuck = false;
    this.#top = scrollTop;
    if (this.#stuck) this.#jump.hidden = true;
  }
}
