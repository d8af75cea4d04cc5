// How soon the page is there, how still it stands, and how free its thread is while a camera runs.
// The machine may be busy with something else: of several tries the best counts.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SITE, dropAll, labelsFor, ready, start } from './harness.mjs';
import { FLAGS, SIZES, sample } from './states.mjs';

const TRIES = 5;
/** Milliseconds between two pieces of the page: time to draw the first. */
const PAUSE = 300;
/** Milliseconds from the address to something on the screen, and from a press on a sample to its label. */
const FIRST_PAINT = 500;
const FIRST_LABEL = 1000;
/** Milliseconds that a camera is watched for, and the share of them that may go in tasks over 50 ms. */
const WATCHED = 3000;
const LONG_SHARE = 0.05;

/** What moved by itself: how far, and its name. */
function shifts(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = [];
        new PerformanceObserver((list) => seen.push(...list.getEntries())).observe({
          type: 'layout-shift',
          buffered: true,
        });
        setTimeout(() => {
          const own = seen.filter(({ hadRecentInput }) => !hadRecentInput);
          resolve(
            own.map(({ value, sources }) => [
              value,
              sources.map(({ node }) => node?.id || node?.className || node?.textContent),
            ]),
          );
        }, 300);
      }),
  );
}

describe('fast', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: FLAGS })));
  after(() => site.stop());

  test(`first paint within ${FIRST_PAINT} ms, the first label within ${FIRST_LABEL} ms of asking`, async () => {
    const paints = [];
    const labels = [];
    const isOver = () => Math.min(...paints) < FIRST_PAINT && Math.min(...labels) < FIRST_LABEL;
    for (let i = 0; i < TRIES && !isOver(); i++) {
      const page = await site.open('/?backend=cpu');
      await ready(page);
      paints.push(
        await page.evaluate(
          () => performance.getEntriesByName('first-contentful-paint')[0].startTime,
        ),
      );
      labels.push(
        await page.evaluate(async () => {
          const list = document.querySelector('#predictions');
          const begin = performance.now();
          const done = new Promise((resolve) => {
            new MutationObserver(() => {
              if (list.dataset.source === 'espresso.jpg') resolve(performance.now() - begin);
            }).observe(list, { attributes: true });
          });
          document.querySelector('[data-sample="samples/espresso.jpg"]').click();
          return done;
        }),
      );
      await page.context().close();
    }
    const rounded = (times) => times.map(Math.round).join(', ');
    console.log(`first paint: ${rounded(paints)} ms; first label: ${rounded(labels)} ms`);
    assert.ok(Math.min(...paints) < FIRST_PAINT);
    assert.ok(Math.min(...labels) < FIRST_LABEL);
  });

  for (const [size, options] of Object.entries(SIZES)) {
    test(`nothing moves by itself, on a ${size}`, async () => {
      const page = await site.open('/?backend=cpu', options);
      await ready(page);
      for (const name of ['espresso.jpg', 'galaxies.jpg']) {
        await page.locator(`[data-sample="samples/${name}"]`).click();
        await labelsFor(page, name);
      }
      // Nobody’s press explains what moves now: what it knows, what it does not, and several at once.
      for (const name of ['apple.svg', 'tabby.jpg']) {
        await dropAll(page, [sample(name)]);
        await labelsFor(page, name);
      }
      await dropAll(page, ['espresso.jpg', 'apple.svg'].map(sample));
      await page.getByTestId('film').getByText('nothing I know').waitFor();
      await dropAll(page, [sample('espresso.jpg')]);
      await labelsFor(page, 'espresso.jpg');
      assert.deepEqual(await shifts(page), []);
      await page.getByTestId('webcam-start').click();
      await labelsFor(page, 'webcam');
      await page.getByTestId('cameras').waitFor();
      const opened = (await shifts(page)).length; // That was asked for.
      await page.waitForTimeout(WATCHED);
      assert.deepEqual((await shifts(page)).slice(opened), []);
      await page.context().close();
    });
  }

  test('nothing moves as the page comes in, piece by piece', async () => {
    const html = readFileSync(join(SITE, 'index.html'), 'utf8');
    const cut = html.indexOf('Drop it here');
    assert.ok(cut > 0);
    const site = await start({
      flags: FLAGS,
      first({ url }, response) {
        if (!url.startsWith('/?')) return false;
        response.writeHead(200, { 'Content-Type': 'text/html' });
        response.write(html.slice(0, cut));
        setTimeout(() => response.end(html.slice(cut)), PAUSE);
        return true;
      },
    });
    try {
      for (const options of Object.values(SIZES)) {
        const page = await site.open('/?backend=cpu', options);
        await ready(page);
        assert.deepEqual(await shifts(page), []);
      }
    } finally {
      await site.stop();
    }
  });

  test('the page’s thread stays free while a camera is classified', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await page.getByTestId('webcam-start').click();
    await labelsFor(page, 'webcam');
    const shares = [];
    for (let i = 0; i < TRIES && !(Math.min(...shares) < LONG_SHARE); i++) {
      const long = await page.evaluate(
        (watched) =>
          new Promise((resolve) => {
            const seen = [];
            const watch = new PerformanceObserver((list) => seen.push(...list.getEntries()));
            watch.observe({ type: 'longtask' });
            setTimeout(() => {
              watch.disconnect();
              resolve(seen.reduce((sum, { duration }) => sum + duration, 0));
            }, watched);
          }),
        WATCHED,
      );
      shares.push(long / WATCHED);
    }
    console.log(`in tasks over 50 ms: ${shares.map((share) => `${(100 * share).toFixed(1)} %`)}`);
    assert.ok(Math.min(...shares) < LONG_SHARE);
  });
});
