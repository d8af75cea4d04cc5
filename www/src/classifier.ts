// The public class. It checks what it is given, hands the work to the worker and keeps nothing
// but the last report.

import { abortable, join } from './abortable.js';
import { batched, type Batch, type Work } from './batch.js';
import { Bridge } from './bridge.js';
import { throwIfAborted } from './cause.js';
import { OptionError } from './errors.js';
import { filterOf } from './filter.js';
import { readLabels } from './labels.js';
import { more } from './later.js';
import type { Lesson, TeachOptions } from './lesson.js';
import { modelSource } from './models.js';
import {
  checkBackend,
  checkCount,
  checkHead,
  checkIndex,
  checkInput,
  checkMinScore,
  checkPrecision,
  checkSha256,
  checkSources,
  type Classification,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
  type DefaultOptions,
  type ExplainOptions,
  type Explanation,
  type LiveClassification,
  type Prediction,
  type StreamOptions,
} from './options.js';
import type { Answer, Ask, Prepared } from './protocol.js';
import type { Step } from './report.js';
import {
  free,
  isVideo,
  prepare,
  refused,
  type ImageSource,
  type Pack,
  type Parcel,
} from './source.js';
import { checkVideo, type VideoSource } from './screen.js';
import { Smoother, checkSmoothing } from './smooth.js';
import { checkWhere } from './start.js';
import { live } from './stream.js';
import { Turns } from './turns.js';
import { viewOf, type View, type ViewOptions } from './view.js';

/** Pictures that hold their pixels at once: one that is classified and one that is ready to be. */
const AT_ONCE = 2;

/** What is asked of a picture. */
type Question<K extends 'classify' | 'explain' | 'embed' | 'prepare'> = Omit<Ask<K>, 'picture'>;

/** A frame that is wanted and not taken yet. */
interface Waiting {
  video: ImageSource;
  /** What is asked of it. */
  how: string;
  answer?: Promise<Answer<'classify'>>;
}

/** What is asked of each picture, checked. */
interface Wish {
  view: View;
  /** How many predictions the worker is to give: what is left out makes room for others. */
  topK: number;
  /** Of those, what the caller gets. */
  pick: (predictions: Prediction[]) => Prediction[];
}

/** Classifies pictures with an Xception network, in a worker. */
export class ImageClassifier {
  readonly #bridge: Bridge;
  readonly #turns = new Turns(AT_ONCE);
  readonly #waiting = new Set<Waiting>();
  #info: ClassifierInfo;
  #defaults: ClassifyOptions = {};

  private constructor(bridge: Bridge, info: ClassifierInfo) {
    this.#bridge = bridge;
    this.#info = info;
  }

  /** Starts a worker, loads the model and chooses the backend. */
  static async create(options: CreateOptions = {}): Promise<ImageClassifier> {
    const { backend = 'auto', onProgress, signal } = options;
    const checked = {
      backend: checkBackend(backend),
      threads: options.threads === undefined ? undefined : checkCount('threads', options.threads),
      precision: checkPrecision(options.precision ?? 'auto'),
      input: checkInput(options),
    };
    const sha256 = checkSha256(options.sha256);
    const where = checkWhere(options);
    throwIfAborted(signal);
    const given = { cache: options.cache, sha256, assetBase: where.assetBase };
    const model = await modelSource(options.model, given, signal);
    const labels = await readLabels(options.labels, signal);
    const request = { type: 'create', ...checked, model, labels } as const;
    throwIfAborted(signal);
    const bridge = new Bridge(where, onProgress);
    try {
      const reply = await bridge.ask(request, signal);
      return new ImageClassifier(bridge, reply.info);
    } catch (error) {
      bridge.close();
      throw error;
    }
  }

  /** Which backend runs and why, the model, and how long loading took. */
  get info(): ClassifierInfo {
    return this.#info;
  }

  /**
   * The labels of a picture, best first. Calls are answered in order. Two pictures at most hold their
   * pixels at once: a later one waits before its are copied. Calls for one <video> that wait together
   * get one answer.
   */
  async classify(source: ImageSource, options: ClassifyOptions = {}): Promise<Classification> {
    const { view, topK, pick } = this.#wish(options);
    const question = { type: 'classify', view, topK } as const;
    const { result } = await this.#about(source, options.signal, (pack, signal) =>
      isVideo(source)
        ? abortable(this.#ofVideo(source, pack, question), signal)
        : this.#ask(question, pack, signal),
    );
    return { ...result, predictions: pick(result.predictions) };
  }

