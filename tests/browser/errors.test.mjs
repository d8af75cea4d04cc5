// Errors cross from the worker to the page, two programs that a build may minify each in its own way.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WWW = new URL('../../www/', import.meta.url);
const { build } = createRequire(new URL('package.json', WWW))('esbuild');
const README = readFileSync(new URL('README.md', WWW), 'utf8');

/** Thrown on the page only. */
const PAGE = ['CameraError', 'DisposedError'];

/** A module of its own each time. */
let loaded = 0;
async function load(minify) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('src/errors.ts', WWW))],
    bundle: true,
    format: 'esm',
    minify,
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}//${loaded++}`);
}

/** The table of the README: which codes each class has. */
const classes = [...README.matchAll(/^\| `(\w+Error)` +\| (.*?) +\|/gm)].map(([, name, codes]) => [
  name,
  [...codes.matchAll(/`([\w-]+)`/g)].map(([, code]) => code),
]);

test('each error comes out as its class, name and code, however both sides were built', async () => {
  const [worker, page] = [await load(true), await load(false)];
  const minified = await load(true);
  assert.equal(classes.length, 8);
  for (const [name, codes] of classes) {
    assert.ok(codes.length > 0, name);
    if (PAGE.includes(name)) continue;
    for (const code of codes) {
      for (const side of [page, minified]) {
        const thrown = new worker.XceptionError(code, 'Something is wrong.');
        const plain = structuredClone(worker.toPlain(thrown));
        const error = side.fromPlain(plain);
        assert.ok(error instanceof side[name], `${code} is a ${error.name}`);
        assert.ok(error instanceof side.XceptionError && error instanceof Error);
        assert.deepEqual([error.name, error.code], [name, code]);
        assert.equal(error.message, 'Something is wrong.');
      }
    }
  }
});

test('what is no error of the package is the worker’s', async () => {
  const { WorkerError, fromPlain, toPlain } = await load(true);
  const error = fromPlain(toPlain(new TypeError('oops')));
  assert.ok(error instanceof WorkerError);
  assert.deepEqual([error.code, error.message], ['worker-failed', 'oops']);
});
