// What every browser test needs: a server for the built site, a Chromium, and hands.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { POLICY, serve } from '../../www/serve.mjs';

const require = createRequire(new URL('../../www/package.json', import.meta.url));
const { chromium } = require('playwright-core');

export const SITE = fileURLToPath(new URL('../../www/dist/site', import.meta.url));
export const SAMPLES = join(SITE, 'samples');

/** Loading a model and, on the software adapter, compiling its shaders. */
export const PATIENCE = 240_000;

/** A GPU computed on the CPU: slow, correct, and the same everywhere. */
export const SOFTWARE_GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
export const NO_GPU = ['--disable-gpu'];

/** A camera that shows a turning disc, and a yes to whoever asks for it. */
export const FAKE_CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** A page of the site with no script of its own. */
export const BLANK = '/about/licence.txt';

/** For pages that give the package what the site's own page never does: `blob:` addresses, films. */
export const WITH_BLOBS = {
  'Content-Security-Policy': POLICY.replace(
    'connect-src',
    "media-src 'self' blob:; connect-src blob:",
  ),
};

const QUIET = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A running site with a browser on it.
 * `flags`: more of Chromium's. `worker`: code to run in the worker before the package's own.
 * `root`: another folder than the built site. `first`, `headers`: see `serve`.
 */
export async function start({ flags = NO_GPU, worker, first, headers, root } = {}) {
  const own = root === undefined && worker !== undefined;
  root ??= worker ? sabotaged(worker) : SITE;
  const server = await serve({ root, first, headers });
  const origin = `http://localhost:${server.address().port}`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...QUIET, ...flags],
  });
  const requests = [];

  async function open(path = '/', options = {}) {
    // Tests answer requests themselves, which a service worker would ask behind their back: those
    // that are about it allow it.
    const context = await browser.newContext({ serviceWorkers: 'block', ...options });
    context.setDefaultTimeout(PATIENCE);
    context.on('request', (request) => requests.push(request.url()));
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(`page: ${error}`));
    await page.goto(origin + path);
    return page;
  }

  async function stop() {
    await browser.close();
    server.closeAllConnections();
    server.close();
    if (own) rmSync(root, { recursive: true });
  }

  return { browser, origin, requests, open, stop };
}

/** Another server beside that of the site: `options` as for `serve`. */
export async function served(options) {
  const server = await serve(options);
  const { port } = server.address();
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://localhost:${port}`, port, stop };
}

/** A copy of the site whose worker first runs `code`: the browser misbehaves, not the package. */
function sabotaged(code) {
  const root = mkdtempSync(join(tmpdir(), 'xception-web-site-'));
  cpSync(SITE, root, { recursive: true });
  const file = join(root, 'xception-web/worker.js');
  writeFileSync(file, `{${code}}\n${readFileSync(file, 'utf8')}`);
  return root;
}

/** Drops a file on the page as a person does. */
export async function drop(page, path, { name = basename(path), type = '' } = {}) {
  await dropBytes(page, readFileSync(path), { name, type });
}

export async function dropBytes(page, bytes, { name, type = '' }) {
  await dropAll(page, [{ name, type, bytes }]);
}

/** Drops several files at once. */
export async function dropAll(page, files) {
  const packed = files.map(({ name, type = '', bytes }) => {
    return { name, type, base64: Buffer.from(bytes).toString('base64') };
  });
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const { name, type, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, packed);
  await page.getByTestId('drop-zone').dispatchEvent('drop', { dataTransfer: transfer });
}

/** The labels shown for `source`, best first, once they are computed. */
export async function labelsFor(page, source) {
  const shown = page.locator(
    `[data-testid=predictions][aria-busy=false][data-source=${JSON.stringify(source)}]`,
  );
  await shown.waitFor();
  return shown
    .getByTestId('prediction')
    .evaluateAll((rows) => rows.map(({ dataset }) => dataset.label));
}

export const text = (page, testId) => page.getByTestId(testId).textContent();

/** Until the model is loaded and the page says where it runs. */
export const ready = (page) =>
  page.waitForFunction(() => document.querySelector('#reason').textContent !== '');

/** Milliseconds in which what goes on would show it, and how often they may pass until it has ended. */
const QUIET_FOR = 500;
const PASSES = 20;

/** What `count` tells once it tells the same for a while; what is under way may still come, late on a slow machine. */
export async function settled(page, count) {
  let last = await count();
  for (let i = 0; i < PASSES; i++) {
    await page.waitForTimeout(QUIET_FOR);
    const now = await count();
    if (now === last) return now;
    last = now;
  }
  throw new Error(`It does not come to an end: ${last} by now.`);
}

/** What the browser's page processes hold in memory. */
export async function rendererMegabytes(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === 'renderer');
  const kilobytes = pages.map(({ id }) =>
    Number(readFileSync(`/proc/${id}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]),
  );
  return kilobytes.reduce((sum, size) => sum + size, 0) / 1000;
}

/** A picture as PNG or raw RGBA, drawn by the browser on white. */
export async function render(page, svg, { width, height, as = 'png' }) {
  const base64 = await page.evaluate(
    async ({ svg, width, height, as }) => {
      const image = new Image();
      image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
      await image.decode();
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, width, height);
      const side = Math.min(width, height);
      context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side);
      const bytes =
        as === 'rgba'
          ? context.getImageData(0, 0, width, height).data
          : new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
      let characters = '';
      for (const byte of bytes) characters += String.fromCharCode(byte);
      return btoa(characters);
    },
    { svg, width, height, as },
  );
  return Buffer.from(base64, 'base64');
}

/** What a button downloads. */
export async function downloaded(page, button) {
  const coming = page.waitForEvent('download');
  await button.click();
  const file = await coming;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}
