// The main job in a real browser: ask, read the sources, ask for a person, be answered from the desk.
// Run by tests/scenario/test_browser.py:  node main_job.mjs URL OPERATOR_TOKEN FOLDER_FOR_SCREENSHOTS
// Any console error, policy violation or failed check ends it with status 1.
import assert from "node:assert/strict";
import { inBrowser, open } from "./lib.mjs";

const [url, token, folder] = process.argv.slice(2);

const said = (page, author) => page.locator(`#log [data-author=${author}]`);
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

async function send(page, text) {
  await page.fill("#message", text);
  await page.keyboard.press("Enter");
}

await inBrowser(async (browser) => {
  const customer = await open(browser, `${url}/`);
  await customer.waitForSelector(".suggestion");
  assert.match(await customer.textContent("#notice"), /No language model/);
  await shot(customer, "chat-empty");

  await customer.click(".suggestion");
  await said(customer, "bot").first().waitFor();
  assert.ok(await customer.locator("#log table").count(), "a table of an article is a table");
  await shot(customer, "chat-answer");
  await send(customer, "How do I return an article?");
  await said(customer, "bot").nth(1).waitFor();
  await customer.locator("#log .source-chip").last().click();
  assert.ok((await customer.textContent("#source-dialog")).length > 80, "the source opens to its passage");
  await shot(customer, "chat-source");
  await customer.keyboard.press("Escape");

  const operator = await open(browser, `${url}/desk#token=${token}`, { viewport: { width: 1440, height: 900 } });
  await operator.waitForSelector("#desk:not([hidden])");
  assert.ok(!operator.url().includes("token="), "the token leaves the address");

  await customer.click("#talk-to-person");
  await customer.waitForSelector("#banner:not([hidden])");
  await send(customer, "<img src=x onerror=alert(1)> hello <b>bold</b>");
  await said(customer, "customer").nth(3).waitFor();
  assert.equal(await customer.locator("#log img[src=x], #log .bubble b").count(), 0, "markup in a message is text");
  await operator.locator("#case-list .row").first().click();
  await operator.waitForSelector("#transcript .entry.customer");
  await shot(operator, "desk-case");
  await operator.click("#case-actions [data-action=claim]");
  await customer.waitForSelector("#banner[data-owner=operator]");
  await operator.fill("#desk-text", "Hello, **Ada** here. You have 30 days.");
  await operator.dblclick("#desk-send");
  await said(customer, "operator").first().waitFor();
  await operator.waitForSelector(".outcome[data-delivery=delivered]");
  assert.equal(await said(customer, "operator").count(), 1, "a double click sends once");

  await operator.click("#mode-note");
  await operator.fill("#desk-text", "a secret note");
  await operator.click("#desk-send");
  await operator.waitForSelector(".entry.note");
  await send(customer, "Thank you, Ada");
  await operator.locator(".entry.customer", { hasText: "Thank you, Ada" }).waitFor();
  assert.ok(!(await customer.textContent("body")).includes("a secret note"), "a note stays at the desk");
  await shot(customer, "chat-person");
  await shot(operator, "desk-answered");

  await customer.reload();
  await said(customer, "operator").first().waitFor();
  const ids = await customer.$$eval("#log [data-message-id]", (nodes) => nodes.map((node) => node.dataset.messageId));
  assert.equal(ids.length, new Set(ids).size, "a reload shows every message once");

  await operator.click("#case-actions [data-action=hand_back]");
  await customer.waitForSelector("#banner", { state: "hidden" });
  await send(customer, "How do I charge my e-bike battery?");
  await said(customer, "bot").filter({ hasText: "charger" }).waitFor();
  await shot(customer, "chat-handed-back");

  const phone = await open(browser, `${url}/`, { viewport: { width: 390, height: 780 } });
  await phone.waitForSelector(".suggestion");
  await shot(phone, "chat-phone");
  console.log("the main job works in the browser");
});
