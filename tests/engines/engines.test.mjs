// Three engines, one answer: what the package and the page do in Chromium, Firefox and WebKitGTK, against
// what the command line says of the same files. What an engine lacks stands in its line below, and a test
// fails when that has changed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { served } from '../browser/harness.mjs';
import { chromium } from './chromium.mjs';
import { SCRIPT } from './driver.mjs';
import { firefox } from './firefox.mjs';
import { makeKinds } from './kinds.mjs';
import {
  ALL,
  FIXTURES,
  PHOTOS,
  SAME,
  at,
  byCommandLine,
  difference,
  fileOf,
  TURNED,
  UPRIGHT_AGAIN,
} from './wanted.mjs';
import { SHARED_MEMORY, webkit } from './webkit.mjs';

const EVERYTHING = {
  threads: true,
  relaxedSimd: true,
  webgpu: false,
  VideoFrame: true,
  OffscreenCanvas: true,
  videoFrameCallback: true,
};

/**
 * Canvases hold colours multiplied by their alpha, which not all engines round; seen of a picture that fades away:
 * 1.3e-3 in Firefox, 1.0e-3 in WebKit.
 */
const FADES = Object.fromEntries(
  ['alpha.png', 'gray-alpha.png', 'alpha.webp'].map((name) => [`/kinds/${name}`, 2e-3]),
);
/** Of sixteen bits the others leave out the lower eight; 7.0e-3 was seen. */
const ROUNDS = { '/kinds/sixteen-bits.png': 1e-2 };
const ENGINES = [
  {
    name: 'Chromium',
    launch: chromium,
    has: { ...EVERYTHING, webgpu: true },
    // Without a GPU: the object is there, and no adapter answers.
    auto: /^The browser found no WebGPU adapter/,
    runtime: 'relaxed-simd+threads',
    differs: {},
  },
  {
    name: 'Firefox',
    launch: firefox,
    has: EVERYTHING,
    auto: /^This browser offers no WebGPU here/,
    runtime: 'relaxed-simd+threads',
    differs: { ...FADES, ...ROUNDS },
  },
  {
    name: 'WebKitGTK',
    launch: webkit,
    has: { ...EVERYTHING, threads: false, relaxedSimd: false },
    auto: /^This browser offers no WebGPU here/,
    runtime: 'simd128',
    differs: FADES,
  },
  {
    name: 'WebKitGTK with the shared memory that Safari has',
    launch: () => webkit(SHARED_MEMORY),
    has: { ...EVERYTHING, relaxedSimd: false },
    auto: /^This browser offers no WebGPU here/,
    runtime: 'simd128+threads',
    differs: FADES,
  },
];

const TYPES = {
  '.bmp': 'image/bmp',
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

/** The fixtures and the tests' own script beside the site, as a server would send them. */
function besides(request, response) {
  const isOurs = /^\/(fixtures|kinds)\/[\w.-]+$/.test(request.url);
  const path = request.url === SCRIPT ? at('tests/engines/pages.mjs') : fileOf(request.url);
  if (!isOurs && request.url !== SCRIPT) return false;
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path)],
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  response.end(readFileSync(path));
  return true;
}

