// Where the work is done in Node, Bun and Deno: in a thread of its own, so that a server goes on answering.

import { Worker } from 'node:worker_threads';
import { clause, messageOf } from './cause.js';
import { OptionError } from './errors.js';
import { quote, type CreateOptions } from './options.js';
import type { Reply } from './protocol.js';
import type * as web from './start.js';

export { workerMissing } from './start.js';

export const checkWhere: typeof web.checkWhere = ({ assetBase, runIn }: CreateOptions) => {
  if (assetBase !== undefined) {
    throw new OptionError(
      `assetBase is ${quote(assetBase)}. Leave it out here: outside of browsers the package reads its own files.`,
    );
  }
  if (runIn !== undefined && runIn !== 'worker') {
    throw new OptionError(
      `runIn is ${quote(runIn)}. Leave it out here: outside of browsers there are always workers.`,
    );
  }
  return { runIn: 'worker' };
};

/** A worker that keeps the program going only while something is asked of it. */
export const start: typeof web.start = () => {
  // In one expression, so that bundlers find the file. Of the program's own flags some fit no file.
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), { execArgv: [] });
  const asked = new Set<number>();
  const count = () => (asked.size > 0 ? worker.ref() : worker.unref());
  worker.on('message', ({ type, id }: { type: string; id?: number }) => {
    // A lesson's steps come before its answer.
    if (id !== undefined && type !== 'step') asked.delete(id);
    count();
  });
  let reason = 'it ended';
  /** Tells all who wait, once the worker has ended. */
  let tell: (() => void) | undefined;
  worker.on('error', (error) => (reason = messageOf(error)));
  return {
    postMessage(message, transfer) {
      const { type, id } = message as { type: string; id: number };
      if (type !== 'cancel') asked.add(id);
      count();
      if (tell) queueMicrotask(tell);
      else worker.postMessage(message, transfer as never);
    },
    addEventListener(type: 'message' | 'error', listener: (event: never) => void) {
      if (type === 'error') {
        worker.on('error', (error) => listener({ message: messageOf(error) } as never));
        return;
      }
      worker.on('message', (data) => listener({ data } as never));
      // Nobody else would tell those who wait, or ask later.
      worker.on('exit', () => {
        const message = `The worker has failed (${clause(reason)}). Create a new classifier.`;
        tell = () => {
          for (const id of asked) {
            asked.delete(id);
            const data: Reply = { type: 'failed', id, error: { code: 'worker-failed', message } };
            listener({ data } as never);
          }
        };
        tell();
      });
    },
    terminate: () => void worker.terminate(),
  };
};
