// Files of models: what is downloaded, checked, kept and forgotten.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { POLICY } from '../../www/serve.mjs';
import { BLANK, PATIENCE, ready, served, start } from './harness.mjs';
import { CORS, MODEL, create, sha256 } from './registry.mjs';

const SHA256 = sha256(MODEL);
/** Compressed it is longer than before. */
const NOISE = randomBytes(300_000);

describe('a file of a model', { timeout: PATIENCE }, () => {
  let site;
  let other;
  let page;
  let asked = {};

  const type = { 'Content-Type': 'application/octet-stream' };
  function first({ url, method }, response) {
    asked[url] = (asked[url] ?? 0) + 1;
    const [path] = url.split('?');
    const send = (body, headers = {}) => {
      response.writeHead(200, { ...type, ...headers });
      response.end(method === 'HEAD' ? undefined : body);
      return true;
    };
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

  test('a stored model is asked for once', async () => {
    const once = await create(page, { model: '/model', cache: true, sha256: SHA256 });
    assert.equal(once.info.origin.from, 'network');
    assert.ok(once.info.origin.stored, once.info.origin.note);
    assert.deepEqual(
      once.stored.map(({ url, bytes, sha256 }) => ({ url, bytes, sha256 })),
      [{ url: `${site.origin}/model`, bytes: MODEL.length, sha256: SHA256 }],
    );
    const twice = await create(page, { model: '/model', cache: true, sha256: SHA256 });
    assert.equal(twice.info.origin.from, 'cache');
    assert.equal(asked['/model'], 1);
    await page.evaluate(async () => (await import('/xception-web/index.js')).models.clear());
    assert.equal(
      (await create(page, { model: '/model', cache: true })).info.origin.from,
      'network',
    );
    assert.equal(asked['/model'], 2);
  });

  test('what is stored is hashed again', async () => {
    const plain = await create(page, { model: '/model', cache: true });
    assert.equal(plain.info.origin.sha256, undefined);
    const proven = await create(page, { model: '/model', cache: true, sha256: SHA256 });
    assert.deepEqual([proven.info.origin.from, proven.info.origin.sha256], ['cache', SHA256]);
    assert.equal(asked['/model'], 1, 'stored without a digest, it still serves');
    await page.evaluate(async (sha256) => {
      const cache = await caches.open('xception-web-models');
      const headers = { 'content-length': '5', 'x-sha256': sha256 };
      await cache.put('/model', new Response('spoil', { headers }));
    }, SHA256);
    const again = await create(page, { model: '/model', cache: true, sha256: SHA256 });
    assert.deepEqual([again.info?.origin.from, again.message], ['network', undefined]);
    assert.equal(asked['/model'], 2);
  });

  test('nothing is stored unasked', async () => {
    const { info, stored } = await create(page, { model: '/model' });
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
      const got = await create(page, { ...options, cache: true });
      assert.equal(got.code, code, got.message);
      assert.deepEqual(got.stored, []);
    });
  }

  test('a server that lets nobody read is told apart from none', async () => {
    const there = other.origin;
    const shut = await create(page, { model: `${there}/model`, cache: true });
    assert.equal(shut.code, 'cors', shut.message);
    assert.match(shut.message, /CORS.*give it as a file/);
    assert.deepEqual(shut.stored, []);
    const none = await create(page, { model: 'http://localhost:1/model' });
    assert.equal(none.code, 'network', none.message);
    const open = await create(page, { model: `${there}/open`, cache: true });
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
    const got = await create(page, { model: `${other.origin}/noise` });
    assert.equal(got.code, 'invalid-model', got.message);
  });

  test('a file spoilt on this device is forgotten', async () => {
    await page.evaluate(async () => {
      const cache = await caches.open('xception-web-models');
      const headers = { 'content-length': '5' };
      await cache.put('/model', new Response('spoil', { headers }));
    });
    const spoilt = await create(page, { model: '/model', cache: true });
    assert.deepEqual([spoilt.code, spoilt.stored], ['invalid-model', []]);
    assert.equal(
      (await create(page, { model: '/model', cache: true })).info.origin.from,
      'network',
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
