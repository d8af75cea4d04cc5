// Which WebAssembly build computes, by what the browser and the page allow; and that all of them
// give one answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { converted } from './command.mjs';
import { PATIENCE, start } from './harness.mjs';

const DRAWINGS = fileURLToPath(new URL('../../www/models/drawings.safetensors', import.meta.url));

/** Sums in another order, or fused: far below what a label could show. */
const TOLERANCE = 1e-4;

/** In int8 a number that is rounded elsewhere may fall into the next of 127 steps. */
const Q8_TOLERANCE = 1e-2;

const PLAIN_HEADERS = {
  'Cross-Origin-Opener-Policy': 'unsafe-none',
  'Cross-Origin-Embedder-Policy': 'unsafe-none',
};

/** Classifies a sample; `worker` runs in the worker first. `model`: in base64. */
async function run({ worker, headers, model, options }) {
  const site = await start({ worker, headers });
  try {
    const page = await site.open('/');
    const given = [model, options];
    const got = await page.evaluate(async ([model, options]) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      if (model) {
        options.model = Uint8Array.from(atob(model), (character) => character.charCodeAt(0));
      }
      const classifier = await ImageClassifier.create({
        model: 'drawings',
        backend: 'cpu',
        ...options,
      });
      const scores = [];
      // More than once: threads must be ready again after each picture.
      for (let i = 0; i < 5; i++) {
        const { predictions } = await classifier.classify('samples/umbrella.svg', { topK: 1000 });
        scores.push(predictions.sort((a, b) => a.index - b.index).map(({ score }) => score));
      }
      const { runtime, threads, isolated } = classifier.info;
      classifier.dispose();
      return { runtime, threads, isolated, scores };
    }, given);
    for (const scores of got.scores) assert.deepEqual(scores, got.scores[0]);
    return { ...got, scores: got.scores[0] };
  } finally {
    await site.stop();
  }
}

const worstOf = (a, b) => Math.max(...a.scores.map((score, at) => Math.abs(score - b.scores[at])));

const patience = { timeout: PATIENCE };

test(
  'an isolated page computes in threads, any other in one, with the same answer',
  patience,
  async () => {
    const two = await run({ options: { threads: 2 } });
    assert.deepEqual([two.runtime, two.threads, two.isolated], ['relaxed-simd+threads', 2, true]);

    const one = await run({ options: { threads: 1 } });
    assert.deepEqual([one.runtime, one.threads], ['relaxed-simd', 1]);

    const apart = await run({ headers: PLAIN_HEADERS, options: { threads: 2 } });
    assert.deepEqual([apart.runtime, apart.threads, apart.isolated], ['relaxed-simd', 1, false]);

    const worker = 'WebAssembly.validate = () => false;';
    const unfused = await run({ worker, options: { threads: 2 } });
    assert.deepEqual([unfused.runtime, unfused.threads], ['simd128+threads', 2]);

    const plain = await run({ worker, options: { threads: 1 } });
    assert.deepEqual([plain.runtime, plain.threads], ['simd128', 1]);

    for (const other of [one, apart, unfused, plain]) {
      const worst = worstOf(other, two);
      assert.ok(worst <= TOLERANCE, `${other.runtime} differs by ${worst}`);
    }
    assert.ok(Math.max(...two.scores) > 0.5, 'the umbrella is known');
  },
);

test(
  'int8 gives one answer in every build, close to that of the other weights',
  patience,
  async () => {
    const model = converted(DRAWINGS, 'q8').toString('base64');
    const exact = await run({ options: { threads: 1 } });
    const worker = 'WebAssembly.validate = () => false;';
    const builds = [
      await run({ model, options: { threads: 1 } }),
      await run({ model, options: { threads: 2 } }),
      await run({ model, worker, options: { threads: 1 } }),
      await run({ model, worker, options: { threads: 2 } }),
    ];
    assert.deepEqual(
      builds.map(({ runtime }) => runtime),
      ['relaxed-simd', 'relaxed-simd+threads', 'simd128', 'simd128+threads'],
    );
    for (const build of builds) {
      const worst = worstOf(build, builds[0]);
      assert.ok(worst <= Q8_TOLERANCE, `${build.runtime} differs by ${worst}`);
      const best = ({ scores }) => scores.indexOf(Math.max(...scores));
      assert.equal(best(build), best(exact));
      assert.ok(worstOf(build, exact) > 0, 'the int8 kernels ran');
    }
  },
);
