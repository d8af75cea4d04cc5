// Features of pictures, and classes taught by them: in the browser, and from the file of it elsewhere.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { classified } from './command.mjs';
import { PATIENCE, SAMPLES, start } from './harness.mjs';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** f32 sums in another order, of scores between 0 and 1. */
const SAME = 1e-4;

const THINGS = ['tabby', 'espresso', 'rocket'];

/** Networks of other formats, with other heads, and for grey pictures: what each is taught is written into a file of ours. */
const OTHERS = ['mini_timm.safetensors', 'mini_module.pth', 'models/deep.h5', 'models/emotion.h5'];

function fixture(file) {
  return file.startsWith('models/')
    ? gunzipSync(readFileSync(`${FIXTURES}${file}.gz`))
    : readFileSync(FIXTURES + file);
}

/** What pages here have at hand. */
const HANDS = () => {
  /** Parts of a sample, as a hand that moves would take them. */
  globalThis.parts = async (name, count) => {
    const whole = await createImageBitmap(await (await fetch(`/samples/${name}.jpg`)).blob());
    return Array.from({ length: count }, (_, at) => {
      const canvas = new OffscreenCanvas(128, 128);
      const [width, height] = [whole.width * 0.75, whole.height * 0.75];
      const [left, top] = [(at % 4) * (whole.width / 24), Math.floor(at / 4) * (whole.height / 24)];
      canvas.getContext('2d').drawImage(whole, left, top, width, height, 0, 0, 128, 128);
      return canvas;
    });
  };
  globalThis.refusal = (asked) =>
    asked.then(
      () => 'accepted',
      ({ code, name, message }) => `${code ?? name}: ${message}`,
    );
};

