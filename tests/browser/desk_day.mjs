// A day at the desk in a real browser: ten customers at once, two operators, and everything they do with the cases.
// Run by tests/scenario/test_browser.py:  node desk_day.mjs URL ADAS_TOKEN BOBS_TOKEN WIDGET_SECRET FOLDER_FOR_SCREENSHOTS
import assert from "node:assert/strict";
import { Customer, call, expectComplaint, inBrowser, open, saved, signed, until } from "./lib.mjs";

const [url, adasToken, bobsToken, secret, folder] = process.argv.slice(2);
const A_PERSON = "I want to talk to a person";
const QUESTIONS = {
  Nora: ["How do I return an article?"],
  Emil: ["How long does delivery take?"],
  Ines: ["How do I charge my e-bike battery?"],
  Omar: ["What does a service cost?", "And how long is the warranty on the frame?"],
  Lena: ["Wie kann ich einen Artikel zurückgeben?"],
  Paul: ["My light does not work, here is the invoice."],
  Rosa: ["Can I change my delivery address?", "It is the second order this week."],
  Sven: ["Which pump fits my tyres?"],
  Tara: ["Is my bike insured while you have it?"],
  Yuki: ["Do you ship to the Isle of Man?"],
};

const row = (page, name) => page.locator("#case-list li", { has: page.locator(".row-name", { hasText: name }) });
const head = (page, text) => page.locator("#case-line", { hasText: text }).waitFor();
const entry = (page, author, text) => page.locator(`#transcript .entry.${author}`, { hasText: text });
const said = (page, author, text) => page.locator(`#log [data-author=${author}]`, { hasText: text });
const count = (page, filter) => page.textContent(`#filters [data-filter=${filter}] .count`);
/** A page whose own frame can be scrolled loses its head or its message box. */
const staysPut = (page) => page.evaluate(() => document.scrollingElement.scrollHeight <= innerHeight);
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

async function openCase(page, name) {
  await row(page, name).click();
  await page.locator("#case-customer", { hasText: name }).waitFor();
  await page.waitForSelector("#transcript .entry");
}

async function desk(browser, token) {
  const page = await open(browser, `${url}/desk#token=${token}`, { viewport: { width: 1440, height: 900 } });
  await page.waitForSelector("#desk:not([hidden])");
  return page;
}

async function handOver(name) {
  const customer = await Customer.of(url, signed(secret, { sub: name, name }));
  const [first, ...rest] = QUESTIONS[name];
  await customer.say(first, name === "Paul" ? [["invoice.txt", "Invoice 4711, one light"]] : []);
  for (const text of [...rest, name === "Lena" ? "Ich möchte bitte mit einem Menschen sprechen." : A_PERSON]) await customer.say(text);
  return [name, customer];
}

async function theCase(name) {
  const { body: { cases } } = await call(url, "GET", "/api/v1/desk/cases?state=all", { token: adasToken });
  const { id } = cases.find((one) => one.customer === name);
  return (await call(url, "GET", `/api/v1/desk/cases/${id}`, { token: adasToken })).body;
}

async function tenCasesWait(ada) {
  await until(async () => (await row(ada, "").count()) === 10, "ten cases");
  assert.match(await ada.title(), /^\(10\)/);
  assert.equal(await count(ada, "unclaimed"), "10");
  await ada.click("#filters [data-filter=overdue]");
  await until(async () => (await count(ada, "overdue")) === "10", "ten overdue", () => ada.click("#filters [data-filter=overdue]"));
  assert.match(await row(ada, "Nora").locator(".wait").textContent(), /Overdue/);
  await shot(ada, "desk-overdue");
  await ada.click("#filters [data-filter=open]");
  await shot(ada, "desk-ten");
}