describe('three engines', { timeout: 300_000 }, () => {
  /** An isolated page, as the package's README serves it; a plain one; and another origin. */
  let isolated, plain, other, wanted;
  before(async () => {
    await makeKinds();
    wanted = byCommandLine();
    // Upright, whichever way they lie in the file.
    const [first, ...others] = TURNED.map((address) => wanted[address][0]);
    for (const { label, score } of others) {
      assert.equal(label, first.label);
      assert.ok(Math.abs(score - first.score) < UPRIGHT_AGAIN, `${score} and ${first.score}`);
    }
    isolated = await served({ first: besides });
    const none = {
      'Cross-Origin-Opener-Policy': undefined,
      'Cross-Origin-Embedder-Policy': undefined,
    };
    other = await served({
      headers: {
        'Access-Control-Allow-Origin': '*',
        'Cross-Origin-Resource-Policy': 'cross-origin',
      },
    });
    plain = await served({ first: besides, headers: none });
  });
  after(() => {
    for (const server of [isolated, plain, other]) server?.stop();
  });

  for (const { name, launch, has, auto, runtime, differs } of ENGINES) {
    describe(name, () => {
      let browser;
      before(async () => {
        browser = await launch();
        await browser.open(`${isolated.origin}/about/licence.txt`);
      });
      after(() => browser?.close());

      test('has what is known of it, and no more', async () => {
        assert.deepEqual(await browser.run('has'), has);
      });

      test('chooses the fastest that it can run, and says why', async () => {
        const info = await browser.run('load', { threads: 2 });
        assert.match(info.reason, auto);
        const threads = has.threads ? 2 : 1;
        assert.deepEqual(
          { ...info, reason: undefined },
          { backend: 'cpu', runtime, threads, isolated: true, reason: undefined },
        );
      });

      test('names pictures as the command line does', async () => {
        await browser.run('load', { threads: 2 });
        const answers = await browser.run('classify', ALL);
        const most = { jpeg: 0, lossless: 0 };
        for (const address of ALL) {
          const kind = address.endsWith('.jpg') ? 'jpeg' : 'lossless';
          const far = difference(answers[address], wanted[address], address);
          if (!(address in differs)) most[kind] = Math.max(most[kind], far);
          assert.ok(far < (differs[address] ?? SAME), `${address}: off by ${far}`);
        }
        console.log(`${name}: off by at most ${most.jpeg} of JPEG, by ${most.lossless} of others`);
      });

      test('gives one answer for one picture, whatever shows it', async () => {
        await browser.run('load', { threads: 2 });
        const { address, ...others } = await browser.run('everySource', '/fixtures/umbrella.png');
        assert.equal('VideoFrame' in others, has.VideoFrame);
        for (const [source, answer] of Object.entries(others)) {
          assert.deepEqual(answer, address, source);
        }
      });

      test('follows a video', async () => {
        await browser.run('load', { model: 'drawings', backend: 'cpu' });
        assert.deepEqual(await browser.run('frames', '/samples/cat.svg', 3), ['cat', 'cat', 'cat']);
      });

      test('shows what the element finds', async () => {
        const [label] = wanted['/samples/espresso.jpg'].map(({ label }) => label);
        assert.deepEqual(await browser.run('element', '/samples/espresso.jpg'), [label, label]);
      });

      test('tells what went wrong by class and code', async () => {
        await browser.run('load', { backend: 'cpu' });
        assert.deepEqual(await browser.run('failures'), {
          text: 'PictureError undecodable true',
          empty: 'PictureError empty true',
          number: 'OptionError invalid-option true',
          missing: 'DownloadError http-error true',
          model: 'ModelError invalid-model true',
          abort: 'AbortError',
          meanwhile: 'DisposedError disposed true',
          disposed: 'DisposedError disposed true',
        });
      });

      test('keeps a model, starts again and again, and lets go', async () => {
        const { from, bytes, digits, left } = await browser.run('kept', 3);
        assert.deepEqual(from, ['network', 'cache', 'cache']);
        assert.ok(bytes > 1e6);
        assert.deepEqual({ digits, left }, { digits: 64, left: 0 });
      });

      test('runs the page: a sample, a file that is chosen, one that is dropped', async () => {
        await browser.open(`${isolated.origin}/?backend=cpu`);
        await browser.click('[data-sample="samples/espresso.jpg"]');
        const labels = wanted['/samples/espresso.jpg'].map(({ label }) => label);
        assert.deepEqual(await browser.until('shown', 'espresso.jpg'), labels);
        await browser.open(`${isolated.origin}/?backend=cpu&model=drawings`);
        await browser.type('[data-testid=file-input]', `${FIXTURES}umbrella.png`);
        assert.equal((await browser.until('shown', 'umbrella.png'))[0], 'umbrella');
        await browser.run('drop', '/samples/cat.svg', 'cat.svg');
        assert.equal((await browser.until('shown', 'cat.svg'))[0], 'cat');
      });

      test('takes the package from another origin, and its threads', async () => {
        // The strict policy is left to tests/browser/elsewhere.test.mjs.
        const page = await served({
          first: besides,
          headers: { 'Content-Security-Policy': undefined },
        });
        try {
          await browser.open(`${page.origin}/about/licence.txt`);
          const options = { from: other.origin, backend: 'cpu', threads: 2 };
          assert.equal((await browser.run('load', options)).threads, has.threads ? 2 : 1);
          const [espresso] = PHOTOS;
          const answers = await browser.run('classify', [espresso]);
          assert.ok(difference(answers[espresso], wanted[espresso], espresso) < SAME);
        } finally {
          page.stop();
        }
      });

      test('does with one thread on a page that is not isolated', async () => {
        await browser.open(`${plain.origin}/about/licence.txt`);
        const info = await browser.run('load', { backend: 'cpu', threads: 2 });
        assert.deepEqual([info.threads, info.isolated], [1, false]);
        const [espresso] = PHOTOS;
        const answers = await browser.run('classify', [espresso]);
        assert.ok(difference(answers[espresso], wanted[espresso], espresso) < SAME);
      });
    });
  }
});
