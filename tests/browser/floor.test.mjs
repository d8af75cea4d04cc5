// The oldest browsers that the README names: this one, without what came to browsers after them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLANK, FAKE_CAMERA, NO_GPU, PATIENCE, start } from './harness.mjs';

/** Takes away what Chrome 98, Firefox 114 or Safari 16.4 does not have, on the page or in the worker. */
function age() {
  delete AbortSignal.prototype.throwIfAborted; // Chrome 100
  for (const name of ['any', 'timeout']) delete AbortSignal[name];
  for (const name of ['toSorted', 'toReversed', 'toSpliced', 'with']) {
    delete Array.prototype[name];
    if (name !== 'toSpliced') delete Object.getPrototypeOf(Uint8Array.prototype)[name];
  }
  for (const name of ['fromAsync']) delete Array[name];
  for (const name of ['groupBy']) [delete Object[name], delete Map[name]];
  for (const name of ['withResolvers', 'try']) delete Promise[name];
  for (const name of ['canParse', 'parse']) delete URL[name];
  for (const name of ['union', 'difference', 'intersection']) delete Set.prototype[name];
  for (const name of ['fromBase64', 'fromHex']) delete Uint8Array[name];
  for (const name of ['toBase64', 'toHex']) delete Uint8Array.prototype[name];
  for (const name of ['transfer', 'transferToFixedLength', 'resize']) {
    delete ArrayBuffer.prototype[name];
  }
  for (const type of [Blob, Request, Response]) delete type.prototype.bytes;
  delete ReadableStream.prototype[Symbol.asyncIterator];
  delete ReadableStream.from;
  delete globalThis.Iterator;
  delete globalThis.VideoFrame; // Firefox 130
  delete globalThis.ReportingObserver;
  delete globalThis.scheduler;
  // Chrome 112 was the first that knew the word.
  const create = globalThis.createImageBitmap;
  globalThis.createImageBitmap = async (source, ...given) => {
    if (given.at(-1)?.imageOrientation === 'from-image') throw new TypeError('not an enum value');
    return create(source, ...given);
  };
  // Firefox 132 was the first of its kind.
  if (globalThis.HTMLVideoElement) delete HTMLVideoElement.prototype.requestVideoFrameCallback;
}

test('browsers as old as the README says suffice', { timeout: PATIENCE }, async () => {
  const site = await start({ flags: [...NO_GPU, ...FAKE_CAMERA], worker: `(${age})();` });
  try {
    const page = await site.open(BLANK);
    await page.addInitScript(age);
    await page.reload();
    const got = await page.evaluate(async () => {
      const { ImageClassifier, models, openCamera } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({
        backend: 'cpu',
        model: '/xception-web/models/drawings.safetensors',
        cache: true,
      });
      const canvas = document.createElement('canvas');
      const image = new Image();
      image.src = '/samples/cat.svg';
      await image.decode();
      canvas.width = canvas.height = 200;
      canvas.getContext('2d').drawImage(image, 0, 0, 200, 200);
      const png = await new Promise((resolve) => canvas.toBlob(resolve));
      const labels = [];
      for (const source of ['/samples/cat.svg', png, canvas, image]) {
        const { predictions } = await classifier.classify(source);
        labels.push(predictions[0].label);
      }
      const abort = new AbortController();
      const video = document.createElement('video');
      await openCamera(video, { signal: abort.signal });
      let frames = 0;
      for await (const _ of classifier.stream(video, { signal: abort.signal })) {
        if (++frames === 3) abort.abort();
      }
      const early = await ImageClassifier.create({ signal: abort.signal }).catch(
        ({ name }) => name,
      );
      const listed = (await models.list()).length > 1;
      const stored = (await models.cached()).length;
      await models.clear();
      classifier.dispose();
      return { old: !('any' in AbortSignal), labels, frames, early, listed, stored };
    });
    assert.deepEqual(got, {
      old: true,
      labels: ['cat', 'cat', 'cat', 'cat'],
      frames: 3,
      early: 'AbortError',
      listed: true,
      stored: 1,
    });
  } finally {
    await site.stop();
  }
});
