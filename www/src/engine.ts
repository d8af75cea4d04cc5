// Which backend runs, and what happens when it does not. Selection and fallback only: the
// backends themselves are in Rust.

import {
  BackendError,
  DownloadError,
  ModelError,
  OptionError,
  clause,
  messageOf,
} from './errors.js';
import type { Pixels } from './decode.js';
import { download } from './fetch.js';
import { Watch, nameOf, probe } from './gpu.js';
import { assertPromised, discard, keep, readModel, type Report } from './keep.js';
import type {
  AdapterInfo,
  Backend,
  BackendChoice,
  ClassifierInfo,
  Explanation,
  ModelInfo,
  ModelOrigin,
} from './options.js';
import type { Creation } from './protocol.js';
import { loadRuntime, type Answer, type Runtime, type Session } from './wasm.js';

interface Choice {
  backend: Backend;
  reason: string;
  adapter?: AdapterInfo;
}

/** What a model of 1000 classes without names of its own is taken to know. */
const IMAGENET_CLASSES = 1000;

/** A model on a backend, with the CPU behind it when that backend is the GPU. */
export class Engine {
  readonly #watch: Watch;
  readonly #want: Creation;
  readonly #report: Report;
  readonly #timings = { model: 0, runtime: 0, start: 0, total: 0 };
  #choice: Choice;
  #session: Session | undefined;
  /** Of the module that runs. */
  #url = '';
  #model!: ModelInfo;
  #runtime = { runtime: '', threads: 1 };
  #origin!: ModelOrigin;
  /**
   * Kept while the GPU runs, so that falling back downloads nothing. As a Blob the browser may
   * hold it outside of this worker's memory.
   */
  #spare: Blob | undefined;

  private constructor(watch: Watch, want: Creation, choice: Choice, report: Report) {
    this.#watch = watch;
    this.#want = want;
    this.#choice = choice;
    this.#report = report;
  }

  static async create(want: Creation, report: Report): Promise<Engine> {
    const begin = performance.now();
    const loading = readModel(want.model, report);
    loading.catch(() => {}); // Awaited below; choosing may take longer than failing.
    const engine = new Engine(new Watch(), want, await choose(want.backend), report);
    if (engine.#choice.backend !== 'webgpu') await engine.#watch.leaveGpu();
    let runtime = engine.#load(begin);
    runtime.catch(() => {});
    const loaded = await loading;
    const { bytes: model, origin } = loaded;
    engine.#timings.model = performance.now() - begin;
    try {
      if (engine.#choice.backend === 'webgpu') {
        try {
          await engine.#start(await runtime, model);
          engine.#spare = new Blob([model]);
        } catch (error) {
          if (error instanceof OptionError || isWrong(error)) throw error;
          await engine.#fallBack(`WebGPU failed to start (${clause(error)})`);
          runtime = engine.#load(begin);
        }
      }
      if (engine.#choice.backend !== 'webgpu') await engine.#start(await runtime, model);
    } catch (error) {
      if (error instanceof ModelError) await discard(origin);
      throw error;
    }
    engine.#origin = await keep(loaded, want.model);
    engine.#timings.total = performance.now() - begin;
    return engine;
  }

  get info(): ClassifierInfo {
    const { backend, reason, adapter } = this.#choice;
    return {
      backend,
      requested: this.#want.backend,
      reason,
      adapter,
      ...this.#runtime,
      isolated: self.crossOriginIsolated,
      model: this.#model,
      origin: this.#origin,
      timings: this.#timings,
    };
  }

  classify({ rgba, width, height }: Pixels, topK: number): Promise<Answer> {
    return this.#withFallback((session) => session.classify(rgba, width, height, topK));
  }

  explain({ rgba, width, height }: Pixels, index: number | undefined): Promise<Explanation> {
    return this.#withFallback((session) => session.explain(rgba, width, height, index));
  }

  async #withFallback<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const run = () => this.#watch.guard(() => work(this.#session!));
    if (this.#choice.backend === 'webgpu') {
      try {
        return await run();
      } catch (error) {
        await this.#fallBack(`WebGPU failed on a picture (${clause(error)})`);
      }
    }
    if (this.#spare) {
      const runtime = await this.#load(performance.now());
      await this.#start(runtime, new Uint8Array(await this.#spare.arrayBuffer()));
      this.#spare = undefined;
    }
    try {
      return await run();
    } catch (error) {
      throw new BackendError(
        `The ${this.#choice.backend} backend failed on this picture (${clause(error)}). Create a new classifier to go on.`,
      );
    }
  }

  /** Downloads and compiles what the chosen backend runs in; may run beside the model's download. */
  async #load(begin: number): Promise<Runtime> {
    const { backend } = this.#choice;
    const runtime = await loadRuntime(
      backend,
      (loaded, total) => this.#report({ stage: 'runtime', loaded, total }),
      this.#want.threads,
    ).catch((error: unknown) => {
      if (error instanceof DownloadError) throw error;
      throw new BackendError(`The ${backend} backend could not be loaded (${clause(error)}).`);
    });
    this.#timings.runtime = performance.now() - begin;
    return runtime;
  }

