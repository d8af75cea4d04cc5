// The SHA-256 of a model: given, recorded at its first download, and what later files are held to.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { miniXception } from './full.mjs';
import { BLANK, PATIENCE, SITE, start } from './harness.mjs';

const MODEL = readFileSync(join(SITE, 'xception-web/models/drawings.safetensors'));
const OTHER = miniXception(7);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A device that has room for nothing but notes. */
const FULL = `const put = Cache.prototype.put;
  Cache.prototype.put = async function (url, response) {
    const { size } = await response.clone().blob();
    if (size > 1000) throw new DOMException('Quota exceeded.', 'QuotaExceededError');
    return put.call(this, url, response);
  };`;

const NO_WEB_CRYPTO = "Object.defineProperty(crypto, 'subtle', { value: undefined });";

/** A site whose /model is what `served.model` is, and how often it was asked for. */
async function models(worker) {
  const served = { model: MODEL, asked: 0 };
  const site = await start({
    worker,
    first({ url }, response) {
      if (url !== '/model') return false;
      served.asked++;
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      response.end(served.model);
      return true;
    },
  });
  const page = await site.open(BLANK);
  /** Creates a classifier; what came of it, and what is stored afterwards. */
  const create = (options) =>
    page.evaluate(async (options) => {
      const { ImageClassifier, models } = await import('/xception-web/index.js');
      const outcome = await ImageClassifier.create({
        backend: 'cpu',
        model: '/model',
        cache: true,
        ...options,
      }).then(
        (classifier) => {
          classifier.dispose();
          return { origin: classifier.info.origin };
        },
        ({ code, message }) => ({ code, message }),
      );
      return { ...outcome, stored: (await models.cached()).map(({ sha256 }) => sha256) };
    }, options);
  const clear = (address) =>
    page.evaluate(
      async (address) => (await import('/xception-web/index.js')).models.clear(address),
      address,
    );
  /** Flips a bit of what is stored. */
  const spoil = () =>
    page.evaluate(async () => {
      const cache = await caches.open('xception-web-models');
      const kept = await cache.match('/model');
      const { headers } = kept;
      const bytes = new Uint8Array(await kept.arrayBuffer());
      bytes[bytes.length - 1000] ^= 1;
      await cache.put('/model', new Response(bytes, { headers }));
    });
  return { served, create, clear, spoil, origin: site.origin, stop: site.stop };
}

describe('the SHA-256 of a model', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await models()));
  after(() => site.stop());
  beforeEach(async () => {
    await site.clear();
    Object.assign(site.served, { model: MODEL, asked: 0 });
  });

  test('is recorded at the first download and checked at each use', async () => {
    assert.deepEqual((await site.create()).stored, [sha256(MODEL)]);
    const again = await site.create();
    assert.deepEqual([again.origin.from, again.origin.sha256], ['cache', sha256(MODEL)]);
    await site.spoil();
    const spoilt = await site.create();
    assert.deepEqual([spoilt.origin?.from, spoilt.message], ['network', undefined]);
    assert.deepEqual([spoilt.stored, site.served.asked], [[sha256(MODEL)], 2]);
  });

  test('mistyped by one caller costs no other its stored file', async () => {
    await site.create();
    const mistyped = await site.create({ sha256: '0'.repeat(64) });
    assert.equal(mistyped.code, 'hash-mismatch', mistyped.message);
    assert.deepEqual(mistyped.stored, [sha256(MODEL)]);
    const { origin } = await site.create();
    assert.deepEqual([origin.from, site.served.asked], ['cache', 2]);
  });

  test('of a newer file, given by its caller, replaces the stored one', async () => {
    await site.create();
    site.served.model = OTHER;
    const newer = await site.create({ sha256: sha256(OTHER) });
    assert.equal(newer.origin?.from, 'network', newer.message);
    assert.deepEqual(newer.stored, [sha256(OTHER)]);
  });

  test('holds what comes later from the same address, until that is forgotten', async () => {
    await site.create();
    await site.spoil();
    site.served.model = OTHER;
    const later = await site.create();
    assert.deepEqual([later.code, later.stored], ['hash-mismatch', []]);
    assert.match(later.message, /not the file that came from there before.*models\.clear/);
    assert.equal((await site.create()).code, 'hash-mismatch');
    await site.clear(`${site.origin}/model`);
    assert.deepEqual((await site.create()).stored, [sha256(OTHER)]);
  });
});

test('on a full device the SHA-256 is recorded all the same', { timeout: PATIENCE }, async () => {
  const site = await models(FULL);
  try {
    const { origin, stored } = await site.create();
    assert.deepEqual([origin.stored, stored], [false, []]);
    assert.match(origin.note, /Quota exceeded.*memory only/);
    assert.equal((await site.create()).origin?.sha256, sha256(MODEL));
    site.served.model = OTHER;
    assert.equal((await site.create()).code, 'hash-mismatch');
  } finally {
    await site.stop();
  }
});

test('where nothing can be hashed, that is what is told', { timeout: PATIENCE }, async () => {
  const site = await models(NO_WEB_CRYPTO);
  try {
    const got = await site.create({ sha256: sha256(MODEL) });
    assert.deepEqual([got.code, site.served.asked], ['unverified', 0], got.message);
    assert.match(got.message, /only for pages on https/);
    assert.equal((await site.create()).origin?.from, 'network');
  } finally {
    await site.stop();
  }
});

test(
  'where nothing can be hashed, a digest of the list keeps nobody from its model',
  { timeout: PATIENCE },
  async () => {
    const site = await start({ worker: NO_WEB_CRYPTO });
    try {
      const url = 'https://huggingface.co/somebody/listed/resolve/main/model.safetensors';
      const fulfil = (body) => (route) =>
        route.fulfill({ body, headers: { 'Access-Control-Allow-Origin': '*' } });
      const create = async (script) => {
        const page = await site.open(BLANK);
        if (script) await page.addInitScript(script);
        await page.route(url, fulfil(MODEL));
        const model = { id: 'listed', title: 'Listed', url, bytes: MODEL.length, classes: 150 };
        const list = JSON.stringify([{ ...model, sha256: '0'.repeat(64) }]);
        await page.route('**/registry.json', fulfil(list));
        await page.goto(site.origin + BLANK);
        return page.evaluate(async () => {
          const { ImageClassifier } = await import('/xception-web/index.js');
          return ImageClassifier.create({ backend: 'cpu', model: 'listed' }).then(
            ({ info }) => info.origin.from,
            ({ code }) => code,
          );
        });
      };
      assert.equal(await create(NO_WEB_CRYPTO), 'network');
      // The worker cannot: that is told, as the page could.
      assert.equal(await create(), 'unverified');
    } finally {
      await site.stop();
    }
  },
);
