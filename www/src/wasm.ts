// The only file that sees the generated WebAssembly modules.

import * as cpu from '#pkg/cpu';
import * as keras from '#pkg/keras';
import * as ndarray from '#pkg/ndarray';
import * as relaxed from '#pkg/relaxed';
import * as teacher from '#pkg/teach';
import * as threaded from '#pkg/threads';
import * as threadedPlain from '#pkg/threads-simd128';
import * as webgpu from '#pkg/webgpu';
import * as webgpuAgain from '#pkg/webgpu-again';
import { collect, open, read, type Download } from './fetch.js';
import { bootstrap, isForeign } from './foreign.js';
import { READY, type Creation, type Start } from './protocol.js';
import { hasRelaxedSimd } from './relaxed.js';
import type { Backend, Explanation, ModelInfo, Prediction } from './options.js';

/** A network on a backend. Calls must not overlap. */
export interface Session {
  classify(rgba: Uint8Array, width: number, height: number, topK: number): Promise<Answer>;
  explain(rgba: Uint8Array, width: number, height: number, index?: number): Promise<Explanation>;
  /** The features after global average pooling. */
  embed(rgba: Uint8Array, width: number, height: number): Promise<Float32Array>;
  /** From now on a head that was taught answers, or with an empty one the model's own; throws where it does not fit. */
  useHead(weight: Float32Array, bias: Float32Array, labels: string): void;
  /** What the network sees of a picture. */
  prepare(rgba: Uint8Array, width: number, height: number): Float32Array;
  /** The answers to several of those, one after the other. */
  run(inputs: Float32Array, count: number, topK: number): Promise<Omit<Answer, 'timings'>[]>;
  /** For the pictures that follow; without one, as the model says. */
  setCrop(crop?: string): void;
  info(): SessionInfo;
  /** Holds a GPU to the CPU's answers to known pictures; throws where it fails. */
  prove(): Promise<void>;
  free(): void;
  /** Takes the class names from JSON; throws what is wrong with it. */
  setLabels(json: string): void;
}

/** The model, and what computes it where the module says so. */
export type SessionInfo = ModelInfo & {
  runtime?: string;
  threads?: number;
  tile?: [number, number];
  precision: 'f32' | 'q8';
};

/** How a network is built. */
export type Build = Pick<Creation, 'precision' | 'input'>;

export interface Answer {
  predictions: Prediction[];
  /** Absent from a model that cannot tell. */
  known?: boolean;
  timings: { preprocess: number; inference: number };
}

export interface Runtime {
  /** Of the WebAssembly, as it stands in the traces of its errors. */
  url: string;
  /** Has a GPU compile what nearly every model needs. */
  rehearse(): Promise<void>;
  /** On a GPU a network that has launched all of its shaders once, and proved nothing yet. */
  open(model: Uint8Array, backend: Backend, build: Build): Promise<Session>;
}

type Threaded = typeof threaded | typeof threadedPlain;
type Module = typeof cpu | typeof ndarray | typeof relaxed | Threaded | typeof webgpu;

/**
 * The module for `backend`. Addresses are literal, so that bundlers find the files. `again`: the GPU's
 * runtime can be brought up once in a module; after that there is a second copy of it.
 */
function choose(backend: Backend, threads: number, again: boolean): { module: Module; url: URL } {
  switch (backend) {
    case 'webgpu':
      return {
        module: again ? webgpuAgain : webgpu,
        url: new URL('./wasm/webgpu_bg.wasm', import.meta.url),
      };
    case 'ndarray':
      return { module: ndarray, url: new URL('./wasm/ndarray_bg.wasm', import.meta.url) };
    case 'cpu':
      if (threads > 1) {
        return hasRelaxedSimd()
          ? { module: threaded, url: new URL('./wasm/threads_bg.wasm', import.meta.url) }
          : {
              module: threadedPlain,
              url: new URL('./wasm/threads-simd128_bg.wasm', import.meta.url),
            };
      }
      return hasRelaxedSimd()
        ? { module: relaxed, url: new URL('./wasm/relaxed_bg.wasm', import.meta.url) }
        : { module: cpu, url: new URL('./wasm/cpu_bg.wasm', import.meta.url) };
  }
}

