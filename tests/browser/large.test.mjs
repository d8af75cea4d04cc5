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
/** Bytes of WebAssembly memory beyond the weights, after PICTURES: the module, one tensor on its way
 * in, and one picture's activations. The file itself is JavaScript's, and goes. */
const HEAP_BEYOND_WEIGHTS = 64e6;
const PICTURES = 20;
/** Finds every WebAssembly memory in the worker, and tells their size when asked. */
const HOOKS = readFileSync(new URL('../bench/hooks.js', import.meta.url), 'utf8');

test('a 92 MB model loads, is stored, and loads again', { timeout: PATIENCE }, async () => {
  const model = fullXception(CLASSES);
  let asked = 0;
  const site = await start({
    worker: HOOKS,
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
      const got = await page.evaluate(async (pictures) => {
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
        for (let i = 1; i < pictures; i++) await classifier.classify(new ImageData(640, 480));
        const channel = new BroadcastChannel('bench-heap');
        const heap = await new Promise((resolve) => {
          channel.onmessage = ({ data }) => resolve(data);
          channel.postMessage('ask');
        });
        channel.close();
        const { info } = classifier;
        return { info, predictions, timings, steps, heap };
      }, PICTURES);
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      await session.detach();
      const peaks = processInfo
        .filter(({ type }) => type === 'renderer')
        .map(({ id }) => readFileSync(`/proc/${id}/status`, 'utf8').match(/VmHWM:\s*(\d+)/)[1]);
      loads.push({ ...got, peak: Math.max(...peaks) / 1000 });
    }
    for (const { info, timings, peak, heap } of loads) {
      console.log(
        `${(info.origin.bytes / 1e6).toFixed(1)} MB from the ${info.origin.from}: ` +
          `${Math.round(info.timings.model)} ms, network built in ${Math.round(info.timings.start)} ms, ` +
          `all in ${Math.round(info.timings.total)} ms, first picture ${Math.round(timings.total)} ms, ` +
          `WebAssembly ${(heap / 1e6).toFixed(1)} MB after ${PICTURES} pictures, ` +
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
    for (const { heap } of loads) {
      assert.ok(heap > model.length, `${heap} bytes are less than the weights alone`);
      assert.ok(heap <= model.length + HEAP_BEYOND_WEIGHTS, `${heap} bytes of WebAssembly memory`);
    }
  } finally {
    await site.stop();
  }
});
