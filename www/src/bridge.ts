// The page's end of the worker: requests out, promises back.

import { DisposedError, WorkerError, fromPlain } from './errors.js';
import type { Progress } from './options.js';
import type { Reply, Request } from './protocol.js';

interface Answers {
  create: Reply & { type: 'created' };
  classify: Reply & { type: 'classified' };
}
interface Asks {
  create: Omit<Request & { type: 'create' }, 'id'>;
  classify: Omit<Request & { type: 'classify' }, 'id'>;
}

interface Pending {
  resolve: (reply: Reply) => void;
  reject: (error: unknown) => void;
}

export class Bridge {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onProgress: (progress: Progress) => void;
  #closed: Error | undefined;
  #nextId = 1;

  constructor(onProgress: (progress: Progress) => void = () => {}) {
    this.#onProgress = onProgress;
    // In one expression, so that bundlers find the file.
    try {
      this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    } catch {
      throw workerMissing();
    }
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#take(data));
    this.#worker.addEventListener('error', (event) => {
      // An error inside a running worker is answered by the worker; without a message the script
      // itself could not be loaded.
      if (!event.message) this.close(workerMissing());
    });
  }

  /** Sends a request; an abort gives the answer up and drops the work if it has not begun. */
  async ask<K extends keyof Answers>(
    request: Asks[K] & { type: K },
    signal?: AbortSignal,
    transfer: Transferable[] = [],
  ): Promise<Answers[K]> {
    if (this.#closed) throw this.#closed;
    signal?.throwIfAborted();
    const reply = await this.#send(request, signal, transfer);
    return reply as Answers[K];
  }

  #send(
    request: Asks[keyof Asks],
    signal: AbortSignal | undefined,
    transfer: Transferable[],
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const abort = () => {
        this.#pending.delete(id);
        this.#post({ type: 'cancel', id });
        reject(signal!.reason);
      };
      const settle = <T>(then: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', abort);
          then(value);
        };
      };
      this.#pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
      signal?.addEventListener('abort', abort, { once: true });
      this.#post({ ...request, id } as Request, transfer);
    });
  }

  /** Ends the worker and with it all that it holds: memory, GPU device, downloads under way. */
  close(reason: Error = new DisposedError()): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#worker.terminate();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(reason);
  }

  get closed(): Error | undefined {
    return this.#closed;
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #take(reply: Reply): void {
    if (reply.type === 'progress') return this.#onProgress(reply.progress);
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.type === 'failed') pending?.reject(fromPlain(reply.error));
    else pending?.resolve(reply);
  }
}

function workerMissing(): WorkerError {
  return new WorkerError(
    'The worker script could not be loaded. Serve the whole package from the same origin as the page, and allow it in the content security policy (worker-src).',
  );
}
