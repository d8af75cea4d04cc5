// The package from another origin, as from a CDN; from a folder of its own; and without any worker.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { BLANK, PATIENCE, SOFTWARE_GPU, served, start } from './harness.mjs';

const README = readFileSync(new URL('../../www/README.md', import.meta.url), 'utf8');

/** What the README says that a page must allow for a CDN, and nothing else. */
function policyFor(cdn) {
  const [, sources] = README.match(/From a CDN.*?The policy then needs\s(.*?)\.\s/s);
  const directives = [...sources.matchAll(/`([^`]+)`/g)].map(([, one]) => one);
  assert.equal(directives.length, 3);
  return ["default-src 'none'", ...directives].join('; ').replaceAll('https://cdn.example', cdn);
}

/** Creates a classifier, asks it, and tells what ran; `from` is the folder of the package. */
async function ask({ from, options, picture }) {
  const { ImageClassifier } = await import(`${from}/index.js`);
  try {
    const classifier = await ImageClassifier.create({ backend: 'cpu', ...options });
    const { predictions } = await classifier.classify(picture, { topK: 1 });
    const { threads, model } = classifier.info;
    classifier.dispose();
    const late = await classifier.classify(picture).catch(({ code }) => code);
    return { label: predictions[0].label, threads, classes: model.classes, late };
  } catch ({ code, message }) {
    return { code, message };
  }
}

const CAT = { label: 'cat', classes: 150, late: 'disposed' };

describe('the package elsewhere', { timeout: PATIENCE }, () => {
  let cdn, away, site;
  before(async () => {
    cdn = await served({
      headers: {
        'Access-Control-Allow-Origin': '*',
        'Cross-Origin-Resource-Policy': 'cross-origin',
      },
    });
    away = cdn.origin;
    site = await start();
  });
  after(async () => {
    await site.stop();
    cdn?.stop();
  });

  /** A site like ours with another policy, and one page of it. */
  async function under(policy, what, path = BLANK) {
    const server = await served({ headers: { 'Content-Security-Policy': policy } });
    try {
      const page = await site.browser.newPage();
      await page.goto(`${server.origin}${path}`);
      const answer = await page.evaluate(ask, what);
      await page.close();
      return answer;
    } finally {
      server.stop();
    }
  }

  const drawings = (more) => ({ model: 'drawings', threads: 2, ...more });

  test('comes whole from a CDN, with threads, under the policy of the README', async () => {
    const what = { from: `${away}/xception-web`, picture: `${away}/samples/cat.svg` };
    const policy = `${policyFor(away)}; img-src blob:`;
    assert.deepEqual(await under(policy, { ...what, options: drawings() }), { ...CAT, threads: 2 });
  });

  test('says what the policy lacks where it forbids such workers', async () => {
    const what = { from: `${away}/xception-web`, picture: `${away}/samples/cat.svg` };
    const policy = policyFor(away).replace('blob:', "'self'");
    const { code, message } = await under(policy, { ...what, options: drawings() });
    assert.equal(code, 'worker-failed');
    assert.match(message, /worker-src.*blob:.*runIn: "page"/);
  });

  for (const [what, path] of [
    ['of another origin', () => `${away}/xception-web`],
    ['of this one', () => '/xception-web/'],
  ]) {
    test(`takes its files from the assetBase ${what}`, async () => {
      const options = drawings({ assetBase: path() });
      const page = await site.open(BLANK);
      const requests = [];
      page.context().on('request', (request) => requests.push(request.url()));
      await page.route('**/xception-web/index.js', (route) => {
        // The script alone is somewhere else, as after a bundler.
        const body = readFileSync(new URL('../../www/dist/index.js', import.meta.url), 'utf8');
        return route.fulfill({ body, contentType: 'text/javascript' });
      });
      const server = await served({ headers: { 'Content-Security-Policy': undefined } });
      try {
        await page.goto(`${server.origin}${BLANK}`);
        const given = { from: '/xception-web', options, picture: '/samples/cat.svg' };
        assert.deepEqual(await page.evaluate(ask, given), { ...CAT, threads: 2 });
        const models = requests.filter((url) => url.endsWith('drawings.safetensors'));
        const expected = new URL(
          `${path().replace(/\/$/, '')}/models/drawings.safetensors`,
          page.url(),
        );
        assert.deepEqual(models, [expected.href]);
      } finally {
        server.stop();
      }
    });
  }

  test('works in a sandboxed frame, whose origin is nobody’s', async () => {
    const none = ['Content-Security-Policy', 'Cross-Origin-Embedder-Policy'];
    const headers = Object.fromEntries(none.map((name) => [name, undefined]));
    const server = await served({ headers });
    try {
      const page = await site.browser.newPage();
      await page.goto(`${server.origin}${BLANK}`);
      const answer = await page.evaluate(
        ({ ask, what }) =>
          new Promise((resolve) => {
            addEventListener('message', ({ data }) => resolve(data));
            const frame = document.createElement('iframe');
            frame.sandbox = 'allow-scripts';
            frame.srcdoc = `<script type="module">
              const answer = await (${ask})(${JSON.stringify(what)});
              parent.postMessage({ ...answer, origin: self.origin }, '*');
            </script>`;
            document.documentElement.append(frame);
          }),
        {
          ask: ask.toString(),
          what: {
            from: `${away}/xception-web`,
            picture: `${away}/samples/espresso.jpg`,
            options: { threads: 2 },
          },
        },
      );
      const espresso = { label: 'espresso', classes: 200, late: 'disposed', threads: 1 };
      assert.deepEqual(answer, { ...espresso, origin: 'null' });
      await page.close();
    } finally {
      server.stop();
    }
  });

  test('works on the page where workers are refused, one classifier beside another', async () => {
    const policy =
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'; img-src blob:";
    const what = { from: '/xception-web', picture: '/samples/cat.svg' };
    const refused = await under(policy, { ...what, options: drawings() });
    assert.equal(refused.code, 'worker-failed');
    const here = drawings({ runIn: 'page' });
    assert.deepEqual(await under(policy, { ...what, options: here }), { ...CAT, threads: 1 });
    const page = await site.open(BLANK);
    const labels = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const make = (model) => ImageClassifier.create({ model, backend: 'cpu', runIn: 'page' });
      const [drawings, photos] = await Promise.all(['drawings', 'photos'].map(make));
      const say = async (one, picture) => (await one.classify(picture)).predictions[0].label;
      const first = [say(drawings, '/samples/cat.svg'), say(photos, '/samples/espresso.jpg')];
      const labels = await Promise.all(first);
      photos.dispose();
      return [...labels, await say(drawings, '/samples/apple.svg')];
    });
    assert.deepEqual(labels, ['cat', 'espresso', 'apple']);
  });

  test('leaves the page’s GPU as it was, whichever classifier on it ends first', async () => {
    const withGpu = await start({ flags: SOFTWARE_GPU });
    try {
      const page = await withGpu.open(BLANK);
      const [during, after] = await page.evaluate(async () => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const methods = () => [
          GPUAdapter.prototype.requestDevice,
          GPUDevice.prototype.createComputePipeline,
          GPUComputePassEncoder.prototype.setPipeline,
        ];
        const before = methods();
        const changed = () => methods().filter((method, i) => method !== before[i]).length;
        const made = [];
        for (let i = 0; i < 3; i++) {
          made.push(await ImageClassifier.create({ backend: 'cpu', runIn: 'page' }));
        }
        const during = changed();
        for (const i of [1, 0, 2]) made[i].dispose();
        return [during, changed()];
      });
      assert.deepEqual([during, after], [3, 0]);
    } finally {
      await withGpu.stop();
    }
  });

  for (const [name, options] of Object.entries({
    assetBase: { assetBase: 3 },
    runIn: { runIn: 'space' },
  })) {
    test(`refuses a wrong ${name}`, async () => {
      const page = await site.open(BLANK);
      const { code, message } = await page.evaluate(ask, { from: '/xception-web', options });
      assert.equal(code, 'invalid-option');
      assert.match(message, new RegExp(`^${name} is .* Give `));
    });
  }
});
