// The learning itself: the loss as it falls, and what came of it in plain words.

import type { Lesson, LessonReport, TeachProgress } from 'xception-web';
import { part, percent } from './dom.js';

/** Steps that fill the drawing, at least: a short course is not stretched. */
const WIDTH = 60;
/** The drawing's height. */
const HEIGHT = 30;

export interface Course {
  signal: AbortSignal;
  onProgress: (progress: TeachProgress) => void;
}

interface Takers {
  learn: (course: Course) => Promise<Lesson>;
  /** To answer by under a name, and with the camera at once. */
  use: (lesson: Lesson, name: string, live: boolean) => Promise<void>;
  failed: (error: unknown) => void;
  said: (text: string) => void;
}

export class Learning {
  readonly #room: HTMLElement;
  readonly #takers: Takers;
  #running: AbortController | undefined;

  constructor(room: HTMLElement, takers: Takers) {
    this.#room = room;
    this.#takers = takers;
    part(room, 'learn').addEventListener('click', () => void this.#learn());
    part(room, 'cancel').addEventListener('click', () => {
      this.cancel();
      part(room, 'learn').focus();
      takers.said('Cancelled.');
    });
  }

  cancel(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#show(false);
  }

  async #learn(): Promise<void> {
    this.cancel();
    const { signal } = (this.#running = new AbortController());
    const [result, course] = [part(this.#room, 'result'), part(this.#room, 'course')];
    result.hidden = part(this.#room, 'trouble').hidden = true;
    course.hidden = false;
    const losses: number[] = [];
    this.#show(true);
    this.#takers.said('Learning.');
    try {
      const onProgress = (progress: TeachProgress) => this.#follow(progress, losses);
      const lesson = await this.#takers.learn({ signal, onProgress });
      if (signal.aborted) return;
      this.#tell(lesson);
      this.cancel();
      result.focus();
    } catch (error) {
      if (signal.aborted) return;
      this.cancel();
      course.hidden = true;
      this.#takers.failed(error);
    }
  }

  /** Draws the loss as far as it has fallen. */
  #follow(progress: TeachProgress, losses: number[]): void {
    const text = part(this.#room, 'course-text');
    if (progress.stage === 'look') {
      text.textContent = `Looking at picture ${progress.done} of ${progress.total}.`;
      return;
    }
    const { step, loss, accuracy } = progress;
    losses.push(loss);
    const right =
      accuracy === undefined
        ? ''
        : ` Of the pictures held out ${percent(accuracy)} are named rightly.`;
    text.textContent = `Step ${step}: loss ${loss.toFixed(3)}.${right}`;
    const across = 100 / Math.max(WIDTH, losses.length - 1);
    const points = losses.map(
      (loss, at) => `${(at * across).toFixed(1)},${(HEIGHT * (1 - loss / losses[0]!)).toFixed(2)}`,
    );
    part(this.#room, 'line').setAttribute('points', points.join(' '));
  }

  #tell(lesson: Lesson): void {
    const { report } = lesson;
    const result = part(this.#room, 'result');
    const headline = document.createElement('p');
    headline.className = 'headline';
    headline.textContent = inWords(report);
    const classes = document.createElement('ul');
    classes.setAttribute('role', 'list');
    classes.append(
      ...report.classes
        .filter(({ heldOut }) => heldOut > 0)
        .map(({ label, heldOut, right }) => line(`${label}: ${right} of ${heldOut}`)),
    );
    const warnings = document.createElement('ul');
    warnings.className = 'warnings';
    warnings.setAttribute('role', 'list');
    warnings.append(...report.warnings.map(({ message }) => line(message)));
    const actions = document.createElement('div');
    actions.className = 'actions';
    const { use, failed } = this.#takers;
    // After what was learnt, whatever the things are called by now.
    const name = new Intl.ListFormat('en-GB').format(report.classes.map(({ label }) => label));
    const offer = (text: string, testId: string, act: () => Promise<void>) => {
      actions.append(button(text, testId, () => void act().catch(failed)));
    };
    offer('Try it with the camera', 'teach-live', () => use(lesson, name, true));
    offer('Try it with pictures', 'teach-use', () => use(lesson, name, false));
    offer('Download the model', 'teach-download', () =>
      lesson.download(`${fileName(name)}.safetensors`),
    );
    actions.firstElementChild!.classList.add('primary');
    result.replaceChildren(headline, classes, warnings, actions);
    result.hidden = false;
    this.#takers.said(
      [headline.textContent, ...report.warnings.map(({ message }) => message)].join(' '),
    );
  }

  #show(running: boolean): void {
    part(this.#room, 'cancel').hidden = !running;
    part(this.#room, 'learn').hidden = running;
    if (running) part(this.#room, 'cancel').focus();
  }
}

function inWords({ accuracy, heldOut, classes }: LessonReport): string {
  if (accuracy === undefined) return 'It has learnt; how well was not measured.';
  const right = classes.reduce((sum, one) => sum + one.right, 0);
  const pictures = heldOut === 1 ? 'the 1 picture' : `${heldOut} pictures`;
  return `Of ${pictures} that it did not learn from it names ${right} rightly.`;
}

function fileName(title: string): string {
  return title.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 60) || 'taught';
}

function line(text: string): HTMLElement {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

function button(text: string, testId: string, act: () => void): HTMLElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'button';
  made.textContent = text;
  made.dataset.testid = testId;
  made.addEventListener('click', act);
  return made;
}
