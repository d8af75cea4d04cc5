// A bound on what is done at once: whoever comes later waits, in order.

import { abortable } from './abortable.js';

export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Resolves when the turn has come; it must be left again. Without a turn where the signal aborts first. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
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
