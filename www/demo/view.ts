// What the page shows. Knows the elements, decides nothing.

import type { Classification, ClassifierInfo, Prediction, Progress } from 'xception-web';

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found as T;
}

const predictions = element('predictions');
const waiting = element('waiting');
const unknown = element('unknown');
const offers = element('offers');
const spoken = element('spoken');
const announced = element('announced');
const copy = element('copy');
const cameras = element<HTMLSelectElement>('cameras');
const trouble = element('trouble');
const error = element('error');
const loading = element('loading');
const loadingText = element('loading-text');
const loadingBar = element<HTMLProgressElement>('loading-bar');
const stage = element('drop-zone');
const invite = element('invite');
const preview = element<HTMLImageElement>('preview');
export const video = element<HTMLVideoElement>('video');

/** A look begins: its answer is spoken even where it equals the last one. */
export function showBusy(): void {
  resetSpeech();
  predictions.setAttribute('aria-busy', 'true');
  waiting.textContent = 'Looking…';
}

function showIdle(): void {
  predictions.setAttribute('aria-busy', 'false');
}

export function showAnswer(answer: Classification, source: string): void {
  const rows = answer.predictions.map((prediction, at) =>
    row(predictions.children[at], prediction),
  );
  predictions.replaceChildren(...rows);
  predictions.dataset.source = source;
  predictions.dataset.known = String(answer.known);
  unknown.hidden = answer.known;
  offer(!answer.known, source === 'webcam');
  waiting.hidden = rows.length > 0;
  copy.hidden = rows.length === 0 || !navigator.clipboard; // None on plain http://.
  element('latency').textContent = milliseconds(answer.timings.total);
  element('latency').title =
    `Decoding ${milliseconds(answer.timings.decode)}, ` +
    `resizing ${milliseconds(answer.timings.preprocess)}, ` +
    `network ${milliseconds(answer.timings.inference)}`;
  showIdle();
  speak(answer, source);
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
    if (wanted && !live) announce('Models that know other things are offered below the answer.');
  }
}

/** Milliseconds between two spoken answers of a camera, which gives many a second. */
const BREATH = 2500;
let lastSpoken = -BREATH;

function speak({ predictions: [best], known }: Classification, source: string): void {
  if (!best) return;
  const live = source === 'webcam';
  const guess = `${best.label}, ${percent(best.score)}`;
  const key = known ? best.label : live ? 'unknown' : `unknown/${best.label}`;
  if (spoken.dataset.key === key || (live && performance.now() - lastSpoken < BREATH)) return;
  lastSpoken = performance.now();
  spoken.dataset.key = key;
  spoken.textContent = known
    ? guess
    : live
      ? 'Nothing I know.'
      : `Nothing I know. Best guess: ${guess}`;
}

function resetSpeech(): void {
  delete spoken.dataset.key;
  spoken.textContent = '';
  lastSpoken = -BREATH;
}

/** The answer as lines of text. */
export function answerText(): string {
  const rows = [...predictions.children] as HTMLElement[];
  return rows
    .map(({ dataset }) => `${dataset.label}\t${percent(Number(dataset.score))}`)
    .join('\n');
}

/** Tells those who do not see the page what it does besides answering. */
export function announce(text: string): void {
  announced.textContent = text;
}

/** Takes the labels away: they belong to nothing that is shown. */
export function clearAnswer(): void {
  predictions.replaceChildren();
  delete predictions.dataset.source;
  unknown.hidden = true;
  offer(false, false);
  copy.hidden = true;
  resetSpeech();
  waiting.hidden = false;
  waiting.textContent = 'The five likeliest labels appear here.';
  element('latency').textContent = '–';
  showIdle();
}

export function showError(failure: unknown): void {
  // Shown before it is filled: screen readers speak what changes in front of them.
  trouble.hidden = false;
  error.textContent = messageOf(failure);
}

export function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

export function clearError(): void {
  trouble.hidden = true;
  error.textContent = '';
}

/** The model and the program load side by side: the bar is the model's as long as it is coming. */
const parts = new Map<Progress['stage'], Progress>();

export function showProgress(progress: Progress, name: string): void {
  loading.hidden = false;
  parts.set(progress.stage, progress);
  const model = parts.get('model');
  const here = model?.total !== undefined && model.loaded >= model.total;
  const part = here ? parts.get('runtime') : model;
  const { loaded = 0, total } = part ?? {};
  if (progress.stage === 'start' || !total) {
    loadingBar.removeAttribute('value');
  } else {
    loadingBar.max = total;
    loadingBar.value = loaded;
  }
  const size = total ? `${inMegabytes(loaded)} of ${megabytes(total)}` : megabytes(loaded);
  const what = part === model ? name : 'the program';
  loadingText.textContent =
    progress.stage === 'start' ? `Starting ${name}` : `Loading ${what}: ${size}`;
}

