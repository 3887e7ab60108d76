// Microsoft's Agents Playground in headless Chromium: a customer in a chat, a group and a channel, and a desk in a channel.
// node playground.mjs PLAYGROUND_URL SCREENSHOTS CODE FILES_PORT; started by tests/e2e/test_playground.py. CODE makes a
// channel the desk; a file lies at FILES_PORT, which the program trusts.
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [address, shots, code, filesPort] = process.argv.slice(2);
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
  await page.locator(found).last().scrollIntoViewIfNeeded();
}

/** Writes in the chat that is open; with `post` in a new post, with `thread` below the newest one. */
async function says(words, { mention = false, post = false, thread = false } = {}) {
  await (post ? box.first() : thread ? box.nth(1) : box.last()).click();
  if (mention) {
    await page.keyboard.type("@");
    await page.getByRole("menuitem", { name: "Test Bot" }).click();
    await page.keyboard.type(" ");
  }
  await page.keyboard.type(words);
  const send = page.getByRole("button", { name: post ? "Post" : "Send Message" });
  await (thread ? send.first() : send).click();
}

const opens = (name) => page.getByRole("treeitem", { name }).click();
const presses = (name) => page.getByRole("button", { name, exact: true }).last().click();

/** Sends a file as Alex, in their chat with the app: the page has no button for that, its server takes activities. */
async function sendsFile(text, name, content) {
  const files = createServer((_, answer) => answer.end(content)).listen(Number(filesPort), "127.0.0.1");
  files.unref();
  const { config } = await (await fetch(`${address}/_internal/v1/config`)).json();
  const { currentUser: who, bot } = config;
  const sent = await fetch(`${address}/_internal/v1/customActivities`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      type: "message", id: "file-1", channelId: "msteams", text, textFormat: "plain", timestamp: new Date().toISOString(),
      serviceUrl: `${address}/_connector`,
      from: { id: who.id, name: who.name, aadObjectId: who.aadObjectId },
      recipient: { id: bot.id, name: bot.name },
      conversation: { id: config.personalChat.id, conversationType: "personal" },
      channelData: { tenant: { id: config.tenantId } },
      attachments: [{
        contentType: "application/vnd.microsoft.teams.file.download.info", name,
        content: { downloadUrl: `http://127.0.0.1:${filesPort}/${name}`, uniqueId: "1", fileType: "txt" },
      }],
    }),
  });
  if (!sent.ok) throw new Error(`the file was not taken: ${sent.status}`);
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

// Mentioned in a group chat, and in a channel, where it answers in the thread, and says how it is heard there.
await opens("Group Chat");
await says("How much does delivery cost?", { mention: true });
await sees("mention me with the word");
await shot("group");
await opens(/General/);
await says("How do gift cards work?", { mention: true, post: true });
await sees("3 gift cards for one order");
await shot("channel");

// The owner's line makes a channel the desk.
await opens(/Announcements/);
await says(`desk ${code}`, { mention: true, post: true });
await sees("This is the desk now");
await shot("desk-chosen");

// A wish for a person becomes a card in the desk's channel; it is claimed there.
await opens("Personal Chat");
await says("I want to talk to a person");
await sees("getting a colleague");
await shot("handover");
await opens(/Announcements/);
await sees("#1 Alex Wilber");
await shot("desk-card");
await presses("Claim");
await sees("Held by Alex Wilber");
await shot("desk-claimed");

// A file of the customer's stands below the card, and the operator's answer in the customer's chat.
await sendsFile("Here is my receipt.", "receipt.txt", "A bell, 4 pounds.");
await sees("Here is my receipt.");
await sees("With receipt.txt");
await shot("desk-file");
await says("Thank you, the money is on its way.", { mention: true, thread: true });
await sees("delivered");
await shot("desk-answered");
await opens("Personal Chat");
await sees("Thank you, the money is on its way.");
await shot("answer");

// Resolved from the card, which says so; the customer is told.
await opens(/Announcements/);
await presses("Resolve");
await presses("Resolve it");
await sees("Resolved by Alex Wilber: Solved");
await shot("desk-resolved");
await opens("Personal Chat");
await page.getByRole("button", { name: "5", exact: true }).last().waitFor();
await shot("survey");
await browser.close();
