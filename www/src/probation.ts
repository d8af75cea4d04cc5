// A driver may err only later: what a GPU answered at first, and whether it still does after a while.

import { BackendError } from './errors.js';
import { repeats, trial, type Trial } from './speeds.js';
import type { Session } from './wasm.js';

/** Milliseconds of use after which it is held to its answers once more. */
const PROBATION = 60_000;

export class Probation {
  #trial: Trial | undefined;
  #due: number | undefined;

  /** Milliseconds for a picture, where that was tried. */
  get milliseconds(): number | undefined {
    return this.#trial?.milliseconds;
  }

  /** Holds a new network to the CPU's answers; `warm`: and shows it pictures of its own size. */
  async begin(session: Session, warm: boolean): Promise<void> {
    this.#due = undefined;
    await session.prove();
    this.#trial = warm ? await trial(session) : undefined;
  }

  /** Whether it is to be held to them again; counted from the first call. */
  isOver(): boolean {
    const now = performance.now();
    this.#due ??= now + PROBATION;
    return now >= this.#due;
  }

  /** Another head answers from now on: the answer that was tried is no longer due. */
  changeClasses(): void {
    this.#trial = undefined;
  }

  async end(session: Session): Promise<void> {
    this.#due = Infinity;
    if (this.#trial && !(await repeats(session, this.#trial))) {
      throw new BackendError('it no longer answers a picture as it did at first');
    }
    await session.prove();
  }
}
