// Takes the picture of the page that the README shows, of the built site with a sample chosen.
//
//   node scripts/screenshot.mjs [--out FILE] [--sample FILE] [--model ID] [--size 1100x760] [--dark] [--full]

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from '../serve.mjs';

const { chromium } = createRequire(import.meta.url)('playwright-core');

const { values: wanted } = parseArgs({
  options: {
    out: {
      type: 'string',
      default: fileURLToPath(new URL('../demo/screenshot.png', import.meta.url)),
    },
    /** In the site's folder of samples. */
    sample: { type: 'string', default: 'tabby.jpg' },
    model: { type: 'string', default: 'photos' },
    size: { type: 'string', default: '1100x760' },
    dark: { type: 'boolean', default: false },
    /** The whole page, not only what the window shows. */
    full: { type: 'boolean', default: false },
  },
});

const [width, height] = wanted.size.split('x').map(Number);
const server = await serve({ root: fileURLToPath(new URL('../dist/site', import.meta.url)) });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: wanted.dark ? 'dark' : 'light',
    // Bars that are still growing would be another picture each time.
    reducedMotion: 'reduce',
  });
  const address = `http://localhost:${server.address().port}/?backend=cpu&model=${wanted.model}`;
  await page.goto(address);
  await page.locator(`[data-sample="samples/${wanted.sample}"]`).click();
  await page.locator(`.predictions[aria-busy=false][data-source="${wanted.sample}"]`).waitFor();
  // No pointer over a button, no ring around it.
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  await page.screenshot({ path: wanted.out, fullPage: wanted.full });
  console.log(wanted.out);
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
}
