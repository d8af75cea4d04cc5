// Where `auto` has a choice it takes what is faster, and knows it the next time. The software adapter
// says for these tests that it is hardware.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PATIENCE, SOFTWARE_GPU, start } from './harness.mjs';

const HARDWARE = `
  for (const [name, value] of Object.entries({ isFallbackAdapter: false, architecture: 'test' })) {
    Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => value });
  }`;

/** Milliseconds, far more than the software adapter takes for a small picture. */
const SLOW = 1000;

/** The CPU's module here takes its time for a picture. */
const SLOW_CPU = `
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (module, imports) => {
    const instance = await instantiate.call(WebAssembly, module, imports);
    const { rehearse, session_run: run } = instance.exports;
    if (rehearse) return instance;
    const session_run = (...given) => {
      const end = performance.now() + ${SLOW};
      while (performance.now() < end);
      return run(...given);
    };
    return { module, instance: { exports: { ...instance.exports, session_run } } };
  };`;

/** What two classifiers say, one after the other, and how often the GPU's module was asked for in all. */
async function twice(worker) {
  const site = await start({ flags: SOFTWARE_GPU, worker });
  try {
    const page = await site.open('/about/licence.txt');
    const infos = [];
    for (let i = 0; i < 2; i++) {
      infos.push(
        await page.evaluate(async () => {
          const { ImageClassifier } = await import('/xception-web/index.js');
          const stages = new Set();
          const onProgress = ({ stage }) => stages.add(stage);
          const classifier = await ImageClassifier.create({ model: 'drawings', onProgress });
          const { predictions, backend } = await classifier.classify('/samples/cat.svg');
          const { info } = classifier;
          classifier.dispose();
          return { ...info, stages: [...stages], answered: backend, label: predictions[0].label };
        }),
      );
    }
    const gpuModules = site.requests.filter((url) => url.includes('webgpu_bg.wasm')).length;
    for (const { answered, backend, label } of infos) {
      assert.deepEqual([answered, label], [backend, 'cat']);
    }
    return { infos, gpuModules };
  } finally {
    await site.stop();
  }
}

test(
  'a GPU that is slower than the CPU is tried once, and not taken',
  { timeout: PATIENCE },
  async () => {
    const { infos, gpuModules } = await twice(HARDWARE);
    const [{ backend, reason, speeds, adapter, runtime, tile }, later] = infos;
    assert.equal(backend, 'cpu', reason);
    assert.match(
      reason,
      /^The GPU \(.*test\) takes \d.* ms a picture of this model, the CPU \d.* ms a picture; running on the CPU\.$/,
    );
    assert.ok(speeds.webgpu > speeds.cpu && speeds.cpu > 0, JSON.stringify(speeds));
    assert.equal(adapter.software, false);
    assert.match(runtime, /simd/);
    assert.equal(tile, undefined);
    assert.deepEqual([later.backend, later.speeds, later.reason], ['cpu', speeds, reason]);
    assert.equal(gpuModules, 1, 'the second time the figures are known');
  },
);

test('a GPU that is faster is taken', { timeout: PATIENCE }, async () => {
  const { infos } = await twice(HARDWARE + SLOW_CPU);
  const [{ backend, reason, speeds, stages, runtime, tile }, later] = infos;
  assert.equal(backend, 'webgpu', reason);
  assert.match(
    reason,
    /^The GPU \(.*test\) takes \d.* ms a picture of this model, the CPU \d+ ms a picture\.$/,
  );
  assert.ok(speeds.cpu >= SLOW, JSON.stringify(speeds));
  assert.ok(stages.includes('shaders'));
  assert.equal(runtime, 'webgpu');
  assert.ok(tile.pixels >= 1 && tile.channels >= 4, JSON.stringify(tile));
  assert.deepEqual([later.backend, later.speeds, later.reason], ['webgpu', speeds, reason]);
});

/** A second is a quarter of an hour: the GPU is held to its answers again at the second picture. */
const FAST_CLOCK = `
  const now = performance.now.bind(performance);
  performance.now = () => 1000 * now();`;
/** Tells how many times the GPU was set to work since it was asked last. */
const COUNTED = `
  let launches = 0;
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) {
    launches++;
    return dispatchWorkgroups.apply(this, size);
  };
  const counting = new BroadcastChannel('launches');
  counting.onmessage = () => {
    counting.postMessage(launches);
    launches = 0;
  };`;
/** timm's networks see a part of the picture, unless they are told otherwise. */
const TIMM = readFileSync(new URL('../fixtures/mini_timm.safetensors', import.meta.url));

test('a GPU is asked later what it was asked at first', { timeout: PATIENCE }, async () => {
  const site = await start({
    flags: SOFTWARE_GPU,
    worker: HARDWARE + FAST_CLOCK + COUNTED,
    first({ url }, response) {
      if (url === '/timm') response.end(TIMM);
      return url === '/timm';
    },
  });
  try {
    const page = await site.open('/about/licence.txt');
    const [before, later] = await page.evaluate(async () => {
      const { ImageClassifier } = await import('/xception-web/index.js');
      const classifier = await ImageClassifier.create({ model: '/timm', backend: 'webgpu' });
      const counting = new BroadcastChannel('launches');
      const launches = () =>
        new Promise((resolve) => {
          counting.onmessage = ({ data }) => resolve(data);
          counting.postMessage('take');
        });
      await launches(); // Those of its start.
      const infos = [];
      for (let i = 0; i < 2; i++) {
        // Longer than the minute of that clock.
        await new Promise((resolve) => setTimeout(resolve, 100));
        await classifier.classify('/samples/espresso.jpg', { crop: 'squash' });
        infos.push({ ...classifier.info, launches: await launches() });
      }
      classifier.dispose();
      return infos;
    });
    assert.equal(before.backend, 'webgpu', before.reason);
    assert.equal(later.backend, 'webgpu', later.reason);
    // The same picture, the one of the start once more, and those whose answers are known.
    console.log(`launches: ${before.launches} for a picture, ${later.launches} with the question`);
    assert.ok(before.launches > 0);
    assert.ok(later.launches >= 3 * before.launches, `${before.launches}, then ${later.launches}`);
  } finally {
    await site.stop();
  }
});
