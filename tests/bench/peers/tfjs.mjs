// TensorFlow.js, a graph model on its WebAssembly backend or its WebGPU one.

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';

export const layout = 'nhwc';
let network;

export async function init(model, { threads, backend = 'wasm' }) {
  setWasmPaths('/node_modules/@tensorflow/tfjs-backend-wasm/dist/');
  setThreadsCount(threads);
  if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend was refused`);
  await tf.ready();
  const { modelTopology, signature, weightsManifest } = await (
    await fetch('/models/tfjs/model.json')
  ).json();
  network = await loadGraphModel({
    load: async () => ({
      modelTopology,
      signature,
      weightSpecs: weightsManifest[0].weights,
      weightData: await model.arrayBuffer(),
    }),
  });
}

export async function infer(input, size) {
  const given = tf.tensor(input, [1, size, size, 3]);
  const logits = network.execute(given);
  const values = await logits.data();
  given.dispose();
  logits.dispose();
  return { logits: values };
}
