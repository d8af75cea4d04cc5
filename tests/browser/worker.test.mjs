// The worker from inside: what it waits for, what it sends, and what it survives.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLANK, PATIENCE, SOFTWARE_GPU, start } from './harness.mjs';

const options = { timeout: PATIENCE };

/** Runs `code` in the page with the package and a way to hear what the worker notes. */
async function run({ worker, flags }, code, given) {
  const site = await start({ worker, flags });
  try {
    const page = await site.open(BLANK);
    return await page.evaluate(
      `(async (given) => {
        const notes = [];
        new BroadcastChannel('notes').onmessage = ({ data }) => notes.push(data);
        const library = await import('/xception-web/index.js');
        return (${code})({ ...library, notes, given });
      })(${JSON.stringify(given ?? null)})`,
    );
  } finally {
    await site.stop();
  }
}

test('pictures that wait do not wait for timers, nor bring the labels along', options, async () => {
  const worker = `const notes = new BroadcastChannel('notes');
    let timers = 0;
    const wait = self.setTimeout;
    self.setTimeout = (...given) => {
      timers++;
      return wait(...given);
    };
    const post = self.postMessage;
    self.postMessage = (reply) => {
      if (reply.type === 'created') timers = 0;
      if (reply.type === 'classified') notes.postMessage({ timers, labels: reply.info?.model.labels.length ?? 0 });
      post.call(self, reply);
    };`;
  const got = await run({ worker }, async ({ ImageClassifier, notes }) => {
    const classifier = await ImageClassifier.create({ backend: 'cpu', threads: 1 });
    const { labels } = classifier.info.model;
    await Promise.all(Array.from({ length: 10 }, () => classifier.classify(new ImageData(90, 70))));
    while (notes.length < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    return { last: notes.at(-1), same: classifier.info.model.labels === labels };
  });
  assert.deepEqual(got.last, { timers: 0, labels: 0 });
  assert.ok(got.same);
});

test('a late trap of the GPU’s module leaves the CPU alone', options, async () => {
  const worker = `const instantiate = WebAssembly.instantiate;
    let gpu;
    WebAssembly.instantiate = async (...given) => {
      const instance = await instantiate.call(WebAssembly, ...given);
      gpu ??= instance;
      return instance;
    };
    // A method of an object that lies outside of all memory.
    const trap = () => {
      for (const [name, call] of Object.entries(gpu.exports)) {
        if (!name.includes('session')) continue;
        try {
          call(0xfffffff0, 0xfffffff0, 0xfffffff0);
        } catch (error) {
          if (error instanceof WebAssembly.RuntimeError) throw error;
        }
      }
    };
    const request = GPUAdapter.prototype.requestDevice;
    let device;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      return (device = await request.call(this, descriptor));
    };
    self.addEventListener('message', ({ data }) => {
      if (data.picture && data.id === 3) device.destroy();
      if (data.picture && data.id === 4) {
        // A trap of that module, again and again: during pictures and between them.
        setInterval(trap, 1);
      }
    });
    const notes = new BroadcastChannel('notes');
    self.addEventListener('error', ({ error }) => {
      notes.postMessage({ trap: error instanceof WebAssembly.RuntimeError, stack: error.stack });
    });`;
  const got = await run({ worker, flags: SOFTWARE_GPU }, async ({ ImageClassifier, notes }) => {
    const classifier = await ImageClassifier.create({ backend: 'webgpu' });
    const backends = [classifier.info.backend];
    for (let i = 0; i < 12; i++) {
      const { backend } = await classifier.classify('/samples/cat.svg', { topK: 1 });
      backends.push(backend);
      if (i > 1) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { backends, reason: classifier.info.reason, trap: notes.find(({ trap }) => trap) };
  });
  assert.ok(got.trap, 'there were traps');
  assert.match(got.trap.stack, /webgpu_bg\.wasm/);
  assert.deepEqual(got.backends.slice(0, 2), ['webgpu', 'webgpu']);
  assert.deepEqual(new Set(got.backends.slice(2)), new Set(['cpu']));
  // Nor does the GPU come back in the midst of them.
  assert.match(got.reason, /WebGPU failed again/);
});

test('where memory cannot be shared one thread does the work', options, async () => {
  const worker = `const { Memory } = WebAssembly;
    WebAssembly.Memory = function (limits) {
      if (limits.shared) throw new RangeError('could not allocate memory');
      return new Memory(limits);
    };
    WebAssembly.Memory.prototype = Memory.prototype;`;
  const got = await run({ worker }, async ({ ImageClassifier }) => {
    const classifier = await ImageClassifier.create({
      model: 'drawings',
      backend: 'cpu',
      threads: 2,
    });
    const { predictions } = await classifier.classify('/samples/cat.svg', { topK: 1 });
    const { isolated, threads, runtime } = classifier.info;
    return { isolated, threads, runtime, label: predictions[0].label };
  });
  assert.deepEqual(got, { isolated: true, threads: 1, runtime: 'relaxed-simd', label: 'cat' });
});
