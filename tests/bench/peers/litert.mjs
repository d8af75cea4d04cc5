// LiteRT.js: TensorFlow Lite with XNNPACK in WebAssembly, or its own WebGPU delegate.

import { Tensor, loadAndCompile, loadLiteRt } from '@litertjs/core';

export const layout = 'nhwc';
let network, backend;

export async function init(model, given) {
  backend = given.backend ?? 'wasm';
  const onCpu = backend === 'wasm';
  await loadLiteRt('/node_modules/@litertjs/core/wasm/', onCpu ? { threads: true } : {});
  network = await loadAndCompile(new Uint8Array(await model.arrayBuffer()), {
    accelerator: backend,
    ...(onCpu
      ? { cpuOptions: { numThreads: given.threads } }
      : { gpuOptions: { precision: given.precision } }),
  });
  if (!onCpu && !network.isFullyAccelerated) return 'not all of the network runs on the GPU';
}

export async function infer(input, size) {
  let given = new Tensor(input, [1, size, size, 3]);
  if (backend === 'webgpu') given = await given.moveTo('webgpu');
  const [logits] = Object.values(await network.run(given));
  given.delete();
  const values = Float32Array.from(await logits.data());
  logits.delete();
  return { logits: values };
}
