// The full network's 92 MB, as a person's browser loads them: once from the network, once from
// this device.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fullXception } from './full.mjs';
import { PATIENCE, start } from './harness.mjs';

/** One short of ImageNet's, so that the names are nobody's. */
const CLASSES = 999;
/** Megabytes: the page without a model, the file on both sides of the boundary, the tensors, and
 * one picture's. Above it something is copied once more. */
const MOST = 700;

test('a 92 MB model loads, is stored, and loads again', { timeout: PATIENCE }, async () => {
  const model = fullXception(CLASSES);
  let asked = 0;
  const site = await start({
    first({ url }, response) {
      if (url !== '/full') return false;
      asked++;
      response.writeHead(200, {
        'Content-Length': model.length,
        'Content-Type': 'application/octet-stream',
      });
      response.end(model);
      return true;
    },
  });
  try {
    const loads = [];
    for (let i = 0; i < 2; i++) {
      const session = await site.browser.newBrowserCDPSession();
      const page = loads.page ?? (loads.page = await site.open('/icon.svg'));
      await page.goto(`${site.origin}/icon.svg`);
      await page.goto(site.origin + '/samples/cat.svg');
      const got = await page.evaluate(async () => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const steps = [];
        const classifier = await ImageClassifier.create({
          model: '/full',
          cache: true,
          backend: 'cpu',
          onProgress: ({ stage, loaded, total }) =>
            stage === 'model' && steps.push([loaded, total]),
        });
        const { predictions, timings } = await classifier.classify(new ImageData(640, 480));
        const { info } = classifier;
        return { info, predictions, timings, steps };
      });
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      await session.detach();
      const peaks = processInfo
        .filter(({ type }) => type === 'renderer')
        .map(({ id }) => readFileSync(`/proc/${id}/status`, 'utf8').match(/VmHWM:\s*(\d+)/)[1]);
      loads.push({ ...got, peak: Math.max(...peaks) / 1000 });
    }
    for (const { info, timings, peak } of loads) {
      console.log(
        `${(info.origin.bytes / 1e6).toFixed(1)} MB from the ${info.origin.from}: ` +
          `${Math.round(info.timings.model)} ms, network built in ${Math.round(info.timings.start)} ms, ` +
          `all in ${Math.round(info.timings.total)} ms, first picture ${Math.round(timings.total)} ms, ` +
          `peak of the page's process ${Math.round(peak)} MB`,
      );
    }
    const [first, second] = loads;
    assert.equal(first.info.model.classes, CLASSES);
    assert.deepEqual(first.steps.at(-1), [model.length, model.length]);
    assert.deepEqual([first.info.origin.from, second.info.origin.from], ['network', 'cache']);
    assert.equal(asked, 1);
    assert.deepEqual(second.predictions, first.predictions);
    assert.ok(first.peak < MOST, `${first.peak} MB`);
  } finally {
    await site.stop();
  }
});
