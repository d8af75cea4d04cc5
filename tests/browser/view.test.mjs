// How a picture is looked at: a region, quarter turns, the way to a square, and what is said of the input.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';

/** f32 sums in another order: batches and single pictures. */
const SAME = 1e-5;

describe('a picture', { timeout: PATIENCE }, () => {
  let site;
  let page;
  before(async () => {
    site = await start();
    page = await site.open('/about/licence.txt');
    await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const file = await (await fetch('/samples/tabby.jpg')).blob();
      // As Chromium decodes it for the package.
      const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' });
      const { width, height } = bitmap;
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, width, height);
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      /** Pixel by pixel: what the package must see. */
      const made = (width, height, from) => {
        const out = new Uint8Array(4 * width * height);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const [left, top] = from(x, y);
            for (let part = 0; part < 4; part++) {
              out[4 * (y * width + x) + part] = data[4 * (top * canvas.width + left) + part];
            }
          }
        }
        return { data: out, width, height };
      };
      const ask = async (source, options) =>
        JSON.stringify((await classifier.classify(source, options)).predictions);
      const refusal = (work) =>
        work().then(
          () => 'accepted',
          ({ code, message }) => `${code}: ${message}`,
        );
      globalThis.kit = {
        ImageClassifier,
        ask,
        bitmap,
        canvas,
        classifier,
        data,
        file,
        made,
        refusal,
      };
    });
  });
  after(() => site.stop());

  test('is seen in part, by pixels and by shares, whatever it comes in', async () => {
    const got = await page.evaluate(async () => {
      const { ask, bitmap, canvas, data, file, made } = kit;
      const { width, height } = canvas;
      const [left, top] = [Math.round(width * 0.25), Math.round(height * 0.125)];
      const [right, bottom] = [Math.round(width * 0.75), Math.round(height * 0.625)];
      const region = { x: left, y: top, width: right - left, height: bottom - top };
      const shares = { x: 0.25, y: 0.125, width: 0.5, height: 0.5, unit: 'shares' };
      const part = made(region.width, region.height, (x, y) => [left + x, top + y]);
      const wanted = await ask(part);
      const raw = { data: new Uint8Array(data), width, height };
      const found = [];
      for (const source of [file, bitmap, canvas, raw]) {
        found.push((await ask(source, { region })) === wanted);
        found.push((await ask(source, { region: shares })) === wanted);
      }
      const whole = { x: 0, y: 0, width, height };
      const speck = { x: 0.999, y: 0.5, width: 0.0001, height: 0.0001, unit: 'shares' };
      return {
        found,
        other: (await ask(file)) !== wanted,
        whole: (await ask(file, { region: whole })) === (await ask(file)),
        speck: await kit.refusal(() => ask(file, { region: speck })),
      };
    });
    assert.deepEqual(got, {
      found: Array(8).fill(true),
      other: true,
      whole: true,
      speck: 'accepted',
    });
  });

  test('is turned by quarters, to the pixel', async () => {
    const got = await page.evaluate(async () => {
      const { ask, canvas, file, made } = kit;
      const { width, height } = canvas;
      const turned = {
        90: made(height, width, (x, y) => [y, height - 1 - x]),
        180: made(width, height, (x, y) => [width - 1 - x, height - 1 - y]),
        270: made(height, width, (x, y) => [width - 1 - y, x]),
      };
      const found = {};
      const all = new Set();
      for (const [rotate, pixels] of Object.entries(turned)) {
        const wanted = await ask(pixels);
        all.add(wanted);
        found[rotate] = [Number(rotate), Number(rotate) - 360].map(
          async (rotate) => (await ask(file, { rotate })) === wanted,
        );
        found[rotate] = await Promise.all(found[rotate]);
      }
      const region = { x: 10, y: 20, width: 90, height: 60 };
      const both = made(60, 90, (x, y) => [10 + y, 20 + 59 - x]);
      const upright = await ask(file);
      return {
        found,
        all: all.add(upright).size,
        round: (await ask(file, { rotate: 360 })) === upright,
        both: (await ask(file, { region, rotate: 90 })) === (await ask(both)),
      };
    });
    const yes = [true, true];
    assert.deepEqual(got, {
      found: { 90: yes, 180: yes, 270: yes },
      all: 4,
      round: true,
      both: true,
    });
  });

  test('becomes a square in three ways, for one call or for all', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier, ask, file } = kit;
      const own = await ask(file);
      const found = [];
      for (const crop of ['center', 'squash', 'pad']) {
        const always = await ImageClassifier.create({ backend: 'cpu', crop });
        const { predictions } = await always.classify(file);
        const other = crop === 'pad' ? 'squash' : 'pad';
        const inspite = (await always.classify(file, { crop: other })).predictions;
        found.push({
          once: (await ask(file, { crop })) === JSON.stringify(predictions),
          inspite: (await ask(file, { crop: other })) === JSON.stringify(inspite),
          answer: JSON.stringify(predictions),
        });
        always.dispose();
      }
      const map = await kit.classifier.explain(file, { crop: 'pad', index: 3 });
      return { found, again: (await ask(file)) === own, seen: map.seen };
    });
    for (const { once, inspite } of got.found) assert.deepEqual([once, inspite], [true, true]);
    assert.equal(new Set(got.found.map(({ answer }) => answer)).size, 3);
    assert.ok(got.again, 'a call without it goes by the model again');
    const { seen } = got;
    assert.ok(seen.x < 0 || seen.y < 0, 'padded: the square reaches beyond the picture');
  });

  test('is prepared as is said of the input', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier, ask, file, refusal } = kit;
      const say = async (input) => {
        const classifier = await ImageClassifier.create({ backend: 'cpu', ...input });
        const { predictions } = await classifier.classify(file);
        const { inputSize } = classifier.info.model;
        classifier.dispose();
        return [inputSize, JSON.stringify(predictions)];
      };
      const own = await ask(file);
      const { inputSize } = kit.classifier.info.model;
      return {
        inputSize,
        large: (await say({ size: 160 }))[0],
        same: (await say({ size: inputSize }))[1] === own,
        one: (await say({ mean: 0.4, std: 0.3 }))[1],
        three: (await say({ mean: [0.4, 0.4, 0.4], std: [0.3, 0.3, 0.3] }))[1],
        own,
        small: await refusal(() => say({ size: 1 })),
        half: await refusal(() => say({ size: 99.5 })),
        nan: await refusal(() => say({ mean: [0, 0, NaN] })),
        zero: await refusal(() => say({ std: 0 })),
        pair: await refusal(() => say({ std: [1, 2] })),
        crop: await refusal(() => say({ crop: 'middle' })),
      };
    });
    assert.equal(got.large, 160);
    assert.ok(got.same);
    assert.equal(got.one, got.three);
    assert.notEqual(got.one, got.own);
    assert.match(got.small, /^invalid-option: .*input size is 1, but this network needs at least/);
    assert.match(got.half, /^invalid-option: size is 99\.5\. .*1 to 2048/);
    assert.match(got.nan, /^invalid-option: mean is \[0, 0, NaN\]/);
    assert.match(got.zero, /^invalid-option: std is 0\. .*none of them 0/);
    assert.match(got.pair, /^invalid-option: std is \[1, 2\]/);
    assert.match(got.crop, /^invalid-option: crop is "middle"\. .*center, squash, pad/);
  });

  test('is refused with what is allowed where it cannot be looked at so', async () => {
    const got = await page.evaluate(async () => {
      const { canvas, classifier, refusal } = kit;
      const bad = {
        beyond: { region: { x: 5, y: 0, width: canvas.width, height: 9 } },
        shares: { region: { x: 0.6, y: 0, width: 0.6, height: 1, unit: 'shares' } },
        empty: { region: { x: 0, y: 0, width: 0, height: 5 } },
        negative: { region: { x: -1, y: 0, width: 5, height: 5 } },
        list: { region: [0, 0, 5, 5] },
        unit: { region: { x: 0, y: 0, width: 1, height: 1, unit: 'em' } },
        slant: { rotate: 45 },
        word: { rotate: '90' },
        crop: { crop: 'contain' },
      };
      const found = {};
      for (const [name, options] of Object.entries(bad)) {
        found[name] = await refusal(() => classifier.classify(canvas, options));
      }
      found.explain = await refusal(() => classifier.explain(canvas, { rotate: 1 }));
      return found;
    });
    for (const [name, words] of Object.entries({
      beyond: /region reaches to .* × 9, and the picture is/,
      shares: /region is .* beyond the picture.*at most 1/,
      empty: /region is { 0, 0, 0, 5 }\. .*above 0/,
      negative: /region is { -1, 0, 5, 5 }/,
      list: /Give { x, y, width, height }/,
      unit: /region\.unit is "em"\. Choose one of pixels, shares/,
      slant: /rotate is 45\. .*multiple of 90/,
      word: /rotate is "90"/,
      crop: /crop is "contain"\. Choose one of center, squash, pad/,
      explain: /rotate is 1\./,
    })) {
      assert.match(got[name], /^invalid-option: /, name);
      assert.match(got[name], words);
    }
  });

  test('in a batch is looked at in the same way', async () => {
    const [alone, together] = await page.evaluate(async () => {
      const { classifier, file } = kit;
      const how = { region: { x: 10, y: 20, width: 90, height: 60 }, rotate: 90, crop: 'pad' };
      const [{ predictions }] = await classifier.classifyAll([file], how);
      return [(await classifier.classify(file, how)).predictions, predictions];
    });
    assert.deepEqual(
      together.map(({ index }) => index),
      alone.map(({ index }) => index),
    );
    for (const [i, { score }] of together.entries()) {
      assert.ok(Math.abs(score - alone[i].score) <= SAME);
    }
  });
});
