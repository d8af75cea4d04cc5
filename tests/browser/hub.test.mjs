// Models of the Hugging Face hub by their names: which file is taken, what is told of it, and who is asked.
// A local server answers as the hub does: a list of files, and redirects to another host for the large ones.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POLICY } from '../../www/serve.mjs';
import { miniXception } from './full.mjs';
import { PATIENCE, SAMPLES, SITE, drop, labelsFor, ready, served, start } from './harness.mjs';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const PACKAGE = '/xception-web/index.js';
/** The part of it that asks the hub. */
const PART = '/xception-web/more.js';
const SHA = '0123456789abcdef0123456789abcdef01234567';
const CORS = { 'Access-Control-Allow-Origin': '*' };
const NAMES = Array.from({ length: 7 }, (_, i) => `thing ${i}`);

/** ImageNet's own, which Xceptions are usually not trained with. */
const INPUT = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Repositories: their files, and what is in those that are asked for. */
const REPOS = {
  'timm/mini.tf_in1k': {
    'README.md': '',
    'config.json': JSON.stringify({
      architecture: 'legacy_xception',
      label_names: NAMES,
      pretrained_cfg: { ...INPUT, input_size: [3, 75, 75], crop_pct: 0.8975 },
    }),
    'model.safetensors': readFileSync(`${FIXTURES}mini_timm.safetensors`),
    'pytorch_model.bin': '',
  },
  'somebody/keras': { 'mine.keras': '', 'training_args.bin': '' },
  'somebody/torch': {
    'optimizer.pt': '',
    'last.ckpt': readFileSync(`${FIXTURES}mini_lightning.ckpt`),
  },
  'somebody/several': {
    'a.safetensors': '',
    'b.safetensors': miniXception(3),
    'config.json': '{}',
  },
  'somebody/nothing': { 'README.md': '' },
  'somebody/replaced': { 'model.safetensors': miniXception(4) },
  'somebody/forbidding': { 'model.safetensors': miniXception(2) },
  'somebody/tfjs': Object.fromEntries(
    ['model.json', 'group1-shard1of1.bin'].map((name) => [
      name,
      readFileSync(`${FIXTURES}tfjs/face/${name}`),
    ]),
  ),
};

