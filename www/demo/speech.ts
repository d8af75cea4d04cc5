// What is told to those who do not see the page: answers in one region, everything else in another.

import type { Classification } from 'xception-web';
import { element, percent } from './dom.js';

const spoken = element('spoken');
const announced = element('announced');

/** Milliseconds between two spoken answers of a camera, which gives many a second. */
const BREATH = 2500;
let last = -BREATH;

export function speak({ predictions: [best], known }: Classification, live: boolean): void {
  if (!best) return;
  const guess = `${best.label}, ${percent(best.score)}`;
  const key = known ? best.label : live ? 'unknown' : `unknown/${best.label}`;
  if (spoken.dataset.key === key || (live && performance.now() - last < BREATH)) return;
  last = performance.now();
  spoken.dataset.key = key;
  spoken.textContent = known
    ? guess
    : live
      ? 'Nothing I know.'
      : `Nothing I know. Best guess: ${guess}`;
}

/** The next answer is spoken even where it equals the last one. */
export function resetSpeech(): void {
  delete spoken.dataset.key;
  spoken.textContent = '';
  last = -BREATH;
}

/** What the page does besides answering. */
export function announce(text: string): void {
  announced.textContent = text;
}