const HERE = import.meta.url;

/** Beyond this many, pictures do not get faster: memory is the limit. */
const MOST_THREADS = 8;

/**
 * How many threads of those wanted there can be; memory is shared on isolated pages only. Of many
 * logical processors half share their arithmetic with another.
 */
export function possibleThreads(wanted?: number): number {
  const logical = navigator.hardwareConcurrency;
  wanted ??= logical > 4 ? Math.ceil(logical / 2) : logical;
  // A page may not wait for its threads.
  const waits = !('document' in self);
  const shared = waits && self.crossOriginIsolated && typeof SharedArrayBuffer !== 'undefined';
  return shared ? Math.min(wanted, logical, MOST_THREADS) : 1;
}

/** Starts all threads but this one, and waits until they stand ready; without one it goes too. */
async function startThreads(module: Threaded, start: Start, threads: number): Promise<void> {
  let ready = 1;
  for (let i = 1; i < threads; i++) {
    // In one expression, so that bundlers find the file; one of another origin they have not moved.
    const thread = isForeign(HERE)
      ? bootstrap(new URL('thread.js', HERE).href)
      : new Worker(new URL('./thread.js', import.meta.url), { type: 'module' });
    await new Promise<void>((resolve) => {
      thread.onmessage = ({ data }) => {
        if (data === READY) ready++;
        resolve();
      };
      thread.onerror = () => resolve();
      thread.postMessage(start);
    });
  }
  while (module.threads() < ready) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** While it arrives, where the server says what it is. */
async function compile(request: Download): Promise<WebAssembly.Module> {
  const response = await open(request);
  const type = response.headers.get('Content-Type') ?? '';
  if (!type.startsWith('application/wasm')) {
    return WebAssembly.compile(await collect(response, request));
  }
  // The answer itself, for which the browser may have compiled code from an earlier visit; what
  // arrives is counted in a copy.
  const arrived = read(response.clone(), request);
  arrived.catch(() => {}); // Awaited below.
  try {
    return await WebAssembly.compileStreaming(response);
  } finally {
    await arrived; // A broken transfer is what happened, and not what the compiler says of it.
  }
}

type Progress = Download['onProgress'];

/** Downloads and compiles the module that holds `backend`. */
export async function loadRuntime(
  backend: Backend,
  onProgress: Progress,
  wanted?: number,
  again = false,
): Promise<Runtime> {
  const threads = backend === 'cpu' ? possibleThreads(wanted) : 1;
  const { module, url } = await instantiate(backend, threads, onProgress, again);
  // While the model is still on its way.
  if (backend === 'cpu' && 'warmUp' in module) module.warmUp();
  return {
    url,
    rehearse: async () => {
      if ('rehearse' in module) await module.rehearse();
    },
    open: async (model, backend, { precision, input }) => {
      const how = [backend, precision, input] as const;
      if (!isKeras(model)) return wrap(await module.Session.create(model, ...how));
      return withKeras(model, async (file) =>
        wrap(await module.Session.createFromKeras(file, ...how)),
      );
    },
  };
}

async function instantiate(
  backend: Backend,
  threads: number,
  onProgress: Progress,
  again = false,
): Promise<{ module: Module; url: string }> {
  const { module, url } = choose(backend, threads, again);
  const { href } = url;
  const compiled = await compile({ url: href, what: 'the WebAssembly module', onProgress });
  let memory: WebAssembly.Memory;
  try {
    ({ memory } = await module.default({ module_or_path: compiled }));
  } catch (error) {
    // Memory that threads share is asked for at its largest, which phones may refuse.
    if (threads > 1) return instantiate(backend, 1, onProgress);
    throw error;
  }
  if (module === threaded || module === threadedPlain) {
    await startThreads(module, { module: compiled, memory, relaxed: module === threaded }, threads);
  }
  return { module, url: href };
}

const HDF5_MAGIC = [0x89, 0x48, 0x44, 0x46];
const ZIP_MAGIC = [0x50, 0x4b, 0x03, 0x04];
/** Where the first entry of a zip archive has the length of its name, and the name. */
const NAME_LENGTH = 26;
const NAME = 30;

/** HDF5, or an archive that begins with JSON or HDF5, as Keras writes them, and not with PyTorch's pickle. */
function isKeras(model: Uint8Array): boolean {
  const starts = (magic: number[]) => magic.every((byte, i) => model[i] === byte);
  if (!starts(ZIP_MAGIC)) return starts(HDF5_MAGIC);
  const length = (model[NAME_LENGTH] ?? 0) + 256 * (model[NAME_LENGTH + 1] ?? 0);
  const name = new TextDecoder().decode(model.subarray(NAME, NAME + length));
  return name.endsWith('.json') || name.endsWith('.h5');
}

let kerasIsUp: Promise<unknown> | undefined;

/** Opens a Keras file in the module for such files, which is larger than one that computes. */
async function withKeras<T>(
  model: Uint8Array,
  use: (file: keras.KerasFile) => T | Promise<T>,
): Promise<T> {
  const url = new URL('./wasm/keras_bg.wasm', import.meta.url).href;
  const what = 'the module that reads Keras files';
  kerasIsUp ??= compile({ url, what })
    .then((module_or_path) => keras.default({ module_or_path }))
    .catch((error: unknown) => {
      kerasIsUp = undefined; // Perhaps later.
      throw error;
    });
  await kerasIsUp;
  const file = new keras.KerasFile(model);
  try {
    return await use(file);
  } finally {
    file.free();
  }
}

function wrap(built: Awaited<ReturnType<Module['Session']['create']>>): Session {
  const session = built as typeof built & { prove?(): Promise<void> };
  return {
    useHead: (...head) => session.useHead(...head),
    embed: (...picture) => session.embed(...picture) as Promise<Float32Array>,
    setLabels: (json) => session.setLabels(json),
    setCrop: (crop) => session.setCrop(crop),
    prepare: (...picture) => session.prepare(...picture),
    run: (...batch) => session.run(...batch) as ReturnType<Session['run']>,
    async classify(rgba, width, height, topK) {
      const begin = performance.now();
      const input = session.prepare(rgba, width, height);
      const prepared = performance.now();
      const [answer] = (await session.run(input, 1, topK)) as Omit<Answer, 'timings'>[];
      const [preprocess, inference] = [prepared - begin, performance.now() - prepared];
      return { ...answer!, timings: { preprocess, inference } };
    },
    explain: (...picture) => session.explain(...picture) as Promise<Explanation>,
    prove: async () => session.prove?.(),
    free: () => session.free(),
    info: () => withoutNulls(session.info() as object) as unknown as SessionInfo,
  };
}

/** What teaches, and what it can do. */
export interface Teacher {
  begin(features: Float32Array, classes: string, validation: number): teacher.Lesson;
  /** The file of a model with another head. */
  write(model: Uint8Array, head: string): Promise<Uint8Array>;
}

/** The module that teaches: small, and fetched for that alone. */
export async function loadTeacher(): Promise<Teacher> {
  const url = new URL('./wasm/teach_bg.wasm', import.meta.url).href;
  await teacher.default({
    module_or_path: await compile({ url, what: 'the module that teaches' }),
  });
  return {
    begin: (...given) => new teacher.Lesson(...given),
    write: async (model, head) => {
      if (!isKeras(model)) return teacher.write(model, head);
      return withKeras(model, (file) => teacher.writeFromKeras(file, head));
    },
  };
}

/** What a model file does not say is absent, not null. */
function withoutNulls(facts: object): object {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}
