// Models by registry, address and file: what is downloaded, checked, kept and forgotten.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { POLICY } from '../../www/serve.mjs';
import {
  BLANK,
  PATIENCE,
  SAMPLES,
  SITE,
  drop,
  dropBytes,
  labelsFor,
  ready,
  served,
  start,
} from './harness.mjs';

const bundled = (id) => readFileSync(join(SITE, `xception-web/models/${id}.safetensors`));
const MODEL = bundled('drawings');
const SHA256 = createHash('sha256').update(MODEL).digest('hex');
const REGISTRY = JSON.parse(readFileSync(join(SITE, 'xception-web/models/registry.json'), 'utf8'));
const DRAWINGS = REGISTRY.findIndex(({ id }) => id === 'drawings');
/** A published one, whose host's answers the tests give. */
const HOSTED = REGISTRY.findIndex(({ url }) => url.startsWith('https://huggingface.co/'));
const LIST = '/xception-web/models/registry.json';
const CORS = { 'Access-Control-Allow-Origin': '*' };
/** Compressed it is longer than before. */
const NOISE = randomBytes(300_000);
/** What the bundled file says it is. */
const ARCHITECTURE = JSON.parse(
  JSON.parse(MODEL.subarray(8, 8 + Number(MODEL.readBigUInt64LE()))).__metadata__['xception-web'],
).config.architecture;
const INDEX = fileURLToPath(new URL('../../www/index.html', import.meta.url));

