// The examples of the README for React and Svelte, as they stand there: their types, what they show, and what
// they leave behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile, compileModule } from 'svelte/compiler';
import { start } from '../browser/harness.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const WORK = join(HERE, 'work-frameworks');
const README = readFileSync(join(WWW, 'README.md'), 'utf8');
const { build } = createRequire(join(WWW, 'package.json'))('esbuild');

const example = (language) => new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(README)[1];

const REACT = `
  import { createElement, StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { Caption } from './example.tsx';
  const root = createRoot(document.body);
  globalThis.show = (picture) =>
    root.render(createElement(StrictMode, {}, createElement(Caption, { picture })));
  globalThis.leave = () => root.unmount();
  globalThis.said = () => document.querySelector('[role=status]')?.textContent;`;

const SVELTE = `
  import { mount, unmount } from 'svelte';
  import App from './app.js';
  import { shown } from './shown.svelte.js';
  const app = mount(App, { target: document.body, props: shown });
  globalThis.show = (src) => (shown.src = src);
  globalThis.leave = () => unmount(app);
  globalThis.said = () => document.querySelector('img')?.alt;`;
const STATE = `export const shown = $state({ src: '' });`;

const PAGE = '<!doctype html><meta charset="utf-8" /><title>An example</title><body></body>';

/** Pictures and what the model of photographs names them. */
const SHOWN = [
  ['espresso.jpg', 'espresso'],
  ['rocket.jpg', 'obelisk'],
];

/** Which workers there are; those that were ended are none. */
function watchWorkers() {
  globalThis.workers = { begun: 0, ended: 0 };
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      workers.begun++;
    }
    terminate() {
      super.terminate();
      workers.ended++;
    }
  };
}

describe('the examples for frameworks', { timeout: 60_000 }, () => {
  let site;
  const scripts = new Map();

  before(async () => {
    rmSync(WORK, { recursive: true, force: true });
    mkdirSync(WORK);
    site = await start({
      first({ url }, response) {
        const script = scripts.get(url);
        if (!script && url !== '/example.html') return false;
        response.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
        response.end(script ?? PAGE);
        return true;
      },
    });
  });
  after(async () => {
    await site?.stop();
    rmSync(WORK, { recursive: true, force: true });
  });

  /** A program and its files as a script for the page; the package is where the site has it. */
  async function bundled(name, program, files) {
    for (const [file, code] of Object.entries(files)) writeFileSync(join(WORK, file), code);
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: WORK },
      bundle: true,
      format: 'esm',
      write: false,
      jsx: 'automatic',
      conditions: ['browser'],
      define: { 'process.env.NODE_ENV': '"development"' }, // Where React does everything twice.
      plugins: [
        {
          name: 'package-of-the-site',
          setup: ({ onResolve }) =>
            onResolve({ filter: /^xception-web$/ }, () => ({
              path: '/xception-web/index.js',
              external: true,
            })),
        },
      ],
    });
    scripts.set(`/${name}.js`, outputFiles[0].text);
  }

  async function shows(name) {
    const page = await site.open('/example.html');
    await page.evaluate(watchWorkers);
    await page.evaluate((url) => import(url), `/${name}.js`);
    for (const [picture, label] of SHOWN) {
      await page.evaluate((src) => show(src), `/samples/${picture}`);
      await page.waitForFunction((label) => said() === label, label);
    }
    await page.evaluate(() => leave());
    await page.waitForFunction(() => workers.begun > 0 && workers.ended === workers.begun);
    await page.close();
  }

  test('a hook of React names pictures, and ends its worker', async () => {
    await bundled('react', REACT, { 'example.tsx': example('tsx') });
    await shows('react');
  });

  test('an action of Svelte names pictures, and ends its worker', async () => {
    const options = { generate: 'client', filename: 'app.svelte' };
    const { js, warnings } = compile(example('svelte'), options);
    assert.deepEqual(warnings, []);
    const shown = compileModule(STATE, { generate: 'client', filename: 'shown.svelte.js' });
    await bundled('svelte', SVELTE, { 'app.js': js.code, 'shown.svelte.js': shown.js.code });
    await shows('svelte');
  });

  test('both are typed', async () => {
    writeFileSync(join(WORK, 'example.tsx'), example('tsx'));
    const [, action] = /<script module lang="ts">\n(.*?)<\/script>/s.exec(example('svelte'));
    writeFileSync(join(WORK, 'action.ts'), action);
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2022',
        module: 'esnext',
        moduleResolution: 'bundler',
        jsx: 'react-jsx',
        lib: ['es2022', 'dom', 'dom.iterable'],
        types: [],
        paths: { 'xception-web': ['../../../www/dist/index.d.ts'] },
      },
      files: ['example.tsx', 'action.ts'],
    };
    writeFileSync(join(WORK, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(WWW, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', WORK], { stdio: 'inherit' });
  });
});
