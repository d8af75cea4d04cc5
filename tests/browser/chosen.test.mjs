// Which model runs, as people choose it on the page or by its address.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SAMPLES, drop, dropBytes, labelsFor, ready, start } from './harness.mjs';
import { CORS, HOSTED, MODEL, REGISTRY, listing } from './registry.mjs';

describe('a model is chosen', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ first: listing() })));
  after(() => site.stop());

  test('a picked file of another host says its cost first; nothing is asked before', async () => {
    const { id, url } = REGISTRY[HOSTED];
    const before = site.requests.length;
    const page = await site.open('/?backend=cpu');
    await page.route(url, (route) =>
      route.fulfill({
        body: MODEL,
        contentType: 'application/octet-stream',
        headers: { 'Access-Control-Allow-Origin': '*' },
      }),
    );
    await ready(page);
    await page.locator('[name=model][value=photos]').focus();
    for (let i = 0; i < HOSTED; i++) await page.keyboard.press('ArrowDown');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), id);
    assert.match(
      await page.getByTestId('model-cost').textContent(),
      /Downloads 2\.7 MB from huggingface\.co/,
    );
    const foreign = site.requests.slice(before).filter((url) => /^https:/.test(url));
    assert.deepEqual(foreign, []);
    await page.keyboard.press('Enter');
    await page.getByTestId('stored').waitFor({ state: 'visible' });
    assert.match(await page.getByTestId('origin').textContent(), /stored on this device/);
    assert.match(await page.getByTestId('model-cost').textContent(), /not downloaded again/);
    await page.getByTestId('stored-clear').click();
    await page.getByTestId('stored').waitFor({ state: 'hidden' });
  });

  test('an address names a model, and only a click loads it', async () => {
    const { id, url } = REGISTRY[HOSTED];
    const page = await site.open(`/?backend=cpu&model=${id}`);
    let loads = 0;
    await page.route(url, (route) => {
      loads++;
      return route.fulfill({ body: MODEL, contentType: 'application/octet-stream', headers: CORS });
    });
    await page.waitForFunction(() => document.activeElement.id === 'model-use');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), id);
    assert.ok(await page.locator('#about').isVisible(), 'the bundled model runs');
    assert.equal(loads, 0);
    await page.keyboard.press('Enter');
    await page.locator('#card').getByText(REGISTRY[HOSTED].title).waitFor();
    assert.equal(loads, 1);
    assert.match(page.url(), new RegExp(`model=${id}`));
    await page.getByRole('button', { name: 'Back to the bundled model' }).click();
    await page.locator('#about').waitFor();
    assert.doesNotMatch(page.url(), /model=/);
    const unknown = await site.open('/?backend=cpu&model=xception99');
    await unknown.getByTestId('error').waitFor({ state: 'visible' });
    assert.match(
      await unknown.getByTestId('error').textContent(),
      /"xception99".*photos, drawings, keras-/,
    );
  });

  test('an address that names a bundled model loads it at once, and no other', async () => {
    const before = site.requests.length;
    const page = await site.open('/?backend=cpu&model=drawings');
    await page.locator('#card').getByText('Drawings, bundled').waitFor();
    const loaded = site.requests.slice(before).filter((url) => url.endsWith('.safetensors'));
    assert.deepEqual(loaded, [`${site.origin}/xception-web/models/drawings.safetensors`]);
    assert.match(page.url(), /model=drawings/);
    assert.equal(await page.locator('[name=model]:checked').inputValue(), 'drawings');
    assert.match(await page.getByTestId('model-cost').textContent(), /^Comes with this page\.$/);
    await page.locator('[name=model][value=photos]').check();
    await page.getByTestId('model-use').click();
    await page.waitForFunction(() => !location.search.includes('model='));
    await page.locator('#about').getByText('learnt from small photographs').waitFor();
  });

  test('a model that fails says so in sight, and what runs stays chosen', async () => {
    const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
    const page = await site.open('/?backend=cpu', phone);
    await page.route(REGISTRY[HOSTED].url, (route) =>
      route.fulfill({ status: 404, headers: CORS }),
    );
    await ready(page);
    await page.locator(`[name=model][value="${REGISTRY[HOSTED].id}"]`).check();
    await page.getByTestId('model-use').click();
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.match(await error.textContent(), /404/);
    const inSight = (message) => {
      const { top, bottom } = message.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    };
    assert.ok(await error.evaluate(inSight), 'the message is in sight');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), 'photos');
    await page.getByTestId('error-close').click();
    assert.ok(await error.isHidden());
  });

  test('loading can be cancelled on the page and what ran before goes on', async () => {
    const page = await site.open('/?backend=cpu&model=drawings');
    await page.route(REGISTRY[HOSTED].url, () => {});
    await ready(page);
    await page.locator(`[name=model][value="${REGISTRY[HOSTED].id}"]`).check();
    await page.getByTestId('model-use').click();
    assert.equal(
      await page.locator('#loading-text').textContent(),
      `Loading ${REGISTRY[HOSTED].title}: 0.0 of 2.7 MB`,
    );
    assert.equal(await page.getByTestId('loading-bar').evaluate(({ position }) => position), 0);
    await page.getByTestId('loading-cancel').click();
    await page.locator('#loading').waitFor({ state: 'hidden' });
    const focused = await page.evaluate(() => document.activeElement.value);
    assert.equal(focused, 'drawings', 'the keyboard goes on from what runs');
    await drop(page, join(SAMPLES, 'cat.svg'));
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
  });

  test('labels of one’s own are shown', async () => {
    const names = Array.from({ length: REGISTRY[0].classes }, (_, i) => `thing ${i}`);
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await drop(page, join(SAMPLES, 'cat.svg'));
    await labelsFor(page, 'cat.svg');
    const json = Buffer.from(JSON.stringify(names));
    await dropBytes(page, json, { name: 'labels.json', type: 'application/json' });
    await page
      .getByText(/^thing \d+$/)
      .first()
      .waitFor();
    assert.match((await labelsFor(page, 'cat.svg'))[0], /^thing \d+$/);
    const short = Buffer.from('["one"]');
    await dropBytes(page, short, { name: 'labels.json', type: 'application/json' });
    await page.getByTestId('error').waitFor({ state: 'visible' });
  });
});
