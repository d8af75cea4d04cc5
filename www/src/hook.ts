// What is put before a browser's own method, and taken away again where that matters: on a page, which
// outlives the classifier, and where another may have been put before the same method meanwhile.

import { ending } from './port.js';

/** A method that was put before another. */
interface Hooked {
  (...given: never[]): unknown;
  inner?: Hooked;
}

/**
 * Puts `outer` before the method, until the end of this work; it calls what is behind it through `inner`, which
 * another's end may change.
 */
export function hook<K extends string, T extends Record<K, Hooked>>(
  prototype: T,
  name: K,
  make: (inner: () => T[K]) => T[K],
): void {
  const outer: Hooked = make(() => outer.inner as T[K]);
  outer.inner = prototype[name];
  prototype[name] = outer as T[K];
  ending?.addEventListener('abort', () => {
    if (prototype[name] === outer) {
      prototype[name] = outer.inner as T[K];
      return;
    }
    let before: Hooked | undefined = prototype[name];
    while (before && before.inner !== outer) before = before.inner;
    // Not found behind what another library has put there: it then stays.
    if (before) before.inner = outer.inner;
  });
}
