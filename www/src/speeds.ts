// How long a picture takes on either backend: tried once for each adapter, model, build and number of
// threads, and kept on this device.

import { SPEEDS } from './cache.js';
import type { AdapterInfo, Speeds } from './options.js';
import type { Creation } from './protocol.js';
import type { Session } from './wasm.js';

/** A digest of the WebAssembly modules: other kernels have other speeds. */
declare const MODULES: string;

/** Records are kept under addresses. Nobody has this one, and no bundler looks for its file. */
const RECORDS = 'https://speeds.invalid/';

/** Pictures at most. On a GPU the first two put in place what later ones use again. */
const PICTURES = 5;
/** Milliseconds after which two pictures are enough. */
const ENOUGH = 300;
/** Of a file, what tells it from others: formats begin with names and shapes. */
const HEAD = 65_536;
/** By how much an answer to the same picture may change: sums in another order differ by far less. */
const SAME = 1e-3;

/** What a session answered to a picture of no meaning, and how fast. */
export interface Trial {
  milliseconds: number;
  index: number;
  score: number;
}

/** Several times the same picture, of the size that the network sees. */
export async function trial(session: Session): Promise<Trial> {
  const begin = performance.now();
  const show = pattern(session);
  let best: Trial = { milliseconds: Infinity, index: -1, score: 0 };
  for (let count = 0; count < PICTURES; count++) {
    if (count >= 2 && performance.now() - begin > ENOUGH) break;
    const { index, score, inference } = await show();
    best = { milliseconds: Math.min(best.milliseconds, inference), index, score };
  }
  return best;
}

/** Whether the same picture still gets the same answer. */
export async function repeats(session: Session, { index, score }: Trial): Promise<boolean> {
  const again = await pattern(session)();
  return again.index === index && Math.abs(again.score - score) < SAME;
}

/** Shows a session a picture of no meaning, as the model says that pictures are to be cut. */
function pattern(session: Session) {
  const { inputSize: side, classes } = session.info();
  const rgba = new Uint8Array(4 * side * side).map((_, at) =>
    at % 4 === 3 ? 255 : (at * 37) % 211,
  );
  return async () => {
    session.setCrop();
    if (classes === 0) {
      const begin = performance.now();
      const [score = 0] = await session.embed(rgba, side, side);
      return { index: 0, score, inference: performance.now() - begin };
    }
    const { predictions, timings } = await session.classify(rgba, side, side, 1);
    const { index = -1, score = 0 } = predictions[0] ?? {};
    return { index, score, inference: timings.inference };
  };
}

/** Under what the figures are kept. An address is taken at its word: its file is there only later. */
export async function keyOf(
  adapter: AdapterInfo,
  { model, precision, input }: Creation,
  threads: number,
): Promise<string> {
  const { vendor, architecture, device, description } = adapter;
  const file = 'blob' in model ? await fingerprint(model.blob) : `${model.url} ${model.sha256}`;
  const how = `${threads} ${precision} ${input.size}`;
  const parts = { vendor, architecture, device, description, file, how };
  return `${RECORDS}?${new URLSearchParams({ ...parts, MODULES })}`;
}

async function fingerprint(blob: Blob): Promise<string> {
  const head = await blob.slice(0, HEAD).arrayBuffer();
  // WebGPU is there only where this is too.
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', head));
  return `${blob.size} ${Array.from(hash).join('.')}`;
}

/** What was found before, if it was and this browser keeps anything. */
export async function recallSpeeds(key: string): Promise<Speeds | undefined> {
  try {
    const kept = await caches.match(key, { cacheName: SPEEDS });
    const { webgpu, cpu } = (await kept?.json()) ?? {};
    return webgpu > 0 && cpu > 0 ? { webgpu, cpu } : undefined;
  } catch {
    return undefined;
  }
}

export async function keepSpeeds(key: string, speeds: Speeds): Promise<void> {
  try {
    await (await caches.open(SPEEDS)).put(key, Response.json(speeds));
  } catch {
    // Where nothing is kept, it is found out again.
  }
}
