// Every format that is published, in the browser: the same scores as on the command line, which is
// held against Keras and timm.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { classified } from './command.mjs';
import { PATIENCE, start } from './harness.mjs';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const FILES = [
  'mini_timm.safetensors',
  'mini_aligned.safetensors',
  'mini_aligned_p.pth',
  'mini_aligned_p_legacy.pth',
  'mini_module.pth',
  'mini_lightning.ckpt',
  'mini_keras_legacy.h5',
  'mini_keras_model.h5',
  'mini_keras.weights.h5',
  'models/guide.keras',
  'models/spread.h5',
  'models/deep.h5',
  'models/emotion.h5',
];
/** f32 sums in another order. */
const SAME = 1e-5;

/** A fixture; the models that Keras wrote are packed. */
function fixture(file) {
  return file.startsWith('models/')
    ? gunzipSync(readFileSync(`${FIXTURES}${file}.gz`))
    : readFileSync(FIXTURES + file);
}

/** The scores by class that `xception classify` prints. */
function expected(model, picture) {
  const [{ predictions }] = classified('--top-k', '100', '--model', model, picture);
  return new Map(predictions.map(({ index, score }) => [index, score]));
}

describe('each published format gets the same scores', { timeout: PATIENCE }, () => {
  let site, page;
  before(async () => {
    site = await start({
      first({ url }, response) {
        const file = FILES.find((file) => url === `/${file}`);
        if (!file) return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.end(fixture(file));
        return true;
      },
    });
    page = await site.open('/icon.svg');
    await page.goto(`${site.origin}/samples/cat.svg`);
  });
  after(() => site.stop());

  for (const file of FILES) {
    test(file, async () => {
      const picture = `${FIXTURES}pictures/picture.png`;
      const png = readFileSync(picture).toString('base64');
      const requested = site.requests.length;
      const found = await page.evaluate(
        async ([model, png]) => {
          const { ImageClassifier } = await import('/xception-web/index.js');
          const classifier = await ImageClassifier.create({ model, backend: 'cpu' });
          const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
          const { predictions } = await classifier.classify(blob, { topK: 100 });
          classifier.dispose();
          return predictions.map(({ index, score }) => [index, score]);
        },
        [`/${file}`, png],
      );
      const given = join(mkdtempSync(join(tmpdir(), 'formats-')), 'model');
      writeFileSync(given, fixture(file));
      const scores = expected(given, picture);
      rmSync(dirname(given), { recursive: true });
      assert.equal(found.length, scores.size);
      for (const [index, score] of found) {
        assert.ok(Math.abs(score - scores.get(index)) < SAME, `${index}: ${score}`);
      }
      const reader = site.requests.slice(requested).some((url) => url.endsWith('keras_bg.wasm'));
      assert.equal(
        reader,
        /keras|\.h5$/.test(file),
        'the reader of Keras’s files is fetched for those only',
      );
    });
  }

  test('a damaged Keras file is an error of the model', async () => {
    const whole = readFileSync(`${FIXTURES}mini_keras_legacy.h5`);
    const message = await page.evaluate(
      async (base64) => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        return ImageClassifier.create({ model: bytes, backend: 'cpu' }).then(
          () => 'a classifier',
          ({ code, message }) => `${code}: ${message}`,
        );
      },
      whole.subarray(0, whole.length / 2).toString('base64'),
    );
    assert.match(message, /^invalid-model: .*HDF5/);
  });
});
