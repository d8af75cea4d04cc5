// The public class. It checks what it is given, hands the work to the worker and keeps nothing
// but the last report.

import { abortable, join } from './abortable.js';
import { Bridge } from './bridge.js';
import { OptionError, throwIfAborted } from './errors.js';
import { filterOf } from './filter.js';
import { readLabels } from './labels.js';
import { Lesson, checkHead, show, type TeachOptions } from './lesson.js';
import { modelSource } from './models.js';
import {
  checkBackend,
  checkIndex,
  checkMinScore,
  checkSha256,
  checkSources,
  checkThreads,
  checkTopK,
  type Classification,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
  type ExplainOptions,
  type Explanation,
} from './options.js';
import type { Reply } from './protocol.js';
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
import { checkWhere } from './start.js';
import { live } from './stream.js';
import { Turns } from './turns.js';

/** Pictures that hold their pixels at once: one that is classified and one that is ready to be. */
const AT_ONCE = 2;

type Answer = Reply & { type: 'classified' };
/** What is asked of a picture, and the answer to it. */
type Question =
  { type: 'classify'; topK: number } | { type: 'explain'; index?: number } | { type: 'embed' };
type AnswerTo<Q extends Question> = Q extends { type: 'classify' }
  ? Answer
  : Q extends { type: 'explain' }
    ? Reply & { type: 'explained' }
    : Reply & { type: 'embedded' };

/** A frame that is wanted and not taken yet. */
interface Waiting {
  video: ImageSource;
  topK: number;
  answer?: Promise<Answer>;
}

/** Classifies pictures with an Xception network, in a worker. */
export class ImageClassifier {
  readonly #bridge: Bridge;
  readonly #turns = new Turns(AT_ONCE);
  readonly #waiting = new Set<Waiting>();
  #info: ClassifierInfo;

  private constructor(bridge: Bridge, info: ClassifierInfo) {
    this.#bridge = bridge;
    this.#info = info;
  }

  /** Starts a worker, loads the model and chooses the backend. */
  static async create(options: CreateOptions = {}): Promise<ImageClassifier> {
    const { backend = 'auto', onProgress, signal } = options;
    const checked = { backend: checkBackend(backend), threads: checkThreads(options.threads) };
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
    const topK = checkTopK(options.topK ?? 5);
    const minScore = checkMinScore(options.minScore ?? 0);
    const { labels } = this.#named();
    const filter = filterOf(options, labels);
    // What is left out makes room for others.
    const wanted = filter ? labels.length : topK;
    const { closing } = this.#bridge;
    throwIfAborted(closing);
    const { signal, release } = join(options.signal, closing);
    try {
      const ready = prepare(source, signal);
      const pack = ready instanceof Promise ? await ready : ready;
      const { result } = isVideo(source)
        ? await abortable(this.#ofVideo(source, pack, wanted), signal)
        : await this.#ask({ type: 'classify', topK: wanted }, pack, signal);
      const predictions = filter?.(result.predictions).slice(0, topK) ?? result.predictions;
      return { ...result, predictions: predictions.filter(({ score }) => score >= minScore) };
    } finally {
      release();
    }
  }

  /** The newest frame when its turn comes, for all who wait for it: asking faster than there are answers piles nothing up. */
  #ofVideo(video: ImageSource, pack: Pack, topK: number): Promise<Answer> {
    for (const other of this.#waiting) {
      if (other.video === video && other.topK === topK) return other.answer!;
    }
    const waiting: Waiting = { video, topK };
    this.#waiting.add(waiting);
    const begin = () => {
      this.#waiting.delete(waiting);
      return pack();
    };
    waiting.answer = this.#ask({ type: 'classify', topK }, begin, this.#bridge.closing);
    waiting.answer.catch(() => {}); // All who waited may have given up.
    return waiting.answer;
  }

  async #ask<Q extends Question>(
    question: Q,
    pack: Pack,
    signal: AbortSignal,
  ): Promise<AnswerTo<Q>> {
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
      const request = { ...question, picture };
      const answer = await this.#bridge.ask<Question['type']>(request, signal, transfer, leave);
      this.#info = answer.info ?? this.#info;
      return answer as AnswerTo<Q>;
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
  async embed(source: ImageSource, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    const { closing } = this.#bridge;
    throwIfAborted(closing);
    const { signal, release } = join(options.signal, closing);
    try {
      const pack = await prepare(source, signal);
      return (await this.#ask({ type: 'embed' }, pack, signal)).result;
    } finally {
      release();
    }
  }

  /**
   * Teaches classes by pictures of them: a new head on the network, which goes on as it is. Nothing
   * changes until the lesson is taken into use.
   */
  async teach(options: TeachOptions): Promise<Lesson> {
    const bridge = this.#bridge;
    throwIfAborted(bridge.closing);
    const { signal, release } = join(options.signal, bridge.closing);
    try {
      const { features } = this.#info.model;
      const what = await show(options, (image) => this.embed(image, { signal }), features, signal);
      const { onProgress } = options;
      const step = (step: Step) => signal.aborted || onProgress?.({ stage: 'learn', ...step });
      const request = { type: 'teach', ...what } as const;
      const { head, report } = await bridge.ask(request, signal, [], () => {}, step);
      const write = async () => (await bridge.ask({ type: 'write', head })).bytes;
      return new Lesson(head, report, write);
    } finally {
      release();
    }
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
    if (!explains) {
      throw new OptionError(
        'This model has dense layers with ReLU before its classifier, so that no place of a picture speaks for a class by itself. Explain with a model whose info.model.explains is true.',
      );
    }
    const { closing } = this.#bridge;
    throwIfAborted(closing);
    const { signal, release } = join(options.signal, closing);
    try {
      const pack = await prepare(source, signal);
      return (await this.#ask({ type: 'explain', index }, pack, signal)).result;
    } finally {
      release();
    }
  }

  /**
   * The labels of several pictures, in their order, one at a time: only one is decoded at once. The
   * first that fails rejects them all.
   */
  async classifyAll(
    sources: Iterable<ImageSource> & object,
    options: ClassifyOptions = {},
  ): Promise<Classification[]> {
    const answers: Classification[] = [];
    for (const source of checkSources(sources)) answers.push(await this.classify(source, options));
    return answers;
  }

  /**
   * The labels of a playing video, over and over: one frame in flight, always the newest, asleep
   * while the tab is hidden. Ends, without an error, when the signal aborts, or the video ends or has
   * its source taken away.
   */
  stream(
    video: HTMLVideoElement,
    options: ClassifyOptions = {},
  ): AsyncGenerator<Classification, void, void> {
    checkTopK(options.topK ?? 5);
    checkMinScore(options.minScore ?? 0);
    filterOf(options, this.#named().labels);
    return live((frame, how) => this.classify(frame, how), video, options, this.#bridge.closing);
  }

  /** Ends the worker and frees all that it holds. Answers still awaited reject. */
  dispose(): void {
    this.#bridge.close();
  }
}
