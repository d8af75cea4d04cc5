// The right label, on every backend and from everything that can be classified.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  PATIENCE,
  SAMPLES,
  SOFTWARE_GPU,
  WITH_BLOBS,
  drop,
  dropBytes,
  labelsFor,
  render,
  start,
  text,
} from './harness.mjs';

const OBJECTS = ['apple', 'cat', 'car', 'mushroom', 'umbrella'];

/** f32 sums in another order; the GPU's are the furthest apart. */
const SAME = 2e-3;

describe('dropped pictures get their labels', { timeout: PATIENCE * 2 }, () => {
  let site;
  const scores = {};
  before(async () => (site = await start({ flags: SOFTWARE_GPU })));
  after(() => site.stop());

  for (const backend of ['cpu', 'ndarray', 'webgpu']) {
    test(`on ${backend}`, async () => {
      const page = await site.open(`/?backend=${backend}&model=drawings`);
      for (const object of OBJECTS) {
        await drop(page, join(SAMPLES, `${object}.svg`), { type: 'image/svg+xml' });
        const [best] = await labelsFor(page, `${object}.svg`);
        assert.equal(best, object);
      }
      const name = 'cat, in an oblong.png';
      const svg = readFileSync(join(SAMPLES, 'cat.svg'), 'utf8');
      const png = await render(page, svg, { width: 237, height: 181 });
      await dropBytes(page, png, { name, type: 'image/png' });
      assert.equal((await labelsFor(page, name))[0], 'cat');
      assert.equal(await text(page, 'backend'), backend, await text(page, 'reason'));
      assert.match(await text(page, 'reason'), /by name/);
      assert.match(await text(page, 'latency'), /^[\d.]+ ms$/);
      assert.equal(await page.getByTestId('prediction').count(), 5);
      scores[backend] = await page
        .getByTestId('prediction')
        .evaluateAll((rows) =>
          Object.fromEntries(rows.map(({ dataset }) => [dataset.index, Number(dataset.score)])),
        );
      await page.close();
    });
  }

  test('the backends agree on the scores', () => {
    for (const backend of ['ndarray', 'webgpu']) {
      for (const [index, score] of Object.entries(scores.cpu)) {
        if (score < SAME) continue; // May rank differently, so may be missing on the other side.
        assert.ok(
          Math.abs(scores[backend][index] - score) < SAME,
          `class ${index}: ${score} on cpu, ${scores[backend][index]} on ${backend}`,
        );
      }
    }
  });
});

