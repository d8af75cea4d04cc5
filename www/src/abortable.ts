// Waits that end with a signal. Page only: the worker's end with the worker.

/** What `work` comes to, or the signal's reason if it aborts first; nothing listens afterwards. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const listening = new AbortController();
  try {
    return await new Promise<T>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      // The abort goes first where both are there.
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { signal: listening.signal });
      work.then(resolve, reject);
    });
  } finally {
    listening.abort();
  }
}

/** A signal for work under several: it aborts with the first of them, and when the work is over. */
export function join(...signals: (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  release: () => void;
} {
  const joint = new AbortController();
  for (const signal of signals) {
    const abort = () => joint.abort(signal!.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { signal: joint.signal });
  }
  return { signal: joint.signal, release: () => joint.abort() };
}
