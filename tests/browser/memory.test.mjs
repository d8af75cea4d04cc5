// Giving up and letting go.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, rendererMegabytes, start } from './harness.mjs';

const ROUNDS = 18;
/** By then the browser has its caches, and collects as many threads' memory as it is given. */
const SETTLED = 11;
/** Milliseconds in which the browser lets go of a dead worker's memory; without, it holds some 14 of them. */
const LINGER = 300;
/** Megabytes; a worker that stayed would hold more than this in a few rounds. */
const SLACK = 60;

describe('letting go', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start({});
    page = await site.open('/?backend=cpu');
    await page.waitForFunction(() => document.querySelector('#reason').textContent !== '');
  });
  after(() => site.stop());

  test('dispose ends the worker and what is awaited', async () => {
    const workers = page.workers().length;
    const got = await page.evaluate(async () => {
      const { ImageClassifier, DisposedError } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const waiting = classifier.classify('/samples/cat.svg').catch((error) => error);
      classifier.dispose();
      classifier.dispose();
      const after = await classifier.classify('/samples/cat.svg').catch((error) => error);
      return [await waiting, after].map((error) => error instanceof DisposedError && error.code);
    });
    assert.deepEqual(got, ['disposed', 'disposed']);
    for (let i = 0; i < 100 && page.workers().length > workers; i++) await page.waitForTimeout(50);
    assert.equal(page.workers().length, workers);
  });

  test('creating and disposing again and again keeps no memory', async () => {
    const sizes = [];
    for (let i = 0; i < ROUNDS; i++) {
      await page.evaluate(async () => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const classifier = await ImageClassifier.create({ backend: 'cpu' });
        for (let picture = 0; picture < 3; picture++) await classifier.classify('/samples/cat.svg');
        classifier.dispose();
      });
      await page.waitForTimeout(LINGER);
      await page.requestGC();
      sizes.push(await rendererMegabytes(site.browser));
    }
    const growth = sizes.at(-1) - sizes[SETTLED];
    assert.ok(growth < SLACK, `MB after each round: ${sizes.map(Math.round).join(', ')}`);
  });

  test('an abort gives up one picture and no other', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
      const abort = new AbortController();
      const outcome = (promise) =>
        promise.then(
          ({ predictions }) => predictions[0].label,
          (error) => error.name ?? error,
        );
      const answers = [
        outcome(classifier.classify('/samples/apple.svg')),
        outcome(classifier.classify('/samples/cat.svg', { signal: abort.signal })),
        outcome(classifier.classify('/samples/car.svg')),
        outcome(classifier.classify('/samples/car.svg', { signal: AbortSignal.abort('early') })),
      ];
      setTimeout(() => abort.abort(), 5);
      const all = await Promise.all(answers);
      classifier.dispose();
      return all;
    });
    assert.deepEqual(got, ['apple', 'AbortError', 'car', 'early']);
  });

  test('the page stays awake while the network runs', async () => {
    const longest = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const canvas = new OffscreenCanvas(1500, 1100);
      canvas.getContext('2d').fillRect(10, 10, 700, 700);
      const picture = await canvas.convertToBlob();
      let tasks = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({
        type: 'longtask',
      });
      for (let i = 0; i < 5; i++) await classifier.classify(picture);
      await new Promise((resolve) => setTimeout(resolve, 200));
      classifier.dispose();
      return Math.max(0, ...tasks.map(({ duration }) => duration));
    });
    assert.ok(longest < 100, `the page was held for ${longest} ms`);
  });
});
