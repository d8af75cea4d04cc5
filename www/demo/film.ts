// Several pictures at once: a strip of them with what each was found to be, from which one is looked at.

import type { Classification } from 'xception-web';
import { element } from './dom.js';
import { shown } from './pictures.js';

const film = element('film');

interface Frame {
  file: File;
  item: HTMLElement;
  answer?: Classification;
}

export class Film {
  readonly #pick: (file: File) => void;
  #frames: Frame[] = [];

  constructor(pick: (file: File) => void) {
    this.#pick = pick;
    film.addEventListener('keydown', (event) => this.#steer(event));
  }

  /** Shows the strip, or hides it where there is nothing to choose. */
  show(files: File[]): void {
    for (const image of film.querySelectorAll('img')) URL.revokeObjectURL(image.src);
    this.#frames = files.length > 1 ? files.map((file, at) => this.#frame(file, at)) : [];
    film.replaceChildren(...this.#frames.map(({ item }) => item));
    film.hidden = this.#frames.length === 0;
    this.#mark(0);
  }

  /** Another model: no answer holds any more. */
  forget(): void {
    for (const frame of this.#frames) {
      frame.answer = undefined;
      write(frame, '');
    }
  }

  /** What was found before, of a picture of the strip. */
  answerOf(file: File): Classification | undefined {
    return this.#frames.find((frame) => frame.file === file)?.answer;
  }

  keep(file: File, answer: Classification): void {
    const frame = this.#frames.find((frame) => frame.file === file);
    if (!frame) return;
    frame.answer = answer;
    write(frame, answer.known ? (answer.predictions[0]?.label ?? '') : 'nothing I know');
  }

  /** Classifies those that have no answer yet, one after the other. */
  async complete(
    classify: (file: File) => Promise<Classification>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const frame of this.#frames) {
      if (signal.aborted) return;
      if (frame.answer) continue;
      try {
        const answer = await classify(frame.file);
        if (!signal.aborted) this.keep(frame.file, answer);
      } catch {
        // Whoever looks at it is told why.
        if (!signal.aborted) write(frame, 'cannot be read');
      }
    }
  }

  #frame(file: File, at: number): Frame {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.addEventListener('click', () => this.#choose(at));
    const image = new Image();
    image.loading = 'lazy';
    image.decoding = 'async';
    image.src = URL.createObjectURL(shown(file));
    image.alt = file.name;
    const name = document.createElement('span');
    button.append(image, name);
    item.append(button);
    return { file, item };
  }

  #choose(at: number): void {
    this.#mark(at);
    this.#pick(this.#frames[at]!.file);
  }

  #mark(at: number): void {
    for (const [i, { item }] of this.#frames.entries()) {
      const button = item.firstElementChild as HTMLButtonElement;
      button.setAttribute('aria-pressed', String(i === at));
    }
  }

  /** The arrows go through the pictures, from the one that has the keyboard. */
  #steer(event: KeyboardEvent): void {
    const last = this.#frames.length - 1;
    const at = this.#frames.findIndex(({ item }) => item.contains(document.activeElement));
    const steps: Record<string, number> = {
      ArrowLeft: Math.max(0, at - 1),
      ArrowRight: Math.min(last, at + 1),
      Home: 0,
      End: last,
    };
    const next = steps[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    (this.#frames[next]!.item.firstElementChild as HTMLButtonElement).focus();
    if (next !== at) this.#choose(next);
  }
}

function write({ item }: Frame, text: string): void {
  item.querySelector('span')!.textContent = text;
}
