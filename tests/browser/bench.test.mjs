// The benchmark itself runs: our own row alone, once, without a peer or Python.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './harness.mjs';

const BENCH = fileURLToPath(new URL('../bench/run.mjs', import.meta.url));

test('a record has a name and replaces no other', { timeout: PATIENCE }, () => {
  const name = `test-${process.pid}`;
  const date = new Date().toISOString().slice(0, 10);
  const record = fileURLToPath(new URL(`../bench/records/${date}-${name}.json`, import.meta.url));
  writeFileSync(record, 'an older record');
  try {
    for (const [args, said] of [
      [[name], /-test-\d+\.json is there already; record under another name\n$/],
      [['../other'], /^error: --record "\.\.\/other": give a name of small letters/],
      [[], /^error: .*--record/],
    ]) {
      // A row is named, so that one that did run would be ours alone.
      const all = [BENCH, '--only', 'bundled', '--runs', '1', '--rounds', '1', '--record', ...args];
      const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, said);
    }
    assert.equal(readFileSync(record, 'utf8'), 'an older record');
  } finally {
    rmSync(record);
  }
});

test('the benchmark measures our own row without peers', { timeout: PATIENCE }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'xception-web-bench-'));
  const json = join(folder, 'rows.json');
  const args = ['--only', 'bundled', '--runs', '1', '--rounds', '1', '--json', json];
  const table = execFileSync(process.execPath, [BENCH, ...args], { encoding: 'utf8' });
  const [row, ...others] = JSON.parse(readFileSync(json, 'utf8'));
  rmSync(folder, { recursive: true });

  assert.equal(others.length, 0);
  assert.equal(row.name, 'bundled');
  assert.equal(row.absent, undefined);
  for (const key of [
    'median_ms',
    'min_ms',
    'first_ms',
    'wasm_bytes',
    'heap_bytes',
    'frames_per_second',
  ]) {
    assert.ok(row[key] > 0, `${key}: ${row[key]}`);
  }
  assert.ok(row.preprocess_share > 0 && row.preprocess_share < 1, `${row.preprocess_share}`);
  assert.match(table, /^\| bundled \| xception-web \|/m);
  assert.match(table, /frames\/s, frame in, labels out/);
});
