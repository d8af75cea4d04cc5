// The CPU kernels inside WebAssembly, in every build, against plain loops: tests/wasm holds the cases.
// The same without a browser, against Burn's operations: tests/kernels.rs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATIENCE, start } from './harness.mjs';

/**
 * The builds, and what each has of relaxed SIMD. Not `relaxed_max`, which compilers know to make of other
 * maxima, and which may lose a NaN.
 */
const RELAXED = {
  portable: [],
  simd128: [],
  'relaxed-simd': [
    'f32x4.relaxed_madd',
    'i16x8.relaxed_dot_i8x16_i7x16_s',
    'i32x4.relaxed_dot_i8x16_i7x16_add_s',
    'i32x4.relaxed_laneselect',
  ],
};
const path = (build) =>
  fileURLToPath(new URL(`../../target/kernel-tests/${build}.wasm`, import.meta.url));
const WASM_DIS = fileURLToPath(new URL('../../www/node_modules/.bin/wasm-dis', import.meta.url));

/** The engine compiles a function quickly at first, and again, well, once it has run for a while. */
const TURNS = 3;

/** Of (1 + 2⁻¹²)² − (1 + 2⁻¹¹), what one rounding leaves and two do not. */
const FUSED = 2 ** -24;

const KINDS = [
  ...['f32', 'int8'].flatMap((format) =>
    ['Points', 'Windows', 'Depthwise'].flatMap((rows) =>
      ['', ' flat', ' extreme', ' not finite'].map((fill) => `${format} ${rows}${fill}`),
    ),
  ),
  ...['max pool', 'max pool not finite', 'mean', 'mean not finite', 'packing', 'warm-up'],
];

/** What the page does: every case, several times over; the worst difference of each, or the error. */
async function run([url, turns]) {
  const { instance } = await WebAssembly.instantiateStreaming(fetch(url));
  const wasm = instance.exports;
  const text = (at) => {
    const bytes = new Uint8Array(wasm.memory.buffer, at);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  };
  const cases = Array.from({ length: wasm.count() }, (_, at) => {
    const name = text(wasm.name(at));
    return { name, kind: name.split(':')[0], tolerance: wasm.tolerance(at), difference: 0 };
  });
  for (let turn = 0; turn < turns; turn++) {
    for (const [at, one] of cases.entries()) {
      try {
        one.difference = Math.max(one.difference, wasm.difference(at));
      } catch (error) {
        // After a panic nothing in the instance can be trusted.
        return { failed: `${error} in ${one.name}` };
      }
    }
  }
  // Infinity does not survive every way out of a page.
  for (const one of cases) one.difference = String(one.difference);
  return { isa: text(wasm.isa()), roundedOnce: wasm.rounded_once(), cases };
}

/** The instructions of relaxed SIMD in a module. */
function relaxed(build) {
  const args = ['--all-features', path(build)];
  const text = execFileSync(WASM_DIS, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return [...new Set(text.match(/\w+\.relaxed_\w+/g))].sort();
}

for (const build of Object.keys(RELAXED)) {
  describe(`kernels in WebAssembly, ${build}`, { timeout: PATIENCE }, () => {
    let site;
    let got;
    before(async () => {
      site = await start({
        first({ url }, response) {
          if (url !== '/' && url !== '/kernels.wasm') return false;
          const wasm = url !== '/';
          response.writeHead(200, { 'Content-Type': wasm ? 'application/wasm' : 'text/html' });
          response.end(wasm ? readFileSync(path(build)) : '');
          return true;
        },
      });
      const page = await site.open('/');
      got = await page.evaluate(run, ['/kernels.wasm', TURNS]);
    });
    after(() => site.stop());

    test('no case fails, and there are no others', () => {
      assert.equal(got.failed, undefined);
      assert.deepEqual([...new Set(got.cases.map(({ kind }) => kind))].sort(), [...KINDS].sort());
    });

    test('this path runs', (t) => {
      assert.equal(got.isa, build);
      assert.deepEqual(relaxed(build), RELAXED[build]);
      t.diagnostic(`multiply-add ${got.roundedOnce ? 'rounds once' : 'rounds twice'} here`);
      // Relaxed SIMD rounds once where the processor can.
      assert.ok((build === 'relaxed-simd' ? [0, FUSED] : [0]).includes(got.roundedOnce));
    });

    for (const kind of KINDS) {
      test(kind, (t) => {
        const cases = got.cases.filter((one) => one.kind === kind);
        assert.ok(cases.length > 0);
        const worst = Math.max(...cases.map(({ difference }) => Number(difference)));
        t.diagnostic(`${cases.length} cases, worst difference ${worst.toExponential(1)}`);
        for (const { name, difference, tolerance } of cases) {
          assert.ok(Number(difference) <= tolerance, `${name}: ${difference} > ${tolerance}`);
        }
      });
    }
  });
}
