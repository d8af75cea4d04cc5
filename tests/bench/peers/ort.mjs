// onnxruntime-web, its WebAssembly and its WebGPU builds. Loaded as published: its threads start from its own files.

const DIST = new URL('/node_modules/onnxruntime-web/dist/', location.href).href;
export const layout = 'nchw';
let ort;
let session;

export async function init(model, { threads, backend = 'wasm', build = backend }) {
  ort = await import(`${DIST}ort.${build}.min.mjs`);
  ort.env.wasm.wasmPaths = DIST;
  ort.env.wasm.numThreads = threads;
  session = await ort.InferenceSession.create(new Uint8Array(await model.arrayBuffer()), {
    executionProviders: [backend],
    graphOptimizationLevel: 'all',
  });
}

export async function infer(input, size) {
  const { logits } = await session.run({
    input: new ort.Tensor('float32', input, [1, 3, size, size]),
  });
  return { logits: await logits.getData() };
}
