// What a GPU can do wrong, one after the other: never is the answer silently wrong, nor does the
// picture in flight stay without one. More of it, as the page shows it, in fallback.test.mjs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PATIENCE, SOFTWARE_GPU, start } from './harness.mjs';

/** What WebGPU promises everywhere, where the software adapter has more. */
const DEFAULT_LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxStorageBufferBindingSize: 134_217_728,
};

/** Each fault, as code for the worker; `armed` is set when the page says so. */
const FAULTS = {
  wrong: `wrap(GPUDevice, 'createShaderModule', (original, { code, ...rest }) =>
    original({ ...rest, code: code.replaceAll('f32(0.0)', 'f32(1.0)') }));`,
  // Launches are left out, and what lay in memory is the answer; a minute later.
  later: `wrap(GPUComputePassEncoder, 'dispatchWorkgroups', (original, ...sizes) => {
      if (!armed) original(...sizes);
    });
    const now = performance.now.bind(performance);
    performance.now = () => now() + (armed ? 61_000 : 0);`,
  lost: `let device;
    wrap(GPUAdapter, 'requestDevice', async (original, descriptor) =>
      (device = await original(descriptor)));
    wrap(GPUQueue, 'submit', (original, commands) => {
      original(commands);
      if (armed) device.destroy();
    });`,
  limits: `wrap(GPUAdapter, 'requestDevice', async (original, { requiredLimits, ...rest }) => {
      const device = await original(rest);
      told = Object.fromEntries(${JSON.stringify(Object.keys(DEFAULT_LIMITS))}.map((name) =>
        [name, device.limits[name]]));
      return device;
    });`,
  // As browsers do it: an error, and a buffer that cannot be used.
  memory: `wrap(GPUDevice, 'createBuffer', function (original, descriptor) {
      if (descriptor.size < 100_000) return original(descriptor);
      this.pushErrorScope('validation');
      const buffer = original({ ...descriptor, size: 2 ** 50 });
      this.popErrorScope();
      const error = new GPUOutOfMemoryError('no memory');
      this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
      return buffer;
    });`,
  nan: `wrap(GPUQueue, 'writeBuffer', (original, buffer, offset, data, ...rest) => {
      original(buffer, offset, armed ? new Uint8Array(data.byteLength).fill(255) : data, ...rest);
    });`,
};

/** Asks which fault it is to have. */
const WORKER = `
  let [armed, told] = [false, null];
  const wrap = (type, name, replacement) => {
    const original = type.prototype[name];
    type.prototype[name] = function (...given) {
      return replacement.call(this, original.bind(this), ...given);
    };
  };
  const channel = new BroadcastChannel('fault');
  channel.onmessage = ({ data }) => {
    armed = data;
    channel.postMessage(told);
  };
  const request = new XMLHttpRequest();
  request.open('GET', '/fault', false);
  request.send();
  switch (request.responseText) {
    ${Object.entries(FAULTS)
      .map(([name, code]) => `case '${name}': { ${code} break; }`)
      .join('\n')}
  }`;

describe('a GPU', { timeout: PATIENCE }, () => {
  let site;
  let fault;
  before(async () => {
    site = await start({
      flags: SOFTWARE_GPU,
      worker: WORKER,
      first({ url }, response) {
        if (url === '/fault') response.end(fault);
        return url === '/fault';
      },
    });
  });
  after(() => site.stop());

  /** A classifier under `name`, and what it says before and after the fault is armed. */
  async function meet(name, { after = 0, again = false } = {}) {
    fault = name;
    const page = await site.open('/about/licence.txt');
    const got = await page.evaluate(
      async ([after, again]) => {
        const { ImageClassifier } = await import('/xception-web/index.js');
        const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'webgpu' });
        const channel = new BroadcastChannel('fault');
        const arm = (armed = true) =>
          new Promise((resolve) => {
            channel.onmessage = ({ data }) => resolve(data);
            channel.postMessage(armed);
          });
        const look = async () => {
          const { predictions, backend } = await classifier.classify('/samples/cat.svg', {
            topK: 1,
          });
          return { label: predictions[0].label, backend, reason: classifier.info.reason };
        };
        const looks = [await look(), await look(), await look()];
        const told = await arm();
        looks.push(await look());
        for (let i = 0; i < after; i++) looks.push(await look());
        // The GPU comes back, and goes again.
        if (again) {
          await arm(false);
          looks.push(await look());
          await arm();
          looks.push(await look(), await look());
        }
        classifier.dispose();
        return { looks, told };
      },
      [after, again],
    );
    await page.context().close();
    for (const { label, reason } of got.looks) assert.equal(label, 'cat', reason);
    return got;
  }

  test('that computes wrong is not trusted', async () => {
    const { looks } = await meet('wrong');
    assert.equal(looks[0].backend, 'cpu');
    assert.match(looks[0].reason, /WebGPU failed to start \(.*wrong answer to a known picture/);
  });

  test('that computes wrong after a minute is found out', async () => {
    const { looks } = await meet('later');
    assert.equal(looks[2].backend, 'webgpu', looks[2].reason);
    assert.equal(looks[3].backend, 'cpu');
    assert.match(looks[3].reason, /WebGPU failed on a picture \(.*known picture/);
  });

  test('that is lost in the middle of a picture is tried once more', async () => {
    const { looks } = await meet('lost', { again: true });
    assert.equal(looks[2].backend, 'webgpu', looks[2].reason);
    assert.equal(looks[3].backend, 'cpu');
    assert.match(looks[3].reason, /WebGPU failed on a picture \(.*lost/);
    assert.equal(looks[4].backend, 'webgpu', looks[4].reason);
    assert.match(looks[4].reason, /lost and came back/);
    assert.deepEqual([looks[5].backend, looks[6].backend], ['cpu', 'cpu'], 'once, and not again');
    assert.match(looks[6].reason, /WebGPU failed on a picture \(.*lost/);
  });

  test('that is lost again at once is left', async () => {
    const { looks } = await meet('lost', { after: 2 });
    assert.match(looks[3].reason, /WebGPU failed on a picture \(.*lost/);
    assert.equal(looks[4].backend, 'cpu');
    assert.match(looks[4].reason, /WebGPU failed again \(/);
    assert.deepEqual([looks[5].backend, looks[5].reason], ['cpu', looks[4].reason]);
  });

  test('of the least limits that there are will do', async () => {
    const { looks, told } = await meet('limits');
    assert.deepEqual(told, DEFAULT_LIMITS);
    assert.equal(looks.at(-1).backend, 'webgpu', looks.at(-1).reason);
  });

  test('without memory leaves the work to the CPU', async () => {
    const { looks } = await meet('memory');
    assert.equal(looks[0].backend, 'cpu');
    assert.match(looks[0].reason, /WebGPU failed to start \(no memory\)/);
  });

  test('that answers no number leaves the picture to the CPU', async () => {
    const { looks } = await meet('nan');
    assert.equal(looks[2].backend, 'webgpu', looks[2].reason);
    assert.equal(looks[3].backend, 'cpu');
    assert.match(looks[3].reason, /WebGPU failed on a picture \(.*NaN/);
  });
});
