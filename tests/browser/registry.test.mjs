// The registry of models: complete, asked for once, and held to.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POLICY } from '../../www/serve.mjs';
import { PATIENCE, ready, start } from './harness.mjs';
import {
  CORS,
  HOSTED,
  LIST,
  LISTED,
  MODEL,
  REGISTRY,
  bundled,
  create,
  listing,
  sha256 as digestOf,
} from './registry.mjs';

const INDEX = fileURLToPath(new URL('../../www/index.html', import.meta.url));

describe('the registry', { timeout: PATIENCE }, () => {
  let site;
  let page;
  const asked = {};
  before(async () => {
    site = await start({ first: listing(asked) });
    page = await site.open('/icon.svg');
    await page.goto(site.origin);
    await ready(page);
  });
  after(() => site.stop());

  test('the registry is complete, the bundled models first and exact', async () => {
    const [photos, drawings, ...published] = REGISTRY;
    assert.deepEqual([photos.id, drawings.id], ['photos', 'drawings']);
    for (const { id, bytes, sha256 } of [photos, drawings]) {
      const file = bundled(id);
      assert.equal(sha256, digestOf(file));
      assert.equal(bytes, file.length);
    }
    assert.ok(published.length >= 7);
    for (const { id, title, url, bytes, dtype, sha256, licence, accuracy, classes } of REGISTRY) {
      assert.ok(id && title && url && bytes > 0 && licence && classes > 0, id);
      assert.ok(['f32', 'f16'].includes(dtype), id);
      // Nobody has published that of the faces' model.
      if (id === 'fer') assert.equal(accuracy, undefined);
      else assert.ok(accuracy.top1 < accuracy.top5 && accuracy.top5 < 1, id);
      assert.ok(sha256 === undefined || /^[0-9a-f]{64}$/.test(sha256), id);
    }
    for (const { url } of published) assert.match(url, /^https:/);
  });

  test('the page’s own policy is the one that the server sends', () => {
    assert.ok(readFileSync(INDEX, 'utf8').includes(`content="${POLICY}"`));
  });

  test('a registry id loads its model; an unknown one is told which there are', async () => {
    const { info } = await create(page, { model: 'drawings' });
    assert.equal(info.origin.bytes, MODEL.length);
    const byDefault = await create(page, {});
    assert.equal(byDefault.info.origin.bytes, bundled('photos').length);
    const byName = await create(page, { model: 'photos' });
    assert.deepEqual(byName.info.model, byDefault.info.model);
    const { code, message } = await create(page, { model: 'xception99' });
    assert.equal(code, 'invalid-option');
    assert.match(message, /"xception99".*photos, drawings, keras-xception/);
  });

  test('a model is described before it is downloaded', async () => {
    const [given, listed, address] = await page.evaluate(async () => {
      const { models } = await import('/xception-web/index.js');
      const given = [];
      for (const id of ['photos', 'keras-xception', 'xception41p.ra3_in1k']) {
        given.push(await models.describe(id));
      }
      const address = '/xception-web/models/drawings.safetensors?as=address';
      return [given, await models.list(), await models.describe(address)];
    });
    for (const { url, ...one } of given) {
      const { bytes, dtype, sha256 } = listed.find((model) => model.url === url);
      assert.deepEqual(one, { bytes, dtype, sha256, stored: false });
      assert.match(sha256, /^[0-9a-f]{64}$/);
    }
    // Of an address, the file's own words; of a bundled model they are the list's.
    const drawings = listed.find(({ id }) => id === 'drawings');
    const { bytes, dtype, stored } = address;
    assert.deepEqual([bytes, dtype, stored], [drawings.bytes, drawings.dtype, false]);
  });

  test('the list is asked for once in a page’s life, and callers cannot spoil it', async () => {
    const fresh = await site.open('/icon.svg');
    await fresh.goto(site.origin + '/samples/cat.svg');
    asked[LIST] = 0;
    const ids = await fresh.evaluate(async () => {
      const { models } = await import('/xception-web/index.js');
      (await models.list())[0].id = 'spoilt';
      return (await models.list()).map(({ id }) => id);
    });
    assert.deepEqual(
      ids,
      REGISTRY.map(({ id }) => id),
    );
    assert.equal(asked[LIST], 1);
  });

  test('another model than the registry has is refused and not stored', async () => {
    const { id, url } = REGISTRY[HOSTED];
    for (const [promise, message] of [
      [{ classes: 7 }, / is not “.*”: it is .* with \d+ classes, not .* with 7 classes/],
      [{ architecture: 'xception41' }, /xception-.*, not xception41 with/],
      [{ bytes: 91641920 }, /it is 26\d+ bytes long, not 91641920/],
    ]) {
      // A page of its own: the list is remembered.
      const page = await site.open('/icon.svg');
      const answer = (response) => (route) =>
        route.fulfill({ headers: CORS, contentType: 'application/octet-stream', ...response });
      await page.route(url, answer({ body: MODEL }));
      const list = LISTED.with(HOSTED, { ...LISTED[HOSTED], ...promise });
      await page.route('**' + LIST, answer({ body: JSON.stringify(list) }));
      await page.goto(site.origin + '/samples/cat.svg');
      const got = await page.evaluate(async (model) => {
        const { ImageClassifier, models } = await import('/xception-web/index.js');
        const { code, message } = await ImageClassifier.create({ model, backend: 'cpu' }).catch(
          (error) => error,
        );
        return { code, message, stored: await models.cached() };
      }, id);
      assert.deepEqual([got.code, got.stored], ['wrong-model', []], got.message);
      assert.match(got.message, message);
    }
  });

  test('a model of unknown accuracy is listed without, and says what pictures it is for', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const radio = page.locator('[name=model][value=fer]');
    await radio.check();
    assert.match(await radio.locator('..').textContent(), /accuracy not published · 7 classes/);
    const cost = await page.getByTestId('model-cost').textContent();
    assert.match(
      cost,
      /Downloads 0\.9 MB from raw\.githubusercontent\.com.*cut to a square around one face/,
    );
  });
});
