// What comes late gives way to what came after it; what is on the page is what runs.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SAMPLES, drop, labelsFor, ready, start } from './harness.mjs';

const DRAWINGS = '/?backend=cpu&model=drawings';
const CAT = join(SAMPLES, 'cat.svg');

describe('the newest wins', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start()));
  after(() => site.stop());

  test('a slow sample does not replace what was dropped meanwhile', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    let arrive;
    const late = new Promise((resolve) => (arrive = resolve));
    await page.route('**/samples/apple.svg', async (route) => {
      await late;
      await route.continue().catch(() => {}); // It may have been given up.
    });
    const asked = page.waitForRequest('**/samples/apple.svg');
    await page.locator('[data-sample="samples/apple.svg"]').click();
    await asked;
    await drop(page, CAT);
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
    arrive();
    await page.waitForTimeout(500);
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
    assert.ok(await page.getByTestId('error').isHidden());
  });

  test('a model that was given up, or failed, is not in the address', async () => {
    const page = await site.open(DRAWINGS);
    await ready(page);
    await page.route(/^https:/, () => {});
    await page.locator('[name=model][value="keras-xception"]').check();
    await page.getByTestId('model-use').click();
    await page.getByTestId('loading-cancel').click();
    assert.equal(new URL(page.url()).searchParams.get('model'), 'drawings');
    await page.unroute(/^https:/);
    await page.route(/^https:/, (route) => route.fulfill({ status: 404 }));
    await page.locator('[name=model][value="keras-xception"]').check();
    await page.getByTestId('model-use').click();
    await page.getByTestId('error').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('model'), 'drawings');
  });

  test('bars move from one answer to the next', async () => {
    const page = await site.open(DRAWINGS);
    await drop(page, CAT);
    await labelsFor(page, 'cat.svg');
    const moved = await page.evaluate(() => {
      globalThis.first = document.querySelector('.predictions li');
      return new Promise((resolve) => {
        document.addEventListener('transitionrun', ({ target, propertyName }) => {
          if (target.matches('.bar') && propertyName === 'transform') resolve(true);
        });
        document.querySelector('[data-sample="samples/umbrella.svg"]').click();
      });
    });
    assert.ok(moved);
    assert.equal((await labelsFor(page, 'umbrella.svg'))[0], 'umbrella');
    assert.ok(await page.evaluate(() => first.isConnected), 'the rows are the same');
  });

  test('shares that would read 0.0 % are not shown', async () => {
    const page = await site.open(DRAWINGS);
    await drop(page, CAT);
    await labelsFor(page, 'cat.svg');
    const rows = page.getByTestId('prediction').filter({ visible: true });
    const scores = await rows.evaluateAll((rows) => rows.map(({ innerText }) => innerText));
    assert.ok(scores.length >= 1 && scores.length < 5, `${scores}`);
    assert.ok(!scores.some((score) => /(^|\s)0\.0 %/.test(score)), `${scores}`);
  });

  test('a phone shows picture, best label and buttons without scrolling, and nothing moves', async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const page = await site.open('/?backend=cpu', phone);
    await ready(page);
    await page.evaluate(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries()) {
          if (!hadRecentInput) shifts.push(value);
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.locator('[data-sample="samples/espresso.jpg"]').tap();
    await labelsFor(page, 'espresso.jpg');
    await page.evaluate(() => scrollTo(0, 0));
    for (const part of [
      page.locator('#preview'),
      page.getByTestId('prediction').first(),
      page.locator('label[for=file-input]'),
      page.getByTestId('webcam-start'),
    ]) {
      const { y, height } = await part.boundingBox();
      assert.ok(y >= 0 && y + height <= 844);
    }
    await page.waitForTimeout(300);
    assert.deepEqual(await page.evaluate(() => shifts), []);
  });
});