describe('everything that shows a picture can be classified', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start({ headers: WITH_BLOBS });
    page = await site.open('/about/licence.txt'); // A page of the site that does nothing by itself.
    await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const image = new Image();
      image.src = '/samples/cat.svg';
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = 211;
      canvas.height = 173;
      const context = canvas.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 19, 0, canvas.height, canvas.height);
      const png = await new Promise((resolve) => canvas.toBlob(resolve));
      const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
      globalThis.kit = { canvas, classifier, context, png };
    });
  });
  after(() => site.stop());

  const SOURCES = {
    File: () => new File([kit.png], 'cat.png', { type: 'image/png' }),
    'Blob without a type': () => new Blob([kit.png]),
    'address of a blob': () => URL.createObjectURL(kit.png),
    ImageData: () => kit.context.getImageData(0, 0, 211, 173),
    ImageBitmap: () => createImageBitmap(kit.png),
    canvas: () => kit.canvas,
    OffscreenCanvas: () => {
      const canvas = new OffscreenCanvas(211, 173);
      canvas.getContext('2d').drawImage(kit.canvas, 0, 0);
      return canvas;
    },
    VideoFrame: () => new VideoFrame(kit.canvas, { timestamp: 0 }),
    'encoded bytes': () => kit.png.arrayBuffer(),
    'a view of encoded bytes': async () =>
      new Uint8Array(await new Blob(['abc', kit.png, 'd']).arrayBuffer(), 3, kit.png.size),
    'raw RGBA': () => {
      const { data, width, height } = kit.context.getImageData(0, 0, 211, 173);
      return { data: new Uint8Array(data), width, height };
    },
    'raw RGB': () => {
      const { data, width, height } = kit.context.getImageData(0, 0, 211, 173);
      return { data: data.filter((_, at) => at % 4 < 3), width, height };
    },
    'img that is still loading': () => {
      const image = new Image();
      image.src = URL.createObjectURL(kit.png);
      return image;
    },
  };

  for (const [name, make] of Object.entries(SOURCES)) {
    test(name, async () => {
      const [got, wanted] = await page.evaluate(`(async () => {
        const source = await (${make})();
        const got = await kit.classifier.classify(source, { topK: 3 });
        const again = await kit.classifier.classify(source, { topK: 3 });
        if (JSON.stringify(again.predictions) !== JSON.stringify(got.predictions)) {
          throw new Error('the second answer differs');
        }
        const wanted = await kit.classifier.classify(kit.png, { topK: 3 });
        return [got.predictions, wanted.predictions];
      })()`);
      assert.equal(wanted[0].label, 'cat');
      assert.deepEqual(got, wanted, 'the same pixels give the same answer');
    });
  }

  test('relative address, address object, <img> and <video> of a drawing', async () => {
    const labels = await page.evaluate(async () => {
      const image = new Image();
      image.src = '/samples/cat.svg';
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = kit.canvas.captureStream(10);
      // The stream's first frame is the first drawing after its start.
      const drawing = setInterval(() => kit.context.drawImage(kit.canvas, 0, 0), 50);
      void video.play();
      const sources = [
        '../samples/cat.svg',
        new URL('/samples/cat.svg', location.href),
        image,
        video,
      ];
      const labels = [];
      for (const source of sources) {
        labels.push((await kit.classifier.classify(source)).predictions[0].label);
      }
      clearInterval(drawing);
      return labels;
    });
    assert.deepEqual(labels, ['cat', 'cat', 'cat', 'cat']);
  });

  test('a photo lying on its side is turned upright first', async () => {
    const [upright, turned] = await page.evaluate(async () => {
      // A JPEG of the canvas on its side, with the EXIF note that says so.
      const side = document.createElement('canvas');
      [side.width, side.height] = [173, 211];
      const context = side.getContext('2d');
      context.rotate(-Math.PI / 2);
      context.drawImage(kit.canvas, -211, 0);
      const blob = await new Promise((resolve) => side.toBlob(resolve, 'image/jpeg', 1));
      const jpeg = new Uint8Array(await blob.arrayBuffer());
      // APP1 "Exif", little endian, one entry: orientation (0x112), short, 6 = turn right.
      const exif = [
        0xff, 0xe1, 0, 34, 69, 120, 105, 102, 0, 0, 73, 73, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0,
        1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
      ];
      const photo = new Blob([jpeg.slice(0, 2), new Uint8Array(exif), jpeg.slice(2)]);
      const answers = [
        await kit.classifier.classify(kit.png),
        await kit.classifier.classify(photo),
      ];
      return answers.map(({ predictions }) => predictions[0]);
    });
    assert.equal(turned.label, upright.label);
    assert.ok(Math.abs(turned.score - upright.score) < 0.05, 'JPEG noise apart');
  });

  test('pictures too large to read say how large they may be', async () => {
    const message = await page.evaluate(() =>
      kit.classifier.classify(new ImageData(20000, 1)).catch(({ code, message }) => ({
        code,
        message,
      })),
    );
    assert.equal(message.code, 'too-large');
    assert.match(message.message, /20000 × 1 .* 16384/);
  });

  test('what is no picture is refused with what is allowed', async () => {
    const failures = await page.evaluate(async () => {
      const { OptionError, PictureError } = await import('/xception-web/index.js');
      const failure = (source, options) =>
        kit.classifier.classify(source, options).then(
          () => 'accepted',
          (error) =>
            `${error instanceof OptionError || error instanceof PictureError} ${error.code}`,
        );
      return {
        number: await failure(3),
        nothing: await failure(undefined),
        div: await failure(document.createElement('div')),
        empty: await failure(new Blob([])),
        text: await failure(new File(['hello'], 'note.txt', { type: 'text/plain' })),
        svg: await failure(new File(['<svg'], 'broken.svg', { type: 'image/svg+xml' })),
        video: await failure(document.createElement('video')),
        img: await failure(new Image()),
        topK: await failure(kit.png, { topK: 0 }),
      };
    });
    assert.deepEqual(failures, {
      number: 'true invalid-option',
      nothing: 'true invalid-option',
      div: 'true invalid-option',
      empty: 'true empty',
      text: 'true undecodable',
      svg: 'true undecodable',
      video: 'true not-ready',
      img: 'true undecodable',
      topK: 'true invalid-option',
    });
  });
});

test('weak guesses can be left out, and several pictures be asked at once', async () => {
  const site = await start();
  try {
    const page = await site.open();
    const got = await page.evaluate(async (objects) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
      const files = objects.map((object) => `/samples/${object}.svg`);
      const answers = await classifier.classifyAll(files, { topK: 1 });
      const refused = (promise) => promise.catch(({ code }) => code);
      const scores = async (minScore) =>
        (await classifier.classify(files[0], { topK: 150, minScore })).predictions.map(
          ({ score }) => score,
        );
      return {
        labels: answers.map(({ predictions }) => predictions[0].label),
        all: await scores(0),
        strong: await scores(0.5),
        none: await scores(1),
        bad: await refused(classifier.classify(files[0], { minScore: 2 })),
        missing: await refused(classifier.classifyAll([files[0], '/samples/none.svg'])),
      };
    }, OBJECTS);
    assert.deepEqual(got.labels, OBJECTS);
    assert.equal(got.all.length, 150);
    assert.equal(got.strong.length, 1);
    assert.ok(got.strong[0] >= 0.5);
    assert.deepEqual(got.none, []);
    assert.equal(got.bad, 'invalid-option');
    assert.equal(got.missing, 'http-error');
  } finally {
    await site.stop();
  }
});