describe('models of the hub', { timeout: PATIENCE }, () => {
  let site, hub, store, page, asked;

  before(async () => {
    const bare = { 'Cross-Origin-Resource-Policy': undefined };
    // Where the hub sends who wants a large file.
    store = await served({
      headers: bare,
      first({ url }, response) {
        const [, ...path] = url.split('/').map(decodeURIComponent);
        asked.push(`store ${path.join('/')}`);
        const repo = path.slice(0, 2).join('/');
        response.writeHead(200, repo === 'somebody/forbidding' ? {} : CORS);
        response.end(REPOS[repo][path.slice(2).join('/')]);
        return true;
      },
    });
    hub = await served({
      headers: bare,
      first({ url }, response) {
        asked.push(`hub ${decodeURIComponent(url)}`);
        const send = (status, body, headers = {}) => {
          response.writeHead(status, { 'Content-Type': 'application/json', ...CORS, ...headers });
          response.end(body);
          return true;
        };
        const listed = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)\?blobs=true$/.exec(url);
        if (listed) {
          const [, repo, revision] = listed;
          // The hub says as much of what is private.
          if (!REPOS[repo] || !['main', 'v1', 'refs%2Fpr%2F2'].includes(revision)) {
            return send(401, JSON.stringify({ error: 'Invalid username or password.' }));
          }
          const siblings = Object.entries(REPOS[repo]).map(([rfilename, content]) => {
            const { length: size } = Buffer.from(content);
            const sha256 = createHash('sha256').update(content).digest('hex');
            // Large files are told by their digest, as it was when they were put there.
            const lfs = { sha256: repo === 'somebody/replaced' ? '0'.repeat(64) : sha256, size };
            return { rfilename, size, ...(typeof content !== 'string' && { lfs }) };
          });
          return send(200, JSON.stringify({ id: repo, sha: SHA, siblings }));
        }
        const [, repo, revision, file] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url);
        if (revision !== SHA) return send(404, '');
        if (file === 'config.json') return send(200, REPOS[repo][file]);
        return send(302, '', { Location: `${store.origin}/${repo}/${file}` });
      },
    });
    const policy = POLICY.replace("connect-src 'self'", "connect-src 'self' http://localhost:*");
    const part = readFileSync(join(SITE, PART), 'utf8');
    assert.ok(part.includes('https://huggingface.co'));
    site = await start({
      headers: { 'Content-Security-Policy': policy },
      first({ url }, response) {
        const isPage = url.startsWith('/?');
        if (url !== PART && !isPage) return false;
        response.writeHead(200, {
          'Content-Type': isPage ? 'text/html' : 'text/javascript',
          'Cross-Origin-Embedder-Policy': 'require-corp',
          'Cross-Origin-Opener-Policy': 'same-origin',
        });
        // The page's own policy lets it ask the hub and where that sends it, wherever they are here.
        const text = isPage ? readFileSync(join(SITE, 'index.html'), 'utf8') : part;
        const here = text.replaceAll('https://huggingface.co', hub.origin);
        response.end(here.replace('https://*.hf.co', store.origin));
        return true;
      },
    });
    page = await site.open('/samples/cat.svg');
  });
  after(async () => {
    await site?.stop();
    for (const server of [hub, store]) server?.stop();
  });
  beforeEach(() => (asked = []));

  const create = (options) =>
    page.evaluate(
      async ([url, options]) => {
        const { ImageClassifier } = await import(url);
        return ImageClassifier.create({ backend: 'cpu', ...options }).then(
          ({ info }) => info,
          ({ name, code, message }) => ({ said: `${name} ${code}: ${message}` }),
        );
      },
      [PACKAGE, options],
    );

  test('a name is the safetensors of its repository, with the names of its configuration', async () => {
    const { model, origin: from, said } = await create({ model: 'hf:timm/mini.tf_in1k' });
    assert.equal(said, undefined);
    assert.deepEqual(model.labels, NAMES);
    assert.equal(from.url, `${hub.origin}/timm/mini.tf_in1k/resolve/${SHA}/model.safetensors`);
    assert.deepEqual(asked, [
      'hub /api/models/timm/mini.tf_in1k/revision/main?blobs=true',
      `hub /timm/mini.tf_in1k/resolve/${SHA}/config.json`,
      `hub /timm/mini.tf_in1k/resolve/${SHA}/model.safetensors`,
      'store timm/mini.tf_in1k/model.safetensors',
    ]);
    // Given names come first.
    const labels = [...'abcdefg'];
    const other = await create({ model: 'hf:timm/mini.tf_in1k@v1', labels });
    assert.deepEqual(other.model.labels, labels);
    assert.ok(asked.includes('hub /api/models/timm/mini.tf_in1k/revision/v1?blobs=true'));
  });

  test('what timm’s configuration says of pictures is taken, and what is said goes before', async () => {
    const model = 'hf:timm/mini.tf_in1k';
    const file = `${store.origin}/timm/mini.tf_in1k/model.safetensors`;
    const [configured, told, other] = await page.evaluate(
      async ([url, wants]) => {
        const { ImageClassifier } = await import(url);
        const rgba = Uint8ClampedArray.from({ length: 4 * 90 * 80 }, (_, i) => (i * i) % 251);
        const picture = new ImageData(rgba, 90, 80);
        const found = [];
        for (const options of wants) {
          const classifier = await ImageClassifier.create({ backend: 'cpu', ...options });
          const { predictions } = await classifier.classify(picture, { topK: 7 });
          found.push([classifier.info.model.inputSize, predictions.map(({ score }) => score)]);
          classifier.dispose();
        }
        return found;
      },
      [PACKAGE, [{ model }, { model: file, size: 75, ...INPUT }, { model, mean: 0.5 }]],
    );
    assert.equal(configured[0], 75);
    assert.deepEqual(configured, told);
    assert.notDeepEqual(configured, other);
  });

  test('timm’s own names are names too, and are held to the digest that the hub tells', async () => {
    const { model, origin, said } = await create({ model: 'timm/mini.tf_in1k' });
    assert.equal(said, undefined);
    assert.deepEqual(model.labels, NAMES);
    const file = REPOS['timm/mini.tf_in1k']['model.safetensors'];
    assert.equal(origin.sha256, createHash('sha256').update(file).digest('hex'));
    const replaced = await create({ model: 'hf:somebody/replaced' });
    assert.match(replaced.said ?? '', /^DownloadError hash-mismatch: .*not 0000/);
    // A file of the page's own is one still.
    const own = await create({ model: 'timm/model.safetensors' });
    assert.match(
      own.said ?? '',
      /^DownloadError http-error: .*\/samples\/timm\/model\.safetensors/,
    );
  });

  test('are described before a download, by what the hub says and the beginning of the file', async () => {
    const describe = (model) =>
      page.evaluate(
        async ([url, model]) => {
          const { models } = await import(url);
          return models.describe(model).catch(({ name, message }) => `${name}: ${message}`);
        },
        [PACKAGE, model],
      );
    const file = REPOS['timm/mini.tf_in1k']['model.safetensors'];
    const url = `${hub.origin}/timm/mini.tf_in1k/resolve/${SHA}/model.safetensors`;
    const sha256 = createHash('sha256').update(file).digest('hex');
    const known = { url, bytes: file.length, dtype: 'f32', sha256 };
    assert.deepEqual(await describe('timm/mini.tf_in1k'), { ...known, stored: false });
    await create({ model: 'timm/mini.tf_in1k', cache: true });
    asked = [];
    assert.deepEqual(await describe('timm/mini.tf_in1k'), { ...known, stored: true });
    assert.ok(!asked.some((what) => /^store|safetensors$/.test(what)), asked.join());
    const keras = await describe('hf:somebody/keras');
    assert.deepEqual([keras.bytes, keras.dtype, keras.stored], [0, undefined, false]);
    assert.match(await describe('hf:somebody/unknown'), /^DownloadError: .*401/);
  });

  test('a file and a revision can be named, and what training left is no model', async () => {
    const named = await create({ model: 'hf:somebody/several/b.safetensors@refs/pr/2' });
    assert.equal(named.model?.classes, 3, named.said);
    assert.ok(asked.includes('hub /api/models/somebody/several/revision/refs/pr/2?blobs=true'));
    const torch = await create({ model: 'hf:somebody/torch' });
    assert.equal(torch.model?.classes, 7, torch.said);
    const tfjs = await create({ model: 'hf:somebody/tfjs' });
    assert.deepEqual([tfjs.model?.classes, tfjs.model?.inputSize], [2, 48], tfjs.said);
  });

  test('what cannot be found is one sentence that says what can', async () => {
    for (const [model, words] of [
      ['hf:timm', /OptionError .*names no model on the hub\. Give hf:USER\/REPO/],
      ['hf:../api', /OptionError .*names no model/],
      ['hf:somebody/unknown', /DownloadError http-error: .*401 for the list of files of hf:/],
      ['hf:timm/mini.tf_in1k@v9', /DownloadError http-error: .*401/],
      ['hf:somebody/several', /OptionError .*2 files.*a\.safetensors, b\.safetensors/],
      ['hf:somebody/nothing', /OptionError .*no model file in somebody\/nothing, but README\.md/],
      ['hf:somebody/keras/other.h5', /OptionError .*no other\.h5 in .*mine\.keras/],
      ['hf:somebody/forbidding', /DownloadError (cors|network)/],
    ]) {
      const { said } = await create({ model });
      assert.match(said ?? 'a classifier', words, model);
    }
  });

  test('a link to one waits for a yes, and no other host is asked before', async () => {
    const page = await site.open('/?backend=cpu&model=hf:timm/mini.tf_in1k');
    await ready(page);
    await page.getByText('wants the model timm/mini.tf_in1k from huggingface.co').waitFor();
    assert.deepEqual(asked, []);
    await page.getByTestId('asked-load').click();
    await page.locator('#card').getByText('7 classes').waitFor();
    await drop(page, join(SAMPLES, 'cat.svg'));
    assert.match((await labelsFor(page, 'cat.svg'))[0], /^thing \d$/);
    assert.equal(new URL(page.url()).searchParams.get('model'), 'hf:timm/mini.tf_in1k');

    // The speed of every backend is measured on one more download.
    asked.length = 0;
    await page.getByTestId('speed').locator('summary').click();
    await page.getByTestId('speed-run').click();
    await page.getByTestId('speed-status').filter({ hasText: 'Measured.' }).waitFor();
    const rows = page.getByTestId('speed-table').locator('tbody tr');
    assert.ok((await rows.count()) >= 2, await rows.allInnerTexts());
    assert.deepEqual(asked, [
      `hub /timm/mini.tf_in1k/resolve/${SHA}/model.safetensors`,
      'store timm/mini.tf_in1k/model.safetensors',
    ]);
  });
});
