// Drives Chromium for the tests: each line on standard input is a command, and is answered by a line on standard output.
import readline from "node:readline";
import axe from "axe-core";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const windows = new Map();
const PATIENCE = 20_000;

// Asks from outside: within a page, its content security policy lets no text be run, so that `waitForFunction` can ask only once.
async function until({ page, script }) {
  const ends = Date.now() + PATIENCE;
  while (!(await page.evaluate(script))) {
    if (Date.now() > ends) throw new Error(`it did not become true within ${PATIENCE} ms: ${script}`);
    await page.waitForTimeout(30);
  }
}

// What axe-core finds wrong with a page, as it is now.
async function violations({ page }) {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate("axe.run()");
  return found.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" | ")}`);
}

// What a screen reader is told of a page: a line for each thing, with its role, its name and what else is said of it.
async function heard({ page }) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const of = new Map(nodes.map((node) => [node.nodeId, node]));
  const lines = [];
  const tell = (node, depth) => {
    const said = !node.ignored && !["none", "generic", "InlineTextBox"].includes(node.role?.value);
    if (said) lines.push({ depth, role: node.role.value, name: node.name?.value ?? "", ...told(node) });
    for (const child of node.childIds ?? []) if (of.has(child)) tell(of.get(child), depth + (said ? 1 : 0));
  };
  tell(nodes[0], 0);
  return lines;
}

const told = (node) => Object.fromEntries((node.properties ?? [])
  .filter(({ name }) => ["level", "live", "focused", "modal"].includes(name))
  .map(({ name, value }) => [name, value.value]));

const commands = {
  async open({ window, width = 1280, height = 800, scheme = "light", with_cookies_of = null }) {
    const context = with_cookies_of !== null
      ? windows.get(with_cookies_of).page.context()
      : await browser.newContext({ viewport: { width, height }, colorScheme: scheme, ignoreHTTPSErrors: true });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complaints = [];
    const asked = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => asked.push(request.url()));
    windows.set(window, { page, complaints, asked, alone: with_cookies_of === null });
  },
  close: ({ page, alone }) => (alone ? page.context() : page).close(),
  goto: async ({ page, url }) => (await page.goto(url))?.status() ?? 0, // none if only what is behind the # is new
  click: ({ page, selector }) => page.click(selector),
  fill: ({ page, selector, text }) => page.fill(selector, text),
  press: ({ page, key }) => page.keyboard.press(key),
  see: ({ page, selector, text }) => page.locator(selector, { hasText: text }).first().waitFor(),
  miss: ({ page, selector, text }) => page.locator(selector, { hasText: text }).first().waitFor({ state: "hidden" }),
  text: ({ page, selector }) => page.innerText(selector),
  url: ({ page }) => page.url(),
  evaluate: ({ page, script }) => page.evaluate(script),
  until,
  violations,
  heard,
  picture: async ({ page, path, whole = false }) => { await page.screenshot({ path, fullPage: whole }); },
  complaints: ({ complaints }) => complaints.splice(0),
  asked: ({ asked }) => asked.splice(0),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { does, ...options } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await commands[does]({ ...windows.get(options.window), ...options })) ?? null };
  } catch (problem) {
    answer = { problem: String(problem) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
