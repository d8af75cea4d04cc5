// The public class. It checks what it is given, hands the work to the worker and keeps nothing
// but the last report.

import { Bridge } from './bridge.js';
import { readLabels } from './labels.js';
import { modelSource } from './models.js';
import {
  checkBackend,
  checkMinScore,
  checkSha256,
  checkThreads,
  checkTopK,
  type Classification,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
} from './options.js';
import { pack, type ImageSource } from './source.js';
import { live } from './stream.js';

/** Classifies pictures with an Xception network, in a worker. */
export class ImageClassifier {
  readonly #bridge: Bridge;
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
    signal?.throwIfAborted();
    const model = await modelSource(options.model, { cache: options.cache, sha256 }, signal);
    const labels = await readLabels(options.labels, signal);
    const request = { type: 'create', ...checked, model, labels } as const;
    signal?.throwIfAborted();
    const bridge = new Bridge(onProgress);
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

  /** The labels of a picture, best first. Calls are answered in order. */
  async classify(source: ImageSource, options: ClassifyOptions = {}): Promise<Classification> {
    const { signal } = options;
    const topK = checkTopK(options.topK ?? 5);
    const minScore = checkMinScore(options.minScore ?? 0);
    if (this.#bridge.closed) throw this.#bridge.closed;
    const { picture, transfer } = await pack(source, signal);
    const reply = await this.#bridge.ask({ type: 'classify', picture, topK }, signal, transfer);
    this.#info = reply.info;
    const { predictions } = reply.result;
    return { ...reply.result, predictions: predictions.filter(({ score }) => score >= minScore) };
  }

  /**
   * The labels of several pictures, in their order, one at a time: only one is decoded at once. The
   * first that fails rejects them all.
   */
  async classifyAll(
    sources: Iterable<ImageSource>,
    options: ClassifyOptions = {},
  ): Promise<Classification[]> {
    const answers: Classification[] = [];
    for (const source of sources) answers.push(await this.classify(source, options));
    return answers;
  }

  /**
   * The labels of a playing video, over and over: one frame in flight, always the newest, asleep
   * while the tab is hidden. Ends, without an error, when the signal aborts or the video ends.
   */
  stream(
    video: HTMLVideoElement,
    options: ClassifyOptions = {},
  ): AsyncGenerator<Classification, void, void> {
    checkTopK(options.topK ?? 5);
    checkMinScore(options.minScore ?? 0);
    return live((frame, how) => this.classify(frame, how), video, options);
  }

  /** Ends the worker and frees all that it holds. Answers still awaited reject. */
  dispose(): void {
    this.#bridge.close();
  }
}
