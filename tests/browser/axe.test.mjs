// Every state of the page, at both sizes and in both colours, as axe sees it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';
import { FLAGS, SIZES, STATES } from './states.mjs';

const require = createRequire(new URL('../../www/package.json', import.meta.url));
const { AxeBuilder } = require('@axe-core/playwright');

const LOOKS = [
  ['light', SIZES.desktop, { colorScheme: 'light' }],
  ['dark, on a phone', SIZES.phone, { colorScheme: 'dark' }],
];

describe('axe finds nothing', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: FLAGS })));
  after(() => site.stop());

  for (const [state, reach] of Object.entries(STATES)) {
    for (const [look, size, options] of LOOKS) {
      test(`${state}, ${look}`, async () => {
        // What is half faded in has half its contrast.
        const page = await reach(site, { ...size, ...options, reducedMotion: 'reduce' });
        const { violations, passes } = await new AxeBuilder({ page }).analyze();
        assert.ok(passes.length > 10, 'it looked');
        const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
        assert.deepEqual(found, []);
        await page.context().close();
      });
    }
  }

  test('forced colours', async () => {
    const page = await STATES.answer(site, { ...SIZES.desktop, forcedColors: 'active' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(
      violations.map(({ id }) => id),
      [],
    );
  });
});
