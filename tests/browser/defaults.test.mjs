// What is asked for once: options of later calls, names in another language, and the precision.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BLANK, PATIENCE, SOFTWARE_GPU, start } from './harness.mjs';

/** Of int8 weights scores move by a few hundredths; more would be another model. */
const Q8 = 0.15;

describe('a classifier', { timeout: PATIENCE }, () => {
  let site;
  before(async () => {
    site = await start({
      flags: SOFTWARE_GPU,
      // The GPU is lost before the second picture.
      worker: `const request = globalThis.GPUAdapter?.prototype.requestDevice;
        let device;
        let pictures = 0;
        if (request) GPUAdapter.prototype.requestDevice = async function (descriptor) {
          return (device = await request.call(this, descriptor));
        };
        self.addEventListener('message', ({ data }) => {
          if (data.picture && ++pictures === 2) device?.destroy();
        });`,
    });
  });
  after(() => site.stop());

  test('takes options for all later calls', async () => {
    const page = await site.open(BLANK);
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const ask = async (options) =>
        (await classifier.classify('/samples/tabby.jpg', options)).predictions;
      const refusal = (options) =>
        classifier.setOptions(options).then(
          () => 'accepted',
          ({ code, message }) => `${code}: ${message}`,
        );
      const all = await ask({ topK: 10 });
      await classifier.setOptions({ topK: 2, deny: [all[0].label] });
      const denied = await ask();
      const once = await ask({ topK: 3 });
      const unsaid = await ask({ topK: undefined });
      await classifier.setOptions({ minScore: all[1].score });
      const strong = await ask();
      const bad = [await refusal({ topK: 0 }), await refusal({ allow: ['no such'] })];
      bad.push(await refusal({ rotate: 7 }));
      const kept = await ask();
      const [listed] = await classifier.classifyAll(['/samples/tabby.jpg']);
      await classifier.setOptions({ topK: undefined, deny: undefined, minScore: undefined });
      const back = await ask();
      await classifier.setOptions({ rotate: 180 });
      const turned = await ask();
      const upright = await ask({ rotate: 0 });
      classifier.dispose();
      const late = await refusal({ labels: ['a'] });
      return { all, denied, once, unsaid, strong, bad, kept, listed, back, turned, upright, late };
    });
    const { all } = got;
    assert.deepEqual(got.denied, all.slice(1, 3));
    assert.deepEqual(got.once, all.slice(1, 4));
    assert.deepEqual(got.unsaid, got.denied);
    assert.deepEqual(got.strong, all.slice(1, 2));
    assert.match(got.bad[0], /^invalid-option: topK is 0/);
    assert.match(got.bad[1], /^invalid-option: allow holds "no such"/);
    assert.match(got.bad[2], /^invalid-option: rotate is 7/);
    assert.deepEqual(got.kept, got.strong, 'what was refused changes nothing');
    assert.deepEqual(
      got.listed.predictions.map(({ index }) => index),
      [all[1].index],
    );
    assert.deepEqual(got.back, all.slice(0, 5));
    assert.notDeepEqual(got.turned, got.back);
    assert.deepEqual(got.upright, got.back);
    assert.match(got.late, /^disposed/);
  });

  test('takes names in another language, and keeps them when the GPU is lost', async () => {
    const page = await site.open(BLANK);
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'webgpu' });
      const first = await classifier.classify('/samples/tabby.jpg', { topK: 1 });
      const german = classifier.info.model.labels.map((_, i) => `Ding ${i}`);
      await classifier.setOptions({ labels: german, deny: ['Ding 0'] });
      const few = await classifier.setOptions({ labels: ['zu wenige'] }).catch(({ code }) => code);
      const told = classifier.info.model.labels[7];
      const second = await classifier.classify('/samples/tabby.jpg', { topK: 1 });
      const { reason } = classifier.info;
      const third = await classifier.classify('/samples/tabby.jpg', { topK: 1 });
      return { first, second, third, few, told, reason };
    });
    const [before] = got.first.predictions;
    const [after] = got.second.predictions;
    assert.deepEqual([got.first.backend, got.second.backend], ['webgpu', 'cpu'], got.reason);
    assert.equal(after.index, before.index);
    assert.equal(after.label, `Ding ${before.index}`);
    assert.equal(got.third.predictions[0].label, after.label, 'and where it comes back');
    assert.deepEqual([got.few, got.told], ['invalid-labels', 'Ding 7']);
  });

  test('computes in the precision that is asked for', async () => {
    const page = await site.open(BLANK);
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const run = async (backend, precision) => {
        const classifier = await ImageClassifier.create({ backend, precision });
        const { predictions } = await classifier.classify('/samples/espresso.jpg', { topK: 200 });
        classifier.dispose();
        const scores = [];
        for (const { index, score } of predictions) scores[index] = score;
        return { precision: classifier.info.precision, scores };
      };
      return {
        auto: await run('cpu'),
        f32: await run('cpu', 'f32'),
        q8: await run('cpu', 'q8'),
        plain: await run('ndarray', 'q8'),
        bad: await run('cpu', 'int8').catch(({ code, message }) => `${code}: ${message}`),
      };
    });
    const names = [got.auto, got.f32, got.q8, got.plain].map(({ precision }) => precision);
    assert.deepEqual(names, ['f32', 'f32', 'q8', 'f32']);
    assert.deepEqual(got.auto.scores, got.f32.scores);
    const apart = got.q8.scores.map((score, i) => Math.abs(score - got.f32.scores[i]));
    const worst = Math.max(...apart);
    assert.ok(worst > 1e-4 && worst < Q8, `${worst}`);
    assert.match(got.bad, /^invalid-option: .*"int8"\. Choose one of auto, f32, q8/);
  });
});
