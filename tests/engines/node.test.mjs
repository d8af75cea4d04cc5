// The build for Node: the same answers as the command line's, from files, bytes and addresses.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import {
  ImageClassifier,
  OptionError,
  PictureError,
  models,
  overlay,
} from '../../www/dist/node.js';
import { makeKinds } from './kinds.mjs';
import { ALL, PHOTOS, SAME, at, byCommandLine, difference, fileOf } from './wanted.mjs';

const [ESPRESSO] = PHOTOS.map(fileOf);

const sharp = createRequire(new URL('../../www/package.json', import.meta.url))('sharp');

/** Milliseconds that no machine needs less of for a JPEG of twelve million pixels. */
const LEAST_DECODE = 5;

/** sharp reads no BMP. */
const READ = ALL.filter((address) => !address.endsWith('.bmp'));

describe('in Node', { timeout: 60_000 }, () => {
  let classifier;
  before(async () => {
    await makeKinds();
    classifier = await ImageClassifier.create();
  });
  after(() => classifier.dispose());

  test('names pictures as the command line does', async () => {
    const wanted = byCommandLine();
    for (const address of READ) {
      const { predictions } = await classifier.classify(new Blob([readFileSync(fileOf(address))]));
      const far = difference(predictions, wanted[address], address);
      assert.ok(far < SAME, `${address}: off by ${far}`);
    }
  });

  test('runs on the CPU, and says so', () => {
    const { backend, threads, isolated, origin } = classifier.info;
    assert.deepEqual([backend, threads, isolated], ['cpu', 1, false]);
    assert.match(origin.url, /^file:.*\/models\/photos\.safetensors$/);
  });

  test('takes paths, addresses, files and models of this machine', async () => {
    const model = at('www/models/drawings.safetensors');
    const drawings = await ImageClassifier.create({ model });
    const umbrella = at('tests/fixtures/pictures/umbrella.png');
    const sources = [
      umbrella,
      pathToFileURL(umbrella),
      new File([readFileSync(umbrella)], 'a.png'),
    ];
    for (const source of sources) {
      assert.equal((await drawings.classify(source)).predictions[0].label, 'umbrella');
    }
    assert.equal(
      (await drawings.classify(readFileSync(umbrella))).predictions[0].label,
      'umbrella',
    );
    const bytes = await ImageClassifier.create({ model: readFileSync(model) });
    assert.equal(bytes.info.model.classes, 150);
    // With its shards beside it.
    const several = await ImageClassifier.create({
      model: at('tests/fixtures/tfjs/spread/model.json'),
    });
    assert.equal(several.info.model.dialect, 'keras');
    for (const one of [drawings, bytes, several]) one.dispose();
  });

  test('says where a class is seen, and of models what they are', async () => {
    const shade = await overlay(await classifier.explain(ESPRESSO), { width: 20, height: 10 });
    assert.deepEqual([shade.width, shade.height, shade.data.length], [20, 10, 800]);
    const file = at('www/models/drawings.safetensors');
    const { bytes, dtype, stored } = await models.describe(file);
    assert.deepEqual([bytes, dtype, stored], [readFileSync(file).length, 'f16', false]);
  });

  test('takes pixels as they are, which need no decoder', async () => {
    const pixels = { data: new Uint8Array(3 * 120 * 80).fill(200), width: 120, height: 80 };
    const grey = await classifier.classify(pixels);
    assert.equal(grey.known, false);
    const rgba = { ...pixels, data: new Uint8ClampedArray(4 * 120 * 80).fill(200) };
    for (let i = 3; i < rgba.data.length; i += 4) rgba.data[i] = 255;
    assert.deepEqual((await classifier.classify(rgba)).predictions, grey.predictions);
  });

  test('refuses a picture that is too large as such, and says what decoding took', async () => {
    const made = (width, height) =>
      sharp({ create: { width, height, channels: 3, background: 'red' } });
    // 108 million pixels, in 0.3 MB.
    const large = await made(12_000, 9_000).png().toBuffer();
    const error = await classifier.classify(large).catch((error) => error);
    assert.ok(error instanceof PictureError, String(error));
    assert.equal(error.code, 'too-large', error.message);
    assert.match(error.message, /12000 × 9000 pixels/);
    const { timings } = await classifier.classify(await made(4000, 3000).jpeg().toBuffer());
    // Twelve million pixels; nothing else that is done to them comes near.
    assert.ok(timings.decode >= LEAST_DECODE, `${timings.decode} ms`);
    assert.ok(timings.total >= timings.decode + timings.inference, JSON.stringify(timings));
  });

  test('answers in order, gives up, and goes on', async () => {
    const abort = new AbortController();
    const answers = [1, 2, 3].map((topK) =>
      classifier.classify(ESPRESSO, { topK, signal: topK === 2 ? abort.signal : undefined }),
    );
    abort.abort();
    const [one, none, three] = await Promise.allSettled(answers);
    assert.equal(one.value.predictions.length, 1);
    assert.equal(none.reason.name, 'AbortError');
    assert.equal(three.value.predictions.length, 3);
  });

  test('tells what went wrong by class and code', async () => {
    const failure = (promise) =>
      promise.then(
        () => assert.fail(),
        (error) => error,
      );
    const broken = await failure(classifier.classify(new Blob(['no picture'])));
    assert.ok(broken instanceof PictureError && broken.code === 'undecodable', String(broken));
    assert.match(String(broken.cause), /unsupported image format/);
    assert.equal((await failure(classifier.classify(new Blob([])))).code, 'empty');
    assert.equal((await failure(classifier.classify('none.png'))).code, 'network');
    const model = await failure(ImageClassifier.create({ model: new Blob(['no model']) }));
    assert.equal(model.code, 'invalid-model');
    for (const options of [{ assetBase: 'there' }, { runIn: 'page' }]) {
      const error = await failure(ImageClassifier.create(options));
      assert.ok(error instanceof OptionError && /Leave it out/.test(error.message), String(error));
    }
    const gone = await ImageClassifier.create({ model: 'drawings' });
    const awaited = failure(gone.classify(ESPRESSO));
    gone.dispose();
    assert.equal((await awaited).code, 'disposed');
  });

  for (const [what, code, thrown] of [
    ['a trap in WebAssembly', 'backend-failed', "new WebAssembly.RuntimeError('unreachable')"],
    ['the end of the thread', 'worker-failed', undefined],
  ]) {
    test(`rejects what ${what} leaves unanswered`, async () => {
      const dist = at('www/dist/');
      const work = mkdtempSync(join(tmpdir(), 'xception-web-node-'));
      try {
        for (const name of ['node.js', 'node-worker.js', 'wasm', 'models']) {
          cpSync(join(dist, name), join(work, name), { recursive: true });
        }
        writeFileSync(join(work, 'package.json'), '{"type":"module"}');
        const worker = join(work, 'node-worker.js');
        const trap = `import { parentPort as asked } from 'node:worker_threads';
        asked.on('message', ({ type }) => {
          if (type !== 'classify') return;
          setTimeout(() => { ${thrown ? `throw ${thrown}` : 'process.exit(1)'}; });
        });\n`;
        writeFileSync(worker, trap + readFileSync(worker, 'utf8'));
        const broken = await import(pathToFileURL(join(work, 'node.js')));
        const one = await broken.ImageClassifier.create();
        const pixels = { data: new Uint8Array(3 * 640 * 480), width: 640, height: 480 };
        const error = await one.classify(pixels).catch((error) => error);
        assert.equal(error.code, code, String(error));
        const later = await one.classify(pixels).catch((error) => error);
        assert.equal(later.code, code, String(later));
        one.dispose();
      } finally {
        rmSync(work, { recursive: true });
      }
    });
  }

  test('lets the program end by itself, and go on while it is asked', async () => {
    const program = `
      import { ImageClassifier } from ${JSON.stringify(pathToFileURL(at('www/dist/node.js')))};
      const classifier = await ImageClassifier.create();
      const { predictions } = await classifier.classify(${JSON.stringify(ESPRESSO)});
      console.log(predictions[0].label);
      const image = (value) => ({ data: new Uint8Array(3 * 64 * 64).fill(value), width: 64, height: 64 });
      const things = [['dark', 20], ['light', 220]].map(([label, value]) => ({
        label,
        images: Array.from({ length: 10 }, (_, i) => image(value + i)),
      }));
      const lesson = await classifier.teach({ classes: things });
      await classifier.use(lesson);
      console.log((await classifier.classify(image(225))).predictions[0].label);`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
    assert.equal((await run).stdout, 'espresso\nlight\n');
  });
});
