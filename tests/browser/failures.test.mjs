// What goes wrong outside of the package comes out as its own errors, and an abort as the abort.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { POLICY } from '../../www/serve.mjs';
import { BLANK, FAKE_CAMERA, NO_GPU, PATIENCE, SITE, start } from './harness.mjs';

const MODEL = join(SITE, 'xception-web/models/drawings.safetensors');
const THREADS = '/xception-web/wasm/threads_bg.wasm';
const LIST = '/xception-web/models/registry.json';
const ELSEWHERE = 'http://localhost:1';

describe('what fails', { timeout: PATIENCE }, () => {
  let site;
  let page;
  let replaced = {};
  let closed = 0;

  function first({ url }, response) {
    if (replaced[url]) {
      response.writeHead(200, { ...HEADERS, ...replaced[url].headers });
      response.write(replaced[url].body, () => replaced[url]?.cut && response.destroy());
      if (!replaced[url].cut) response.end();
      return true;
    }
    if (url === '/cut') {
      response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': 1000 });
      response.write('abc', () => response.destroy());
      return true;
    }
    if (url === '/stalled') {
      response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': 1000 });
      response.write('abc');
      return true;
    }
    if (url === '/endless') {
      response.writeHead(404, { 'Content-Type': 'text/plain' });
      response.write('There is ');
      response.on('close', () => closed++);
      return true;
    }
    if (url === '/away') {
      response.writeHead(302, { Location: `${ELSEWHERE}/model` }).end();
      return true;
    }
    if (url === '/reset') {
      response.destroy();
      return true;
    }
    return false;
  }
  const HEADERS = {
    'Content-Security-Policy': POLICY,
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };

  before(async () => {
    site = await start({ first, flags: [...NO_GPU, ...FAKE_CAMERA] });
    page = await site.open(BLANK);
    await page.evaluate(async () => {
      const library = await import('/xception-web/index.js');
      const classifier = await library.ImageClassifier.create({ backend: 'cpu' });
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      /** The error's class and code, or what came instead, or that nothing came. */
      const outcome = (promise) =>
        Promise.race([
          promise.then(
            () => 'done',
            (error) =>
              error instanceof library.XceptionError
                ? `${error.name} ${error.code}`
                : `raw ${error?.name ?? error}`,
          ),
          wait(30_000).then(() => 'never'),
        ]);
      globalThis.kit = { ...library, classifier, outcome, wait };
    });
  });
  after(() => site.stop());

  /** Creates a classifier on a page of its own, with files of the package replaced. */
  async function createWith(files, code) {
    replaced = files;
    try {
      const fresh = await site.open(BLANK);
      return await fresh.evaluate(async (code) => {
        const { ImageClassifier, XceptionError, models } = await import('/xception-web/index.js');
        const work = {
          create: () => ImageClassifier.create({ backend: 'cpu' }),
          list: models.list,
        };
        const never = new Promise((resolve) =>
          setTimeout(() => resolve({ code: 'never' }), 30_000),
        );
        const failed = work[code]().then(
          () => ({ code: 'done' }),
          (error) => ({
            own: error instanceof XceptionError,
            code: error.code,
            message: error.message,
          }),
        );
        return Promise.race([failed, never]);
      }, code);
    } finally {
      replaced = {};
    }
  }
  const script = (body) => ({ headers: { 'Content-Type': 'text/javascript' }, body });

  for (const [what, body, message] of [
    ['cannot be parsed', 'this is no script', /could not be (loaded|run)/],
    ['fails as it starts', 'throw new Error("too old")', /could not be run \(.*too old\)/],
  ]) {
    test(`a worker script that ${what} is a worker error`, async () => {
      const got = await createWith({ '/xception-web/worker.js': script(body) }, 'create');
      assert.deepEqual([got.own, got.code], [true, 'worker-failed'], got.message);
      assert.match(got.message, message);
    });
  }

  test('a picture whose transfer breaks off is a download error', async () => {
    const got = await page.evaluate(() => kit.outcome(kit.classifier.classify('/cut')));
    assert.equal(got, 'DownloadError truncated');
  });

  test('a program whose transfer breaks off is a download error', async () => {
    const headers = { 'Content-Type': 'application/wasm', 'Content-Length': 100_000 };
    const body = readFileSync(join(SITE, THREADS)).subarray(0, 1000);
    const got = await createWith({ [THREADS]: { headers, body, cut: true } }, 'create');
    assert.deepEqual([got.own, got.code], [true, 'truncated'], got.message);
    assert.match(got.message, /WebAssembly module .*broke off/);
  });

  test('a list of models that is no JSON is a download error', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const got = await createWith({ [LIST]: { headers, body: '[{"id":' } }, 'list');
    assert.deepEqual([got.own, got.code], [true, 'truncated'], got.message);
    assert.match(got.message, /list of models .* is no JSON/);
  });

  test('a refused answer is not downloaded to its end', async () => {
    const got = await page.evaluate(() => kit.outcome(kit.classifier.classify('/endless')));
    assert.equal(got, 'DownloadError http-error');
    for (let i = 0; i < 100 && closed === 0; i++) await page.waitForTimeout(50);
    assert.equal(closed, 1, 'the server saw the connection close');
  });

  test('what a policy blocks meanwhile is not blamed for another failure', async () => {
    const got = await page.evaluate(async (elsewhere) => {
      const blocking = setInterval(() => fetch(elsewhere).catch(() => {}), 5);
      const reset = await kit.outcome(kit.classifier.classify('/reset'));
      const blocked = await kit.outcome(kit.classifier.classify(`${elsewhere}/picture.png#1`));
      clearInterval(blocking);
      return [reset, blocked, await kit.outcome(kit.classifier.classify('/away'))];
    }, ELSEWHERE);
    assert.deepEqual(got, ['DownloadError network', 'DownloadError csp', 'DownloadError csp']);
  });

  test('an <img> that never loads is given up with the signal', async () => {
    const got = await page.evaluate(async () => {
      const abort = new AbortController();
      const image = new Image();
      image.src = '/stalled';
      const given = kit.outcome(kit.classifier.classify(image, { signal: abort.signal }));
      await kit.wait(100);
      abort.abort();
      return given;
    });
    assert.equal(got, 'raw AbortError');
  });

  test('a camera is given up while the person is asked, and stays dark if allowed later', async () => {
    const got = await page.evaluate(async () => {
      const { mediaDevices } = navigator;
      const stream = document.createElement('canvas').captureStream();
      const [track] = stream.getTracks();
      let allow;
      mediaDevices.getUserMedia = () => new Promise((resolve) => (allow = () => resolve(stream)));
      try {
        const abort = new AbortController();
        const video = document.createElement('video');
        const given = kit.outcome(kit.openCamera(video, { signal: abort.signal }));
        await kit.wait(50);
        abort.abort();
        const how = await given;
        const before = track.readyState;
        allow();
        await kit.wait(50);
        return [how, before, track.readyState, video.srcObject];
      } finally {
        delete mediaDevices.getUserMedia;
      }
    });
    assert.deepEqual(got, ['raw AbortError', 'live', 'ended', null]);
  });

  test('a camera needs no options', async () => {
    const got = await page.evaluate(async () => {
      const video = document.createElement('video');
      const stream = await kit.openCamera(video);
      const live = stream.getTracks().map(({ readyState }) => readyState);
      for (const track of stream.getTracks()) track.stop();
      return [live, video.srcObject === stream];
    });
    assert.deepEqual(got, [['live'], true]);
  });

  test('a file that was changed since it was picked is told as such', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xception-web-picked-'));
    try {
      const paths = ['model.safetensors', 'labels.json', 'cat.svg'].map((name) =>
        join(folder, name),
      );
      writeFileSync(paths[0], readFileSync(MODEL));
      writeFileSync(paths[1], '["a"]');
      writeFileSync(paths[2], readFileSync(join(SITE, 'samples/cat.svg')));
      const pick = await page.evaluateHandle(() => {
        const input = document.createElement('input');
        input.type = 'file';
        input.multiple = true;
        document.body.append(input);
        return input;
      });
      await pick.setInputFiles(paths);
      for (const path of paths) writeFileSync(path, 'another, and of another length');
      const got = await pick.evaluate(async ({ files: [model, labels, picture] }) => {
        const create = (options) =>
          kit.outcome(kit.ImageClassifier.create({ backend: 'cpu', ...options }));
        return [
          await create({ model }),
          await create({ labels }),
          await kit.outcome(kit.classifier.classify(picture)),
        ];
      });
      assert.deepEqual(got, [
        'ModelError unreadable',
        'OptionError invalid-option',
        'PictureError undecodable',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a string is no list of pictures', async () => {
    const got = await page.evaluate(async () => [
      await kit.outcome(kit.classifier.classifyAll('cat.png')),
      await kit.outcome(kit.classifier.classifyAll(undefined)),
      await kit.outcome(kit.classifier.classifyAll(new Set(['/samples/cat.svg']))),
    ]);
    assert.deepEqual(got, ['OptionError invalid-option', 'OptionError invalid-option', 'done']);
  });
});

test('in a sandboxed frame nothing is stored, and nothing raw is thrown', async () => {
  const site = await start({
    headers: {
      'Access-Control-Allow-Origin': '*',
      'Content-Security-Policy': undefined,
      'Cross-Origin-Embedder-Policy': undefined,
      'Cross-Origin-Resource-Policy': undefined,
    },
    first({ url }, response) {
      if (url !== '/frame' && url !== '/sandboxed') return false;
      response.writeHead(200, { 'Content-Type': 'text/html' });
      response.end(
        url === '/frame' ? '<iframe sandbox="allow-scripts" src="/sandboxed"></iframe>' : '<p>',
      );
      return true;
    },
  });
  try {
    const page = await site.open('/frame');
    const frame = page.frames().find((frame) => frame.url().endsWith('/sandboxed'));
    const got = await frame.evaluate(async () => {
      const { ImageClassifier, XceptionError, models } = await import('/xception-web/index.js');
      const outcome = (promise) =>
        promise.catch((error) => (error instanceof XceptionError ? error.code : `raw ${error}`));
      return [
        await outcome(models.cached()),
        await outcome(models.clear().then(() => 'cleared')),
        await outcome(models.clear('/model').then(() => 'cleared')),
        await outcome(
          ImageClassifier.create({ cache: true }).then(({ info }) => info.origin.stored),
        ),
      ];
    });
    assert.deepEqual(got, [[], 'cleared', 'cleared', false]);
  } finally {
    await site.stop();
  }
});