describe('models', { timeout: PATIENCE }, () => {
  let site;
  let other;
  let page;
  let asked = {};
  /** A registry one of whose published files is a bundled one. */
  const listed = REGISTRY.with(HOSTED, {
    ...REGISTRY[HOSTED],
    architecture: ARCHITECTURE,
    bytes: MODEL.length,
    sha256: undefined,
    classes: REGISTRY[DRAWINGS].classes,
  });

  const type = { 'Content-Type': 'application/octet-stream' };
  function first({ url, method }, response) {
    asked[url] = (asked[url] ?? 0) + 1;
    const [path] = url.split('?');
    const send = (body, headers = {}) => {
      response.writeHead(200, { ...type, ...headers });
      response.end(method === 'HEAD' ? undefined : body);
      return true;
    };
    if (path === LIST) return send(JSON.stringify(listed));
    if (path === '/model') return send(MODEL);
    if (path === '/open') return send(MODEL, CORS);
    if (path === '/noise') return send(gzipSync(NOISE), { ...CORS, 'Content-Encoding': 'gzip' });
    if (path === '/empty') return send('');
    if (path === '/part') {
      response.writeHead(206, { ...type, 'Content-Range': `bytes 0-9/${MODEL.length}` });
      response.end(MODEL.subarray(0, 10));
      return true;
    }
    if (path === '/half') return send(MODEL.subarray(0, MODEL.length / 2));
    if (path === '/slow') {
      response.writeHead(200, { ...type, 'Content-Length': MODEL.length });
      response.write(MODEL.subarray(0, 1000));
      return true;
    }
    return false;
  }

  before(async () => {
    other = await served({ first, headers: { 'Cross-Origin-Resource-Policy': undefined } });
    const policy = POLICY.replace("connect-src 'self'", "connect-src 'self' http://localhost:*");
    site = await start({ first, headers: { 'Content-Security-Policy': policy } });
    page = await site.open('/icon.svg');
    await page.goto(site.origin);
    await ready(page);
  });
  after(async () => {
    await site.stop();
    other?.stop();
  });
  beforeEach(async () => {
    asked = {};
    await page.evaluate(async () => (await import('/xception-web/index.js')).models.clear());
  });

  /** Creates a classifier; what came of it, and what is stored afterwards. */
  const create = (options) =>
    page.evaluate(async (options) => {
      const { ImageClassifier, models } = await import('/xception-web/index.js');
      const outcome = await ImageClassifier.create({ backend: 'cpu', ...options }).then(
        (classifier) => {
          classifier.dispose();
          return { info: classifier.info };
        },
        ({ name, code, message }) => ({ name, code, message }),
      );
      return { ...outcome, stored: await models.cached() };
    }, options);

  test('the registry is complete, the bundled models first and exact', async () => {
    const [photos, drawings, ...published] = REGISTRY;
    assert.deepEqual([photos.id, drawings.id], ['photos', 'drawings']);
    for (const { id, bytes, sha256 } of [photos, drawings]) {
      const file = bundled(id);
      assert.equal(sha256, createHash('sha256').update(file).digest('hex'));
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
    const { info } = await create({ model: 'drawings' });
    assert.equal(info.origin.bytes, MODEL.length);
    const byDefault = await create({});
    assert.equal(byDefault.info.origin.bytes, bundled('photos').length);
    const byName = await create({ model: 'photos' });
    assert.deepEqual(byName.info.model, byDefault.info.model);
    const { code, message } = await create({ model: 'xception99' });
    assert.equal(code, 'invalid-option');
    assert.match(message, /"xception99".*photos, drawings, keras-xception/);
  });

  test('a model is described before it is downloaded, and nobody is asked for it', async () => {
    asked = {};
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
    asked = {};
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

  test('a stored model is asked for once', async () => {
    const once = await create({ model: '/model', cache: true, sha256: SHA256 });
    assert.equal(once.info.origin.from, 'network');
    assert.ok(once.info.origin.stored, once.info.origin.note);
    assert.deepEqual(
      once.stored.map(({ url, bytes, sha256 }) => ({ url, bytes, sha256 })),
      [{ url: `${site.origin}/model`, bytes: MODEL.length, sha256: SHA256 }],
    );
    const twice = await create({ model: '/model', cache: true, sha256: SHA256 });
    assert.equal(twice.info.origin.from, 'cache');
    assert.equal(asked['/model'], 1);
    await page.evaluate(async () => (await import('/xception-web/index.js')).models.clear());
    assert.equal((await create({ model: '/model', cache: true })).info.origin.from, 'network');
    assert.equal(asked['/model'], 2);
  });

  test('what is stored is hashed again', async () => {
    const plain = await create({ model: '/model', cache: true });
    assert.equal(plain.info.origin.sha256, undefined);
    const proven = await create({ model: '/model', cache: true, sha256: SHA256 });
    assert.deepEqual([proven.info.origin.from, proven.info.origin.sha256], ['cache', SHA256]);
    assert.equal(asked['/model'], 1, 'stored without a digest, it still serves');
    await page.evaluate(async (sha256) => {
      const cache = await caches.open('xception-web-models');
      const headers = { 'content-length': '5', 'x-sha256': sha256 };
      await cache.put('/model', new Response('spoil', { headers }));
    }, SHA256);
    const again = await create({ model: '/model', cache: true, sha256: SHA256 });
    assert.deepEqual([again.info?.origin.from, again.message], ['network', undefined]);
    assert.equal(asked['/model'], 2);
  });

  test('nothing is stored unasked', async () => {
    const { info, stored } = await create({ model: '/model' });
    assert.equal(info.origin.stored, false);
    assert.deepEqual(stored, []);
  });

  for (const [what, options, code] of [
    ['a missing file', { model: '/none' }, 'http-error'],
    ['a part of a file', { model: '/part' }, 'http-error'],
    ['an empty file', { model: '/empty' }, 'truncated'],
    ['a web page', { model: '/index.html' }, 'html-answer'],
    ['half a file', { model: '/half' }, 'invalid-model'],
    ['another file than promised', { model: '/model', sha256: '0'.repeat(64) }, 'hash-mismatch'],
  ]) {
    test(`${what} is refused and leaves nothing stored`, async () => {
      const got = await create({ ...options, cache: true });
      assert.equal(got.code, code, got.message);
      assert.deepEqual(got.stored, []);
    });
  }

  test('a server that lets nobody read is told apart from none', async () => {
    const there = other.origin;
    const shut = await create({ model: `${there}/model`, cache: true });
    assert.equal(shut.code, 'cors', shut.message);
    assert.match(shut.message, /CORS.*give it as a file/);
    assert.deepEqual(shut.stored, []);
    const none = await create({ model: 'http://localhost:1/model' });
    assert.equal(none.code, 'network', none.message);
    const open = await create({ model: `${there}/open`, cache: true });
    assert.ok(open.info?.origin.stored, open.message);
  });

  test('what else an isolated page is refused meanwhile is not blamed', async () => {
    const there = other.origin;
    // The site's own page has a policy of its own.
    const blank = await site.open(BLANK);
    const [code, refused] = await blank.evaluate(async (there) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: '/model', backend: 'cpu' });
      let [isOver, refused] = [false, 0];
      const failing = classifier.classify('http://localhost:1/picture').catch(({ code }) => code);
      failing.then(() => (isOver = true));
      while (!isOver) {
        // It does not say that it may be embedded.
        await fetch(`${there}/model`, { mode: 'no-cors' }).catch(() => refused++);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      classifier.dispose();
      return [await failing, refused];
    }, there);
    await blank.close();
    assert.ok(refused > 0);
    assert.equal(code, 'network');
  });

  test('a server that compresses in secret has not truncated anything', async () => {
    const got = await create({ model: `${other.origin}/noise` });
    assert.equal(got.code, 'invalid-model', got.message);
  });

  test('a file spoilt on this device is forgotten', async () => {
    await page.evaluate(async () => {
      const cache = await caches.open('xception-web-models');
      const headers = { 'content-length': '5' };
      await cache.put('/model', new Response('spoil', { headers }));
    });
    const spoilt = await create({ model: '/model', cache: true });
    assert.deepEqual([spoilt.code, spoilt.stored], ['invalid-model', []]);
    assert.equal((await create({ model: '/model', cache: true })).info.origin.from, 'network');
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
      const list = listed.with(HOSTED, { ...listed[HOSTED], ...promise });
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

  test('an abort in mid-download leaves nothing stored', async () => {
    const got = await page.evaluate(async () => {
      const { ImageClassifier, models } = await import('/xception-web/index.js');
      const abort = new AbortController();
      const name = await ImageClassifier.create({
        model: '/slow',
        cache: true,
        signal: abort.signal,
        onProgress: ({ stage, loaded }) => stage === 'model' && loaded === 1000 && abort.abort(),
      }).catch((error) => error.name);
      return [name, await models.cached()];
    });
    assert.deepEqual(got, ['AbortError', []]);
  });

  test('a picked file of another host says its cost first; nothing is asked before', async () => {
    const { id, url } = REGISTRY[HOSTED];
    const before = site.requests.length;
    const page = await site.open('/?backend=cpu');
    await page.route(url, (route) =>
      route.fulfill({
        body: MODEL,
        contentType: 'application/octet-stream',
        headers: { 'Access-Control-Allow-Origin': '*' },
      }),
    );
    await ready(page);
    await page.locator('[name=model][value=photos]').focus();
    for (let i = 0; i < HOSTED; i++) await page.keyboard.press('ArrowDown');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), id);
    assert.match(
      await page.getByTestId('model-cost').textContent(),
      /Downloads 2\.7 MB from huggingface\.co/,
    );
    const foreign = site.requests.slice(before).filter((url) => /^https:/.test(url));
    assert.deepEqual(foreign, []);
    await page.keyboard.press('Enter');
    await page.getByTestId('stored').waitFor({ state: 'visible' });
    assert.match(await page.getByTestId('origin').textContent(), /stored on this device/);
    assert.match(await page.getByTestId('model-cost').textContent(), /not downloaded again/);
    await page.getByTestId('stored-clear').click();
    await page.getByTestId('stored').waitFor({ state: 'hidden' });
  });

  test('an address names a model, and only a click loads it', async () => {
    const { id, url } = REGISTRY[HOSTED];
    const page = await site.open(`/?backend=cpu&model=${id}`);
    let loads = 0;
    await page.route(url, (route) => {
      loads++;
      return route.fulfill({ body: MODEL, contentType: 'application/octet-stream', headers: CORS });
    });
    await page.waitForFunction(() => document.activeElement.id === 'model-use');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), id);
    assert.ok(await page.locator('#about').isVisible(), 'the bundled model runs');
    assert.equal(loads, 0);
    await page.keyboard.press('Enter');
    await page.locator('#card').getByText(REGISTRY[HOSTED].title).waitFor();
    assert.equal(loads, 1);
    assert.match(page.url(), new RegExp(`model=${id}`));
    await page.getByRole('button', { name: 'Back to the bundled model' }).click();
    await page.locator('#about').waitFor();
    assert.doesNotMatch(page.url(), /model=/);
    const unknown = await site.open('/?backend=cpu&model=xception99');
    await unknown.getByTestId('error').waitFor({ state: 'visible' });
    assert.match(
      await unknown.getByTestId('error').textContent(),
      /"xception99".*photos, drawings, keras-/,
    );
  });

  test('an address that names a bundled model loads it at once, and no other', async () => {
    const before = site.requests.length;
    const page = await site.open('/?backend=cpu&model=drawings');
    await page.locator('#card').getByText('Drawings, bundled').waitFor();
    const loaded = site.requests.slice(before).filter((url) => url.endsWith('.safetensors'));
    assert.deepEqual(loaded, [`${site.origin}/xception-web/models/drawings.safetensors`]);
    assert.match(page.url(), /model=drawings/);
    assert.equal(await page.locator('[name=model]:checked').inputValue(), 'drawings');
    assert.match(await page.getByTestId('model-cost').textContent(), /^Comes with this page\.$/);
    await page.locator('[name=model][value=photos]').check();
    await page.getByTestId('model-use').click();
    await page.waitForFunction(() => !location.search.includes('model='));
    await page.locator('#about').getByText('learnt from small photographs').waitFor();
  });

  test('a model that fails says so in sight, and what runs stays chosen', async () => {
    const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
    const page = await site.open('/?backend=cpu', phone);
    await page.route(REGISTRY[HOSTED].url, (route) =>
      route.fulfill({ status: 404, headers: CORS }),
    );
    await ready(page);
    await page.locator(`[name=model][value="${REGISTRY[HOSTED].id}"]`).check();
    await page.getByTestId('model-use').click();
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.match(await error.textContent(), /404/);
    const inSight = (message) => {
      const { top, bottom } = message.getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    };
    assert.ok(await error.evaluate(inSight), 'the message is in sight');
    assert.equal(await page.locator('[name=model]:checked').inputValue(), 'photos');
    await page.getByTestId('error-close').click();
    assert.ok(await error.isHidden());
  });

  test('loading can be cancelled on the page and what ran before goes on', async () => {
    const page = await site.open('/?backend=cpu&model=drawings');
    await page.route(REGISTRY[HOSTED].url, () => {});
    await ready(page);
    await page.locator(`[name=model][value="${REGISTRY[HOSTED].id}"]`).check();
    await page.getByTestId('model-use').click();
    assert.equal(
      await page.locator('#loading-text').textContent(),
      `Loading ${REGISTRY[HOSTED].title}: 0.0 of 2.7 MB`,
    );
    assert.equal(await page.getByTestId('loading-bar').evaluate(({ position }) => position), 0);
    await page.getByTestId('loading-cancel').click();
    await page.locator('#loading').waitFor({ state: 'hidden' });
    const focused = await page.evaluate(() => document.activeElement.value);
    assert.equal(focused, 'drawings', 'the keyboard goes on from what runs');
    await drop(page, join(SAMPLES, 'cat.svg'));
    assert.equal((await labelsFor(page, 'cat.svg'))[0], 'cat');
  });

  test('labels of one’s own are shown', async () => {
    const names = Array.from({ length: REGISTRY[0].classes }, (_, i) => `thing ${i}`);
    const page = await site.open('/?backend=cpu');
    await ready(page);
    await drop(page, join(SAMPLES, 'cat.svg'));
    await labelsFor(page, 'cat.svg');
    const json = Buffer.from(JSON.stringify(names));
    await dropBytes(page, json, { name: 'labels.json', type: 'application/json' });
    await page
      .getByText(/^thing \d+$/)
      .first()
      .waitFor();
    assert.match((await labelsFor(page, 'cat.svg'))[0], /^thing \d+$/);
    const short = Buffer.from('["one"]');
    await dropBytes(page, short, { name: 'labels.json', type: 'application/json' });
    await page.getByTestId('error').waitFor({ state: 'visible' });
  });
});

