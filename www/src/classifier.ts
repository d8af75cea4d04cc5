// The public class. It checks what it is given, hands the work to the worker and keeps nothing
// but the last report.

import { Bridge } from './bridge.js';
import { OptionError } from './errors.js';
import {
  checkBackend,
  checkTopK,
  quote,
  type Classification,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
} from './options.js';
import type { ModelSource } from './protocol.js';
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
    const { model, backend = 'auto', onProgress, signal } = options;
    const request = {
      type: 'create',
      model: modelSource(model),
      backend: checkBackend(backend),
    } as const;
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
    if (this.#bridge.closed) throw this.#bridge.closed;
    const { picture, transfer } = await pack(source, signal);
    const reply = await this.#bridge.ask({ type: 'classify', picture, topK }, signal, transfer);
    this.#info = reply.info;
    return reply.result;
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
    return live((frame, how) => this.classify(frame, how), video, options);
  }

  /** Ends the worker and frees all that it holds. Answers still awaited reject. */
  dispose(): void {
    this.#bridge.close();
  }
}

function modelSource(model: CreateOptions['model']): ModelSource {
  if (model === undefined) {
    // In one expression, so that bundlers find the file.
    return new URL('./models/emoji.safetensors', import.meta.url).href;
  }
  if (model instanceof Blob) return model;
  if (model instanceof ArrayBuffer) return new Blob([model]);
  if (model instanceof Uint8Array) return new Blob([model as Uint8Array<ArrayBuffer>]);
  if (typeof model === 'string' || model instanceof URL) {
    try {
      return new URL(model, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    } catch {
      // Not an address: falls through.
    }
  }
  throw new OptionError(
    `Cannot load a model from ${quote(model)}. Give its address, or the file as a Blob, ArrayBuffer or Uint8Array.`,
  );
}
