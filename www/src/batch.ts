// Several pictures in one run of the network: each is prepared by itself, and then held as no more
// than what the network sees of it.

import { throwIfAborted } from './cause.js';
import type { Classification } from './options.js';
import type { Prepared, Ran } from './protocol.js';

/** Numbers that go into one run at once, in pixels: eight pictures of the paper's size. */
const BATCH_PIXELS = 8 * 299 * 299;
/** Pictures in one run, however small: later ones gain nothing more. */
const MOST = 16;

/** Prepared pictures, one after the other. */
export interface Batch {
  inputs: Float32Array;
  count: number;
}

/** How a batch is made, and what becomes of failures. */
export interface Work<S> {
  /** The side of the square that the network sees. */
  inputSize: number;
  prepare: (source: S) => Promise<Prepared>;
  run: (batch: Batch) => Promise<Ran>;
  /** `throw`: the first ends it all. `keep`: it is the answer to its own picture. */
  failures: 'throw' | 'keep';
  /** Ends it all. */
  signal: AbortSignal;
}

type Settled<T> = PromiseSettledResult<T>;

/** An answer to each source, in order. */
export async function* batched<S>(
  sources: Iterable<S>,
  { inputSize, prepare, run, failures, signal }: Work<S>,
): AsyncGenerator<Settled<Classification>> {
  const most = Math.min(MOST, Math.max(1, Math.floor(BATCH_PIXELS / inputSize ** 2)));
  const settle = async <T>(work: Promise<T>): Promise<Settled<T>> => {
    const [result] = await Promise.allSettled([work]);
    throwIfAborted(signal);
    if (failures === 'throw' && result.status === 'rejected') throw result.reason;
    return result;
  };
  const answersTo = async (ready: Settled<Prepared>[]): Promise<Settled<Classification>[]> => {
    const good = ready.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (good.length === 0) return ready as PromiseRejectedResult[];
    const ran = await settle(run(together(good)));
    let next = 0;
    return ready.map((one) => {
      if (one.status === 'rejected') return one;
      const place = next++;
      if (ran.status === 'rejected') return ran;
      return { status: 'fulfilled', value: answer(one.value, ran.value, place) };
    });
  };
  let ready: Settled<Prepared>[] = [];
  for (const source of sources) {
    ready.push(await settle(prepare(source)));
    if (ready.length < most) continue;
    yield* await answersTo(ready);
    ready = [];
  }
  yield* await answersTo(ready);
}

function together(prepared: Prepared[]): Batch {
  const length = prepared.reduce((sum, { input }) => sum + input.length, 0);
  const inputs = new Float32Array(length);
  let at = 0;
  for (const { input } of prepared) {
    inputs.set(input, at);
    at += input.length;
  }
  return { inputs, count: prepared.length };
}

function answer(
  one: Prepared,
  { answers, backend, inference }: Ran,
  place: number,
): Classification {
  const share = inference / answers.length;
  const { decode, preprocess } = one.timings;
  const total = decode + preprocess + share;
  return { ...answers[place]!, backend, timings: { decode, preprocess, inference: share, total } };
}
