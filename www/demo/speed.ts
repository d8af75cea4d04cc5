// How fast the model is on everything that this device has. Loaded when its room is opened.

import { ImageClassifier, type Backend, type CreateOptions } from 'xception-web';
import { element, messageOf, milliseconds } from './dom.js';
import { copy } from './export.js';
import { styled } from './styles.js';

const run = element<HTMLButtonElement>('speed-run');
const cancel = element<HTMLButtonElement>('speed-cancel');
const copyButton = element<HTMLButtonElement>('speed-copy');
const bar = element<HTMLProgressElement>('speed-bar');
const status = element('speed-status');
const frame = element('speed-frame');
const body = element('speed-rows');

/** Pictures before it counts: programs are compiled and memory is taken with the first. */
const WARM = 2;
/** Pictures that count, at most and at least, and the milliseconds after which the least are enough. */
const MOST = 20;
const LEAST = 3;
const ENOUGH = 3000;
/** Pixels of the long side: about a camera's picture. */
const SIDE = 640;

interface Contender {
  name: string;
  backend: Backend;
  threads?: number;
}

interface Result {
  name: string;
  runtime: string;
  /** Milliseconds. */
  median: number;
  start: number;
}

type Source = Pick<CreateOptions, 'model' | 'size'>;

interface Takers {
  classifier: () => ImageClassifier | undefined;
  /** What runs now. */
  model: () => { model: File | string | undefined; name: string };
  failed: (error: unknown) => void;
}

let takers: Takers;
let running: AbortController | undefined;
let results: Result[] = [];
let measured = '';

export async function begin(given: Takers): Promise<void> {
  takers = given;
  await styled('room-style.css');
  run.addEventListener('click', () => void measure());
  cancel.addEventListener('click', () => running?.abort());
  copyButton.addEventListener('click', () => copy(asText()).catch(takers.failed));
}

async function measure(): Promise<void> {
  const { signal } = (running = new AbortController());
  const { model, name } = takers.model();
  measured = name;
  results = [];
  const missing: string[] = [];
  show(true);
  cancel.focus();
  const all = contenders();
  bar.max = all.length;
  let done = 'Measured.';
  try {
    const [picture, source] = [await sample(), await sourceOf(model, signal)];
    for (const [i, contender] of all.entries()) {
      bar.value = i;
      status.textContent = `Measuring ${contender.name} …`;
      try {
        results.push(await time(contender, source, picture, signal));
      } catch (error) {
        if (signal.aborted) break;
        missing.push(`${contender.name} could not be measured. ${messageOf(error)}`);
      }
      draw();
    }
  } catch (error) {
    done = 'Nothing was measured.';
    if (!signal.aborted) takers.failed(error);
  }
  if (signal.aborted) done = 'Cancelled.';
  running = undefined;
  const [best] = [...results].sort((a, b) => a.median - b.median);
  const fastest = best
    ? ` ${best.name} is the fastest: ${milliseconds(best.median)} a picture.`
    : '';
  status.textContent = [`${done}${fastest}`, ...missing].join(' ');
  const held = document.activeElement === cancel;
  show(false);
  if (held) run.focus();
}

/** What each of them loads: a model of the hub, which this device does not keep, comes once for all. */
async function sourceOf(model: Source['model'], signal: AbortSignal): Promise<Source> {
  const info = takers.classifier()?.info;
  const url = info?.origin.url;
  // TensorFlow.js has its weights in other files.
  if (!url || !String(model).startsWith('hf:') || url.endsWith('.json')) return { model };
  status.textContent = 'Downloading the model once more …';
  const response = await fetch(url, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  // Each asks for itself then, and tells why it cannot.
  if (!response?.ok) return { model };
  // How large its pictures are, a file beside it may have said.
  return { model: await response.blob(), size: info.model.inputSize };
}

/** On one thread, too, where there are more: that is what a page without isolation has. */
function contenders(): Contender[] {
  return [
    { name: 'WebGPU', backend: 'webgpu' },
    { name: 'CPU', backend: 'cpu' },
    ...(crossOriginIsolated
      ? [{ name: 'CPU, 1 thread', backend: 'cpu' as const, threads: 1 }]
      : []),
    { name: 'NdArray', backend: 'ndarray' },
  ];
}

async function time(
  { name, backend, threads }: Contender,
  source: Source,
  picture: ImageData,
  signal: AbortSignal,
): Promise<Result> {
  const begin = performance.now();
  const classifier = await ImageClassifier.create({ ...source, backend, threads, signal });
  try {
    const start = performance.now() - begin;
    const { info } = classifier;
    if (info.backend !== backend) throw new Error(withoutCpu(info.reason));
    const times: number[] = [];
    for (let i = -WARM, since = 0; i < MOST; i++) {
      if (i === 0) since = performance.now();
      if (i >= LEAST && performance.now() - since > ENOUGH) break;
      const { timings, backend: ran } = await classifier.classify(picture, { topK: 1, signal });
      if (ran !== backend) throw new Error(withoutCpu(classifier.info.reason));
      if (i >= 0) times.push(timings.preprocess + timings.inference);
    }
    const median = times.sort((a, b) => a - b)[times.length >> 1]!;
    const shown =
      info.threads > 1 && threads === undefined ? `${name}, ${info.threads} threads` : name;
    return { name: shown, runtime: info.runtime, median, start };
  } finally {
    classifier.dispose();
  }
}

/** Why a backend did not run, and not what ran in its place. */
function withoutCpu(reason: string): string {
  return reason.replace(/; running on the CPU\.$/, '.');
}

/** One of the page's own photographs. */
async function sample(): Promise<ImageData> {
  const bitmap = await createImageBitmap(await (await fetch('samples/espresso.jpg')).blob());
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function draw(): void {
  const slowest = Math.max(...results.map(({ median }) => median));
  body.replaceChildren(
    ...results.map(({ name, median, start }) => {
      const row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      head.textContent = name;
      const value = document.createElement('td');
      const line = document.createElement('span');
      line.className = 'bar';
      line.style.setProperty('--share', String(median / slowest));
      value.append(milliseconds(median), line);
      const begun = document.createElement('td');
      begun.textContent = milliseconds(start);
      row.append(head, value, begun);
      return row;
    }),
  );
  frame.hidden = results.length === 0;
}

function show(isRunning: boolean): void {
  run.hidden = isRunning;
  cancel.hidden = bar.hidden = !isRunning;
  copyButton.hidden = isRunning || results.length === 0 || !navigator.clipboard;
  draw();
}

/** As Markdown, which is read as it is, too. */
function asText(): string {
  const { userAgent, hardwareConcurrency } = navigator;
  return [
    `${measured}, one picture; ${userAgent}, ${hardwareConcurrency} logical processors`,
    '',
    '| backend | runtime | ms a picture | ms to start |',
    '|---|---|---|---|',
    ...results.map(({ name, runtime, median, start }) => {
      return `| ${name} | ${runtime} | ${median.toFixed(1)} | ${Math.round(start)} |`;
    }),
  ].join('\n');
}
