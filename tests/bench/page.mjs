// In the browser: one runtime, one model, one picture. Called by run.mjs.
//
// A runtime is a module peers/NAME.mjs that exports `layout` (`rgba`, `nchw` or `nhwc`: what it takes),
// `init(model: Blob, { threads, …how })`, which may return why it cannot be measured, and
// `infer(input, size)`, which gives `{ logits, ms? }`.

import { compare, median } from './compare.mjs';

/** Pictures by which a heap has grown as far as it will. */
const PICTURES_FOR_HEAP = 20;
/** Frames of a live video are many and short: by then the browser has its compiled code. */
const WARM_FRAMES = 30;
const FRAMES_PER_RUN = 10;
/** Size of the frame for the whole pipeline: a camera's usual one. */
const [WIDTH, HEIGHT] = [640, 480];

const bytesOf = async (path) => (await fetch(path)).arrayBuffer();

/** Times one row; `report` is what run.mjs makes of it. */
self.measure = async ({ peer, model, size, threads, runs, heap, how }) => {
  // Fetched before the clock runs: the file is in the browser's hands, as from its cache.
  const blob = await (await fetch(model)).blob();
  const begin = performance.now();
  // In two steps: the bundler must leave it alone.
  const path = `./peers/${peer}.js`;
  const runtime = await import(path);
  const absent = await runtime.init(blob, { threads, ...how });
  if (absent) return { absent };
  const loaded = performance.now();
  const bytes = await bytesOf(
    `/models/${runtime.layout === 'rgba' ? 'xception.rgba' : `input.${runtime.layout}`}`,
  );
  const input = runtime.layout === 'rgba' ? new Uint8Array(bytes) : new Float32Array(bytes);
  const once = async () => {
    const start = performance.now();
    const { logits, ms } = await runtime.infer(input, size);
    return { logits, ms: ms ?? performance.now() - start, wall: performance.now() - start };
  };
  const first = await once();
  const expected = new Float32Array(await bytesOf('/models/logits'));
  const parity = compare(first.logits, expected);
  // Once more without the clock: compilers and caches settle.
  await once();
  const times = [];
  for (let i = 0; i < runs; i++) times.push((await once()).ms);
  const found = {
    times,
    parity,
    first_ms: first.ms,
    to_first_label_ms: loaded - begin + first.wall,
    load_parts_ms: runtime.parts?.(),
  };
  if (!heap) return found;
  for (let i = runs + 2; i < PICTURES_FOR_HEAP; i++) await once();
  return { ...found, heap_bytes: await heapBytes() };
};

/** The bundled model's whole pipeline: a video frame in, labels out. */
self.measurePipeline = async ({ runs, heap, how }) => {
  const runtime = await import('./peers/xception.js');
  const blob = await (await fetch('/xception-web/models/photos.safetensors')).blob();
  const begin = performance.now();
  const absent = await runtime.init(blob, { threads: 1, ...how });
  if (absent) return { absent };
  const loaded = performance.now();
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  const once = (i) => {
    context.fillStyle = `hsl(${i * 40} 70% 50%)`;
    context.fillRect(20 * (i % 9), 30, 300, 300);
    return runtime.frame(canvas);
  };
  const first = await once(0);
  for (let i = 1; i < WARM_FRAMES; i++) await once(i);
  const frames = [];
  for (let i = 0; i < FRAMES_PER_RUN * runs; i++) frames.push(await once(i));
  const share = (part) =>
    median(
      frames.map(({ ms, timings }) => part.reduce((sum, name) => sum + timings[name], 0) / ms),
    );
  return {
    times: frames.map(({ ms }) => ms),
    first_ms: first.ms,
    to_first_label_ms: loaded - begin + first.ms,
    load_parts_ms: runtime.parts(),
    preprocess_share: share(['preprocess']),
    read_share: share(['decode']),
    inference_ms: median(frames.map(({ timings }) => timings.inference)),
    ...(heap && { heap_bytes: await heapBytes() }),
  };
};

/** How long the browser compiles a module that it has not seen. */
self.compileTime = async (paths) => {
  let total = 0;
  for (const path of paths) {
    const wasm = new Uint8Array(await bytesOf(path));
    // With an empty custom section more, the compiler's cache does not know it.
    const unseen = new Uint8Array(wasm.length + 4);
    unseen.set(wasm);
    unseen.set([0, 2, 1, 120], wasm.length);
    const begin = performance.now();
    await WebAssembly.compile(unseen);
    total += performance.now() - begin;
  }
  return total;
};

/** The rate of multiply-adds in registers, GFLOP/s: what no kernel in this browser can exceed. */
self.roofline = async ({ rounds, lanes }) => {
  const best = {};
  for (const kind of ['muladd', 'madd']) {
    const path = `/roofline-${kind}.wasm`;
    const wasm = await bytesOf(path);
    if (!WebAssembly.validate(wasm)) continue;
    const { run } = (await WebAssembly.instantiate(wasm)).instance.exports;
    run(rounds / 20);
    for (let i = 0; i < 5; i++) {
      const begin = performance.now();
      run(rounds);
      const rate = (rounds * lanes * 2) / (performance.now() - begin) / 1e6;
      best[kind] = Math.max(best[kind] ?? 0, rate);
    }
  }
  return best;
};

async function heapBytes() {
  const channel = new BroadcastChannel('bench-heap');
  let inWorkers = 0;
  channel.onmessage = ({ data }) => {
    if (typeof data === 'number') inWorkers += data;
  };
  channel.postMessage('ask');
  await new Promise((resolve) => setTimeout(resolve, 200));
  channel.close();
  // The page's own hook hears the question too and has answered with the page's memory.
  return inWorkers;
}
