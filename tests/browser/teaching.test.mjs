// The room of the page where one's own things are taught.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SAMPLES, labelsFor, ready, start } from './harness.mjs';
import { FLAGS, SIZES } from './states.mjs';

const THINGS = ['tabby', 'espresso', 'rocket'];

describe('the room for teaching', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: FLAGS })));
  after(() => site.stop());

  test('three things are shown and taught, handed out as a file, and looked for by the camera', async () => {
    const page = await site.open('/?backend=cpu', { ...SIZES.phone, acceptDownloads: true });
    await ready(page);
    await page.getByTestId('teach-open').click();
    await page.getByTestId('teach-add').click();
    for (const [at, name] of THINGS.entries()) {
      await page.getByLabel(`Name of thing ${at + 1}`).fill(name);
      const thing = page.getByTestId('thing').nth(at);
      const files = Array(12).fill(join(SAMPLES, `${name}.jpg`));
      await thing.getByTestId('thing-files').setInputFiles(files);
      await thing.getByText('12 pictures').waitFor();
    }
    await page.getByTestId('teach-learn').click();
    const result = page.getByTestId('teach-result');
    await result.waitFor();
    assert.match(
      await result.textContent(),
      /^Of 6 pictures that it did not learn from it names 6 rightly\.tabby: 2 of 2.*measured on 6 pictures alone/,
    );
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId('teach-download').click(),
    ]);
    assert.equal(download.suggestedFilename(), 'tabby-espresso-and-rocket.safetensors');
    await page.getByTestId('teach-live').click();
    const named = await labelsFor(page, 'webcam');
    assert.deepEqual(named.toSorted(), THINGS.toSorted());
  });
});
