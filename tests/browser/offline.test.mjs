// The page kept on the device: without a network, on a host that sends no headers, in a folder of it,
// and from one version to the next.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  NO_GPU,
  PATIENCE,
  SAMPLES,
  SITE,
  drop,
  labelsFor,
  ready,
  start,
  text,
} from './harness.mjs';

const FOLDER = '/some/where/';
const KEPT = 'This page is kept on this device and works offline.';
const WITH_WORKER = { serviceWorkers: 'allow' };
/** As of a host where one cannot set any. */
const NO_HEADERS = Object.fromEntries(
  [
    'Content-Security-Policy',
    'Cross-Origin-Embedder-Policy',
    'Cross-Origin-Opener-Policy',
    'Cross-Origin-Resource-Policy',
  ].map((name) => [name, undefined]),
);

/** What the browser itself asks for, flags or not; `storage.googleapis.com` would be a model. */
const BROWSERS_OWN = /^(https?:\/\/)?(?!storage\.)[\w.-]+\.(google|googleapis|gvt1)\.com\b/;

/** What every test has: a copy of the site in a folder, a network that can be cut, and what goes elsewhere. */
async function place(headers) {
  const root = mkdtempSync(join(tmpdir(), 'xception-web-offline-'));
  const folder = join(root, FOLDER);
  cpSync(SITE, folder, { recursive: true });
  /** `worker`: what the service worker waits for. */
  const network = { on: true, asked: [], worker: undefined };
  const first = ({ url, socket }, response) => {
    if (network.on) network.asked.push(url);
    else socket.destroy();
    const waits = network.on && network.worker && url.endsWith('/sw.js');
    if (waits) network.worker.then(() => response.end(readFileSync(join(root, url))));
    if (waits) response.setHeader('Content-Type', 'text/javascript');
    return !network.on || waits;
  };
  // Whatever is not for this machine goes through a proxy, which lets nothing out.
  const foreign = [];
  const note = (host) => BROWSERS_OWN.test(host) || foreign.push(host);
  const proxy = createServer((request, response) => {
    note(request.url);
    response.writeHead(502).end();
  });
  proxy.on('connect', ({ url }, socket) => {
    note(url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const flags = [...NO_GPU, `--proxy-server=http://127.0.0.1:${proxy.address().port}`];
  const site = await start({ root, first, headers, flags });
  const stop = async () => {
    await site.stop();
    proxy.closeAllConnections();
    proxy.close();
    rmSync(root, { recursive: true });
  };
  return { ...site, folder, network, foreign, stop };
}

const kept = (page) => page.getByTestId('offline').getByText(KEPT).waitFor();
const failed = (page, why) => page.getByTestId('error').filter({ hasText: why }).waitFor();
const isolated = (page) => page.evaluate(() => crossOriginIsolated);
const sample = async (page, name) => {
  await page.locator(`[data-sample="samples/${name}"]`).click();
  return (await labelsFor(page, name))[0];
};

describe('offline, on a host that sends no headers', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await place(NO_HEADERS)));
  after(() => site.stop());

  test('is isolated from the first visit on, works without a network and asks nobody else', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await page.waitForFunction(() => crossOriginIsolated);
    await ready(page);
    assert.match(await text(page, 'runtime'), /^\d+ threads/);
    await kept(page);
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');

    site.network.on = false;
    await page.reload();
    await ready(page);
    assert.ok(await isolated(page));
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');
    await page.getByLabel('CPU', { exact: true }).check();
    await page
      .getByTestId('reason')
      .filter({ hasText: 'cpu backend was asked for by name' })
      .waitFor({ state: 'attached' });
    await drop(page, join(SAMPLES, 'tabby.jpg'), { type: 'image/jpeg' });
    assert.match((await labelsFor(page, 'tabby.jpg'))[0], / cat$/);

    // What was never used is not there: that is told, and what ran goes on.
    await page.getByLabel('NdArray').check();
    await failed(page, /Could not reach/);
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');
    site.network.on = true;
    await page.getByLabel('NdArray').check();
    await page.getByTestId('backend').filter({ hasText: 'ndarray' }).waitFor({ state: 'attached' });
    site.network.on = false;
    await page.reload();
    await page.getByTestId('backend').filter({ hasText: 'ndarray' }).waitFor({ state: 'attached' });
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');
    site.network.on = true;
    assert.deepEqual(site.foreign, []);
  });

  test('gives a worker the page’s policy, which no header said', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await page.waitForFunction(() => crossOriginIsolated);
    const policies = await page.evaluate(async () => {
      const answers = await Promise.all(
        ['xception-web/worker.js', 'courier.html'].map((url) => fetch(url)),
      );
      return answers.map(({ headers }) => headers.get('content-security-policy'));
    });
    assert.match(policies[0], /connect-src 'self' data: https:\/\/huggingface.co/);
    assert.match(policies[1], /^default-src 'none'/);
    assert.ok(
      !policies.some((policy) => policy.includes('blob:') && !/img-src[^;]*blob:/.test(policy)),
    );
  });

  const BEGUN = {
    async 'a picture'(page) {
      await drop(page, join(SAMPLES, 'espresso.jpg'), { type: 'image/jpeg' });
      await labelsFor(page, 'espresso.jpg');
      return page.locator('#preview');
    },
    async 'a folder'(page) {
      await page.getByTestId('folder-input').setInputFiles(SAMPLES);
      return page.getByText(/\d+ of \d+ pictures named\./).first();
    },
    async teaching(page) {
      await page.getByTestId('teach-open').click();
      return page.getByTestId('teach');
    },
    async 'a model'(page) {
      const model = join(SITE, 'xception-web/models/drawings.safetensors');
      await drop(page, model, { name: 'mine.safetensors' });
      return page.getByText('mine.safetensors');
    },
  };

  for (const [what, begin] of Object.entries(BEGUN)) {
    test(`${what}, begun before the service worker is there, is not lost to being isolated`, async () => {
      let come;
      site.network.worker = new Promise((resolve) => (come = resolve));
      const page = await site.open(FOLDER, WITH_WORKER);
      const shown = await begin(page);
      await shown.waitFor();
      come();
      site.network.worker = undefined;
      await kept(page);
      assert.equal(await isolated(page), false);
      assert.ok(await shown.isVisible());
      await page.context().close();
    });
  }

  test('is not isolated where the address says so', async () => {
    const page = await site.open(`${FOLDER}?isolation=off&backend=cpu`, WITH_WORKER);
    await kept(page);
    await page.reload();
    await ready(page);
    assert.equal(await isolated(page), false);
    assert.match(await text(page, 'runtime'), /^1 thread/);
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');
  });
});

