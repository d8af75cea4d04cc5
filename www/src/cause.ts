// What led to an error: as its cause, as words in its message, or as the abort that it is.

/** The error, with what led to it as its `cause`. */
export function causedBy<E extends Error>(cause: unknown, error: E): E {
  return Object.defineProperty(error, 'cause', {
    value: cause,
    writable: true,
    configurable: true,
  });
}

/** An abort is its caller's own: it rejects with the signal's reason, which is no error of this package. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** The one-line text of anything thrown. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim() || 'unknown error';
}

/** A message as it stands inside another sentence: without its full stop. */
export function clause(error: unknown): string {
  // A browser may explain itself over several lines.
  return messageOf(error)
    .replace(/\s+/g, ' ')
    .replace(/[. ]+$/, '');
}
