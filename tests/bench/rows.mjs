// What is measured. `place` and `threads` decide which rows a ratio compares.

const browser = (name, peer, threads, more = {}) => {
  const runtime = {
    xception: 'xception-web',
    ort: 'onnxruntime-web',
    litert: 'LiteRT.js',
    tfjs: 'TensorFlow.js',
  };
  return { name, runtime: runtime[peer], place: 'browser', peer, threads, dtype: 'f32', ...more };
};
/** On the software adapter, a GPU computed on the CPU: slow, so only when asked for by name. */
const webgpu = (name, peer, more = {}) =>
  browser(name, peer, 1, { place: 'software-gpu', backend: 'webgpu', onlyByName: true, ...more });
const native = (name, runtime, threads, more = {}) => {
  return { name, runtime, place: 'native', threads, dtype: 'f32', ...more };
};
const MODELS = {
  litert: 'xception.tflite',
  ort: 'xception.onnx',
  tfjs: 'tfjs/weights.bin',
  xception: 'xception.safetensors',
};

export const ROWS = [
  browser('xception-f32-1t', 'xception', 1, { ours: true }),
  browser('xception-f32-2t', 'xception', 2, { ours: true }),
  browser('xception-q8-1t', 'xception', 1, {
    ours: true,
    dtype: 'q8',
    model: 'xception-q8.safetensors',
  }),
  browser('xception-q8-2t', 'xception', 2, {
    ours: true,
    dtype: 'q8',
    model: 'xception-q8.safetensors',
  }),
  browser('litert-1t', 'litert', 1),
  browser('litert-2t', 'litert', 2),
  browser('litert-int8-1t', 'litert', 1, { dtype: 'int8', model: 'xception-int8.tflite' }),
  browser('ort-1t', 'ort', 1),
  browser('ort-2t', 'ort', 2),
  browser('ort-int8-1t', 'ort', 1, { dtype: 'int8', model: 'xception-int8.onnx' }),
  browser('tfjs-1t', 'tfjs', 1),
  browser('tfjs-2t', 'tfjs', 2),
  browser('bundled', 'xception', 1, { ours: true, pipeline: true, dtype: 'f16' }),
  webgpu('xception-webgpu', 'xception', { ours: true }),
  webgpu('xception-q8-webgpu', 'xception', {
    ours: true,
    dtype: 'q8',
    model: 'xception-q8.safetensors',
  }),
  webgpu('litert-webgpu', 'litert', { precision: 'fp32' }),
  webgpu('litert-webgpu-fp16', 'litert', { precision: 'fp16', dtype: 'f16' }),
  webgpu('ort-webgpu', 'ort'),
  webgpu('ort-webgpu-jspi', 'ort', { build: 'jspi' }),
  webgpu('tfjs-webgpu', 'tfjs'),
  webgpu('bundled-webgpu', 'xception', { ours: true, pipeline: true, dtype: 'f16' }),
  native('xception-native-1t', 'xception-web', 1, { ours: true }),
  native('xception-native-2t', 'xception-web', 2, { ours: true }),
  native('ort-native-1t', 'onnxruntime', 1),
  native('ort-native-2t', 'onnxruntime', 2),
].map((row) => ({ ...row, model: row.model ?? MODELS[row.peer] }));

/**
 * Largest difference of a log-probability from native onnxruntime's in f32 that still counts as the
 * same network. In f32 only the order of sums differs (1e-5 here); sixteen and eight bits round each
 * layer, and a network with a layer missing differs by more than its logits' standard deviation of 2.
 */
export const TOLERANCE = { f32: 1e-3, f16: 0.5, int8: 2, q8: 2 };
