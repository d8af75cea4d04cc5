// Several pictures in one run: the answers of each alone, in their order, and what becomes of failures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLANK, PATIENCE, SOFTWARE_GPU, start } from './harness.mjs';

/** f32 sums in another order; the GPU's are the furthest apart. */
const SAME = 2e-3;

/** Notes what the worker is asked for. */
const LISTEN = `const asked = new BroadcastChannel('asked');
  self.addEventListener('message', ({ data }) => asked.postMessage([data.type, data.count]));`;

const options = { timeout: PATIENCE };

test('a batch is one run on each backend, in order, beside what failed', options, async () => {
  const site = await start({ flags: SOFTWARE_GPU, worker: LISTEN });
  try {
    const page = await site.open(BLANK);
    for (const backend of ['cpu', 'ndarray', 'webgpu']) {
      const got = await page.evaluate(async (backend) => {
        const asked = [];
        const channel = new BroadcastChannel('asked');
        channel.onmessage = ({ data }) => asked.push(data);
        const { ImageClassifier } = await import('/xception-web/index.js');
        const classifier = await ImageClassifier.create({ backend, model: 'drawings' });
        const names = ['apple', 'cat', 'car', 'mushroom', 'umbrella'];
        const good = names.map((name) => `/samples/${name}.svg`);
        const sources = [good[0], '/samples/none.svg', good[1], new Blob([]), ...good.slice(2), 7];
        const settled = await classifier.classifyAllSettled(sources, { topK: 3 });
        const alone = [];
        for (const source of good) alone.push(await classifier.classify(source, { topK: 3 }));
        channel.close();
        const runs = asked.filter(([type]) => type === 'run');
        classifier.dispose();
        return {
          settled: settled.map(({ status, value, reason }) => value ?? [status, reason.code]),
          alone,
          runs,
        };
      }, backend);
      const [apple, missing, cat, empty, car, mushroom, umbrella, number] = got.settled;
      assert.deepEqual(missing, ['rejected', 'http-error']);
      assert.deepEqual(empty, ['rejected', 'empty']);
      assert.deepEqual(number, ['rejected', 'invalid-option']);
      assert.deepEqual(got.runs, [['run', 5]], backend);
      for (const [i, answer] of [apple, cat, car, mushroom, umbrella].entries()) {
        const alone = got.alone[i];
        assert.equal(answer.backend, backend);
        assert.equal(answer.known, alone.known);
        assert.equal(answer.predictions.length, 3);
        assert.equal(answer.predictions[0].label, alone.predictions[0].label);
        const apart = answer.predictions[0].score - alone.predictions[0].score;
        assert.ok(Math.abs(apart) <= SAME, `${backend}: ${apart}`);
        for (const part of ['decode', 'preprocess', 'inference', 'total']) {
          assert.ok(answer.timings[part] >= 0, part);
        }
      }
    }
  } finally {
    await site.stop();
  }
});

test('many pictures are several runs, and a list ends where it must', options, async () => {
  const site = await start({ worker: LISTEN });
  try {
    const page = await site.open(BLANK);
    const got = await page.evaluate(async () => {
      const asked = [];
      new BroadcastChannel('asked').onmessage = ({ data }) => asked.push(data);
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const picture = (shade) => {
        const data = new Uint8Array(3 * 40 * 30).map((_, at) => (at * shade) % 251);
        return { data, width: 40, height: 30 };
      };
      const shades = Array.from({ length: 37 }, (_, i) => i + 1);
      const answers = await classifier.classifyAll(shades.map(picture), { topK: 1 });
      const order = [];
      for (const i of [0, 15, 16, 36]) {
        const { predictions } = await classifier.classify(picture(shades[i]), { topK: 1 });
        order.push(predictions[0].index === answers[i].predictions[0].index);
      }
      const runs = asked.filter(([type]) => type === 'run').map(([, count]) => count);

      // The first failure ends it: what comes after is not even taken.
      const taken = [];
      const sources = function* () {
        for (const source of [picture(1), new Blob([]), picture(2)]) {
          taken.push(source);
          yield source;
        }
      };
      const failed = await classifier.classifyAll(sources()).catch(({ code }) => code);

      // An abort ends it too, and is nobody's answer.
      const abort = new AbortController();
      const endless = function* () {
        for (let i = 1; ; i++) {
          if (i === 20) abort.abort();
          yield picture(i);
        }
      };
      const aborted = await classifier
        .classifyAllSettled(endless(), { signal: abort.signal })
        .catch(({ name }) => name);
      const none = await classifier.classifyAll([]);
      const denied = await classifier.classifyAll([picture(3)], {
        deny: [answers[2].predictions[0].index],
        topK: 2,
      });
      const refused = await classifier.classifyAllSettled('cat.png').catch(({ code }) => code);
      const unsaid = await classifier
        .classifyAllSettled([picture(1)], { topK: 0 })
        .catch(({ code }) => code);
      classifier.dispose();
      const after = await classifier.classifyAllSettled([picture(1)]).catch(({ code }) => code);
      return {
        count: answers.length,
        order,
        runs,
        failed,
        taken: taken.length,
        aborted,
        none,
        denied: denied[0].predictions.map(({ index }) => index),
        best: answers[2].predictions[0].index,
        refused,
        unsaid,
        after,
      };
    });
    assert.equal(got.count, 37);
    assert.deepEqual(got.order, [true, true, true, true]);
    assert.deepEqual(got.runs, [16, 16, 5]);
    assert.deepEqual([got.failed, got.taken], ['empty', 2]);
    assert.equal(got.aborted, 'AbortError');
    assert.deepEqual(got.none, []);
    assert.equal(got.denied.length, 2);
    assert.ok(!got.denied.includes(got.best));
    assert.deepEqual(
      [got.refused, got.unsaid, got.after],
      ['invalid-option', 'invalid-option', 'disposed'],
    );
  } finally {
    await site.stop();
  }
});
