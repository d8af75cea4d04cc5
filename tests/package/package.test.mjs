// The package as its users meet it: packed, installed, built by their bundler, run in a browser.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
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
const require = createRequire(join(WWW, 'package.json'));
const { chromium } = require('playwright-core');
const esbuild = require('esbuild');

const page = (head, script, assets) =>
  `<!doctype html><html lang="en"${assets ? ` data-assets="${assets}"` : ''}><head><meta charset="utf-8"><title>waiting</title>${head}</head>` +
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

describe('the packed package', { timeout: 240_000 }, () => {
  let browser, packed;
  before(async () => {
    rmSync(WORK, { recursive: true, force: true });
    mkdirSync(WORK);
    const npm = (...args) => execFileSync('npm', args, { cwd: WORK, encoding: 'utf8' });
    const [{ filename }] = JSON.parse(npm('pack', WWW, '--json', '--silent'));
    packed = filename;
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

  async function says(root, headers, path = '') {
    const server = await serve({ root, headers });
    try {
      return await title(`http://localhost:${server.address().port}/${path}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  async function title(url) {
    const tab = await browser.newPage();
    try {
      await tab.goto(url);
      await tab.waitForFunction(() => document.title !== 'waiting');
      return await tab.title();
    } finally {
      await tab.close();
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

  test('works in Vite’s development server, without any setting', async () => {
    const { createServer } = await import('vite');
    const root = project('vite-dev');
    writeFileSync(join(root, 'index.html'), page('', '/main.js'));
    const server = await createServer({ root, configFile: false, logLevel: 'error' });
    try {
      await server.listen();
      assert.equal(await title(server.resolvedUrls.local[0]), 'photos: cat');
    } finally {
      await server.close();
    }
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

  /** The files that a bundler leaves where they are, beside what it has made. */
  function withAssets(name) {
    const root = project(name);
    const path = join(root, 'dist');
    cpSync(join(root, 'public'), path, { recursive: true });
    cpSync(join(WORK, 'node_modules/xception-web/dist'), join(path, 'assets'), { recursive: true });
    writeFileSync(join(path, 'index.html'), page('', 'main.js', 'assets'));
    return { root, path };
  }

  const minified = { bundle: true, format: 'esm', splitting: true, minify: true };

  test('works bundled and minified by esbuild, with its other files at the assetBase', async () => {
    const { root, path } = withAssets('esbuild');
    await esbuild.build({ ...minified, entryPoints: [join(root, 'main.js')], outdir: path });
    assert.equal(await says(path), 'photos: cat');
  });

  test('works bundled by Rollup and minified, with its other files at the assetBase', async () => {
    const { rollup } = await import('rollup');
    const { default: resolve } = await import('@rollup/plugin-node-resolve');
    const { root, path } = withAssets('rollup');
    const bundle = await rollup({ input: join(root, 'main.js'), plugins: [resolve()] });
    await bundle.write({ dir: path, format: 'es' });
    await bundle.close();
    const code = readFileSync(join(path, 'main.js'), 'utf8');
    const { code: small } = await esbuild.transform(code, { minify: true, format: 'esm' });
    writeFileSync(join(path, 'main.js'), small);
    assert.equal(await says(path), 'photos: cat');
  });

  /** A page that names the package by an import map; the map stands in the page, against our policy. */
  const mapped = (to) =>
    page(`<script type="importmap">{"imports":{"xception-web":"${to}"}}</script>`, 'main.js');
  const unruled = { 'Content-Security-Policy': undefined };

  test('works without a bundler, by an import map, in a folder below', async () => {
    const root = project('plain');
    const below = join(root, 'deep/er');
    cpSync(join(root, 'public'), below, { recursive: true });
    copyFileSync(join(root, 'main.js'), join(below, 'main.js'));
    writeFileSync(join(below, 'index.html'), mapped('./xception-web/dist/index.js'));
    const there = join(below, 'xception-web');
    cpSync(join(WORK, 'node_modules/xception-web'), there, { recursive: true });
    assert.equal(await says(root, unruled, 'deep/er/'), 'photos: cat');
  });

  test('works by an import map from another origin', async () => {
    const headers = {
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    };
    const cdn = await serve({ root: join(WORK, 'node_modules/xception-web'), headers });
    try {
      const root = project('away');
      cpSync(join(root, 'public'), root, { recursive: true });
      const to = `http://localhost:${cdn.address().port}/dist/index.js`;
      writeFileSync(join(root, 'index.html'), mapped(to));
      assert.equal(await says(root, unruled), 'photos: cat');
    } finally {
      cdn.closeAllConnections();
      cdn.close();
    }
  });

  test('satisfies publint and are-the-types-wrong', () => {
    const bin = (name) => join(HERE, 'node_modules/.bin', name);
    const run = (name, ...args) => execFileSync(bin(name), args, { cwd: WORK, stdio: 'pipe' });
    run('publint', 'run', '--strict', packed);
    run('attw', '--profile', 'esm-only', packed);
  });

  test('has a reference made of its types, in which nothing is missing', () => {
    const typedoc = join(HERE, 'node_modules/.bin/typedoc');
    const args = ['--options', join(WWW, 'typedoc.json'), '--emit', 'none'];
    execFileSync(typedoc, args, { cwd: WWW, stdio: 'pipe' });
  });

  test('would be published without a warning', () => {
    const options = { cwd: WWW, encoding: 'utf8' };
    const args = ['publish', '--dry-run', '--json', '--ignore-scripts'];
    const { status, stderr } = spawnSync('npm', args, options);
    assert.equal(status, 0, stderr);
    // Who would publish it is no matter of the package.
    const warnings = stderr.split('\n').filter((line) => /^npm warn/i.test(line));
    assert.deepEqual(
      warnings.filter((line) => !/requires you to be logged in/.test(line)),
      [],
    );
  });

  // As a server that renders pages does: nothing of a browser is there.
  for (const conditions of [[], ['--conditions=browser']]) {
    test(`is imported in Node without a browser's globals ${conditions}`, () => {
      const program = `const { ImageClassifier, models } = await import('xception-web');
        if (!ImageClassifier.create || !models.list) throw new Error('not whole');
        await import('xception-web/element');`;
      const flags = [...conditions, '--input-type=module', '-e', program];
      execFileSync(process.execPath, flags, { cwd: WORK, stdio: 'inherit' });
    });
  }

  // Next.js and the like bundle what their pages import for the server too, by webpack.
  test('is imported in a page that is built for a server', async () => {
    const { default: webpack } = await import('webpack');
    const root = project('server');
    const path = join(root, 'dist');
    writeFileSync(
      join(root, 'page.js'),
      `import { ImageClassifier, models } from 'xception-web';
       import 'xception-web/element';
       export const render = () =>
         [ImageClassifier.create, models.list, globalThis.document].map((one) => typeof one).join();
       console.log(render());`,
    );
    const stats = await promisify(webpack)({
      context: root,
      entry: './page.js',
      mode: 'production',
      target: 'node20',
      experiments: { outputModule: true },
      output: { path, filename: 'page.mjs', module: true, chunkFormat: 'module' },
      performance: { hints: false },
    });
    assert.deepEqual(stats.toJson().errors, []);
    const said = execFileSync(process.execPath, [join(path, 'page.mjs')], { encoding: 'utf8' });
    assert.equal(said, 'function,function,undefined\n');
  });

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
