// What the browser scenarios share: Chromium with its console watched, customers who speak the chat API, conditions.
// Run by the *.mjs beside it, which tests/scenario/test_browser.py starts.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
  "--disable-component-update", "--disable-sync",
];
const problems = [];
let provoked = [];

/** Starts Chromium, runs `scenario(browser)`, and fails for anything that a page's console complained about. */
export async function inBrowser(scenario) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  try {
    await scenario(browser);
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
}

/** Says that complaints which match `pattern` are meant to happen. */
export function expectComplaint(pattern) {
  provoked = [...provoked, pattern];
}

/** Opens a page in a browser context of its own. `stored`: what its localStorage begins with. */
export async function open(browser, address, { viewport = { width: 1280, height: 860 }, stored = {}, ...options } = {}) {
  const context = await browser.newContext({ viewport, ...options });
  await context.addInitScript((items) => {
    for (const [key, value] of Object.entries(items)) if (!localStorage.getItem(key)) localStorage.setItem(key, value);
  }, stored);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const complain = (text) => { if (!provoked.some((pattern) => pattern.test(text))) problems.push(`${page.url()}: ${text}`); };
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complain(message.text()); });
  page.on("pageerror", (error) => complain(error.stack));
  await page.goto(address);
  return page;
}

/** Waits until `check()` is true, looking again whenever `again()` has run. */
export async function until(check, what, again = () => new Promise((resolve) => setTimeout(resolve, 20))) {
  for (const end = Date.now() + 10_000; !(await check());) {
    assert.ok(Date.now() < end, `never happened: ${what}`);
    await again();
  }
}

/** The bytes that a click makes the page save, as text. */
export async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return { name: download.suggestedFilename(), text: Buffer.concat(chunks).toString() };
}

/** An identity as the owner's site signs it: a JWT of HS256. */
export function signed(secret, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

/** Calls the API; answers {status, body}. */
export async function call(url, method, path, { token, body } = {}) {
  const form = body instanceof FormData;
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body && !form ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch(url + path, { method, headers, body: body && !form ? JSON.stringify(body) : body });
  return { status: answer.status, body: await answer.json() };
}

/** One customer at the chat API. */
export class Customer {
  /** Opens a session, for the customer that `identity` names. */
  static async of(url, identity) {
    const { status, body } = await call(url, "POST", "/api/v1/chat/sessions", { body: identity ? { identity } : {} });
    assert.equal(status, 201);
    return Object.assign(new Customer(), { url, session: body, path: `/api/v1/chat/sessions/${body.session_id}` });
  }

  /** What a browser stores of this session. */
  get stored() {
    return { "threadline.chat.session": JSON.stringify(this.session) };
  }

  /** Says `text`, with files as [[name, content]], and waits for the turn to end. */
  async say(text, files = []) {
    const body = new FormData();
    body.append("text", text);
    for (const [name, content] of files) body.append("files", new Blob([content], { type: "text/plain" }), name);
    const { status } = await this.call("POST", "messages?wait=60", body);
    assert.equal(status, 200);
  }

  call(method, rest, body) {
    return call(this.url, method, `${this.path}/${rest}`, { token: this.session.token, body });
  }
}