export function clearProgress(): void {
  parts.clear();
  loading.hidden = true;
}

/** The backend, and the reason for it, can change with any answer. */
export function showEngine({ backend, reason, runtime, threads }: ClassifierInfo): void {
  const threaded = threads === 1 ? '1 thread' : `${threads} threads`;
  element('runtime').textContent =
    backend === 'webgpu' ? runtime : `${threaded}, ${runtime.replace('+threads', '')}`;
  element('backend').textContent = backend;
  const shown = element('reason');
  // It changes with a load, which has its own words, or when the GPU is given up.
  if (shown.textContent && shown.textContent !== reason) announce(reason);
  shown.textContent = reason;
}

/** `id` is the registry's, where the model is one of its; `isDefault`, whether there is one to go back to. */
export function showModel(
  { model, origin }: ClassifierInfo,
  { name, id, isDefault }: { name: string | undefined; id: string | undefined; isDefault: boolean },
): void {
  showTexts(id);
  element('model-reset').hidden = isDefault;
  element('origin').textContent = origin.note;
  const facts = [
    name ?? model.title,
    model.architecture,
    `${model.classes} classes`,
    `${(model.parameters / 1e6).toFixed(2)} million parameters`,
    `${model.inputSize} × ${model.inputSize} pixels`,
    model.licence,
  ];
  element('card').textContent = facts.filter(Boolean).join(' · ');
}

/** What is on the page for some models alone; samples of the default where a model has none. */
function showTexts(id: string | undefined): void {
  const own = document.querySelectorAll<HTMLElement>('[data-model]');
  const named = [...own].find(({ dataset }) => dataset.model === id)?.dataset.model;
  const about = element('about');
  for (const part of own) {
    const { model } = part.dataset;
    part.hidden = model !== (about.contains(part) ? named : (named ?? own[0]!.dataset.model));
  }
  about.hidden = !named;
}

export function showPicture(picture: File): void {
  const old = preview.src;
  preview.alt = picture.name;
  preview.src = URL.createObjectURL(picture);
  if (old) URL.revokeObjectURL(old);
  fill(preview);
}

export function showCamera(mirrored: boolean): void {
  video.classList.toggle('mirrored', mirrored);
  fill(video);
}

/** Offers the cameras where there is a choice. */
export function showCameras(devices: MediaDeviceInfo[], current: string | undefined): void {
  const found = devices.filter(({ kind }) => kind === 'videoinput');
  cameras.replaceChildren(
    ...found.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId)),
  );
  if (current) cameras.value = current;
  cameras.hidden = found.length < 2;
}

export function clearStage(): void {
  fill(invite);
}

export function showCameraRunning(running: boolean): void {
  const start = element<HTMLButtonElement>('webcam-start');
  const stop = element<HTMLButtonElement>('webcam-stop');
  const focused = document.activeElement;
  start.hidden = running;
  stop.hidden = !running;
  if (!running) cameras.hidden = true;
  // A hidden button loses the keyboard: hand it to the other one.
  if (focused === start && running) stop.focus();
  if (focused === stop && !running) start.focus();
}

function fill(shown: HTMLElement): void {
  for (const part of [invite, preview, video]) part.hidden = part !== shown;
  stage.classList.toggle('filled', shown !== invite);
}

/** Rows are kept from answer to answer so that their bars move. */
function row(
  existing: Element | undefined,
  { index, label, score, synset }: Prediction,
): HTMLElement {
  const item = (existing as HTMLElement | undefined) ?? emptyRow();
  item.dataset.testid = 'prediction';
  item.dataset.index = String(index);
  item.dataset.label = label;
  item.dataset.score = String(score);
  if (synset) item.dataset.synset = synset;
  else delete item.dataset.synset;
  const [bar, name, value] = [...item.children] as HTMLElement[];
  bar!.style.setProperty('--share', String(score));
  name!.textContent = label;
  value!.textContent = percent(score);
  return item;
}

function emptyRow(): HTMLElement {
  const item = document.createElement('li');
  for (const name of ['bar', 'label', 'score']) {
    const part = document.createElement('span');
    part.className = name;
    item.append(part);
  }
  return item;
}

function percent(score: number): string {
  return `${(score * 100).toFixed(1)} %`;
}

function milliseconds(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

export function megabytes(bytes: number): string {
  return `${inMegabytes(bytes)} MB`;
}

function inMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
