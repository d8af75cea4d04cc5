// What can be classified beside files and elements: drawings in any wrapping, raw pixels, and all of it
// inside a worker.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';

/** A caller's own worker, which answers with what it got. */
const INSIDE = `import { ImageClassifier } from '/xception-web/index.js';
const fetched = async (address) => (await fetch(address)).blob();
const refusal = (promise) => promise.then(() => 'accepted', ({ code, message }) => code + ': ' + message);
const classifier = await ImageClassifier.create({ backend: 'cpu' });
const photo = await fetched('/samples/espresso.jpg');
const bitmap = await createImageBitmap(photo);
const { width, height } = bitmap;
const canvas = new OffscreenCanvas(width, height);
canvas.getContext('2d').drawImage(bitmap, 0, 0);
const pixels = canvas.getContext('2d').getImageData(0, 0, width, height);
const frame = new VideoFrame(canvas, { timestamp: 0 });
const sources = [
  photo,
  await photo.arrayBuffer(),
  new Uint8Array(await photo.arrayBuffer()),
  '/samples/espresso.jpg',
  bitmap,
  canvas,
  pixels,
  { data: new Uint8Array(pixels.data), width, height },
  frame,
];
const answers = await classifier.classifyAll(sources, { topK: 1 });
const open = frame.format !== null && bitmap.width === width;
frame.close();
postMessage({
  labels: answers.map(({ predictions }) => predictions[0].label),
  one: (await classifier.classify(canvas)).predictions[0].label,
  open,
  svg: await refusal(classifier.classify('/samples/cat.svg')),
  closed: await refusal(classifier.classify(frame)),
});`;

describe('pictures', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start({
      first({ url }, response) {
        if (url !== '/inside.js') return false;
        const headers = {
          'Content-Type': 'text/javascript',
          'Cross-Origin-Embedder-Policy': 'require-corp',
        };
        response.writeHead(200, headers);
        response.end(INSIDE);
        return true;
      },
    });
    page = await site.open('/about/licence.txt');
  });
  after(() => site.stop());

  test('that are drawings are drawn, however they come', async () => {
    const labels = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
      const text = await (await fetch('/samples/cat.svg')).text();
      const holder = document.createElement('div');
      holder.innerHTML = text;
      const image = new Image();
      image.src = '/samples/cat.svg';
      const answers = await classifier.classifyAll([
        new TextEncoder().encode(text),
        new TextEncoder().encode(`\uFEFF${text}`).buffer,
        new File([text], 'cat.svg'),
        new Blob([text], { type: 'image/svg+xml' }),
        holder.querySelector('svg'),
        image,
        '/samples/cat.svg',
      ]);
      classifier.dispose();
      return answers.map(({ predictions }) => predictions[0].label);
    });
    assert.deepEqual(labels, Array(7).fill('cat'));
  });

  test('of any kind can be asked for inside a worker, and stay their caller’s', async () => {
    const got = await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker('/inside.js', { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message || 'not loaded'));
        }),
    );
    assert.deepEqual(got.labels, Array(9).fill('espresso'));
    assert.equal(got.one, 'espresso');
    assert.ok(got.open, 'a frame and a bitmap are copied, not taken');
    assert.match(got.svg, /^undecodable: .* drawn by a page only/);
    assert.match(got.closed, /^undecodable: .*closed/);
  });

  test('that are no whole pixels are refused with what is wrong', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const refusal = (source) =>
        classifier.classify(source).then(
          () => 'accepted',
          ({ code, message }) => `${code}: ${message}`,
        );
      const data = new Uint8Array(48);
      return {
        short: await refusal({ data, width: 4, height: 5 }),
        half: await refusal({ data, width: 4.5, height: 2 }),
        none: await refusal({ data: new Uint8Array(0), width: 0, height: 0 }),
        floats: await refusal({ data: new Float32Array(48), width: 4, height: 3 }),
        bytes: await refusal(new Uint8Array([1, 2, 3])),
        nothing: await refusal(new ArrayBuffer(0)),
        markup: await refusal(new TextEncoder().encode('<p>hello')),
        list: await refusal(['/samples/espresso.jpg']),
        wide: await refusal({ data: new Uint8Array(3 * 20000), width: 20000, height: 1 }),
      };
    });
    assert.match(got.short, /^invalid-option: .*48 bytes, .* 4 and 5\. .*RGB/);
    assert.match(got.half, /^invalid-option: .*4\.5 and 2/);
    assert.match(got.none, /^invalid-option: .*0 and 0/);
    assert.match(got.floats, /^invalid-option: Cannot classify a Object.*data, width, height/);
    assert.match(got.bytes, /^undecodable: /);
    assert.match(got.nothing, /^empty: .*0 bytes/);
    assert.match(got.markup, /^undecodable: .*SVG/);
    assert.match(got.list, /^invalid-option: .*list of these to classifyAll/);
    assert.match(got.wide, /^too-large: .*20000 × 1/);
  });
});
