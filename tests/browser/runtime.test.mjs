// Which WebAssembly build computes, by what the browser and the page allow; and that all of them
// give one answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';

/** Sums in another order, or fused: far below what a label could show. */
const TOLERANCE = 1e-4;

const PLAIN_HEADERS = {
  'Cross-Origin-Opener-Policy': 'unsafe-none',
  'Cross-Origin-Embedder-Policy': 'unsafe-none',
};

/** Classifies a sample; `worker` runs in the worker first. */
async function run({ worker, headers, options }) {
  const site = await start({ worker, headers });
  try {
    const page = await site.open('/');
    const got = await page.evaluate(async (options) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu', ...options });
      const scores = [];
      // More than once: threads must be ready again after each picture.
      for (let i = 0; i < 5; i++) {
        const { predictions } = await classifier.classify('samples/umbrella.svg', { topK: 100 });
        scores.push(predictions.sort((a, b) => a.index - b.index).map(({ score }) => score));
      }
      const { runtime, threads, isolated } = classifier.info;
      classifier.dispose();
      return { runtime, threads, isolated, scores };
    }, options);
    for (const scores of got.scores) assert.deepEqual(scores, got.scores[0]);
    return { ...got, scores: got.scores[0] };
  } finally {
    await site.stop();
  }
}

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
      const worst = Math.max(...other.scores.map((score, at) => Math.abs(score - two.scores[at])));
      assert.ok(worst <= TOLERANCE, `${other.runtime} differs by ${worst}`);
    }
    assert.ok(Math.max(...two.scores) > 0.5, 'the umbrella is known');
  },
);
