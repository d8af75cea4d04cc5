// A model on the backend that was chosen, and what happens when that fails: the CPU goes on, and a lost
// GPU is tried once more. The backends themselves are in Rust.

import { causedBy, clause, messageOf } from './cause.js';
import { BackendError, DownloadError, ModelError, OptionError } from './errors.js';
import type { Pixels } from './decode.js';
import { choose, faster, type Choice } from './choice.js';
import { Watch, nameOf } from './gpu.js';
import { applyHead, modelOf } from './head.js';
import { assertPromised, discard, keep, readModel, type Report } from './keep.js';
import { configOf, namesFor, setLabels } from './names.js';
import type { Backend, ClassifierInfo, Explanation, ModelInfo, ModelOrigin } from './options.js';
import type { Creation, Ran } from './protocol.js';
import { Again } from './again.js';
import { Shaders } from './shaders.js';
import { Probation } from './probation.js';
import { keepSpeeds, trial } from './speeds.js';
import type { View } from './view.js';
import { loadRuntime, type Answer, type Runtime, type Session } from './wasm.js';

/** What computes. */
type Runs = Pick<ClassifierInfo, 'runtime' | 'threads' | 'tile' | 'precision'>;

/** How Rust begins to say that `size`, `crop`, `mean` and `std` do not go with a model. */
const UNFIT = 'the input cannot be as it was asked for';

/** A model on a backend, with the CPU behind it when that backend is the GPU. */
export class Engine {
  readonly #watch: Watch;
  #want: Creation;
  readonly #report: Report;
  readonly #shaders: Shaders;
  readonly #timings = { model: 0, runtime: 0, start: 0, total: 0 };
  #choice: Choice;
  #session: Session | undefined;
  /** Of the module that runs. */
  #url = '';
  /** The CPU's program, which can be brought up once. */
  #cpu: Promise<Runtime> | undefined;
  readonly #probation = new Probation();
  #model!: ModelInfo;
  #runtime: Runs = { runtime: '', threads: 1, precision: 'f32' };
  #origin!: ModelOrigin;
  /**
   * Kept while the GPU runs, so that falling back does not download the model again. As a Blob the
   * browser may hold it outside of this worker's memory.
   */
  #spare: Blob | undefined;
  /** The same after the GPU was lost, until it is tried once more. */
  #again: Blob | undefined;
  #isSecond = false;
  readonly #file: Again;
  /** Taught, and answering instead of the model's own. */
  #head: string | undefined;

