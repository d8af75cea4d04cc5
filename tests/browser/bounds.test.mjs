// Pixels are copied when their turn comes, two pictures at a time, and let go when they are not wanted.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATIENCE, served, start } from './harness.mjs';

const PICTURES = fileURLToPath(new URL('../fixtures/pictures', import.meta.url));

const PLAIN = {
  'Content-Security-Policy': undefined,
  'Cross-Origin-Embedder-Policy': undefined,
  'Cross-Origin-Resource-Policy': undefined,
};

describe('pixels', { timeout: PATIENCE }, () => {
  let site;
  let other;
  let page;
  before(async () => {
    other = await served({ root: PICTURES, headers: PLAIN });
    site = await start({
      headers: PLAIN,
      first({ url }, response) {
        if (url !== '/blank') return false;
        response.writeHead(200, { 'Content-Type': 'text/html' });
        response.end('<!doctype html>');
        return true;
      },
    });
    page = await site.open('/blank');
    await page.evaluate(async () => {
      const count = { made: [], open: 0, most: 0, asked: 0 };
      // Before the package sees an answer, so that what it does next is counted after it.
      globalThis.Worker = class extends Worker {
        constructor(...given) {
          super(...given);
          this.addEventListener('message', ({ data }) => {
            if (['classified', 'failed', 'cancelled'].includes(data.type)) count.open--;
          });
        }
        postMessage(...given) {
          if (given[0].type === 'classify') count.asked++;
          super.postMessage(...given);
        }
      };
      const create = createImageBitmap;
      globalThis.createImageBitmap = async (...given) => {
        count.most = Math.max(count.most, ++count.open);
        const bitmap = await create(...given);
        count.made.push(bitmap);
        await kit.made?.();
        return bitmap;
      };
      /** A bitmap that was sent or closed has no size. */
      count.held = () => count.made.filter(({ width }) => width > 0).length;
      const { ImageClassifier, PictureError } = await import('/xception-web/index.js');
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [300, 200];
      const context = canvas.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = '#c33';
      context.fillRect(20, 20, 100, 100);
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      globalThis.kit = { ImageClassifier, PictureError, canvas, classifier, count };
    });
  });
  after(async () => {
    await site.stop();
    other?.stop();
  });

  test('of many pictures that are asked for at once are copied two at a time', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, count } = kit;
      [count.open, count.most] = [0, 0];
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => classifier.classify(canvas, { topK: 1 })),
      );
      return { most: count.most, answers: answers.length, held: count.held() };
    });
    assert.deepEqual(got, { most: 2, answers: 20, held: 0 });
  });

  test('of a picture whose turn it is are copied before its caller goes on', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier } = kit;
      const wanted = await classifier.classify(canvas, { topK: 3 });
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const closed = classifier.classify(frame, { topK: 3 });
      frame.close();
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext('2d');
      context.drawImage(canvas, 0, 0);
      const cleared = classifier.classify(copy, { topK: 3 });
      context.clearRect(0, 0, copy.width, copy.height);
      const answers = [wanted, await closed, await cleared];
      return answers.map(({ predictions }) => JSON.stringify(predictions));
    });
    assert.deepEqual(got, [got[0], got[0], got[0]]);
  });

  test('of pictures that wait are not copied any more after an abort', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, count } = kit;
      count.made = [];
      const abort = new AbortController();
      const { signal } = abort;
      const all = Array.from({ length: 10 }, () =>
        classifier.classify(canvas, { signal }).catch(({ name }) => name),
      );
      abort.abort();
      const names = new Set(await Promise.all(all));
      const { predictions } = await classifier.classify(canvas, { topK: 1 });
      return { names: [...names], made: count.made.length <= 3, next: predictions.length };
    });
    assert.deepEqual(got, { names: ['AbortError'], made: true, next: 1 });
  });

  test('of pictures that were given up stay two, while the worker is at another', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, count } = kit;
      [count.open, count.most] = [0, 0];
      let abort = new AbortController();
      const names = [];
      for (let i = 0; i < 40; i++) {
        abort.abort();
        abort = new AbortController();
        classifier.classify(canvas, { signal: abort.signal }).catch(({ name }) => names.push(name));
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      abort.abort();
      const { predictions } = await classifier.classify(canvas, { topK: 1 });
      return { most: count.most, names: new Set(names).size, next: predictions.length };
    });
    assert.deepEqual(got, { most: 2, names: 1, next: 1 });
  });

  test('of a video are those of its newest frame, for all that wait for it', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, count } = kit;
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = canvas.captureStream(20);
      const drawing = setInterval(() => canvas.getContext('2d').fillRect(0, 0, 9, 9), 30);
      await video.play();
      count.asked = 0;
      const abort = new AbortController();
      const given = Array.from({ length: 200 }, (_, i) =>
        classifier.classify(video, {
          topK: 1 + (i % 2),
          signal: i === 100 ? abort.signal : undefined,
        }),
      );
      const left = given[100].catch(({ name }) => name);
      abort.abort();
      const answers = await Promise.all(given.toSpliced(100, 1));
      clearInterval(drawing);
      return {
        left: await left,
        lengths: [...new Set(answers.map(({ predictions }) => predictions.length))],
        few: count.asked <= 8,
      };
    });
    assert.deepEqual(got, { left: 'AbortError', lengths: [1, 2], few: true });
  });

  for (const end of ['abort', 'dispose']) {
    test(`that were copied are let go after ${end}`, async () => {
      const got = await page.evaluate(async (end) => {
        const { canvas, count } = kit;
        const classifier = await kit.ImageClassifier.create({ backend: 'cpu' });
        const abort = new AbortController();
        count.made = [];
        kit.made = () => (end === 'abort' ? abort.abort() : classifier.dispose());
        const failed = await classifier
          .classify(canvas, { signal: abort.signal })
          .catch(({ code, name }) => (typeof code === 'string' ? code : name));
        kit.made = undefined;
        classifier.dispose();
        return [failed, count.made.length, count.held()];
      }, end);
      assert.deepEqual(got, [end === 'abort' ? 'AbortError' : 'disposed', 1, 0]);
    });
  }

  test('of another origin are refused and let go', async () => {
    const got = await page.evaluate(async (address) => {
      const { PictureError, classifier, count } = kit;
      const image = new Image();
      image.src = address;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.getContext('2d').drawImage(image, 0, 0);
      count.made = [];
      const failures = [];
      for (const source of [image, canvas, await createImageBitmap(image)]) {
        const error = await classifier.classify(source).catch((error) => error);
        failures.push(error instanceof PictureError && error.code);
      }
      // The third is its caller's own.
      return [failures, count.made.length, count.held()];
    }, `http://127.0.0.1:${other.port}/umbrella.png`);
    assert.deepEqual(got, [['tainted', 'tainted', 'tainted'], 4, 1]);
  });
});
