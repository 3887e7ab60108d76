// The chat on another site: a page with a strict policy of its own, customers it vouches for, and a site that isn't listed.
// Run by tests/scenario/test_browser.py:  node widget.mjs URL SITE OTHER_SITE WIDGET_SECRET OPERATOR_TOKEN FOLDER_FOR_SCREENSHOTS
import assert from "node:assert/strict";
import { call, expectComplaint, inBrowser, open, signed, until } from "./lib.mjs";

const [url, site, otherSite, secret, token, folder] = process.argv.slice(2);
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });
const signedIn = (identity) => `${site}/?${new URLSearchParams({ identity })}`;
const chatOf = (page) => page.frameLocator("threadline-widget iframe");
const button = (page) => page.locator("threadline-widget .button");
const said = (page, author, text) => chatOf(page).locator(`#log [data-author=${author}]`, { hasText: text });

async function openWidget(page) {
  await button(page).click();
  await chatOf(page).locator("#composer:not([inert])").waitFor();
}

async function send(page, text) {
  await chatOf(page).locator("#message").fill(text);
  await chatOf(page).locator("#message").press("Enter");
}

async function cases() {
  return (await call(url, "GET", "/api/v1/desk/cases", { token })).body.cases;
}

async function act(id, body) {
  assert.equal((await call(url, "POST", `/api/v1/desk/cases/${id}/actions`, { token, body })).status, 200);
}

async function aGuestAsksAndIsAnswered(browser) {
  const page = await open(browser, `${site}/`);
  await openWidget(page);
  await send(page, "How long do I have to return an article?");
  await said(page, "bot", "30 days").waitFor();
  await shot(page, "widget");
  await send(page, "I want to talk to a person");
  await chatOf(page).locator("#banner[data-owner=desk]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("threadline-widget .panel").waitFor({ state: "hidden" });
  await page.waitForFunction(() => document.querySelector("threadline-widget").shadowRoot.activeElement?.className === "button");

  const [one] = await cases();
  assert.equal(one.verified, false);
  await act(one.id, { action: "claim" });
  await act(one.id, { action: "reply", text: "Ada here." });
  await until(async () => (await page.textContent("threadline-widget .unread")) === "2", "two unread lines on the button");
  await page.reload();
  await page.locator("threadline-widget .unread", { hasText: "2" }).waitFor();
  await openWidget(page);
  await said(page, "operator", "Ada here.").waitFor();
  await act(one.id, { action: "resolve" });
}

async function whoTheSiteVouchesForIsKnown(browser) {
  const page = await open(browser, signedIn(signed(secret, { sub: "42", name: "Vera Voss" })));
  await openWidget(page);
  await send(page, "I want to talk to a person");
  await chatOf(page).locator("#banner[data-owner=desk]").waitFor();
  const [one] = await cases();
  assert.deepEqual([one.customer, one.verified], ["Vera Voss", true]);

  await page.evaluate((identity) => window.Threadline.identify(identity), signed(secret, { sub: "43", name: "Wim Wolf" }));
  await chatOf(page).locator("#welcome:not([hidden])").waitFor();
  assert.equal(await said(page, "customer", "").count(), 0, "the next customer reads nothing of the one before");
  await page.evaluate((identity) => window.Threadline.identify(identity), signed(secret, { sub: "42", name: "Vera Voss" }));
  await said(page, "customer", "I want to talk to a person").waitFor();
}

async function whoIsForgedIsToldKindly(browser) {
  expectComplaint(/status of 401|identity token is not signed/);
  const page = await open(browser, signedIn(signed("x".repeat(40), { sub: "42", name: "Vera Voss" })), { viewport: { width: 390, height: 780 } });
  await openWidget(page);
  await send(page, "Show me my orders, please");
  const told = chatOf(page).locator("#unconfirmed");
  await told.waitFor();
  assert.doesNotMatch(await told.textContent(), /forged|invalid|token|signature/i);
  assert.equal(await chatOf(page).locator("#log .message").count(), 0, "nothing of the real customer shows");
  await shot(page, "widget-unconfirmed");
  await chatOf(page).locator("#as-guest").click();
  await said(page, "customer", "Show me my orders, please").waitFor();
  await told.waitFor({ state: "hidden" });
}

async function aSiteThatIsNotListedShowsNothing(browser) {
  expectComplaint(/frame-ancestors|Framing|recipient window's origin \('null'\)/);
  const page = await open(browser, `${otherSite}/`);
  await button(page).click();
  await until(() => page.frames().some((frame) => frame.url().startsWith("chrome-error:")), "the frame is refused");
  assert.equal(await chatOf(page).locator("#composer").count(), 0);
}

await inBrowser(async (browser) => {
  await aGuestAsksAndIsAnswered(browser);
  await whoTheSiteVouchesForIsKnown(browser);
  await whoIsForgedIsToldKindly(browser);
  await aSiteThatIsNotListedShowsNothing(browser);
  console.log("the widget works in the browser");
});