  async #start(runtime: Runtime, model: Uint8Array): Promise<void> {
    const begin = performance.now();
    this.#report({ stage: 'start', loaded: 0 });
    try {
      const { backend } = this.#choice;
      this.#url = runtime.url;
      const session = await this.#watch.guard(() => runtime.open(model, backend));
      this.#session = session;
      await this.#name(session);
    } catch (error) {
      const known = [DownloadError, OptionError].some((kind) => error instanceof kind);
      // The GPU may fail by itself. Where the CPU stops, it stumbled over the file.
      const ownFault = error instanceof BackendError && this.#choice.backend === 'webgpu';
      throw known || ownFault ? error : new ModelError(messageOf(error));
    }
    const { runtime: name, threads = 1, ...info } = this.#session.info();
    this.#runtime = {
      runtime: name ?? (this.#choice.backend === 'webgpu' ? 'webgpu' : 'simd128'),
      threads,
    };
    assertPromised(this.#want.model, info);
    this.#model = info;
    this.#timings.start = performance.now() - begin;
  }

  /** Gives the classes the names asked for, or ImageNet's where they are missing. */
  async #name(session: Session): Promise<void> {
    const { classes, labels } = session.info();
    let json = this.#want.labels;
    if (json === undefined) {
      if (labels.length > 0 || classes !== IMAGENET_CLASSES) return;
      const url = new URL('./models/imagenet.json', import.meta.url).href;
      json = new TextDecoder().decode(await download({ url, what: "ImageNet's class names" }));
    }
    try {
      session.setLabels(json);
    } catch (error) {
      throw new OptionError(`The labels do not fit (${clause(error)}).`, 'invalid-labels');
    }
  }

  /** What failed on the GPU is left as it is: freeing it would call into a broken module. */
  async #fallBack(why: string): Promise<void> {
    await this.#watch.leaveGpu(this.#url);
    this.#choice = { ...this.#choice, backend: 'cpu', reason: `${why}; running on the CPU.` };
  }
}

/** Another backend would say so again. */
function isWrong(error: unknown): boolean {
  return error instanceof ModelError && error.code === 'wrong-model';
}

async function choose(requested: BackendChoice): Promise<Choice> {
  if (requested === 'cpu' || requested === 'ndarray') {
    return { backend: requested, reason: `The ${requested} backend was asked for by name.` };
  }
  const found = await probe();
  const asked = requested === 'webgpu' ? 'WebGPU was asked for by name' : undefined;
  if (!found.adapter) {
    const reason = asked ? `${asked}, but ${found.missing}` : capital(found.missing);
    return { backend: 'cpu', reason: `${reason}; running on the CPU.` };
  }
  const { adapter } = found;
  if (asked) {
    return { backend: 'webgpu', reason: `${asked}; adapter: ${nameOf(adapter)}.`, adapter };
  }
  return adapter.software
    ? {
        backend: 'cpu',
        reason: `The only WebGPU adapter is a software one (${nameOf(adapter)}), slower than the CPU backend; running on the CPU.`,
        adapter,
      }
    : { backend: 'webgpu', reason: `A GPU answered: ${nameOf(adapter)}.`, adapter };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
