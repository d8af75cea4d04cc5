// The package inside an extension of Chromium (manifest version 3), under the policy of such.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const { chromium } = createRequire(join(WWW, 'package.json'))('playwright-core');

/** Chromium names an extension by its folder: half-bytes of a digest, as letters from a on. */
function idOf(folder) {
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  return digest.replace(/./g, (digit) => String.fromCharCode(97 + parseInt(digit, 16)));
}

test('works in the page of an extension', { timeout: 60_000 }, async () => {
  const work = mkdtempSync(join(tmpdir(), 'xception-web-extension-'));
  const extension = join(work, 'extension');
  cpSync(fileURLToPath(new URL('extension', import.meta.url)), extension, { recursive: true });
  cpSync(join(WWW, 'dist'), join(extension, 'xception-web'), {
    recursive: true,
    filter: (path) => path !== join(WWW, 'dist/site'),
  });
  cpSync(join(WWW, 'demo/samples/espresso.jpg'), join(extension, 'espresso.jpg'));
  const context = await chromium.launchPersistentContext(join(work, 'profile'), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [
      ...['--no-sandbox', '--disable-gpu', '--no-first-run'],
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
    ],
  });
  try {
    const page = await context.newPage();
    await page.goto(`chrome-extension://${idOf(extension)}/popup.html`);
    await page.waitForFunction(() => document.title !== 'waiting');
    assert.equal(await page.title(), 'espresso, isolated');
  } finally {
    await context.close();
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  }
});