  /** Work that the caller's signal and the end of the classifier give up. */
  async #under<T>(
    given: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { closing } = this.#bridge;
    throwIfAborted(closing);
    const { signal, release } = join(given, closing);
    try {
      return await work(signal);
    } finally {
      release();
    }
  }

  /** Takes a picture's pixels before anything else happens, where it has them: the caller may close it. */
  #about<T>(
    source: ImageSource,
    given: AbortSignal | undefined,
    ask: (pack: Pack, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#under(given, async (signal) => {
      const ready = prepare(source, signal);
      return ask(ready instanceof Promise ? await ready : ready, signal);
    });
  }

  #wish(given: ClassifyOptions): Wish {
    const options = merged(this.#defaults, given);
    const topK = checkCount('topK', options.topK ?? 5);
    const minScore = checkMinScore(options.minScore ?? 0);
    const { labels } = this.#named();
    const filter = filterOf(options, labels);
    return {
      view: viewOf(options),
      topK: filter ? labels.length : topK,
      pick: (predictions) => {
        const best = filter?.(predictions).slice(0, topK) ?? predictions;
        return best.filter(({ score }) => score >= minScore);
      },
    };
  }

  /**
   * What later calls take where they say nothing; what is given as `undefined` is as it was at first.
   * New `labels` are there for calls that are made when this resolves, and `allow` and `deny` go by them.
   */
  async setOptions({ labels, ...options }: DefaultOptions): Promise<void> {
    const names = await readLabels(labels, this.#bridge.closing);
    if (names !== undefined) {
      this.#info = (await this.#bridge.ask({ type: 'name', labels: names })).info;
    }
    const before = this.#defaults;
    this.#defaults = { ...before, ...options, signal: undefined };
    try {
      this.#wish({});
    } catch (error) {
      this.#defaults = before;
      throw error;
    }
  }

  /** The newest frame when its turn comes, for all who wait for it: asking faster than there are answers piles nothing up. */
  #ofVideo(
    video: ImageSource,
    pack: Pack,
    question: Question<'classify'>,
  ): Promise<Answer<'classify'>> {
    const how = JSON.stringify(question);
    for (const other of this.#waiting) {
      if (other.video === video && other.how === how) return other.answer!;
    }
    const waiting: Waiting = { video, how };
    this.#waiting.add(waiting);
    const begin = () => {
      this.#waiting.delete(waiting);
      return pack();
    };
    waiting.answer = this.#ask(question, begin, this.#bridge.closing);
    waiting.answer.catch(() => {}); // All who waited may have given up.
    return waiting.answer;
  }

  async #ask<K extends 'classify' | 'explain' | 'embed' | 'prepare'>(
    question: Question<K> & { type: K },
    pack: Pack,
    signal: AbortSignal,
  ): Promise<Answer<K>> {
    if (!this.#turns.take()) await this.#turns.wait(signal);
    const leave = () => this.#turns.leave();
    let parcel: Parcel;
    try {
      parcel = await pack();
    } catch (error) {
      leave();
      throw error;
    }
    const { picture, transfer } = parcel;
    try {
      const request = { ...question, picture } as unknown as Ask<K>;
      const answer = await this.#bridge.ask<K>(request, signal, transfer, leave);
      this.#info = answer.info ?? this.#info;
      return answer;
    } catch (error) {
      free(parcel); // Nothing, if it has been sent.
      throw refused(error);
    }
  }

  /** The model, where it can name anything. */
  #named(): ClassifierInfo['model'] {
    const { model } = this.#info;
    if (model.classes > 0) return model;
    throw new OptionError(
      'This model holds no classifier, so it can name nothing. Teach it classes, or ask it to embed pictures.',
    );
  }

  /**
   * What a picture is to the network, whatever the classes: its features after global average pooling.
   * Compare them by `similarity`.
   */
  async embed(
    source: ImageSource,
    options: ViewOptions & { signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    const question = { type: 'embed', view: viewOf(merged(this.#defaults, options)) } as const;
    const { result } = await this.#about(source, options.signal, (pack, signal) =>
      this.#ask(question, pack, signal),
    );
    return result;
  }

  /**
   * Teaches classes by pictures of them: a new head on the network, which goes on as it is. Nothing
   * changes until the lesson is taken into use.
   */
  async teach(options: TeachOptions): Promise<Lesson> {
    const bridge = this.#bridge;
    return this.#under(options.signal, async (signal) => {
      const { features } = this.#info.model;
      const { Lesson, show } = await more();
      const what = await show(options, (image) => this.embed(image, { signal }), features, signal);
      const { onProgress } = options;
      const step = (step: Step) => signal.aborted || onProgress?.({ stage: 'learn', ...step });
      const request = { type: 'teach', ...what } as const;
      const { head, report } = await bridge.ask(request, signal, [], () => {}, step);
      const write = async () => (await bridge.ask({ type: 'write', head })).bytes;
      return new Lesson(head, report, write);
    });
  }

  /** Answers by what was taught from now on, or, without a lesson, by the model's own classes again. */
  async use(lesson?: { head: string }): Promise<void> {
    const head = checkHead(lesson);
    this.#info = (await this.#bridge.ask({ type: 'use', head })).info;
  }

  /** Where in a picture a class was seen: the map of what each place says for it. */
  async explain(source: ImageSource, options: ExplainOptions = {}): Promise<Explanation> {
    const { classes, explains } = this.#named();
    const index = checkIndex(options.index, classes);
    const view = viewOf(merged(this.#defaults, options));
    if (!explains) {
      throw new OptionError(
        'This model has dense layers with ReLU before its classifier, so that no place of a picture speaks for a class by itself. Explain with a model whose info.model.explains is true.',
      );
    }
    const { result } = await this.#about(source, options.signal, (pack, signal) =>
      this.#ask({ type: 'explain', view, index }, pack, signal),
    );
    return result;
  }

  /**
   * The labels of several pictures, in their order. They run through the network together, and only
   * one is decoded at once. The first that fails rejects them all.
   */
  async classifyAll(
    sources: Iterable<ImageSource> & object,
    options: ClassifyOptions = {},
  ): Promise<Classification[]> {
    const answers: Classification[] = [];
    for await (const answer of this.#batched(sources, options, 'throw')) {
      if (answer.status === 'fulfilled') answers.push(answer.value);
    }
    return answers;
  }

  /** The same, where a picture that fails costs the others nothing: as `Promise.allSettled` answers. */
  async classifyAllSettled(
    sources: Iterable<ImageSource> & object,
    options: ClassifyOptions = {},
  ): Promise<PromiseSettledResult<Classification>[]> {
    const answers: PromiseSettledResult<Classification>[] = [];
    for await (const answer of this.#batched(sources, options, 'keep')) answers.push(answer);
    return answers;
  }

  async *#batched(
    sources: Iterable<ImageSource>,
    options: ClassifyOptions,
    failures: Work<ImageSource>['failures'],
  ): AsyncGenerator<PromiseSettledResult<Classification>> {
    checkSources(sources);
    const { view, topK, pick } = this.#wish(options);
    const { closing } = this.#bridge;
    throwIfAborted(closing);
    const { signal, release } = join(options.signal, closing);
    const prepareOne = async (source: ImageSource): Promise<Prepared> => {
      const pack = await prepare(source, signal);
      return (await this.#ask({ type: 'prepare', view }, pack, signal)).result;
    };
    const run = async (batch: Batch) => {
      const request = { type: 'run', ...batch, topK } as const;
      const answer = await this.#bridge.ask(request, signal, [batch.inputs.buffer]);
      this.#info = answer.info ?? this.#info;
      return answer.result;
    };
    try {
      const { inputSize } = this.#info.model;
      const work = { inputSize, prepare: prepareOne, run, failures, signal };
      for await (const answer of batched(sources, work)) {
        if (answer.status === 'fulfilled') {
          const predictions = pick(answer.value.predictions);
          yield { ...answer, value: { ...answer.value, predictions } };
        } else {
          yield answer;
        }
      }
    } finally {
      release();
    }
  }

  /**
   * The labels of a playing video or camera, over and over: one frame in flight, always the newest,
   * asleep while the tab is hidden. Ends, without an error, when the signal aborts, or the video or its
   * tracks end or it has its source taken away.
   */
  stream(
    source: VideoSource,
    options: StreamOptions = {},
  ): AsyncGenerator<LiveClassification, void, void> {
    checkVideo(source);
    this.#wish(options);
    const smoothing = checkSmoothing(options.smoothing ?? 0);
    const smoother = new Smoother(smoothing);
    const classify = async (frame: HTMLVideoElement) => {
      if (smoothing === 0) return this.classify(frame, options);
      // Of all classes, since another may be the best in a moment.
      const { topK = 5, minScore = 0 } = merged(this.#defaults, options);
      const all = { ...options, topK: this.#info.model.labels.length, minScore: 0 };
      const answer = smoother.add(await this.classify(frame, all));
      const best = answer.predictions.slice(0, topK);
      return { ...answer, predictions: best.filter(({ score }) => score >= minScore) };
    };
    return live(classify, source, options.signal, this.#bridge.closing);
  }

  /** Ends the worker and frees all that it holds. Answers still awaited reject. */
  dispose(): void {
    this.#bridge.close();
  }
}

declare global {
  // As `lib.esnext.disposable` and Node have it: whoever compiles for neither has it from here.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}

/** For `using` and `await using`. */
export interface ImageClassifier {
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

// Browsers from before 2025 know no such symbols.
if (Symbol.dispose) {
  ImageClassifier.prototype[Symbol.dispose] = function () {
    this.dispose();
  };
  ImageClassifier.prototype[Symbol.asyncDispose] = async function () {
    this.dispose();
  };
}

/** Options over defaults: what is not said is no option. */
function merged<T extends object>(defaults: ClassifyOptions, options: T): ClassifyOptions & T {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) } as ClassifyOptions & T;
}