describe('an installed page', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await place()));
  after(() => site.stop());

  test('can be installed', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await kept(page);
    const devtools = await page.context().newCDPSession(page);
    const { errors, url } = await devtools.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    assert.equal(url, `${site.origin}${FOLDER}manifest.webmanifest`);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    // Tests run in windows that keep nothing.
    assert.deepEqual(
      installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'),
      [],
    );
    const { icons } = JSON.parse(readFileSync(join(SITE, 'manifest.webmanifest'), 'utf8'));
    for (const { src, sizes } of icons.filter(({ sizes }) => sizes !== 'any')) {
      const size = await page.evaluate(async (src) => {
        const { width, height } = await createImageBitmap(await (await fetch(src)).blob());
        return `${width}x${height}`;
      }, src);
      assert.equal(size, sizes);
    }
  });

  test('takes pictures and addresses that other programs share', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await kept(page);
    const share = async (fields) => {
      await page.goto('about:blank');
      await page.setContent(
        `<form method="post" enctype="multipart/form-data" action="${site.origin}${FOLDER}share">${fields}<button>Share</button></form>`,
      );
    };
    await share('<input type="file" name="pictures" multiple>');
    const files = ['espresso.jpg', 'tabby.jpg'].map((name) => join(SAMPLES, name));
    await page.locator('input').setInputFiles(files);
    await page.getByRole('button', { name: 'Share' }).click();
    assert.equal((await labelsFor(page, 'espresso.jpg'))[0], 'espresso');
    assert.equal(await page.getByTestId('film').getByRole('button').count(), 2);
    assert.equal(new URL(page.url()).search, '');
    await page.reload();
    await ready(page);
    assert.ok(await page.locator('#preview').isHidden(), 'they are taken once');

    // What is dropped while they are fetched is newer than they are.
    await page.addInitScript(() => {
      const { open } = caches;
      caches.open = async (...given) => {
        if (given[0].endsWith('-shared'))
          await new Promise((resolve) => (globalThis.come = resolve));
        return open.apply(caches, given);
      };
    });
    await share('<input type="file" name="pictures" multiple>');
    await page.locator('input').setInputFiles(files);
    await page.getByRole('button', { name: 'Share' }).click();
    await page.waitForFunction(() => globalThis.come);
    await drop(page, join(SAMPLES, 'rocket.jpg'), { type: 'image/jpeg' });
    await labelsFor(page, 'rocket.jpg');
    await page.evaluate(() => come());
    await page.waitForFunction(
      async () => !(await caches.keys()).some((key) => /shared/.test(key)),
    );
    await labelsFor(page, 'rocket.jpg');
    assert.ok(await page.getByTestId('film').isHidden());

    await share('<input name="text" value="Look: https://example.com/cat.jpg">');
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByTestId('asked').getByText('example.com').waitFor();
    assert.deepEqual(site.foreign, []);
  });
});

