// The GPU once more, after its device was lost. The runtime can be brought up once in a worker: this
// is a worker inside the worker, spoken to as the page speaks to its own.

import { BackendError, fromPlain } from './errors.js';
import type { Creation, Picture, Reply, Request } from './protocol.js';
import type { Answer, Computer } from './wasm.js';
import type { Explanation } from './options.js';

/** A network on the GPU that fails rather than falls back. */
export class Second implements Computer {
  readonly #worker: Worker;
  #nextId = 1;

  /** @throws when the GPU cannot be brought up again. */
  static async start(want: Creation, model: Blob): Promise<Second> {
    const second = new Second();
    try {
      await second.#ask({
        ...want,
        type: 'create',
        model: { blob: model },
        backend: 'webgpu',
        alone: true,
      });
      return second;
    } catch (error) {
      second.close();
      throw error;
    }
  }

  private constructor() {
    // This worker's own script, whatever a bundler called it.
    this.#worker = new Worker(self.location.href, { type: 'module' });
  }

  async classify(rgba: Uint8Array, width: number, height: number, topK: number): Promise<Answer> {
    const picture = pixels(rgba, width, height);
    const { result } = (await this.#ask({ type: 'classify', picture, topK })) as Reply & {
      type: 'classified';
    };
    return result;
  }

  async explain(
    rgba: Uint8Array,
    width: number,
    height: number,
    index?: number,
  ): Promise<Explanation> {
    const picture = pixels(rgba, width, height);
    const { result } = (await this.#ask({ type: 'explain', picture, index })) as Reply & {
      type: 'explained';
    };
    return result;
  }

  close(): void {
    this.#worker.terminate();
  }

  #ask(request: object): Promise<Reply> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#worker.onerror = () => reject(new BackendError('its worker failed'));
      this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (!('id' in data) || data.id !== id) return;
        if (data.type === 'failed') reject(fromPlain(data.error));
        else resolve(data);
      };
      this.#worker.postMessage({ ...request, id } as Request);
    });
  }
}

function pixels(rgba: Uint8Array, width: number, height: number): Picture {
  return { kind: 'pixels', rgba, width, height, name: 'the picture' };
}
