/**
 * The operators' page: puts sign-in, the list of cases, the open case and the live connection
 * together. Started by desk.html.
 */

import { DeskApi } from "./desk-api.js";
import { showArticles } from "./desk-articles.js";
import { OpenCase } from "./desk-case.js";
import { Cases } from "./desk-cases.js";
import { showDigest } from "./desk-digest.js";
import { showGaps } from "./desk-gaps.js";
import { wireKeys } from "./desk-keys.js";
import { CaseList } from "./desk-list.js";
import { Live } from "./desk-live.js";
import { showNotices } from "./desk-notices.js";
import { SignIn } from "./desk-sign-in.js";
import { Sound } from "./desk-sound.js";
import { wireMenu } from "./dialog.js";
import { announce, byId, el, icon } from "./dom.js";

const CLOCK_EVERY_MS = 20_000;
const PHONE = "(max-width: 760px)";

class DeskPage {
  #api = new DeskApi();
  #cases = new Cases();
  #sound = new Sound();
  #known = null;

  constructor() {
    const refused = (error) => this.door.refused(error);
    this.door = new SignIn(this.#api, { onIn: (me) => this.#signedIn(me), onOut: () => this.live.stop() });
    this.live = new Live(this.#api, this.#cases, {
      selected: () => this.case.selected, refused, onLists: () => this.#listsCame(), onNotices: showNotices,
      onCase: (one) => this.case.show(one), onCaseError: (id, error) => this.#caseFailed(id, error),
    });
    this.case = new OpenCase(this.#api, this.#cases, {
      refused, fetch: (id) => this.live.fetchCase(id), onActed: (one) => this.#acted(one), onShown: () => this.#showList(),
    });
    this.list = new CaseList(this.#cases, { onOpen: (id) => this.#open(id), onFilter: () => this.live.refresh() });
    this.#wire();
  }

  start() {
    return this.door.start();
  }

  #wire() {
    wireKeys({
      move: (step) => this.#move(step), press: (action) => this.case.actions.press(action), write: (mode) => this.case.write(mode),
      use: () => this.case.suggestion.use(), leave: () => this.case.facts.open(false),
    });
    wireMenu(byId("operator-button"), byId("operator-menu"));
    byId("digest").addEventListener("click", () => showDigest(() => this.#api.digest()));
    byId("gaps").addEventListener("click", () => showGaps(() => this.#api.gaps()));
    byId("articles").addEventListener("click", () => showArticles(this.#api));
    byId("sign-out").addEventListener("click", () => this.#signOut());
    byId("back").addEventListener("click", () => this.#close());
    window.addEventListener("hashchange", () => this.#followAddress());
    setInterval(() => this.#tick(), CLOCK_EVERY_MS);
  }

  #signedIn(me) {
    this.#cases.setOperator(me);
    showNotices(me.notices ?? []);
    this.#showNoCase();
    this.live.start();
    this.#followAddress();
  }

  #signOut() {
    this.#api.setToken(null);
    this.#cases.forget();
    this.#known = null;
    this.case.clear();
    history.replaceState(null, "", location.pathname + location.search);
    byId("case-list").replaceChildren();
    showNotices([]);
    this.door.ask();
  }

  #tick() {
    if (!this.live.running) return;
    this.#showList();
    this.case.showHead();
  }

  // Which case is open: the address knows it too

  #followAddress() {
    const id = new URLSearchParams(location.hash.slice(1)).get("case");
    if (id && id !== this.case.selected) this.case.open(id);
    if (!id && this.case.selected) this.case.close();
  }

  async #open(id) {
    id = String(id);
    const address = `#${new URLSearchParams({ case: id })}`;
    if (location.hash !== address) history.pushState(null, "", address);
    await this.case.open(id);
    if (this.case.selected === id && matchMedia(PHONE).matches) byId("case-pane").focus({ preventScroll: true });
  }

  #move(step) {
    const id = this.list.neighbour(step);
    if (!id) return;
    history.replaceState(null, "", `#${new URLSearchParams({ case: id })}`);
    this.case.open(String(id));
    this.list.reveal(id);
  }

  #close() {
    this.case.close();
    history.replaceState(null, "", location.pathname + location.search);
  }

  #caseFailed(id, error) {
    if (this.case.selected !== id) return;
    if (error.status === 404) this.#close();
    this.case.notice(error.message);
  }

  // What is shown

  #acted(one) {
    this.#showList();
    this.live.acted(one.id);
  }

  #listsCame() {
    const unclaimed = this.#cases.open.filter((one) => this.#cases.isUnclaimed(one));
    const fresh = this.#known && unclaimed.filter((one) => !this.#known.has(one.id));
    if (fresh?.length) {
      this.#sound.play();
      announce(fresh.length === 1 ? `New case from ${fresh[0].customer}` : `${fresh.length} new cases`);
    }
    this.#known = new Set(unclaimed.map((one) => one.id));
    this.#showList();
  }

  #showList() {
    this.list.show(this.case.selected);
    const waiting = this.#cases.count("unclaimed");
    if (!byId("desk").hidden) document.title = `${waiting ? `(${waiting}) ` : ""}Desk: Threadline`;
    if (!this.case.selected) this.#showNoCase();
  }

  #showNoCase() {
    const waiting = this.#cases.count("unclaimed");
    if (waiting === null) return byId("no-case").replaceChildren();
    const title = waiting ? `${waiting} unclaimed ${waiting === 1 ? "case" : "cases"}` : "All quiet";
    const text = waiting ? "Choose one at the left, or press j." : "Nobody is waiting for a person. New cases appear here by themselves.";
    byId("no-case").replaceChildren(icon(waiting ? "person" : "check"), el("h2", { text: title }), el("p", { text }));
  }
}

new DeskPage().start();
