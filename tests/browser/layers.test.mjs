// Who may import whom.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));

function imports(folder) {
  const files = readdirSync(join(WWW, folder)).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(
    files.map((name) => {
      const source = readFileSync(join(WWW, folder, name), 'utf8');
      // Those that are loaded later too.
      return [name, [...source.matchAll(/(?:from |import\()'([^']+)'/g)].map(([, from]) => from)];
    }),
  );
}

test('only wasm.ts and the threads it starts see the generated modules', () => {
  const seeing = ['wasm.ts', 'thread.ts'];
  for (const [name, from] of Object.entries(imports('src'))) {
    const generated = from.filter((path) => path.includes('pkg/'));
    assert.equal(generated.length > 0, seeing.includes(name), `${name} imports ${generated}`);
  }
});

test('the page uses the package by its name', () => {
  // The frame that fetches pictures of other sites downloads as the package does, and needs nothing else of it;
  // page and service worker have their messages in common.
  const { 'courier.ts': courier, 'offline.ts': offline, ...page } = imports('demo');
  const above = (paths) => paths.filter((path) => path.startsWith('..'));
  const all = Object.values(page).flat();
  assert.ok(all.includes('xception-web'));
  assert.deepEqual(
    [above(all), above(courier), above(offline)],
    [[], ['../src/fetch.js'], ['../offline/messages.js']],
  );
});

test('page and worker share nothing but messages, errors, options, addresses, downloads and the cache', () => {
  const graph = imports('src');
  const reach = (name, seen = new Set()) => {
    seen.add(name);
    for (const path of graph[name] ?? []) {
      const next = path.replace('./', '').replace('.js', '.ts');
      if (path.startsWith('./') && !seen.has(next)) reach(next, seen);
    }
    return seen;
  };
  const worker = reach('worker.ts');
  const shared = [...reach('index.ts')].filter((name) => worker.has(name));
  assert.deepEqual(shared.sort(), [
    'cache.ts',
    'cause.ts',
    'errors.ts',
    'fetch.ts',
    'foreign.ts',
    'options.ts',
    'protocol.ts',
    'report.ts',
    'request.ts',
    'shards.ts',
    'view.ts',
  ]);
});
