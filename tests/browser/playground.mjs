// Microsoft's Agents Playground in headless Chromium: a customer in a chat, a group and a channel, and a desk in a channel.
// node playground.mjs PLAYGROUND_URL SCREENSHOTS; started by tests/e2e/test_playground.py.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [address, shots] = process.argv.slice(2);
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking",
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
page.setDefaultTimeout(15_000);
await page.goto(address, { waitUntil: "load" });
const box = page.locator("[role=textbox]");
await box.first().waitFor();
await page.getByRole("button", { name: "Hide log panel" }).click(); // it repeats every text

/** Waits for words in the conversation itself: not in the list of chats, nor in what is being written. */
async function sees(words) {
  const quoted = words.includes('"') ? `'${words}'` : `"${words}"`;
  const found = `xpath=//*[contains(text(),${quoted}) and not(ancestor::*[@role="tree"]) and not(ancestor::*[@role="textbox"])]`;
  await page.locator(found).last().waitFor();
}

async function says(words, { mention = false, post = false } = {}) {
  await (post ? box.first() : box.last()).click();
  if (mention) {
    await page.keyboard.type("@");
    await page.getByRole("menuitem", { name: "Test Bot" }).click();
    await page.keyboard.type(" ");
  }
  await page.keyboard.type(words);
  await page.getByRole("button", { name: post ? "Post" : "Send Message" }).click();
}

process.on("uncaughtException", async (error) => {
  console.log(error.stack);
  await page.screenshot({ path: `${shots}/playground-failed.png` });
  process.exit(1);
});
const shot = (name) => page.screenshot({ path: `${shots}/playground-${name}.png` });

// A question in a chat: it streams, and has its sources, the label and the thumbs. (The Playground shows a message with
// suggestions without its Markdown and citations; Teams doesn't.)
await says("How much does delivery cost?");
await sees("2 to 4 working days");
await sees("AI generated");
await page.getByRole("button", { name: "Like", exact: true }).last().waitFor();
await shot("chat");

// Mentioned in a group chat, and in a channel, where it answers in the thread.
await page.getByRole("treeitem", { name: "Group Chat" }).click();
await says("How do I return an article?", { mention: true });
await sees("30 days of delivery");
await shot("group");
await page.getByRole("treeitem", { name: /General/ }).click();
await says("How do gift cards work?", { mention: true, post: true });
await sees("3 gift cards for one order");
await shot("channel");

// A wish for a person becomes a card in the desk's channel; it is claimed there.
await page.getByRole("treeitem", { name: "Alex Wilber" }).or(page.getByRole("treeitem", { name: /Test Bot|Personal/ })).first().click();
await says("I want to talk to a person");
await sees("getting a colleague");
await shot("handover");
await page.getByRole("treeitem", { name: /Announcements/ }).click();
await sees("Alex Wilber");
await shot("desk-card");
await page.getByRole("button", { name: "Claim", exact: true }).last().click();
await sees("Held by");
await shot("desk-claimed");
assert.ok(true);
await browser.close();
