// Downloads: progress that adds up, and a clear error for each way in which they fail.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PATIENCE, SITE, start } from './harness.mjs';

const MODEL = readFileSync(join(SITE, 'xception-web/models/photos.safetensors'));

describe('loading', { timeout: PATIENCE }, () => {
  let site;
  let page;
  let stalled = 0;
  let missing;

  /** Answers as servers do on their bad days. */
  function first(request, response) {
    const send = (headers, body) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', ...headers });
      response.end(body);
      return true;
    };
    switch (request.url) {
      case missing:
        response.writeHead(404);
        response.end();
        return true;
      case '/gzip':
        return send({ 'Content-Encoding': 'gzip' }, gzipSync(MODEL));
      case '/truncated':
        response.writeHead(200, { 'Content-Length': MODEL.length });
        response.write(MODEL.subarray(0, 1000), () => response.destroy());
        return true;
      case '/reset':
        response.destroy();
        return true;
      case '/half':
        return send({}, MODEL.subarray(0, MODEL.length / 2));
      case '/stalled':
        response.writeHead(200, { 'Content-Length': MODEL.length });
        response.write(MODEL.subarray(0, 1000));
        response.on('close', () => stalled++);
        return true;
      default:
        return false;
    }
  }

  before(async () => {
    site = await start({ first });
    page = await site.open('/icon.svg');
    await page.goto(site.origin);
  });
  after(() => site.stop());

  /** Creates a classifier in the page; what came of it. */
  function create(options) {
    return page.evaluate(async (options) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const steps = [];
      try {
        const classifier = await ImageClassifier.create({
          backend: 'cpu',
          onProgress: (step) => steps.push(step),
          ...options,
        });
        const { info } = classifier;
        classifier.dispose();
        return { info, steps };
      } catch ({ name, code, message }) {
        return { name, code, message, steps };
      }
    }, options);
  }

  test('says what runs, why, which model and how long it took', async () => {
    const { info } = await create({});
    assert.equal(info.backend, 'cpu');
    assert.equal(info.requested, 'cpu');
    assert.equal(info.model.labels.length, info.model.classes);
    assert.ok(info.model.labels.includes('umbrella'));
    const { model, runtime, start, total } = info.timings;
    for (const time of [model, runtime, start]) assert.ok(time > 0 && time <= total);
  });

  test('progress counts bytes up to the whole', async () => {
    const { steps } = await create({});
    const model = steps.filter(({ stage }) => stage === 'model');
    assert.deepEqual(model.at(-1), { stage: 'model', loaded: MODEL.length, total: MODEL.length });
    for (const [i, { loaded }] of model.entries()) assert.ok(loaded > (model[i - 1]?.loaded ?? 0));
    assert.ok(steps.some(({ stage }) => stage === 'runtime'));
    assert.ok(steps.some(({ stage }) => stage === 'start'));
  });

  test('a compressed transfer never claims more than 100 %', async () => {
    const { steps } = await create({ model: '/gzip' });
    const model = steps.filter(({ stage }) => stage === 'model');
    assert.equal(model.at(-1).loaded, MODEL.length);
    assert.ok(model.every(({ total }) => total === undefined));
  });

  for (const [what, model, code, message] of [
    ['a missing file', '/nothing', 'http-error', /answered 404 .*\/nothing/],
    ['a web page', '/index.html', 'html-answer', /web page came back/],
    ['a broken transfer', '/truncated', 'truncated', /broke off|Only \d+ of/],
    ['no answer', '/reset', 'network', /Could not reach/],
    ['a forbidden host', 'http://localhost:1/model', 'csp', /content security policy/],
  ]) {
    test(`${what} is a download error of its own`, async () => {
      const got = await create({ model });
      assert.deepEqual([got.name, got.code], ['DownloadError', code], got.message);
      assert.match(got.message, message);
    });
  }

  for (const [what, model] of [
    ['half a model', '/half'],
    ['a picture', '/samples/cat.svg'],
  ]) {
    test(`${what} is a model error`, async () => {
      const got = await create({ model });
      assert.deepEqual([got.name, got.code], ['ModelError', 'invalid-model'], got.message);
      assert.ok(got.message.length > 20, got.message);
    });
  }

  test('options are checked before anything is loaded', async () => {
    assert.equal((await create({ backend: 'gpu' })).code, 'invalid-option');
    assert.equal((await create({ model: 7 })).code, 'invalid-option');
  });

  test('a worker that is not served is a worker error', async () => {
    missing = '/xception-web/worker.js';
    const got = await create({});
    missing = undefined;
    assert.deepEqual([got.name, got.code], ['WorkerError', 'worker-failed'], got.message);
  });

  test('a program that is not served is a download error', async () => {
    missing = '/xception-web/wasm/threads_bg.wasm';
    const got = await create({});
    missing = undefined;
    assert.deepEqual([got.name, got.code], ['DownloadError', 'http-error'], got.message);
  });

  test('an abort ends the download', async () => {
    const name = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const abort = new AbortController();
      return ImageClassifier.create({
        model: '/stalled',
        signal: abort.signal,
        onProgress: ({ loaded }) => loaded === 1000 && abort.abort(),
      }).catch((error) => error.name);
    });
    assert.equal(name, 'AbortError');
    for (let i = 0; i < 100 && stalled === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(stalled, 1, 'the server saw the connection close');
  });

  test('an abort before the start starts nothing', async () => {
    let started = 0;
    page.on('worker', () => started++);
    const reason = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const signal = AbortSignal.abort('enough');
      return ImageClassifier.create({ signal }).catch((reason) => reason);
    });
    assert.equal(reason, 'enough');
    assert.equal(started, 0);
  });

  test('a model can be given as bytes', async () => {
    const classes = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const answer = await fetch('/xception-web/models/photos.safetensors');
      const bytes = await answer.arrayBuffer();
      const counts = [];
      for (const model of [new Blob([bytes]), bytes, new Uint8Array(bytes)]) {
        const classifier = await ImageClassifier.create({ model, backend: 'cpu' });
        counts.push(classifier.info.model.classes, bytes.byteLength);
        classifier.dispose();
      }
      return counts;
    });
    assert.equal(new Set(classes.filter((_, i) => i % 2 === 0)).size, 1);
    assert.ok(classes.filter((_, i) => i % 2 === 1).every((length) => length === MODEL.length));
  });
});
