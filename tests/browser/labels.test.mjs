// Names of the classes of a model that brings none.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { miniXception } from './full.mjs';
import { PATIENCE, SAMPLES, SITE, drop, dropBytes, labelsFor, ready, start } from './harness.mjs';

const IMAGENET = JSON.parse(readFileSync(join(SITE, 'xception-web/models/imagenet.json'), 'utf8'));

describe('names that a model lacks', { timeout: PATIENCE }, () => {
  const thousand = miniXception(1000);
  let site;

  before(async () => {
    const sizes = { '/thousand': thousand, '/few': miniXception(999) };
    site = await start({
      first({ url }, response) {
        if (!(url in sizes)) return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.end(sizes[url]);
        return true;
      },
    });
  });
  after(() => site.stop());

  /** What the model says to a picture, all classes. */
  const classify = async (options) => {
    const page = await site.open('/samples/cat.svg');
    return page.evaluate(async (options) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu', ...options });
      const { predictions } = await classifier.classify(new ImageData(64, 48), { topK: 1000 });
      return { labels: classifier.info.model.labels, predictions };
    }, options);
  };

  test('a thousand classes are ImageNet’s, with their synsets', async () => {
    const { labels, predictions } = await classify({ model: '/thousand' });
    assert.equal(predictions.length, 1000);
    for (const { index, label, synset } of predictions) {
      assert.deepEqual([synset, label], IMAGENET[index]);
    }
    assert.deepEqual(
      labels,
      Object.values(IMAGENET).map(([, name]) => name),
    );
    assert.deepEqual(IMAGENET[0], ['n01440764', 'tench']);
  });

  test('names that are given come first', async () => {
    const given = Array.from({ length: 1000 }, (_, i) => `thing ${i}`);
    const { predictions } = await classify({ model: '/thousand', labels: given });
    for (const { index, label, synset } of predictions) {
      assert.deepEqual([label, synset], [`thing ${index}`, undefined]);
    }
  });

  test('any other count of classes gets numbers', async () => {
    const { predictions } = await classify({ model: '/few' });
    assert.equal(predictions.length, 999);
    for (const { index, label, synset } of predictions) {
      assert.deepEqual([label, synset], [`class ${index}`, undefined]);
    }
  });

  test('what is no list of names is refused in one way', async () => {
    const page = await site.open('/samples/cat.svg');
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const circular = {};
      circular.self = circular;
      const refused = [];
      for (const labels of ['http://[', circular, new Map([[0, 'a']]), null, 7, { a: 1n }]) {
        const options = { backend: 'cpu', labels };
        refused.push(await ImageClassifier.create(options).catch(({ name }) => name));
      }
      return refused;
    });
    assert.deepEqual(new Set(got), new Set(['OptionError']));
  });

  test('a file dropped on the page is named so too, and no other host is asked', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await dropBytes(page, thousand, { name: 'thousand.safetensors' });
    await page.getByText('thousand.safetensors').waitFor();
    await drop(page, join(SAMPLES, 'cat.svg'));
    const names = new Set(Object.values(IMAGENET).map(([, name]) => name));
    for (const label of await labelsFor(page, 'cat.svg')) assert.ok(names.has(label), label);
    const foreign = site.requests.filter((url) => !/^(http:\/\/localhost|blob:|data:)/.test(url));
    assert.deepEqual(foreign, []);
  });
});
