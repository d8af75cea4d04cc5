// Which functions a picture's time goes to, inside WebAssembly: `./build.sh profile`, which builds the module with its
// functions' names.
//
//   node tests/bench/profile.mjs [--module cpu|relaxed|ndarray] [--model FILE] [--runs N]
//
// Node's engine is Chromium's, in one thread and without a page around it.
import { readFileSync } from 'node:fs';
import { Session as Inspector } from 'node:inspector/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    module: { type: 'string', default: 'cpu' },
    model: { type: 'string', default: 'www/models/photos.safetensors' },
    runs: { type: 'string', default: '100' },
  },
});
const root = new URL('../../', import.meta.url);
const runs = Number(values.runs);
if (!(Number.isInteger(runs) && runs > 0)) {
  console.error(`--runs ${values.runs} is not a number of pictures; give 1 or more`);
  process.exit(2);
}

/** Below this share of the time a function is not worth a line. */
const LEAST = 0.005;
/** Pictures before the first that counts: the engine compiles a function well once it has run for a while. */
const WARM = 20;
/** Microseconds between two looks. */
const INTERVAL = 200;

const pkg = new URL(`www/pkg/${values.module}/`, root);
const wasm = await import(new URL('xception_web.js', pkg));
wasm.initSync({ module: readFileSync(new URL('xception_web_bg.wasm', pkg)) });
const backend = values.module === 'ndarray' ? 'ndarray' : 'cpu';
const model = new Uint8Array(readFileSync(new URL(values.model, root)));
const session = await wasm.Session.create(model, backend, 'auto', {});

const [width, height] = [640, 480];
const picture = Uint8Array.from({ length: 4 * width * height }, (_, at) => (at * 7919) % 256);
const classify = async (count) => {
  for (let run = 0; run < count; run++)
    await session.run(session.prepare(picture, width, height), 1, 1);
};
await classify(WARM);

const inspector = new Inspector();
inspector.connect();
await inspector.post('Profiler.enable');
await inspector.post('Profiler.setSamplingInterval', { interval: INTERVAL });
await inspector.post('Profiler.start');
const start = performance.now();
await classify(runs);
const spent = performance.now() - start;
const { profile } = await inspector.post('Profiler.stop');

const names = new Map(
  profile.nodes.map((node) => [node.id, node.callFrame.functionName || '(no name)']),
);
const looks = new Map();
for (const id of profile.samples) looks.set(names.get(id), (looks.get(names.get(id)) ?? 0) + 1);
console.log(`${(spent / runs).toFixed(1)} ms a picture, ${values.module}, ${values.model}\n`);
for (const [name, count] of [...looks].sort(([, a], [, b]) => b - a)) {
  const share = count / profile.samples.length;
  if (share < LEAST) break;
  // What Rust adds to a name to tell it from others.
  console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${name.replace(/::h[0-9a-f]{16}$/, '')}`);
}
