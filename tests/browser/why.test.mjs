// Why?: the map of a class, from the package and on the page.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  FAKE_CAMERA,
  NO_GPU,
  PATIENCE,
  SAMPLES,
  drop,
  dropBytes,
  labelsFor,
  ready,
  start,
} from './harness.mjs';

/** Sums of hundreds of products in another order, relative to the largest value. */
const TOLERANCE = 1e-4;

/** A model that Keras wrote, with ReLU in its head. */
const DEEP = gunzipSync(
  readFileSync(fileURLToPath(new URL('../fixtures/models/deep.h5.gz', import.meta.url))),
);

describe('why', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await start({ flags: [...NO_GPU, ...FAKE_CAMERA] })));
  after(() => site.stop());

  test('the map follows a thing from corner to corner, and is the same on another backend', async () => {
    const page = await site.open('/about/licence.txt');
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const cup = await createImageBitmap(await (await fetch('/samples/espresso.jpg')).blob());
      const { index, label } = await classifier.explain(cup);
      const [best] = (await classifier.classify(cup)).predictions;
      const found = [];
      let last;
      for (const [left, top] of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ]) {
        const canvas = new OffscreenCanvas(2 * cup.width, 2 * cup.height);
        const context = canvas.getContext('2d');
        context.fillStyle = '#808080';
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(cup, left * cup.width, top * cup.height);
        last = await classifier.explain(canvas, { index });
        const { width, height, values } = last;
        const sums = [0, 0, 0, 0];
        for (const [at, value] of values.entries()) {
          const right = 2 * (at % width) + 1 > width;
          const below = 2 * Math.floor(at / width) + 1 > height;
          sums[Number(right) + 2 * Number(below)] += value;
        }
        found.push(sums.indexOf(Math.max(...sums)));
      }
      const refused = await classifier.explain(cup, { index: 1e6 }).catch(({ message }) => message);
      const plain = await ImageClassifier.create({ backend: 'ndarray' });
      const canvas = new OffscreenCanvas(2 * cup.width, 2 * cup.height);
      const context = canvas.getContext('2d');
      context.fillStyle = '#808080';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(cup, cup.width, cup.height);
      const other = await plain.explain(canvas, { index });
      return {
        same: index === best.index && label === best.label,
        found,
        refused,
        values: [...last.values],
        other: [...other.values],
      };
    });
    assert.ok(got.same, 'the likeliest class is explained');
    assert.deepEqual(got.found, [0, 1, 2, 3]);
    assert.match(got.refused, /index is 1000000\. Give a whole number from 0 to/);
    const scale = Math.max(...got.values.map(Math.abs));
    for (const [i, value] of got.values.entries()) {
      assert.ok(Math.abs(value - got.other[i]) <= TOLERANCE * scale, `${value}, ${got.other[i]}`);
    }
  });

  test('the map becomes a picture to lay over', async () => {
    const page = await site.open('/about/licence.txt');
    const got = await page.evaluate(async () => {
      const { overlay } = await import('/xception-web/index.js');
      // Speaks in its lower right corner; at both sides lies what the network did not see.
      const values = Float32Array.from({ length: 16 }, (_, at) => (at === 15 ? 3 : -1));
      const seen = { x: 0.25, y: 0, width: 0.5, height: 1 };
      const map = { index: 0, label: 'cup', width: 4, height: 4, values, seen };
      const picture = await overlay(map, { width: 40, height: 20, darkness: 0.8 });
      const alpha = (x, y) => picture.data[4 * (y * picture.width + x) + 3];
      const flat = await overlay({ ...map, values: new Float32Array(16) });
      const refused = [];
      for (const options of [{ width: 0 }, { height: 2.5 }, { darkness: 2 }, { darkness: 'a' }]) {
        refused.push(
          await overlay(map, options).catch((error) => `${error.name} ${error.message}`),
        );
      }
      return {
        is: picture instanceof ImageData,
        size: [picture.width, picture.height, flat.width, flat.height],
        colours: picture.data.filter((_, at) => at % 4 !== 3).every((value) => value === 0),
        least: Math.min(...picture.data.filter((_, at) => at % 4 === 3)),
        corners: [alpha(10, 0), alpha(29, 0), alpha(10, 19), alpha(29, 19)],
        beside: [alpha(9, 10), alpha(30, 19)],
        flat: [flat.data[3], flat.data[4 * (80 * 160 + 80) + 3]],
        refused,
      };
    });
    const dark = Math.round(255 * 0.8);
    assert.deepEqual([got.is, got.size, got.colours], [true, [40, 20, 160, 160], true]);
    assert.deepEqual([got.least, got.corners], [0, [dark, dark, dark, 0]]);
    assert.deepEqual(got.beside, [dark, dark]);
    // Where all places say the same, all that was seen is clear.
    assert.deepEqual(got.flat, [Math.round(255 * 0.82), 0]);
    for (const [at, words] of [
      /^OptionError width is 0\. Give a whole number of at least 1/,
      /^OptionError height is 2\.5/,
      /^OptionError darkness is 2\. Give a number from 0 to 1/,
      /^OptionError darkness is "a"/,
    ].entries()) {
      assert.match(got.refused[at], words);
    }
  });

  test('lights the picture and says it in words, for any label, by the keyboard', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    assert.ok(await page.getByTestId('why').isHidden());
    await page.locator('[data-sample="samples/espresso.jpg"]').click();
    await labelsFor(page, 'espresso.jpg');
    await page.getByTestId('why').focus();
    await page.keyboard.press('Enter');
    const words = page.getByTestId('why-words');
    await words.getByText(/^espresso: (mostly the|all over)/).waitFor();
    const map = page.locator('#why-map');
    const { map: box, picture } = await page.evaluate(() => {
      const box = (id) => document.getElementById(id).getBoundingClientRect();
      const { naturalWidth, naturalHeight } = document.getElementById('preview');
      return {
        map: box('why-map'),
        picture: { ...box('preview').toJSON(), naturalWidth, naturalHeight },
      };
    });
    // As the picture lies in its place: in the middle, as large as fits.
    const scale = Math.min(
      picture.width / picture.naturalWidth,
      picture.height / picture.naturalHeight,
    );
    assert.ok(Math.abs(box.width - picture.naturalWidth * scale) < 1);
    assert.ok(Math.abs(box.height - picture.naturalHeight * scale) < 1);
    const middle = ({ x, width, y, height }) => [x + width / 2, y + height / 2];
    for (const [i, at] of middle(box).entries()) assert.ok(Math.abs(at - middle(picture)[i]) < 1);
    // Lit somewhere, dark elsewhere.
    const [least, most] = await map.evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const alphas = data.filter((_, i) => i % 4 === 3);
      return [Math.min(...alphas), Math.max(...alphas)];
    });
    assert.ok(least < 60 && most > 150, `${least} to ${most}`);
    await page.getByRole('radio', { name: 'espresso' }).focus();
    await page.keyboard.press('ArrowDown');
    await words.getByText(/^(?!espresso).+: /).waitFor();
    assert.equal(await page.getByTestId('announced').textContent(), await words.textContent());
    await drop(page, join(SAMPLES, 'tabby.jpg'), { type: 'image/jpeg' });
    await labelsFor(page, 'tabby.jpg');
    await words.getByText(/ cat: /).waitFor();
    await page.getByTestId('why').click();
    assert.ok(await map.isHidden());
  });

  test('a camera’s picture can be taken, and explained', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await page.getByTestId('webcam-start').click();
    await labelsFor(page, 'webcam');
    assert.ok(await page.getByTestId('why').isHidden());
    await page.getByTestId('snap').click();
    await labelsFor(page, 'camera.png');
    assert.ok(await page.getByTestId('webcam-start').isVisible(), 'the camera is off');
    await page.getByTestId('why').click();
    await page.getByTestId('why-words').getByText(': ').waitFor();
  });

  test('a model whose head cannot be explained says so, and goes on', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const got = await page.evaluate(async (bytes) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const model = new Uint8Array(bytes);
      const classifier = await ImageClassifier.create({ backend: 'cpu', model });
      const picture = new ImageData(9, 9);
      const refused = await classifier
        .explain(picture)
        .catch(({ code, message }) => code + message);
      const { predictions } = await classifier.classify(picture);
      return { refused, explains: classifier.info.model.explains, count: predictions.length };
    }, Array.from(DEEP));
    assert.match(got.refused, /^invalid-option.*ReLU/);
    assert.equal(got.explains, false);
    assert.ok(got.count > 0);
    await dropBytes(page, DEEP, { name: 'deep.h5' });
    await page.getByText('deep.h5').waitFor();
    await drop(page, join(SAMPLES, 'espresso.jpg'), { type: 'image/jpeg' });
    await labelsFor(page, 'espresso.jpg');
    assert.ok(await page.getByTestId('why').isHidden());
  });
});
