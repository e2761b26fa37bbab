// Opens dashboards in a browser, takes their pictures, and prints what `drawn.js` found on each: JSON, by board and width.
// The argument is JSON: {modules, browser, url, boards, widths, pictures}. `pictures` is a folder, or null for none.

import { createRequire } from 'node:module';
import { join } from 'node:path';

const { modules, browser: executablePath, url, boards, widths, pictures } = JSON.parse(process.argv[2]);
const puppeteer = createRequire(`${modules}/`)('puppeteer-core');
const DRAWN_WITHIN_MS = 90_000;
const AT_ONCE = 2; // as many as CI has cores

const found = {};

async function look(browser, board) {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)));
  found[board] = {};
  for (const width of widths) {
    await page.setViewport({ width, height: 900 });
    if (width === widths[0]) {
      await page.goto(`${url}&board=${board}`, { timeout: DRAWN_WITHIN_MS });
    }
    const drawn = page.waitForFunction(`window.drawn?.width === ${width}`, { timeout: DRAWN_WITHIN_MS, polling: 100 });
    await drawn.catch((error) => {
      throw new Error(`${board} at ${width}: ${error.message} ${errors.join(' ')}`);
    });
    found[board][width] = { panels: await page.evaluate('window.drawn.panels'), errors };
    if (pictures !== null && width === widths[0]) {
      await page.screenshot({ path: join(pictures, `${board}.png`), fullPage: true });
      // A picture of the whole page resizes the window for a moment.
      await page.waitForFunction(`window.drawn?.width === ${width}`, { timeout: DRAWN_WITHIN_MS, polling: 100 });
    }
  }
  await page.close();
}

const left = [...boards];

async function work() {
  // A browser draws only the page in front, so each has one of its own.
  const browser = await puppeteer.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-color-profile=srgb'],
  });
  try {
    while (left.length) {
      await look(browser, left.shift());
    }
  } finally {
    await browser.close();
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
console.log(JSON.stringify(found));
