// The answer: the best label large, what else is worth reading under it, or that nothing is known.

import type { Classification, Prediction } from 'xception-web';
import { element, percent } from './dom.js';
import { announce, resetSpeech, speak } from './speech.js';

const list = element('predictions');
const waiting = element('waiting');
const unknown = element('unknown');
const closest = element('closest');
const offers = element('offers');
const copy = element('copy');
const burn = element<HTMLButtonElement>('burn');

/** Characters of a label that its row holds at the size of other text: a headline is as large as it fits. */
const ROW = 25;

/** The smallest score that is not written as 0.0 %. */
const WORTH_READING = 0.0005;

/** The frame in which the list is there again. */
let coming = 0;

/** A look begins. */
export function showBusy(): void {
  resetSpeech();
  list.setAttribute('aria-busy', 'true');
  burn.disabled = true; // These labels are another picture’s.
  waiting.textContent = 'Looking…';
}

export function showAnswer(answer: Classification, source: string): void {
  const { predictions, known } = answer;
  const live = source === 'webcam';
  // Rows stay where they are: their bars move from answer to answer.
  while (list.childElementCount > predictions.length) list.lastElementChild!.remove();
  for (const [at, prediction] of predictions.entries()) {
    fill((list.children[at] as HTMLElement) ?? list.appendChild(emptyRow()), prediction, at === 0);
  }
  list.dataset.source = source;
  // Guesses stand elsewhere than labels: they come and go there, rather than move. A camera’s would flicker.
  const turned = list.dataset.known !== String(known);
  list.dataset.known = String(known);
  if (turned && !live) {
    list.hidden = true;
    cancelAnimationFrame(coming);
    coming = requestAnimationFrame(() => {
      coming = requestAnimationFrame(() => (list.hidden = false));
    });
  }
  unknown.hidden = closest.hidden = known;
  offer(!known, live);
  waiting.hidden = predictions.length > 0;
  copy.hidden = predictions.length === 0 || !navigator.clipboard; // None on plain http://.
  burn.hidden = predictions.length === 0 || live;
  burn.disabled = false;
  list.setAttribute('aria-busy', 'false');
  speak(answer, live);
}

/** Takes the labels away: they belong to nothing that is shown. */
export function clearAnswer(): void {
  list.replaceChildren();
  delete list.dataset.source;
  unknown.hidden = closest.hidden = true;
  offer(false, false);
  copy.hidden = burn.hidden = true;
  resetSpeech();
  waiting.hidden = false;
  waiting.textContent = 'Likeliest labels appear here.';
  element('latency').textContent = '–';
  element('split').textContent = '';
  list.setAttribute('aria-busy', 'false');
}

/** The answer as lines of text: those rows that are shown. */
export function answerLines(): string[] {
  return ([...list.children] as HTMLElement[])
    .filter(({ hidden }) => !hidden)
    .map(({ dataset }) => `${dataset.label}\t${percent(Number(dataset.score))}`);
}

/** The lines of a picture that is saved with them; none while it has no answer. */
export function burntLines(): string[] | undefined {
  if (burn.disabled) return undefined;
  const lines = answerLines().map((line) => line.replace('\t', ' · '));
  return list.dataset.known === 'true' ? lines : ['Nothing I know', ...lines];
}

/** Milliseconds that a camera must see nothing known, or something: buttons must not come and go under a finger. */
const LINGER = 2500;
let settled = 0;

/** Shows or hides the models that know other things. */
function offer(wanted: boolean, live: boolean): void {
  const now = performance.now();
  if (offers.hidden !== wanted) settled = now;
  else if (!live || now - settled >= LINGER) {
    // The button that was pressed goes away: the keyboard goes on from the answer.
    if (offers.contains(document.activeElement)) element('answer').focus();
    offers.hidden = !wanted;
    if (wanted && !live) announce('Models are offered below.');
  }
}

function fill(item: HTMLElement, { index, label, score, synset }: Prediction, best: boolean): void {
  item.dataset.index = String(index);
  item.dataset.label = label;
  item.dataset.score = String(score);
  delete item.dataset.synset;
  if (synset) item.dataset.synset = synset;
  item.hidden = !best && score < WORTH_READING;
  const [old, value, bar] = [...item.children] as HTMLElement[];
  const name = part('label'); // Of another size it would have moved.
  name.textContent = label;
  name.style.fontSize = `clamp(1rem, ${ROW / label.length}rem, 1em)`;
  old!.replaceWith(name);
  value!.textContent = percent(score);
  bar!.style.setProperty('--share', String(score));
}

function emptyRow(): HTMLElement {
  const item = document.createElement('li');
  item.dataset.testid = 'prediction';
  item.append(...['label', 'score', 'bar'].map(part));
  return item;
}

function part(className: string): HTMLElement {
  return Object.assign(document.createElement('span'), { className });
}