test('a full device keeps the model in memory and says so', { timeout: PATIENCE }, async () => {
  const site = await start({
    worker: `Cache.prototype.put = async () => {
      throw new DOMException('Quota exceeded.', 'QuotaExceededError');
    };`,
  });
  try {
    const page = await site.open();
    const { origin, cached } = await page.evaluate(async () => {
      const { ImageClassifier, models } = await import('/xception-web/index.js');
      const model = '/xception-web/models/drawings.safetensors';
      const { info } = await ImageClassifier.create({ model, cache: true, backend: 'cpu' });
      return { origin: info.origin, cached: await models.cached() };
    });
    assert.equal(origin.stored, false);
    assert.match(origin.note, /Quota exceeded.*memory only/);
    assert.deepEqual(cached, []);
  } finally {
    await site.stop();
  }
});

test(
  'a stored file over which the module stumbles is forgotten',
  { timeout: PATIENCE },
  async () => {
    // What a worker sees of a trap, for as long as loading takes.
    const site = await start({
      worker: `setInterval(() => {
      const error = new WebAssembly.RuntimeError('unreachable');
      self.dispatchEvent(new ErrorEvent('error', { error }));
    }, 5);`,
    });
    try {
      const page = await site.open();
      const { code, message, cached } = await page.evaluate(async () => {
        const { ImageClassifier, models } = await import('/xception-web/index.js');
        const model = '/xception-web/models/drawings.safetensors';
        const bytes = await (await fetch(model)).arrayBuffer();
        const headers = { 'content-length': String(bytes.byteLength) };
        const cache = await caches.open('xception-web-models');
        await cache.put(model, new Response(bytes, { headers }));
        const { code, message } = await ImageClassifier.create({
          model,
          cache: true,
          backend: 'cpu',
        }).catch((error) => error);
        return { code, message, cached: await models.cached() };
      });
      assert.deepEqual([code, cached], ['invalid-model', []], message);
      assert.match(message, /module stopped/);
    } finally {
      await site.stop();
    }
  },
);
