// Draws the installed page's icons, demo/icons/, from demo/icon.svg.
//
//   node scripts/icons.mjs

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { chromium } = createRequire(import.meta.url)('playwright-core');

process.chdir(fileURLToPath(new URL('../demo', import.meta.url)));
const icon = readFileSync('icon.svg', 'utf8');
// Cut to any shape by whoever shows it: no corners of its own, and the drawing within the middle four fifths.
const maskable = icon
  .replace('rx="11" ', '')
  .replace('viewBox="0 0 40 40"', 'viewBox="-5 -5 50 50"')
  .replace('<rect width="40" height="40"', '<rect x="-5" y="-5" width="50" height="50"');

mkdirSync('icons', { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
for (const [name, svg, side] of [
  ['192', icon, 192],
  ['512', icon, 512],
  ['maskable', maskable, 512],
]) {
  const page = await browser.newPage({ viewport: { width: side, height: side } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw}</style>${svg}`);
  writeFileSync(`icons/${name}.png`, await page.screenshot({ omitBackground: true }));
}
await browser.close();
