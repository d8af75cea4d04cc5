// Pictures compared by what they are to the network.

import { OptionError } from './errors.js';

/** How alike two pictures are by what `embed` answered to them: the cosine, from -1 to 1. */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new OptionError(
      `Features of ${a.length} and of ${b.length} numbers cannot be compared. Give two that one model made.`,
    );
  }
  let [both, ofA, ofB] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    both += a[at]! * b[at]!;
    ofA += a[at]! ** 2;
    ofB += b[at]! ** 2;
  }
  const lengths = Math.sqrt(ofA * ofB);
  return lengths > 0 ? Math.min(1, Math.max(-1, both / lengths)) : 0;
}
