// Which classes an answer may name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, start } from './harness.mjs';

test(
  'only what is allowed is named, and nothing that is denied',
  { timeout: PATIENCE },
  async () => {
    const site = await start();
    try {
      const page = await site.open();
      const got = await page.evaluate(async () => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const classifier = await ImageClassifier.create({ backend: 'cpu' });
        const ask = async (options) =>
          (await classifier.classify('/samples/tabby.jpg', options)).predictions;
        const refusal = async (ask) => {
          try {
            await ask();
            return 'accepted';
          } catch ({ code, message }) {
            return `${code}: ${message}`;
          }
        };
        const all = await ask({ topK: 200 });
        const [best, second, third] = all;
        const video = document.createElement('video');
        const bad = [
          { allow: ['no such'] },
          { deny: ['n00000000'] },
          { allow: [200] },
          { deny: [0.5] },
          { allow: 'tabby cat' },
          { allow: null },
          { allow: [] },
        ];
        const refused = [];
        for (const options of bad) refused.push(await refusal(() => ask(options)));
        return {
          all,
          denied: await ask({ deny: [best.label.toUpperCase(), second.index], topK: 3 }),
          allowed: await ask({ allow: [third.synset, best.index] }),
          both: await ask({ allow: [best.label, third.label], deny: [best.synset] }),
          weak: await ask({ allow: [third.label], minScore: best.score }),
          none: await ask({ deny: all.map(({ index }) => index) }),
          refused,
          streamed: await refusal(() => classifier.stream(video, { deny: ['no such'] })),
        };
      });
      const { all } = got;
      assert.equal(all.length, 200);
      assert.deepEqual(
        got.denied,
        all.slice(2, 5),
        'others take their place, with their own scores',
      );
      assert.deepEqual(got.allowed, [all[0], all[2]]);
      assert.deepEqual(got.both, [all[2]]);
      assert.deepEqual([got.weak, got.none], [[], []]);
      for (const [i, word] of [
        '"no such"',
        'n00000000',
        '200',
        '0.5',
        'list',
        'list',
        'empty',
      ].entries()) {
        assert.ok(got.refused[i].startsWith('invalid-option: '), got.refused[i]);
        assert.ok(got.refused[i].includes(word), got.refused[i]);
      }
      assert.match(got.streamed, /^invalid-option: .*"no such"/);
    } finally {
      await site.stop();
    }
  },
);
