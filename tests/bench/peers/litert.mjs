// LiteRT.js: TensorFlow Lite with XNNPACK in WebAssembly.

import { Tensor, loadAndCompile, loadLiteRt } from '@litertjs/core';

export const layout = 'nhwc';
let network;

export async function init(model, { threads }) {
  await loadLiteRt('/node_modules/@litertjs/core/wasm/', { threads: true });
  network = await loadAndCompile(new Uint8Array(await model.arrayBuffer()), {
    accelerator: 'wasm',
    cpuOptions: { numThreads: threads },
  });
}

export async function infer(input, size) {
  const given = new Tensor(input, [1, size, size, 3]);
  const [logits] = Object.values(await network.run(given));
  given.delete();
  const values = Float32Array.from(await logits.data());
  logits.delete();
  return { logits: values };
}