describe('what teaches', { timeout: PATIENCE }, () => {
  test('is kept once its room was opened, on the first visit, too', async () => {
    const site = await place();
    try {
      const page = await site.open(FOLDER, WITH_WORKER);
      await kept(page);
      await page.getByTestId('teach-open').click();
      const file = 'xception-web/wasm/teach_bg.wasm';
      await page.evaluate(async (file) => {
        const isKept = async () => {
          const shelves = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
          const keys = (await Promise.all(shelves.map((shelf) => shelf.keys()))).flat();
          return keys.some(({ url }) => new URL(url).pathname.endsWith(file));
        };
        while (!(await isKept())) await new Promise((resolve) => setTimeout(resolve, 50));
      }, file);
      site.network.on = false;
      await page.reload();
      await page.getByTestId('teach-open').click();
      await page.getByTestId('teach').waitFor();
      assert.ok(await page.evaluate(async (file) => (await fetch(file)).ok, file));
    } finally {
      await site.stop();
    }
  });
});

describe('from one version to the next', { timeout: PATIENCE }, () => {
  let site;
  before(async () => (site = await place()));
  after(() => site.stop());

  const half = (bytes) =>
    createHash('sha256').update(bytes).digest().subarray(0, 16).toString('base64url');

  /** Changes a file as a new build does; the service worker of that build knows. */
  function change(name, edit, worker) {
    const file = join(site.folder, name);
    const old = readFileSync(file);
    const next = edit(old);
    writeFileSync(file, next);
    return worker.replaceAll(half(old), half(next));
  }

  test('no file of one runs with those of the other', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await kept(page);
    await page.reload();
    await ready(page);
    const worker = join(site.folder, 'sw.js');
    let next = readFileSync(worker, 'utf8');
    next = change('index.html', (html) => String(html).replace('<title>', '<title>New '), next);
    next = change('xception-web/worker.js', (js) => `self.isNew = true;${js}`, next);
    // A custom section that says nothing: another file, and still a module.
    const wasm = 'xception-web/wasm/ndarray_bg.wasm';
    next = change(wasm, (bytes) => Buffer.concat([bytes, Buffer.from([0, 2, 1, 0x78])]), next);

    // Half way: the server has the new files and the old service worker.
    await page.reload();
    await ready(page);
    assert.doesNotMatch(await page.title(), /^New/);
    const script = () =>
      page.evaluate(async () =>
        (await (await fetch('xception-web/worker.js')).text()).slice(0, 10),
      );
    assert.notEqual(await script(), 'self.isNew');
    await page.getByLabel('NdArray').check();
    await failed(page, /broke off/);
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso', 'what ran goes on');

    // Whole: what is open goes on, and is offered the new one.
    writeFileSync(worker, next);
    await page.goto(`${site.origin}${FOLDER}?backend=cpu`);
    await ready(page);
    assert.doesNotMatch(await page.title(), /^New/);
    await page.getByTestId('newer').click();
    await page.waitForFunction(() => document.title.startsWith('New'));
    await ready(page);
    assert.equal(await script(), 'self.isNew');
    await kept(page);
    site.network.on = false;
    await page.reload();
    await ready(page);
    assert.match(await page.title(), /^New/);
    assert.equal(await sample(page, 'espresso.jpg'), 'espresso');
    site.network.on = true;
  });

  test('a version that waits takes over with the next visit', async () => {
    const page = await site.open(FOLDER, WITH_WORKER);
    await kept(page);
    const worker = join(site.folder, 'sw.js');
    const edit = (html) => String(html).replace('<title>', '<title>Newest ');
    writeFileSync(worker, change('index.html', edit, readFileSync(worker, 'utf8')));
    await page.reload();
    await page.getByTestId('newer').waitFor();
    await page.reload();
    await page.waitForFunction(() => document.title.startsWith('Newest'));
    await ready(page);
  });
});
