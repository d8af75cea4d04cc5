// Which backend runs where, what the page says about it, and what happens when the GPU fails.
// In the tests of failure the browser's own GPU is broken before the package starts.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  NO_GPU,
  PATIENCE,
  SAMPLES,
  SOFTWARE_GPU,
  drop,
  labelsFor,
  ready,
  start,
  text,
} from './harness.mjs';

const CAT = join(SAMPLES, 'cat.svg');

async function run({ flags, worker, first: answer, query, pictures = 1 }) {
  const site = await start({ flags, worker, first: answer });
  try {
    const page = await site.open(`/?backend=${query}&model=drawings`);
    await ready(page);
    const first = await text(page, 'backend');
    const labels = [];
    for (let i = 0; i < pictures; i++) {
      await drop(page, CAT, { name: `cat ${i}.svg`, type: 'image/svg+xml' });
      labels.push((await labelsFor(page, `cat ${i}.svg`))[0]);
    }
    const of = (part) => site.requests.filter((url) => url.includes(part)).length;
    return {
      first,
      labels,
      backend: await text(page, 'backend'),
      reason: await text(page, 'reason'),
      loading: await page.locator('#loading').isVisible(),
      models: of('.safetensors'),
      gpuModules: of('webgpu_bg.wasm'),
      cpuModules: ['cpu', 'relaxed', 'threads', 'threads-simd128'].reduce(
        (sum, name) => sum + of(`/${name}_bg.wasm`),
        0,
      ),
    };
  } finally {
    await site.stop();
  }
}

const options = { timeout: PATIENCE };

test('without an adapter, auto takes the CPU and says so', options, async () => {
  const got = await run({ flags: NO_GPU, query: 'auto' });
  assert.equal(got.backend, 'cpu');
  assert.match(got.reason, /(no WebGPU|found no WebGPU adapter).*running on the CPU/);
  assert.deepEqual(got.labels, ['cat']);
  assert.equal(got.gpuModules, 0, 'the GPU module is not downloaded for nothing');
});

test('without an adapter, webgpu by name takes the CPU and says so', options, async () => {
  const got = await run({ flags: NO_GPU, query: 'webgpu' });
  assert.equal(got.backend, 'cpu');
  assert.match(got.reason, /asked for by name, but .*WebGPU.*running on the CPU/);
  assert.deepEqual(got.labels, ['cat']);
});

test('auto does not count a software adapter as a GPU', options, async () => {
  const got = await run({ flags: SOFTWARE_GPU, query: 'auto' });
  assert.equal(got.backend, 'cpu');
  assert.match(got.reason, /software/);
  assert.equal(got.gpuModules, 0);
});

test('a device that cannot be created leads to the CPU', options, async () => {
  const got = await run({
    flags: SOFTWARE_GPU,
    query: 'webgpu',
    worker: `GPUAdapter.prototype.requestDevice = async () => {
      throw new DOMException('out of limits', 'OperationError');
    };`,
  });
  assert.equal(got.first, 'cpu');
  assert.match(got.reason, /WebGPU failed to start.*running on the CPU/);
  assert.deepEqual(got.labels, ['cat']);
  assert.equal(got.models, 1, 'the model is downloaded once');
});

// As while `build.sh serve` builds it.
test('a GPU module that is not there leads to the CPU', options, async () => {
  const got = await run({
    flags: SOFTWARE_GPU,
    query: 'webgpu',
    first: ({ url }, response) => {
      const asked = url.endsWith('/webgpu_bg.wasm');
      if (asked) response.writeHead(404).end();
      return asked;
    },
  });
  assert.equal(got.first, 'cpu');
  assert.match(got.reason, /WebGPU failed to start.*404.*running on the CPU/);
  assert.deepEqual(got.labels, ['cat']);
  assert.equal(got.models, 1);
});

test('shaders that do not compile lead to the CPU', options, async () => {
  const got = await run({
    flags: SOFTWARE_GPU,
    query: 'webgpu',
    worker: `const create = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (descriptor) {
      return create.call(this, { ...descriptor, code: 'no shader' });
    };`,
  });
  assert.equal(got.first, 'cpu');
  assert.match(got.reason, /WebGPU failed to start.*running on the CPU/);
  assert.deepEqual(got.labels, ['cat']);
  assert.equal(got.models, 1);
});

test('a device lost between pictures leads to the CPU, with the picture', options, async () => {
  const got = await run({
    flags: SOFTWARE_GPU,
    query: 'webgpu',
    pictures: 2,
    worker: `const request = GPUAdapter.prototype.requestDevice;
    let device;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      return (device = await request.call(this, descriptor));
    };
    self.addEventListener('message', ({ data }) => {
      if (data.picture && data.id === 3) device.destroy();
    });`,
  });
  assert.equal(got.first, 'webgpu');
  assert.equal(got.backend, 'cpu');
  assert.match(got.reason, /WebGPU failed on a picture.*running on the CPU/);
  assert.deepEqual(got.labels, ['cat', 'cat']);
  assert.equal(got.models, 1);
  assert.equal(got.cpuModules, 1);
  assert.equal(got.loading, false, 'the program that was loaded for the picture is there');
});

test('a dispatch that fails validation is noticed though an answer comes', options, async () => {
  const got = await run({
    flags: SOFTWARE_GPU,
    query: 'webgpu',
    pictures: 2,
    worker: `let broken = false;
    const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z) {
      return dispatch.call(this, broken ? 1e6 : x, y, z);
    };
    self.addEventListener('message', ({ data }) => {
      if (data.picture && data.id === 3) broken = true;
    });`,
  });
  assert.equal(got.first, 'webgpu');
  assert.equal(got.backend, 'cpu');
  assert.match(got.reason, /WebGPU failed on a picture/);
  assert.deepEqual(got.labels, ['cat', 'cat']);
  assert.equal(got.models, 1);
});

test('a backend that does not exist is named, with those that do', options, async () => {
  const site = await start();
  try {
    const page = await site.open('/?backend=quantum');
    const error = page.getByTestId('error');
    await error.waitFor({ state: 'visible' });
    assert.match(await error.textContent(), /"quantum".*auto, webgpu, cpu, ndarray/);
  } finally {
    await site.stop();
  }
});
