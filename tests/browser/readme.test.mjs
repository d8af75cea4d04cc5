// The package's README: its example prints what the README says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';

const README = readFileSync(new URL('../../www/README.md', import.meta.url), 'utf8');

test('the example prints what the README says', { timeout: PATIENCE }, async () => {
  const [, code, printed] = README.match(/```js\n(.*?)```\s+prints\s+```text\n(.*?)```/s);
  const site = await start();
  try {
    const page = await site.open();
    const lines = [];
    page.on('console', (message) => message.type() === 'log' && lines.push(message.text()));
    const module = code.replace("'xception-web'", "'/xception-web/index.js'");
    await page.evaluate(
      (body) => new (async () => {}).constructor(body)(),
      module.replace(/import (\{.*?\}) from (.*?);/, 'const $1 = await import($2);'),
    );
    assert.equal(lines.join('\n'), printed.trim());
  } finally {
    await site.stop();
  }
});