async function draftsAreSent(ada, nora) {
  await ada.keyboard.press("j");
  await ada.waitForSelector("#case:not([hidden])");
  await openCase(ada, "Nora");
  await ada.locator("#suggestion-text", { hasText: "return" }).waitFor();
  await ada.keyboard.press("c");
  await head(ada, "yours");
  await shot(ada, "desk-suggestion");
  await ada.click("#suggestion-send");
  await entry(ada, "operator", "return").waitFor();
  await said(nora, "operator", "return").waitFor();
  assert.doesNotMatch(await said(nora, "operator", "return").textContent(), /\[\d\]/, "the sources of a draft stay at the desk");
  await ada.locator("#suggestion-state", { hasText: "sent as it was" }).waitFor();

  await openCase(ada, "Emil");
  await ada.keyboard.press("c");
  await head(ada, "yours");
  await ada.locator("#suggestion-text", { hasText: "deliver" }).waitFor();
  await ada.keyboard.press("Escape");
  await ada.keyboard.press("d");
  await ada.locator("#desk-text").press("End");
  await ada.locator("#desk-text").pressSequentially(" I will watch yours.");
  await ada.keyboard.press("Control+Enter");
  await entry(ada, "operator", "I will watch yours.").waitFor();
  await ada.locator("#suggestion-state", { hasText: "sent with changes" }).waitFor();
  assert.deepEqual([(await theCase("Nora")).suggestion.fate, (await theCase("Emil")).suggestion.fate], ["used", "edited"]);
}

async function filesGoBothWays(ada, nora) {
  await openCase(ada, "Nora");
  await ada.setInputFiles("#desk-files", { name: "return label.txt", mimeType: "text/plain", buffer: Buffer.from("Label 12") });
  await ada.fill("#desk-text", "Here is the label, please print it.");
  await shot(ada, "desk-file");
  await ada.click("#desk-send");
  await said(nora, "operator", "return label.txt").waitFor();
  assert.deepEqual(await saved(nora, nora.locator("#log .file-open").last()), { name: "return label.txt", text: "Label 12" });
  await nora.setInputFiles("#chat-files", { name: "photo.txt", mimeType: "text/plain", buffer: Buffer.from("a photo of it") });
  await nora.fill("#message", "This is what it looks like");
  await nora.keyboard.press("Enter");
  await entry(ada, "customer", "photo.txt").waitFor();
  assert.deepEqual(await saved(ada, ada.locator("#transcript .file-button").last()), { name: "photo.txt", text: "a photo of it" });
  await openCase(ada, "Paul");
  assert.equal((await saved(ada, ada.locator("#transcript .file-button"))).text, "Invoice 4711, one light");
  await ada.locator("#transcript .reading button", { hasText: "Text" }).click();
  await ada.locator("#file-text-dialog .file-text", { hasText: "Invoice 4711, one light" }).waitFor();
  await shot(ada, "desk-file-text");
  await ada.keyboard.press("Escape");
  await openCase(ada, "Nora");
}

async function whatIsSaidCanBeChanged(ada, nora) {
  await ada.keyboard.press("n");
  await ada.fill("#desk-text", "a secret note");
  await ada.keyboard.press("Control+Enter");
  await entry(ada, "note", "a secret note").waitFor();

  const sent = async (text) => {
    await ada.click("#mode-reply");
    await ada.fill("#desk-text", text);
    await ada.keyboard.press("Control+Enter");
    await said(nora, "operator", text).waitFor();
    return entry(ada, "operator", text);
  };
  await (await sent("You have 20 days.")).locator("[data-message-action=edit]").click();
  await ada.fill(".editor textarea", "You have 30 days.");
  await ada.keyboard.press("Control+Enter");
  await said(nora, "operator", "You have 30 days.").locator(".edited").waitFor();
  await (await sent("This was meant for somebody else.")).locator("[data-message-action=withdraw]").click();
  await ada.click("[data-answer=yes]");
  await said(nora, "operator", "This message was withdrawn.").waitFor();

  const own = said(nora, "customer", "This is what it looks like");
  await own.hover();
  await own.locator(".more").click();
  await own.locator("[data-action=edit]").click();
  await nora.fill(".edit-text", "This is what it looked like before");
  await nora.keyboard.press("Enter");
  await entry(ada, "customer", "looked like before").locator("[data-flag=edited]", { hasText: "was: This is what it looks like" }).waitFor();
  await nora.locator("[data-author=bot] .thumb[data-score='-1']").first().click();
  await nora.fill(".reason-text", "too long");
  await nora.keyboard.press("Enter");
  await ada.locator("#transcript .entry.bot .rating", { hasText: "too long" }).waitFor();
  assert.ok(!/secret|20 days|somebody else/.test(await nora.textContent("body")), "what is inside or taken back stays so");
}

