// Suggested articles on the desk's page: like answers together, approved with better words, left out, dropped.
// Run by tests/scenario/test_browser.py:  node articles.mjs URL ADAS_TOKEN BOBS_TOKEN FOLDER_FOR_SCREENSHOTS
import assert from "node:assert/strict";
import { Customer, call, expectComplaint, inBrowser, open, until } from "./lib.mjs";

const [url, adasToken, bobsToken, folder] = process.argv.slice(2);
const SAME = ["Can I rent a bike for the weekend?", "can i rent a BIKE for the weekend"];
const OTHER = "Do you sell unicycles <b>to circus schools</b>?";

const desk = (method, rest, body, token = adasToken) => call(url, method, `/api/v1/desk/${rest}`, { token, body });
const card = (page, question) => page.locator(".article-list > li", { hasText: question });
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

/** A customer asks, and Ada answers and resolves it. */
async function solve(question, answer) {
  const customer = await Customer.of(url);
  await customer.say(question);
  if (!(await desk("GET", "cases?state=open")).body.cases.length) await customer.say("I want to talk to a person");
  const { cases: [{ id }] } = (await desk("GET", "cases?state=open")).body;
  for (const deed of [{ action: "claim" }, { action: "reply", text: answer }, { action: "resolve", outcome: "solved" }]) {
    assert.equal((await desk("POST", `cases/${id}/actions`, deed)).status, 200);
  }
}

async function menu(page, item) {
  await page.click("#operator-button");
  await page.click(item);
}

await inBrowser(async (browser) => {
  for (const question of SAME) await solve(question, "A bike costs 35 EUR a day.");
  await solve(OTHER, "We don't.");
  const page = await open(browser, `${url}/desk#token=${adasToken}`, { viewport: { width: 1280, height: 860 } });
  await page.waitForSelector("#desk:not([hidden])");
  await menu(page, "#articles");
  await card(page, SAME[1]).waitFor();
  assert.equal(await page.locator(".article-list > li").count(), 2, "like questions stand together");
  assert.equal(await page.locator(".article-list b").count(), 0, "markup in a question is text");
  await shot(page, "articles-list");

  // Approved with better words, one of two left out
  const group = card(page, SAME[1]);
  await group.locator("summary").click();
  assert.equal(await group.locator("[name=answer]").inputValue(), "A bike costs 35 EUR a day.");
  await group.locator("[name=title]").fill("Renting a bike");
  await group.locator("[name=of]").nth(1).uncheck();
  await shot(page, "articles-form");
  await group.locator("[type=submit]").click();
  await page.locator("#articles-dialog [role=status]", { hasText: "renting-a-bike-2.md" }).waitFor();
  assert.equal(await page.locator(".article-list > li").count(), 2, "what was left out stays");

  // A colleague was first
  await card(page, OTHER).locator("summary").click();
  const { groups } = (await desk("GET", "articles", undefined, bobsToken)).body;
  const ids = groups.find((one) => one.question === OTHER).suggestions.map((one) => one.id);
  assert.equal((await desk("POST", "articles", { action: "drop", ids }, bobsToken)).status, 200);
  expectComplaint(/409/);
  await card(page, OTHER).locator("[type=submit]").click();
  await page.locator("#articles-dialog [role=status]", { hasText: "Bob has dropped" }).waitFor();
  assert.equal(await card(page, OTHER).count(), 0);

  // Dropped, and a link to its case
  await card(page, SAME[0]).locator("summary").click();
  await card(page, SAME[0]).locator("[data-action=drop]").click();
  await until(async () => (await page.locator(".article-list > li").count()) === 0, "the last one is gone");
  await page.keyboard.press("Escape");
  await solve("Is there a shop in Ghent?", "Not yet.");
  await menu(page, "#articles");
  await card(page, "Ghent").locator("summary").click();
  await card(page, "Ghent").locator("a").click();
  await page.waitForSelector("#case:not([hidden])");
  assert.equal(await page.locator("#articles-dialog").count(), 0, "the dialog makes room for the case");

  // The week stands under Today
  await menu(page, "#digest");
  await page.locator("#week", { hasText: "1 suggested article waits" }).waitFor();
  await shot(page, "articles-week");

  const phone = await open(browser, `${url}/desk#token=${adasToken}`, { viewport: { width: 360, height: 740 } });
  await phone.waitForSelector("#desk:not([hidden])");
  await menu(phone, "#articles");
  await card(phone, "Ghent").locator("summary").click();
  const fits = await phone.locator("#articles-dialog").evaluate((box) => box.scrollWidth <= box.clientWidth);
  assert.ok(fits, "nothing runs out of a small screen");
  await shot(phone, "articles-phone");
});