describe('teaching', { timeout: PATIENCE }, () => {
  let site;
  const open = async () => {
    const page = await site.open('/about/licence.txt');
    await page.evaluate(HANDS);
    return page;
  };
  before(async () => {
    site = await start({
      first({ url }, response) {
        const file = OTHERS.find((file) => url === `/${file}`);
        if (!file) return false;
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.end(fixture(file));
        return true;
      },
    });
  });
  after(() => site.stop());

  test('pictures are as alike as their features, on every backend', async () => {
    const page = await open();
    const got = await page.evaluate(async () => {
      const { ImageClassifier, similarity } = await import('/xception-web/index.js');
      const [cpu, plain] = await Promise.all(
        ['cpu', 'ndarray'].map((backend) => ImageClassifier.create({ backend })),
      );
      const [cat, part] = await parts('tabby', 2);
      const found = await Promise.all([
        cpu.embed(cat),
        cpu.embed(part),
        cpu.embed('/samples/espresso.jpg'),
        plain.embed(cat),
      ]);
      let refused;
      try {
        similarity(found[0], [1]);
      } catch (error) {
        refused = error.message;
      }
      return {
        width: cpu.info.model.features,
        found: found.map((features) => [...features]),
        isFloats: found[0] instanceof Float32Array,
        alike: found.map((other) => similarity(found[0], other)),
        refused,
        aborted: await refusal(cpu.embed(cat, { signal: AbortSignal.abort(new Error('no more')) })),
      };
    });
    assert.ok(got.isFloats && got.found.every(({ length }) => length === got.width));
    const [same, part, other, plain] = got.alike;
    assert.ok(same > 0.9999 && plain > 0.9999 && part > 0.8 && other < 0.6, got.alike.join(', '));
    const scale = Math.max(...got.found[0]);
    for (const [i, value] of got.found[0].entries()) {
      assert.ok(Math.abs(value - got.found[3][i]) <= SAME * scale, `${value}, ${got.found[3][i]}`);
    }
    assert.match(got.refused, /features of 1 numbers|of \d+ and of 1 numbers/i);
    assert.equal(got.aborted, 'Error: no more');
  });

  test('three things are taught, told apart, and so by their file, here and on the command line', async () => {
    const page = await open();
    const requested = site.requests.length;
    const got = await page.evaluate(async (things) => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const before = classifier.info.model;
      const classes = [];
      for (const label of things) classes.push({ label, images: await parts(label, 15) });
      const progress = [];
      const lesson = await classifier.teach({
        classes,
        title: 'Three things',
        onProgress: (now) => progress.push(now),
      });
      const untouched = classifier.info.model.labels.length;
      await classifier.use(lesson);
      const ask = async (classifier) => {
        const answers = [];
        for (const name of things) {
          answers.push(await classifier.classify(`/samples/${name}.jpg`, { allow: things }));
        }
        return answers.map(({ predictions }) => predictions);
      };
      const live = await ask(classifier);
      const why = await classifier.explain(`/samples/${things[1]}.jpg`);
      const { model: taught } = classifier.info;
      const bytes = await lesson.bytes();
      const opened = await ImageClassifier.create({ model: bytes, backend: 'cpu' });
      const stored = await ask(opened);
      await classifier.use();
      const { model: after } = classifier.info;
      let characters = '';
      for (const byte of bytes) characters += String.fromCharCode(byte);
      return {
        before: [before.labels.length, before.title],
        untouched,
        taught: [taught.labels, taught.title, taught.classes],
        after: [after.labels.length, after.title],
        report: lesson.report,
        progress,
        live,
        stored,
        why: why.label,
        opened: [opened.info.model.labels, opened.info.model.title, opened.info.model.provenance],
        file: btoa(characters),
      };
    }, THINGS);
    assert.deepEqual(got.taught, [THINGS, 'Three things', 3]);
    assert.deepEqual([got.untouched, got.after], [got.before[0], got.before]);
    assert.deepEqual(got.opened.slice(0, 2), [THINGS, 'Three things']);
    assert.match(got.opened[2], /^head taught on 45 pictures of 3 classes; the network: .+/);
    assert.equal(got.why, THINGS[1]);
    // Told as it goes: all pictures are looked at, then the loss falls.
    const looks = got.progress.filter(({ stage }) => stage === 'look');
    assert.deepEqual(looks.at(-1), { stage: 'look', done: 45, total: 45 });
    const losses = got.progress.filter(({ stage }) => stage === 'learn').map(({ loss }) => loss);
    assert.ok(Math.abs(losses[0] - Math.log(3)) < 1e-3 && losses.at(-1) < 0.3 * losses[0]);
    const { accuracy, heldOut, classes, warnings, steps } = got.report;
    assert.deepEqual([accuracy, heldOut, steps], [1, 9, losses.length]);
    assert.deepEqual(classes[0], { label: 'tabby', pictures: 15, heldOut: 3, right: 3 });
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['hardly-measured'],
    );
    // The same answers from the file, and from the file on the command line.
    const folder = mkdtempSync(join(tmpdir(), 'teach-'));
    const file = join(folder, 'taught.safetensors');
    writeFileSync(file, Buffer.from(got.file, 'base64'));
    const pictures = THINGS.map((name) => join(SAMPLES, `${name}.jpg`));
    const native = classified('--model', file, ...pictures).map(({ predictions }) => predictions);
    rmSync(folder, { recursive: true });
    for (const [i, name] of THINGS.entries()) {
      assert.equal(got.live[i][0].label, name);
      for (const others of [got.stored[i], native[i]]) {
        for (const [at, { label, score }] of got.live[i].entries()) {
          assert.equal(others[at].label, label);
          assert.ok(Math.abs(others[at].score - score) < SAME, `${others[at].score}, ${score}`);
        }
      }
    }
    const fetched = site.requests.slice(requested).filter((url) => url.endsWith('teach_bg.wasm'));
    assert.equal(fetched.length, 1, 'the module that teaches is fetched once, and only then');
  });

  for (const file of OTHERS) {
    test(`the network of ${file} is taught, and written in our format`, async () => {
      const page = await open();
      const { live, stored, labels } = await page.evaluate(async (model) => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const classifier = await ImageClassifier.create({ model, backend: 'cpu' });
        const images = await parts('tabby', 3);
        const others = [];
        for (const image of await parts('rocket', 3)) others.push(await classifier.embed(image));
        const lesson = await classifier.teach({
          classes: [
            { label: 'cat', images },
            { label: 'rocket', images: others },
          ],
          validation: 0,
        });
        await classifier.use(lesson);
        const bytes = await lesson.bytes();
        const opened = await ImageClassifier.create({ model: bytes, backend: 'cpu' });
        const ask = async (classifier) => (await classifier.classify(images[0])).predictions;
        const labels = opened.info.model.labels;
        return { live: await ask(classifier), stored: await ask(opened), labels };
      }, `/${file}`);
      assert.deepEqual(labels, ['cat', 'rocket']);
      assert.equal(live.length, 2);
      for (const [at, { label, score }] of live.entries()) {
        assert.equal(stored[at].label, label);
        assert.ok(Math.abs(stored[at].score - score) < SAME, `${stored[at].score}, ${score}`);
      }
    });
  }

  test('a lesson can be given up, and what cannot be taught is refused', async () => {
    const page = await open();
    const got = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ backend: 'cpu' });
      const { features } = classifier.info.model;
      const noise = (seed, count) =>
        Array.from({ length: count }, (_, at) =>
          Float32Array.from({ length: features }, (_, i) => ((seed + 7 * at + 13 * i) % 17) / 17),
        );
      const classes = [
        { label: 'one', images: noise(0, 400) },
        { label: 'two', images: noise(1, 400) },
      ];
      const [all, learning] = [new AbortController(), new AbortController()];
      let steps = 0;
      const givenUp = [
        await refusal(
          classifier.teach({
            classes: [{ label: 'one', images: await parts('tabby', 5) }, classes[1]],
            signal: all.signal,
            onProgress: () => all.abort(new Error('while looking')),
          }),
        ),
        await refusal(
          classifier.teach({
            classes,
            signal: learning.signal,
            onProgress: ({ stage }) => {
              if (stage === 'learn' && ++steps === 2) learning.abort(new Error('while learning'));
            },
          }),
        ),
      ];
      // The worker is free again at once: it does not go on to the end.
      const { predictions } = await classifier.classify('/samples/tabby.jpg');
      const [one, two] = [noise(0, 2), noise(1, 2)];
      const bad = [
        { classes: 'cat' },
        { classes: [{ label: 'one', images: one }] },
        {
          classes: [
            { label: 'one', images: one },
            { label: 'one', images: two },
          ],
        },
        {
          classes: [
            { label: 'one', images: one },
            { label: 'two', images: [] },
          ],
        },
        {
          classes: [
            { label: 'one', images: one },
            { label: 'two', images: 7 },
          ],
        },
        {
          classes: [
            { label: 'one', images: one },
            { label: 2, images: two },
          ],
        },
        {
          classes: [
            { label: 'one', images: one },
            { label: 'two', images: [new Float32Array(3)] },
          ],
        },
        { classes, validation: 0.7 },
      ];
      const refused = [];
      for (const options of bad) refused.push(await refusal(classifier.teach(options)));
      refused.push(await refusal(classifier.use({ head: '{}' })), await refusal(classifier.use(3)));
      return { givenUp, steps, count: predictions.length, refused };
    });
    assert.deepEqual(got.givenUp, ['Error: while looking', 'Error: while learning']);
    assert.equal(got.steps, 2);
    assert.ok(got.count > 0);
    const words = [
      'list',
      '2 to 20',
      'own',
      'no picture',
      'list',
      'text',
      '3 features',
      '0 to 0.5',
    ];
    for (const [i, word] of [...words, 'not for this model', 'teach'].entries()) {
      assert.match(got.refused[i], /^invalid-option: /, got.refused[i]);
      assert.ok(got.refused[i].includes(word), got.refused[i]);
    }
  });
});