async function casesChangeHands(ada, bob) {
  await openCase(ada, "Ines");
  await openCase(bob, "Ines");
  expectComplaint(/status of 409/);
  await Promise.all([ada, bob].map((page) => page.click("#case-actions [data-action=claim]")));
  await ada.locator("#case-line", { hasText: /yours|with Bob/ }).waitFor();
  const { owner_name: holder } = await theCase("Ines");
  await (holder === "Ada" ? bob : ada).locator("#case-notice", { hasText: "A colleague holds this case" }).waitFor();
  const [winner, loser, loserName] = holder === "Ada" ? [ada, bob, "Bob"] : [bob, ada, "Ada"];

  await winner.keyboard.press("Escape");
  await winner.keyboard.press("a");
  await winner.keyboard.press(loserName[0].toLowerCase());
  await winner.keyboard.press("Enter");
  await head(winner, `with ${loserName}`);
  await head(loser, "yours");
  await winner.click("#gate-claim");
  await head(winner, "yours");
  await winner.click("#case-actions [data-action=release]");
  await head(winner, "unclaimed");
  await head(loser, "unclaimed");
}

async function resolvedAndBack(ada, nora, customer) {
  await openCase(ada, "Nora");
  await ada.keyboard.press("e");
  await ada.waitForSelector("#resolve-dialog");
  await ada.keyboard.press("ArrowDown");
  await ada.keyboard.press("ArrowUp");
  await ada.keyboard.press("Enter");
  await head(ada, "resolved: Solved");
  await nora.click(".survey .choice[data-score='4']");
  await nora.fill(".survey-reason", "quick");
  await shot(nora, "chat-survey");
  for (const page of [ada, nora]) assert.ok(await staysPut(page), `${await page.title()} can't be scrolled away`);
  await nora.click(".survey-more .button");
  await nora.locator(".survey-said", { hasText: "Thank you" }).waitFor();
  await ada.locator("#facts .rating.survey", { hasText: "4 of 5" }).waitFor();
  const one = await theCase("Nora");
  for (const score of [5, 1]) assert.equal((await customer.call("POST", "survey", { case_id: one.id, score })).status, 409);

  await nora.fill("#message", "One more thing about the label");
  await nora.keyboard.press("Enter");
  await head(ada, "yours");
  await ada.locator("#facts-customer", { hasText: "Reopenedonce" }).waitFor();
  await nora.waitForSelector("#banner[data-owner=operator]");
}

async function theDayIsRemembered(ada) {
  const log = await ada.locator("#log li").allTextContents();
  for (const deed of ["claimed it", "replied", "wrote a note", "edited a message", "withdrew a message", "resolved it"]) {
    assert.ok(log.some((line) => line.startsWith(`Ada ${deed}`)), `${deed}: ${log}`);
  }
  await (await Customer.of(url, signed(secret, { sub: "Sven", name: "Sven" }))).say("Where is your shop?");
  await openCase(ada, "Sven");
  await ada.click("#earlier summary");
  await ada.locator(".earlier-body .past.customer", { hasText: "Where is your shop?" }).waitFor();
  await openCase(ada, "Lena");
  await ada.locator("#facts-customer", { hasText: "German" }).waitFor();
  await ada.click("#operator-button");
  await ada.click("#digest");
  await ada.locator("#digest-dialog .tile", { hasText: "Opened" }).locator("dd", { hasText: "10" }).waitFor();
  await ada.locator("#digest-dialog", { hasText: "1 sent unchanged, 1 edited" }).waitFor();
  await shot(ada, "desk-today");
  await ada.keyboard.press("Escape");
  await ada.click("#operator-button");
  await ada.click("#gaps");
  await ada.locator("#gaps-dialog .gap", { hasText: QUESTIONS.Lena[0] }).locator("a").click();
  await ada.locator("#case-customer", { hasText: "Lena" }).waitFor();
}

await inBrowser(async (browser) => {
  const customers = Object.fromEntries(await Promise.all(Object.keys(QUESTIONS).map(handOver)));
  const [ada, bob, nora] = await Promise.all([desk(browser, adasToken), desk(browser, bobsToken), open(browser, `${url}/`, customers.Nora)]);
  await tenCasesWait(ada);
  await draftsAreSent(ada, nora);
  await filesGoBothWays(ada, nora);
  await whatIsSaidCanBeChanged(ada, nora);
  await shot(nora, "chat-files");
  await casesChangeHands(ada, bob);
  await resolvedAndBack(ada, nora, customers.Nora);
  await theDayIsRemembered(ada);
  console.log("a day at the desk works in the browser");
});
