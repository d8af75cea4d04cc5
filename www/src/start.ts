// Where the work is done: in a worker, from this package's own files or from another origin's, or on the page.

import { addressOf } from './address.js';
import { causedBy, clause } from './cause.js';
import { OptionError, WorkerError } from './errors.js';
import { bootstrap, isForeign } from './foreign.js';
import { quote, type CreateOptions } from './options.js';

/** A worker, or what stands in for one. */
export interface Workplace {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'error', listener: (event: Failure) => void): void;
  terminate(): void;
}

/** `error` where it is known: of a worker there is no more than the text. */
export interface Failure {
  message?: string;
  error?: unknown;
}

export interface Where {
  /** With a slash at its end. */
  assetBase?: string;
  runIn: 'worker' | 'page';
}

/** `import.meta.url` where bundlers do not look for it: of files that they do not move. */
const HERE = import.meta.url;

export function checkWhere({ assetBase, runIn = 'worker' }: CreateOptions): Where {
  if (runIn !== 'worker' && runIn !== 'page') {
    throw new OptionError(`runIn is ${quote(runIn)}. Give "worker" or "page".`);
  }
  if (assetBase === undefined) return { runIn };
  const isAddress = typeof assetBase === 'string' || assetBase instanceof URL;
  const href = isAddress && addressOf(assetBase)?.href;
  if (!href) {
    throw new OptionError(
      `assetBase is ${quote(assetBase)}. Give the address of the folder that holds worker.js.`,
    );
  }
  return { runIn, assetBase: href.endsWith('/') ? href : `${href}/` };
}

export function start({ assetBase, runIn }: Where): Workplace {
  if (runIn === 'page') return onPage(assetBase);
  try {
    if (assetBase !== undefined) return apart(new URL('worker.js', assetBase).href);
    if (isForeign(HERE)) return bootstrap(new URL('worker.js', HERE).href);
    // In one expression, so that bundlers find the file.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    throw causedBy(error, workerMissing());
  }
}

function apart(url: string): Worker {
  return isForeign(url) ? bootstrap(url) : new Worker(url, { type: 'module' });
}

/** The worker's code on the page itself, each time anew: a later one begins with nothing of an earlier. */
function onPage(assetBase?: string): Workplace {
  const { port1, port2 } = new MessageChannel();
  const end = new AbortController();
  let fail: (event: Failure) => void = () => {};
  const code =
    assetBase === undefined
      ? import('./inline.js')
      : import(/* webpackIgnore: true */ /* @vite-ignore */ new URL('inline.js', assetBase).href);
  code.then(
    ({ serve }) => end.signal.aborted || serve(port2, end.signal),
    (error: unknown) => fail({ message: clause(error), error }),
  );
  return {
    postMessage: (message, transfer) => port1.postMessage(message, transfer),
    addEventListener: (
      type: 'message' | 'error',
      listener: (event: never) => void, // Of either.
    ) => {
      if (type === 'error') {
        fail = listener as typeof fail;
      } else {
        port1.addEventListener('message', listener as (event: MessageEvent) => void);
        port1.start();
      }
    },
    terminate: () => {
      end.abort();
      port1.close();
      port2.close();
    },
  };
}

export function workerMissing(): WorkerError {
  return new WorkerError(
    'The worker script could not be loaded, or is none that this browser can read. Serve the whole package as it is, and allow it in the content security policy: worker-src, with blob: for files of another origin. Where no worker is allowed, create with runIn: "page".',
  );
}
