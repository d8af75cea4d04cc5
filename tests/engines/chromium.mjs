// Chromium as the other tests use it, behind the same words as the others.

import { createRequire } from 'node:module';
import { Driver, PATIENCE } from './driver.mjs';

const require = createRequire(new URL('../../www/package.json', import.meta.url));

export async function chromium() {
  const browser = await require('playwright-core').chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  return new Driver({
    open: (url) => page.goto(url),
    script: (script, given) =>
      page.evaluate(
        `new Promise((done) => (function () {${script}})(${JSON.stringify(given)}, done))`,
      ),
    click: (selector) => page.locator(selector).click(),
    type: (selector, path) => page.locator(selector).setInputFiles(path),
    close: () => browser.close(),
  });
}
