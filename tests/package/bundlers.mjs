// What bundlers make of the package, and pages that have none, in a browser.

import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { served } from '../browser/harness.mjs';
import { PACKAGE, README, ofWww, policy, project, reader as readerOf } from './consumer.mjs';

const esbuild = ofWww('esbuild');

const page = (head, script, assets) =>
  `<!doctype html><html lang="en"${assets ? ` data-assets="${assets}"` : ''}><head><meta charset="utf-8"><title>waiting</title>${head}</head>` +
  `<body><script type="module" src="${script}"></script></body></html>`;

/** Tests of the package where it has been unpacked. */
export function inBrowsers() {
  describe('in a browser', () => {
    let reader;
    before(async () => (reader = await readerOf()));
    after(() => reader?.close());

    test('works built by Vite', async () => {
      const { build } = await import('vite');
      const root = project('vite');
      writeFileSync(join(root, 'index.html'), page('', '/main.js'));
      await build({ root, configFile: false, logLevel: 'error', build: { target: 'es2022' } });
      assert.equal(await reader.says(join(root, 'dist')), 'photos: cat');
    });

    test('works built by Vite with small files inlined, under the policy of the README', async () => {
      const { build } = await import('vite');
      const root = project('strict');
      writeFileSync(join(root, 'index.html'), page('', '/main.js'));
      // Twice as large as the largest that Vite might inline by itself, so that growth does not hide it.
      const options = { target: 'es2022', assetsInlineLimit: 8192 };
      await build({ root, configFile: false, logLevel: 'error', build: options });
      assert.equal(
        await reader.says(join(root, 'dist'), { 'Content-Security-Policy': policy() }),
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
        assert.equal(await reader.title(server.resolvedUrls.local[0]), 'photos: cat');
      } finally {
        await server.close();
      }
    });

    test('works in the development server of an older Vite, by the setting of the README', async () => {
      const { createServer, version } = await import('vite-7');
      assert.match(version, /^7\./);
      const root = project('vite-7');
      writeFileSync(join(root, 'index.html'), page('', '/main.js'));
      const [, settings] = /^```js\n(export default .*?)^```/ms.exec(README);
      writeFileSync(join(root, 'vite.config.js'), settings);
      const server = await createServer({ root, logLevel: 'error' });
      try {
        assert.deepEqual(server.config.optimizeDeps.exclude, ['xception-web']);
        await server.listen();
        assert.equal(await reader.title(server.resolvedUrls.local[0]), 'photos: cat');
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
      assert.equal(await reader.says(path), 'photos: cat');
    });

    /** The files that a bundler leaves where they are, beside what it has made. */
    function withAssets(name) {
      const root = project(name);
      const path = join(root, 'dist');
      cpSync(join(root, 'public'), path, { recursive: true });
      cpSync(join(PACKAGE, 'dist'), join(path, 'assets'), { recursive: true });
      writeFileSync(join(path, 'index.html'), page('', 'main.js', 'assets'));
      return { root, path };
    }

    const minified = { bundle: true, format: 'esm', splitting: true, minify: true };

    test('works bundled and minified by esbuild, with its other files at the assetBase', async () => {
      const { root, path } = withAssets('esbuild');
      await esbuild.build({ ...minified, entryPoints: [join(root, 'main.js')], outdir: path });
      assert.equal(await reader.says(path), 'photos: cat');
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
      assert.equal(await reader.says(path), 'photos: cat');
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
      cpSync(PACKAGE, there, { recursive: true });
      assert.equal(await reader.says(root, unruled, 'deep/er/'), 'photos: cat');
    });

    test('works by an import map from another origin', async () => {
      const headers = {
        'Access-Control-Allow-Origin': '*',
        'Cross-Origin-Resource-Policy': 'cross-origin',
      };
      const cdn = await served({ root: PACKAGE, headers });
      try {
        const root = project('away');
        cpSync(join(root, 'public'), root, { recursive: true });
        writeFileSync(join(root, 'index.html'), mapped(`${cdn.origin}/dist/index.js`));
        assert.equal(await reader.says(root, unruled), 'photos: cat');
      } finally {
        cdn.stop();
      }
    });
  });
}
