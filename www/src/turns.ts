// A bound on what is done at once: whoever comes later waits, in order.

import { abortable } from './abortable.js';

export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Takes a turn if there is one; it must be left again. */
  take(): boolean {
    return this.#free > 0 && this.#free-- > 0;
  }

  /** Resolves when a turn has come and been taken; without one where the signal aborts first. */
  async wait(signal: AbortSignal): Promise<void> {
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => this.#waiting.add((begin = resolve)));
    try {
      await abortable(turn, signal);
    } catch (error) {
      // It may have come in the same moment.
      if (!this.#waiting.delete(begin)) this.leave();
      throw error;
    }
  }

  leave(): void {
    const [next] = this.#waiting;
    if (!next) this.#free++;
    else if (this.#waiting.delete(next)) next();
  }
}
