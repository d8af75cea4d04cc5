// The package as its users meet it: packed, installed, built by their bundler, run in a browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serve } from '../../www/serve.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const WORK = join(HERE, 'work');
const { chromium } = createRequire(join(WWW, 'package.json'))('playwright-core');

const page = (head, script) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>waiting</title>${head}</head>` +
  `<body><script type="module" src="${script}"></script></body></html>`;

/** What the README says that a page must allow, and nothing else. */
function policy() {
  const readme = readFileSync(join(WWW, 'README.md'), 'utf8');
  const [, sources] = readme.match(/content security policy needs\s(.*?) for SVG pictures/s);
  const directives = [...sources.matchAll(/`([^`]+)`/g)].map(([, directive]) => directive);
  assert.ok(directives.length >= 4);
  return ["default-src 'none'", ...directives].join('; ');
}

/** A fresh folder with the program and its picture. */
function project(name) {
  const root = join(WORK, name);
  mkdirSync(join(root, 'public'), { recursive: true });
  copyFileSync(join(HERE, 'main.js'), join(root, 'main.js'));
  copyFileSync(join(WWW, 'demo/samples/cat.svg'), join(root, 'public/cat.svg'));
  return root;
}

describe('the packed package', { timeout: 120_000 }, () => {
  let browser;
  before(async () => {
    rmSync(WORK, { recursive: true, force: true });
    mkdirSync(WORK);
    const npm = (...args) => execFileSync('npm', args, { cwd: WORK, encoding: 'utf8' });
    const [{ filename }] = JSON.parse(npm('pack', WWW, '--json', '--silent'));
    // Unpacked where Node and the bundlers look for packages: it depends on nothing.
    mkdirSync(join(WORK, 'node_modules/xception-web'), { recursive: true });
    const into = ['--strip-components=1', '-C', join(WORK, 'node_modules/xception-web')];
    execFileSync('tar', ['-xzf', join(WORK, filename), ...into]);
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu'],
    });
  });
  after(async () => {
    await browser?.close();
    rmSync(WORK, { recursive: true, force: true });
  });

  async function says(root, headers) {
    const server = await serve({ root, headers });
    try {
      const tab = await browser.newPage();
      await tab.goto(`http://localhost:${server.address().port}/`);
      await tab.waitForFunction(() => document.title !== 'waiting');
      return await tab.title();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('carries its licence, and those of all that is compiled into it', () => {
    const read = (name) => readFileSync(join(WORK, 'node_modules/xception-web', name), 'utf8');
    assert.match(read('LICENSE'), /Permission is hereby granted/);
    assert.match(read('NOTICES'), /Noto Emoji/);
    const crates = read('THIRD-PARTY.txt');
    for (const name of [
      'burn',
      'burn-flex',
      'burn-wgpu',
      'wasm-bindgen',
      'safetensors',
      'hdf5-pure',
    ]) {
      assert.match(crates, new RegExp(`^${name} \\d[\\w.-]*: \\S`, 'm'));
    }
    assert.match(crates, /^wgpu.*\n\n.*Permission is hereby granted/ms);
    assert.doesNotMatch(crates, /^(clap|syn|resvg) \d/m, 'what only the build or the tools use');
  });

  test('works built by Vite', async () => {
    const { build } = await import('vite');
    const root = project('vite');
    writeFileSync(join(root, 'index.html'), page('', '/main.js'));
    await build({ root, configFile: false, logLevel: 'error', build: { target: 'es2022' } });
    assert.equal(await says(join(root, 'dist')), 'photos: cat');
  });

  test('works built by Vite with small files inlined, under the policy of the README', async () => {
    const { build } = await import('vite');
    const root = project('strict');
    writeFileSync(join(root, 'index.html'), page('', '/main.js'));
    // Twice as large as the largest that Vite might inline by itself, so that growth does not hide it.
    const options = { target: 'es2022', assetsInlineLimit: 8192 };
    await build({ root, configFile: false, logLevel: 'error', build: options });
    assert.equal(
      await says(join(root, 'dist'), { 'Content-Security-Policy': policy() }),
      'photos: cat',
    );
  });

  test('works built by webpack', async () => {
    const { default: webpack } = await import('webpack');
    const root = project('webpack');
    const path = join(root, 'dist');
    const stats = await promisify(webpack)({
      context: root,
      entry: './main.js',
      mode: 'production',
      output: { path, filename: 'main.js' },
      performance: { hints: false },
    });
    assert.deepEqual(stats.toJson().errors, []);
    writeFileSync(join(path, 'index.html'), page('', 'main.js'));
    cpSync(join(root, 'public'), path, { recursive: true });
    assert.equal(await says(path), 'photos: cat');
  });

  test('works without a bundler, by an import map', async () => {
    const root = project('plain');
    const map = '{"imports":{"xception-web":"./xception-web/dist/index.js"}}';
    writeFileSync(
      join(root, 'index.html'),
      page(`<script type="importmap">${map}</script>`, 'main.js'),
    );
    cpSync(join(root, 'public'), root, { recursive: true });
    cpSync(join(WORK, 'node_modules/xception-web'), join(root, 'xception-web'), {
      recursive: true,
    });
    // The map stands in the page itself, which this project's own policy forbids.
    assert.equal(await says(root, { 'Content-Security-Policy': undefined }), 'photos: cat');
  });

  // As a server that renders pages does: nothing of a browser is there.
  for (const conditions of [[], ['--conditions=browser']]) {
    test(`is imported in Node without a browser's globals ${conditions}`, () => {
      const program = `const { ImageClassifier, models } = await import('xception-web');
        if (!ImageClassifier.create || !models.list) throw new Error('not whole');`;
      const flags = [...conditions, '--input-type=module', '-e', program];
      execFileSync(process.execPath, flags, { cwd: WORK, stdio: 'inherit' });
    });
  }

  for (const [runtime, command] of Object.entries({
    Node: [process.execPath],
    Bun: [join(HERE, 'node_modules/.bin/bun')],
    Deno: [join(HERE, 'node_modules/.bin/deno'), 'run', '--allow-all', '--no-remote'],
  })) {
    test(`names a picture in ${runtime}`, () => {
      copyFileSync(join(HERE, 'server.mjs'), join(WORK, 'server.mjs'));
      const [program, ...flags] = command;
      const args = [...flags, 'server.mjs', join(WWW, 'demo/samples/espresso.jpg')];
      const said = execFileSync(program, args, { cwd: WORK, encoding: 'utf8' });
      assert.equal(said, 'espresso 54 % on cpu\n');
    });
  }

  for (const [compiler, which] of [
    [join(WWW, 'node_modules/typescript'), 'the newest TypeScript'],
    [join(HERE, 'node_modules/typescript-5.6'), 'TypeScript 5.6, whose arrays had no buffers'],
  ]) {
    test(`its types accept what works and refuse what does not, by ${which}`, () => {
      copyFileSync(join(HERE, 'types.ts'), join(WORK, 'types.ts'));
      const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'esnext'];
      const libraries = ['--lib', 'es2022,dom,dom.iterable', '--typeRoots', 'none'];
      const more = ['--moduleResolution', 'bundler', ...libraries, 'types.ts'];
      execFileSync(process.execPath, [join(compiler, 'bin/tsc'), ...options, ...more], {
        cwd: WORK,
        stdio: 'inherit',
      });
    });
  }
});
