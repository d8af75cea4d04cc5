// Models of TensorFlow.js, which are several files: by address, as a list, and dropped on the page.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { classified } from './command.mjs';
import { PATIENCE, dropAll, labelsFor, ready, start } from './harness.mjs';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const PICTURE = `${FIXTURES}pictures/picture.png`;
/** f32 sums in another order. */
const SAME = 1e-5;

/** Name and bytes of the files of a model. */
const filesOf = (model) =>
  readdirSync(`${FIXTURES}tfjs/${model}`).map((name) => ({
    name,
    bytes: readFileSync(`${FIXTURES}tfjs/${model}/${name}`),
  }));

/** The scores by class that `xception classify` prints. */
function expected(model) {
  const path = `${FIXTURES}tfjs/${model}/model.json`;
  const [{ predictions }] = classified('--model', path, '--top-k', '100', PICTURE);
  return predictions.map(({ index, score }) => [index, score]);
}

describe('models of TensorFlow.js', { timeout: PATIENCE }, () => {
  let site, page, asked;
  before(async () => {
    site = await start({
      first({ url }, response) {
        const { pathname, search } = new URL(url, 'http://localhost');
        const [, folder, model, name] = pathname.split('/');
        if (folder !== 'tfjs' && folder !== 'changed') return false;
        asked.push(name + search);
        const file = filesOf(model).find((file) => file.name === name);
        const replaced = (bytes) => String(bytes).replaceAll(/"group1-/g, '"../deep/group1-');
        response.writeHead(file ? 200 : 404, { 'Content-Type': 'application/octet-stream' });
        response.end(folder === 'changed' ? replaced(file.bytes) : file?.bytes);
        return true;
      },
    });
    page = await site.open('/samples/cat.svg');
  });
  after(() => site.stop());
  beforeEach(() => (asked = []));

  /** The scores of the picture by a model at an address, or of files; or what went wrong. */
  const classify = (options, files) =>
    page.evaluate(
      async ([options, files, png]) => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const model = files?.map(({ name, base64 }) => new File([bytes(base64)], name));
        try {
          const all = { backend: 'cpu', ...options, ...(model && { model }) };
          const classifier = await ImageClassifier.create(all);
          const { predictions } = await classifier.classify(new Blob([bytes(png)]), { topK: 100 });
          classifier.dispose();
          const { architecture } = classifier.info.model;
          const scores = predictions.map(({ index, score }) => [index, score]);
          return { scores, architecture, origin: classifier.info.origin };
        } catch ({ name, message }) {
          return { said: `${name}: ${message}` };
        }
      },
      [
        options,
        files?.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') })),
        readFileSync(PICTURE).toString('base64'),
      ],
    );

  function assertSame({ scores, said }, model) {
    assert.equal(said, undefined);
    const wanted = new Map(expected(model));
    assert.equal(scores.length, wanted.size);
    for (const [index, score] of scores) {
      assert.ok(Math.abs(score - wanted.get(index)) < SAME, `${index}: ${score}`);
    }
  }

  for (const model of ['deep', 'spread', 'face']) {
    test(`${model} by its address`, async () => {
      assertSame(await classify({ model: `/tfjs/${model}/model.json?a=b` }), model);
      // Shards are asked for beside it, with the same query.
      const names = filesOf(model).map(({ name }) => `${name}?a=b`);
      assert.deepEqual(asked.toSorted(), names.toSorted());
    });
  }

  test('as a list of files, in any order', async () => {
    assertSame(await classify({}, filesOf('deep').reverse()), 'deep');
    assert.deepEqual(asked, []);
  });

  test('what was kept is not asked for again', async () => {
    const options = { model: '/tfjs/face/model.json', cache: true };
    const { origin } = await classify(options);
    assert.ok(origin.stored, origin.note);
    asked = [];
    const again = await classify(options);
    assertSame(again, 'face');
    assert.deepEqual([again.origin.from, asked], ['cache', []]);
  });

  test('what does not fit together is one sentence', async () => {
    const [first, second, model] = filesOf('deep');
    const sha256 = 'a'.repeat(64);
    for (const [options, files, words] of [
      [{}, [model, first], /OptionError: model\.json names the shard group1-shard2of2\.bin/],
      [{}, [model, first, second, second], /2 files of that name/],
      [{}, [model], /group1-shard1of2\.bin/],
      [{}, [first, second], /OptionError: These files are no model together/],
      [{}, [], /no model together: none/],
      [{ sha256 }, [model, first, second], /OptionError: A sha256 is that of one file/],
      [{ sha256, model: '/tfjs/deep/model.json' }, undefined, /OptionError: A SHA-256 is that/],
      [{ model: '/changed/deep/model.json' }, undefined, /ModelError: .*“\.\.\/deep\/group1/],
      [
        {},
        [{ name: 'm.json', bytes: '{"weightsManifest":3}' }],
        /ModelError: .*no model by itself/,
      ],
    ]) {
      const { said } = await classify(options, files);
      assert.match(said ?? 'a classifier', words);
    }
    assert.ok(!asked.some((name) => name.startsWith('group1')), String(asked));
  });

  test('dropped on the page with a picture and labels', async () => {
    const page = await site.open('/?backend=cpu');
    await ready(page);
    const labels = { name: 'labels.json', bytes: JSON.stringify(['a', 'b', 'c']) };
    const picture = { name: 'p.png', type: 'image/png', bytes: readFileSync(PICTURE) };
    await dropAll(page, [...filesOf('deep'), labels, picture]);
    await page.getByText('model.json and 2 shards').waitFor();
    const best = expected('deep').map(([index]) => 'abc'[index]);
    assert.deepEqual(await labelsFor(page, 'p.png'), best);
  });
});
