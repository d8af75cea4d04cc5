// The page's end of the worker: requests out, promises back.

import { abortable } from './abortable.js';
import { causedBy, clause, throwIfAborted } from './cause.js';
import { DisposedError, WorkerError, fromPlain } from './errors.js';
import type { Step } from './report.js';
import type { Progress } from './options.js';
import type { Answer, Ask, Kind, Reply, Request } from './protocol.js';
import { start, workerMissing, type Where, type Workplace } from './start.js';

interface Pending {
  resolve: (reply: Reply) => void;
  reject: (error: unknown) => void;
  step?: (step: Step) => void;
}

export class Bridge {
  readonly #worker: Workplace;
  readonly #pending = new Map<number, Pending>();
  readonly #onProgress: (progress: Progress) => void;
  readonly #ending = new AbortController();
  #started = false;
  #nextId = 1;

  constructor(where: Where, onProgress: (progress: Progress) => void = () => {}) {
    this.#onProgress = onProgress;
    this.#worker = start(where);
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#take(data));
    this.#worker.addEventListener('error', ({ message, error }) => {
      // An error inside a running worker is answered by the worker. Before that the script could not
      // be loaded, which has no message, or not be run.
      if (!message) this.close(workerMissing());
      else if (!this.#started) this.close(workerBroken(message, error));
    });
  }

  /**
   * Sends a request; an abort gives the answer up and drops the work if it has not begun. `done` is
   * called when the worker has let go of what was sent, which after an abort may be later; `step` with
   * how far a lesson is.
   */
  async ask<K extends Kind>(
    request: Ask<K>,
    signal?: AbortSignal,
    transfer: Transferable[] = [],
    done: () => void = () => {},
    step?: (step: Step) => void,
  ): Promise<Answer<K>> {
    const id = this.#nextId++;
    const answer = new Promise<Reply>((resolve, reject) => {
      throwIfAborted(this.closing);
      throwIfAborted(signal);
      this.#post({ ...request, id } as Request, transfer);
      this.#pending.set(id, { resolve, reject, step });
    });
    answer.then(done, done);
    try {
      return (await abortable(answer, signal)) as Reply & Answer<K>;
    } catch (error) {
      // Nothing came back: it is the signal that ended the wait.
      if (this.#pending.has(id)) this.#post({ type: 'cancel', id });
      throw error;
    }
  }

  /** Ends the worker and with it all that it holds: memory, GPU device, downloads under way. */
  close(reason: Error = new DisposedError()): void {
    if (this.closing.aborted) return;
    this.#worker.terminate();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(reason);
    this.#ending.abort(reason);
  }

  /** Aborts when the worker ends, with the reason for it. */
  get closing(): AbortSignal {
    return this.#ending.signal;
  }

  #post(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #take(reply: Reply): void {
    if (reply.type === 'started') {
      this.#started = true;
    } else if (reply.type === 'progress') {
      this.#onProgress(reply.progress);
    } else if (reply.type === 'step') {
      this.#pending.get(reply.id)?.step?.(reply.step);
    } else {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (reply.type === 'failed') pending?.reject(fromPlain(reply.error));
      else pending?.resolve(reply);
    }
  }
}

function workerBroken(message: string, cause: unknown): WorkerError {
  const error = new WorkerError(
    `The worker script could not be run (${clause(message)}). Serve the package’s own files, all of one version, to a browser that it supports.`,
  );
  return cause ? causedBy(cause, error) : error;
}