  private constructor(watch: Watch, want: Creation, choice: Choice, report: Report) {
    this.#watch = watch;
    this.#want = { ...want, input: { config: configOf(want), ...want.input } };
    this.#choice = choice;
    this.#report = report;
    this.#shaders = new Shaders(
      (loaded, total) => report({ stage: 'shaders', loaded, total }),
      (message) => watch.failGpu(message),
    );
    this.#file = new Again(want.model);
  }

  static async create(want: Creation, report: Report): Promise<Engine> {
    const begin = performance.now();
    const loading = readModel(want.model, report);
    loading.catch(() => {}); // Awaited below; choosing may take longer than failing.
    const engine = new Engine(new Watch(), want, await choose(want), report);
    if (engine.#choice.backend !== 'webgpu') await engine.#watch.leaveGpu();
    let runtime = engine.#load(begin);
    runtime.catch(() => {});
    if (engine.#choice.contest) engine.#loadCpu().catch(() => {});
    const loaded = await loading;
    const { bytes: model, origin } = loaded;
    engine.#timings.model = performance.now() - begin;
    engine.#file.remember(model);
    try {
      if (engine.#choice.backend === 'webgpu') {
        try {
          await engine.#start(await runtime, model);
          engine.#spare = engine.#file.kept ?? new Blob([model]);
          await engine.#compete(model);
        } catch (error) {
          if (error instanceof OptionError || isWrong(error)) throw error;
          await engine.#fallBack(`WebGPU failed to start (${clause(error)})`, engine.#url);
          engine.#session = undefined;
          runtime = engine.#load(begin);
        }
      }
      if (!engine.#session) await engine.#start(await runtime, model);
    } catch (error) {
      if (error instanceof ModelError) await discard(origin);
      throw error;
    }
    engine.#origin = await keep(loaded, want.model);
    engine.#timings.total = performance.now() - begin;
    return engine;
  }

  get info(): ClassifierInfo {
    const { backend, reason, adapter, speeds } = this.#choice;
    return {
      backend,
      requested: this.#want.backend,
      reason,
      adapter,
      speeds,
      ...this.#runtime,
      isolated: self.crossOriginIsolated,
      model: this.#model,
      origin: this.#origin,
      timings: this.#timings,
    };
  }

  classify({ rgba, width, height }: Pixels, view: View, topK: number): Promise<Answer> {
    return this.#look(view, (session) => session.classify(rgba, width, height, topK));
  }

  explain({ rgba, width, height }: Pixels, view: View, index?: number): Promise<Explanation> {
    return this.#look(view, (session) => session.explain(rgba, width, height, index));
  }

  embed({ rgba, width, height }: Pixels, view: View): Promise<Float32Array> {
    return this.#look(view, (session) => session.embed(rgba, width, height));
  }

  /** What the network sees of a picture. */
  prepare({ rgba, width, height }: Pixels, view: View): Promise<Float32Array> {
    return this.#look(view, async (session) => session.prepare(rgba, width, height));
  }

  #look<T>({ crop }: View, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#withFallback((session) => {
      session.setCrop(crop);
      return work(session);
    });
  }

  /** The answers to several prepared pictures in one run. */
  async run(inputs: Float32Array, count: number, topK: number): Promise<Ran> {
    return this.#withFallback(async (session) => {
      const begin = performance.now();
      const answers = await session.run(inputs, count, topK);
      return {
        answers: answers.map(({ predictions, known = true }) => ({ predictions, known })),
        backend: this.#choice.backend,
        inference: performance.now() - begin,
      };
    });
  }

  /** Gives the model's own classes other names, which a fallback keeps. */
  rename(labels: string): void {
    setLabels(this.#session!, labels);
    this.#want = { ...this.#want, labels };
    if (this.#head === undefined) this.#model = modelOf(this.#session!.info());
  }

  /** Answers by a head that was taught, or without one by the model's own. */
  use(head: string | undefined): void {
    this.#model = applyHead(this.#session!, head);
    this.#head = head;
    this.#probation.changeClasses();
  }

  /** The model's file once more. */
  async bytes(): Promise<Uint8Array> {
    if (this.#spare) return new Uint8Array(await this.#spare.arrayBuffer());
    return this.#file.bytes();
  }

  async #withFallback<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const run = () => this.#watch.guard(() => work(this.#session!));
    if (this.#again) await this.#comeBack(this.#again);
    if (this.#choice.backend === 'webgpu') {
      try {
        if (this.#probation.isOver()) {
          await this.#watch.guard(() => this.#probation.end(this.#session!));
        }
        return await run();
      } catch (error) {
        if (this.#watch.lost && !this.#isSecond) this.#again = this.#spare;
        await this.#fallBack(`WebGPU failed on a picture (${clause(error)})`, this.#url);
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
      throw causedBy(
        error,
        new BackendError(
          `The ${this.#choice.backend} backend failed on this picture (${clause(error)}). Create a new classifier to go on.`,
        ),
      );
    }
  }

  /** After a loss the GPU is tried once more, when the next picture comes. */
  async #comeBack(model: Blob): Promise<void> {
    this.#again = undefined;
    this.#isSecond = true;
    const [cpu, url] = [this.#session, this.#url];
    const { adapter, speeds } = this.#choice;
    const reason = `The GPU device was lost and came back${adapter ? `: ${nameOf(adapter)}` : ''}.`;
    this.#watch.enterGpu();
    try {
      this.#choice = { backend: 'webgpu', reason, adapter, speeds };
      const runtime = await this.#load(performance.now());
      await this.#start(runtime, new Uint8Array(await model.arrayBuffer()));
      this.#spare = model;
      cpu?.free();
    } catch (error) {
      this.#url = url;
      await this.#fallBack(`WebGPU failed again (${clause(error)})`);
    }
  }

  /** Downloads and compiles what the chosen backend runs in; may run beside the model's download. */
  async #load(begin: number): Promise<Runtime> {
    const { backend } = this.#choice;
    const runtime = await (backend === 'cpu' ? this.#loadCpu() : this.#fetch(backend));
    this.#timings.runtime = performance.now() - begin;
    if (backend === 'webgpu') {
      this.#url = runtime.url;
      await this.#watch.guard(() => this.#shaders.rehearse(() => runtime.rehearse()));
    }
    return runtime;
  }

  #loadCpu(): Promise<Runtime> {
    this.#cpu ??= this.#fetch('cpu').catch((error: unknown) => {
      this.#cpu = undefined; // Perhaps later.
      throw error;
    });
    return this.#cpu;
  }

  #fetch(backend: Backend): Promise<Runtime> {
    // Where two are loaded, one is told of.
    const told = backend === this.#choice.backend;
    return loadRuntime(
      backend,
      (loaded, total) => told && this.#report({ stage: 'runtime', loaded, total }),
      this.#want.threads,
      this.#isSecond,
    ).catch((error: unknown) => {
      if (error instanceof DownloadError) throw error;
      throw causedBy(
        error,
        new BackendError(`The ${backend} backend could not be loaded (${clause(error)}).`),
      );
    });
  }

  async #start(runtime: Runtime, model: Uint8Array): Promise<void> {
    const begin = performance.now();
    this.#report({ stage: 'start', loaded: 0 });
    const { backend, adapter } = this.#choice;
    try {
      this.#url = runtime.url;
      const open = () => runtime.open(model, backend, this.#want);
      const session = await this.#watch.guard(() =>
        backend === 'webgpu' ? this.#shaders.rehearse(open) : open(),
      );
      if (backend === 'webgpu') {
        // On a software adapter pictures cost much, and the first no more than later ones.
        const warm = !adapter?.software;
        await this.#watch.guard(() => this.#probation.begin(session, warm));
      }
      await this.#adopt(session);
    } catch (error) {
      if (messageOf(error).startsWith(UNFIT))
        throw causedBy(error, new OptionError(messageOf(error)));
      const known = [DownloadError, ModelError, OptionError].some((kind) => error instanceof kind);
      // The GPU may fail by itself. Where the CPU stops, it stumbled over the file.
      const ownFault = error instanceof BackendError && backend === 'webgpu';
      throw known || ownFault ? error : causedBy(error, new ModelError(messageOf(error)));
    }
    this.#timings.start = performance.now() - begin;
  }

  /** From here on this one answers. */
  async #adopt(session: Session): Promise<void> {
    const names = await namesFor(session, this.#want);
    if (names !== undefined) setLabels(session, names);
    const { runtime, threads = 1, tile, precision } = session.info();
    assertPromised(this.#want.model, modelOf(session.info()));
    this.#session = session;
    this.#runtime = {
      runtime: runtime ?? (this.#choice.backend === 'webgpu' ? 'webgpu' : 'simd128'),
      threads,
      tile: tile && { pixels: tile[0], channels: tile[1] },
      precision,
    };
    this.#model = applyHead(session, this.#head);
  }

  /** Where the GPU runs and the choice is free, the CPU may prove faster. */
  async #compete(model: Uint8Array): Promise<void> {
    const { contest, adapter } = this.#choice;
    const webgpu = this.#probation.milliseconds;
    if (!contest || !adapter || !webgpu) return;
    try {
      const runtime = await this.#loadCpu();
      const session = await this.#watch.guard(() => runtime.open(model, 'cpu', this.#want));
      const cpu = (await this.#watch.guard(() => trial(session))).milliseconds;
      await keepSpeeds(contest, { webgpu, cpu });
      this.#choice = faster(adapter, { webgpu, cpu });
      if (this.#choice.backend === 'webgpu') {
        session.free();
      } else {
        await this.#watch.leaveGpu(this.#url);
        this.#url = runtime.url;
        this.#spare = undefined;
        await this.#adopt(session);
      }
    } catch (error) {
      if (this.#choice.backend !== 'webgpu') throw error;
      // The GPU goes on.
    }
  }

  /** What failed on the GPU is left as it is: freeing it would call into a broken module. */
  async #fallBack(why: string, url?: string): Promise<void> {
    await this.#watch.leaveGpu(url);
    const { adapter, speeds } = this.#choice;
    this.#choice = { backend: 'cpu', reason: `${why}; running on the CPU.`, adapter, speeds };
  }
}

/** Another backend would say so again. */
function isWrong(error: unknown): boolean {
  return error instanceof ModelError && error.code === 'wrong-model';
}
