// The package as its users meet it: packed, installed, built by their bundler, run in a browser and on a server.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inBrowsers } from './bundlers.mjs';
import { HERE, PACKAGE, README, WORK, WWW, bin, pack, reader as readerOf } from './consumer.mjs';
import { inNext } from './next.mjs';
import { onServers } from './servers.mjs';

describe('the packed package', { timeout: 600_000 }, () => {
  let packed;
  before(() => (packed = pack()));
  after(() => rmSync(WORK, { recursive: true, force: true }));

  inBrowsers();
  inNext();
  onServers();

  test('carries its licence, and those of all that is compiled into it', () => {
    const read = (name) => readFileSync(join(PACKAGE, name), 'utf8');
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

  test('satisfies publint and are-the-types-wrong', () => {
    const run = (name, ...args) => execFileSync(bin(name), args, { cwd: WORK, stdio: 'pipe' });
    run('publint', 'run', '--strict', packed);
    run('attw', '--profile', 'esm-only', packed);
  });

  test('has a reference made of its types, in which nothing is missing', async () => {
    const out = join(WORK, 'site/api');
    const args = ['--options', join(WWW, 'typedoc.json'), '--out', out];
    execFileSync(bin('typedoc'), args, { cwd: WWW, stdio: 'pipe' });
    // Beside the page, under its policy.
    const reader = await readerOf();
    try {
      const title = await reader.says(join(WORK, 'site'), {}, 'api/classes/ImageClassifier.html');
      assert.equal(title, 'ImageClassifier | xception-web');
    } finally {
      await reader.close();
    }
  });

  for (const [compiler, which] of [
    [join(WWW, 'node_modules/typescript'), 'the newest TypeScript'],
    [join(HERE, 'node_modules/typescript-5.6'), 'TypeScript 5.6, whose arrays had no buffers'],
  ]) {
    test(`its types accept what works and refuse what does not, by ${which}`, () => {
      copyFileSync(join(HERE, 'types.ts'), join(WORK, 'types.ts'));
      // And the examples of the README.
      const examples = [...README.matchAll(/^```(?:js|ts)\n(import .*?)^```/gms)].map(
        ([, code], i) => {
          writeFileSync(join(WORK, `example-${i}.ts`), code);
          return `example-${i}.ts`;
        },
      );
      assert.ok(examples.length >= 9);
      const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'esnext'];
      const libraries = ['--lib', 'es2022,dom,dom.iterable', '--typeRoots', 'none'];
      const more = ['--moduleResolution', 'bundler', ...libraries, 'types.ts', ...examples];
      execFileSync(process.execPath, [join(compiler, 'bin/tsc'), ...options, ...more], {
        cwd: WORK,
        stdio: 'inherit',
      });
    });
  }
});
